"""How many peers hold each piece, and so which piece is the rarest."""

from __future__ import annotations

from array import array
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.pieces import Priority

if TYPE_CHECKING:
    import random

_WALK: Final = 64
"""How many pieces of one rarity to look at before trying the next: they are in no order, so a peer that has none of
these has hardly any. A walk that finds nothing ends in an exact look, so no piece is overlooked."""


class _Offers:
    """The pieces on offer at one priority, in a bucket for each count."""

    def __init__(self, count: int) -> None:
        self.buckets: list[list[int]] = [[]]
        self.members = Bitfield(count)


class Availability:
    """Counts holders, and keeps the pieces on offer (the ones to choose a new piece from) in the order of rarity.

    A peer that holds everything is one number, ``_seeds``, and changes no piece's bucket. ``_seeds`` is never more than
    the peers that hold everything, so a piece of any other peer is in bucket 1 or above. A count is at most the number
    of connected peers, and so is the number of buckets.
    """

    def __init__(self, count: int, rng: random.Random) -> None:
        """For ``count`` pieces, none of them on offer; ``rng`` breaks ties."""
        self._random = rng.random
        self._seeds = 0
        self._counts = [0] * count
        self._offers = {priority: _Offers(count) for priority in (Priority.HIGH, Priority.NORMAL)}
        self._offered: list[_Offers | None] = [None] * count
        self._place = array("l", bytes(array("l").itemsize * count))  # in its bucket, when it is on offer

    def of(self, piece: int) -> int:
        """How many peers hold ``piece``."""
        return self._counts[piece] + self._seeds

    def join(self, has: Bitfield) -> None:
        """A peer with these pieces is there now: O(1) for a seed, else O(its pieces)."""
        if has.is_full:
            self._seeds += 1
            return
        for piece in has.indices():
            self.add(piece)

    def leave(self, has: Bitfield) -> None:
        """A peer that has these pieces by now is gone."""
        if not has.is_full:
            for piece in has.indices():
                self._move(piece, -1)
        elif self._seeds:
            self._seeds -= 1
        else:  # all the seeds we know of came to be one piece by piece
            self._counts = [count - 1 for count in self._counts]
            for offers in self._offers.values():
                del offers.buckets[0]  # it is empty: the peer that left had everything, so no count was 0
                offers.buckets.append([])  # there is always a bucket 0

    def add(self, piece: int) -> None:
        """One peer more holds ``piece``."""
        self._move(piece, 1)

    def remove(self, piece: int) -> None:
        """One peer holds ``piece`` no more (``lt_donthave``)."""
        if self._seeds:  # it may have been a seed, and is none now: count it piece by piece
            self._seeds -= 1
            self._counts = [count + 1 for count in self._counts]
            for offers in self._offers.values():
                offers.buckets.insert(0, [])
        self._move(piece, -1)

    def offer(self, piece: int, priority: Priority) -> None:
        """Put ``piece``, which is not, on offer: not at SKIP. Many are best offered in random order."""
        self._offered[piece] = offers = self._offers[priority]
        offers.members.set(piece)
        self._insert(offers.buckets, piece)

    def withdraw(self, piece: int) -> None:
        """``piece`` is on offer no more, if it was."""
        if offers := self._offered[piece]:
            self._offered[piece] = None
            offers.members.clear(piece)
            self._extract(offers.buckets, piece)

    def reachable(self) -> bool:
        """Whether any peer holds a piece on offer."""
        return any(
            offers.members.held > (0 if self._seeds else len(offers.buckets[0])) for offers in self._offers.values()
        )

    def rarest(self, has: Bitfield, priority: Priority, limit: int) -> list[int]:
        """Up to ``limit`` of the rarest pieces on offer at ``priority`` that are in ``has``, ties in random order.

        Empty only when there is none. The rarest are the rarest of those met on a bounded walk (see ``_WALK``).
        """
        offers = self._offers[priority]
        if offers.members.is_empty:
            return []
        for bucket in islice(offers.buckets, 0 if has.is_full else 1, None):
            # From a random place and round the end: so ties are broken by lot, and moving a piece takes no shuffle.
            start, size = int(self._random() * len(bucket)), min(len(bucket), _WALK + limit)
            stretch = bucket[start : start + size]
            stretch += bucket[: size - len(stretch)]
            if found := list(islice(filter(has.has, stretch), limit)):
                return found
        few = offers.members.overlap(has).indices()
        return nsmallest(limit, few, key=lambda piece: (self._counts[piece], self._random()))

    def lowest(self, has: Bitfield, priority: Priority, limit: int) -> list[int]:
        """Up to ``limit`` of the pieces on offer at ``priority`` that are in ``has``, by number."""
        members = self._offers[priority].members
        return [] if members.is_empty else list(islice(members.overlap(has).indices(), limit))

    def _move(self, piece: int, by: int) -> None:
        offers = self._offered[piece]
        if offers:
            self._extract(offers.buckets, piece)
        self._counts[piece] += by
        assert self._counts[piece] >= 0, f"piece {piece} lost a holder it never had"
        if offers:
            self._insert(offers.buckets, piece)

    def _insert(self, buckets: list[list[int]], piece: int) -> None:
        count = self._counts[piece]
        while len(buckets) <= count:
            buckets.append([])
        self._place[piece] = len(buckets[count])
        buckets[count].append(piece)

    def _extract(self, buckets: list[list[int]], piece: int) -> None:
        bucket = buckets[self._counts[piece]]
        place, last = self._place[piece], bucket.pop()
        if last != piece:
            bucket[place] = last
            self._place[last] = place
