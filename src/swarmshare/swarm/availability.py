"""How many peers hold each piece, and so which piece is the rarest."""

from __future__ import annotations

import sys
from heapq import nsmallest
from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.piece_counts import PieceCounts
from swarmshare.common.pieces import Priority
from swarmshare.swarm.ranks import NONE, Ranks

if TYPE_CHECKING:
    import random
    from collections.abc import Collection

_WALK: Final = 64
"""How many pieces of one rank to look at before trying the next: they are in no order, so a peer that has none of these
has hardly any. A walk that finds nothing ends in an exact look, so no piece is overlooked."""
_FEW: Final = 8
"""Pieces are counted one by one when they are fewer than one in this many, else all at once."""

# The rank of a piece on offer is that of its priority, and one more for each holder.
_BASE: Final = {Priority.HIGH: 0, Priority.NORMAL: 128}
_MOST: Final = 126
"""Holders that make a difference; a piece with more is as common as can be."""

# Tables for ``bytes.translate``.
_IF_HIGH: Final = bytes((NONE, _BASE[Priority.HIGH])).ljust(256)
_IF_NORMAL: Final = bytes((NONE, _BASE[Priority.NORMAL])).ljust(256)
_CAPPED: Final = bytes(min(holders, _MOST) for holders in range(256))


class Availability:
    """Counts holders, and finds the rarest of the pieces on offer (the ones to choose a new piece from).

    A peer that holds everything is one number, ``seeds``, and changes no piece's rank. ``seeds`` is never more than the
    peers that hold everything, so a piece of any other peer has one holder at least. What concerns many pieces at once
    is done with one operation on numbers as long as all counts, at the speed of C.
    """

    def __init__(self, on_offer: Bitfield, rng: random.Random) -> None:
        """With these pieces on offer, at NORMAL priority; ``rng`` breaks ties."""
        count = len(on_offer)
        self.seeds = 0
        """Peers that hold everything, as far as they were counted as such; to be read only."""
        self._random = rng.random
        self._counts = PieceCounts(count)
        self._holders = bytearray(count)  # the same, but 255 for more, ready to be shown
        self._on_offer = {Priority.HIGH: Bitfield(count), Priority.NORMAL: on_offer.copy()}
        self._ranks = Ranks(self._all_ranks(), rng)

    def of(self, piece: int) -> int:
        """How many peers hold ``piece``, seeds included."""
        return self._counts[piece] + self.seeds

    def to_bytes(self) -> bytes:
        """One byte a piece: how many peers hold it, without :attr:`seeds`; 255 for more."""
        return bytes(self._holders)

    def join(self, has: Bitfield) -> None:
        """Count a peer with these pieces that is there now: O(1) for a seed, else O(pieces)."""
        if has.is_full:
            self.seeds += 1
        else:
            self._count(has, 1)

    def leave(self, has: Bitfield) -> None:
        """Count no more a peer that has these pieces by now and is gone."""
        if has.is_full and self.seeds:
            self.seeds -= 1
        else:  # maybe a seed, when all that we know of came to be one piece by piece
            self._count(has, -1)

    def add(self, piece: int) -> None:
        """Count one more holder of ``piece`` (``have``)."""
        self._move(piece, 1)

    def remove(self, piece: int) -> None:
        """One peer holds ``piece`` no more (``lt_donthave``)."""
        if self.seeds:  # it may have been a seed, and is none now: count it piece by piece
            self.seeds -= 1
            self._count(Bitfield.full(len(self._counts)), 1)
        self._move(piece, -1)

    def offer(self, piece: int, priority: Priority) -> None:
        """Put ``piece``, which is not, on offer: not at SKIP."""
        self._on_offer[priority].set(piece)
        self._ranks[piece] = _BASE[priority] + min(self._holders[piece], _MOST)

    def withdraw(self, piece: int) -> None:
        """``piece`` is on offer no more, if it was."""
        rank = self._ranks[piece]
        if rank != NONE:
            self._on_offer[Priority.HIGH if rank < _BASE[Priority.NORMAL] else Priority.NORMAL].clear(piece)
            self._ranks[piece] = NONE

    def reachable(self) -> bool:
        """Whether any peer holds a piece on offer."""
        return any(
            members.held > (0 if self.seeds else self._ranks.sizes[_BASE[priority]])
            for priority, members in self._on_offer.items()
        )

    def rarest(self, has: Bitfield, priority: Priority, limit: int, without: Collection[int]) -> list[int]:
        """Up to ``limit`` of the rarest pieces on offer at ``priority``, in ``has`` and not in ``without``.

        Ties are in random order. Empty only when there is none. The rarest are the rarest of those met on a bounded
        walk (see ``_WALK``).
        """
        members = self._on_offer[priority]
        if members.is_empty:
            return []
        fits = (lambda piece: has.has(piece) and piece not in without) if without else has.has
        walk = _WALK + limit + len(without)
        common: Bitfield | None = None
        base = _BASE[priority]
        for rank in range(base if has.is_full else base + 1, base + _MOST + 1):
            if not self._ranks.sizes[rank]:
                continue
            if found := list(islice(filter(fits, islice(self._ranks.pieces(rank), walk)), limit)):
                return found
            if common is None:
                common = members.overlap(has)
                if common.is_empty:
                    return []
        few = () if common is None else filter(fits, common.indices())
        return nsmallest(limit, few, key=lambda piece: (self._counts[piece], self._random()))

    def lowest(self, has: Bitfield, priority: Priority, limit: int, without: Collection[int]) -> list[int]:
        """Up to ``limit`` of the pieces on offer at ``priority``, in ``has`` and not in ``without``, by number."""
        members = self._on_offer[priority]
        if members.is_empty:
            return []
        pieces = (members if has.is_full else members.overlap(has)).indices()
        return list(islice((piece for piece in pieces if piece not in without), limit))

    def _move(self, piece: int, by: int) -> None:
        count = self._counts.move(piece, by)  # OverflowError: it lost a holder that it never had
        self._holders[piece] = min(count, 255)
        if count <= _MOST and count - by <= _MOST:
            self._ranks.shift(piece, by)

    def _count(self, has: Bitfield, by: int) -> None:
        if has.held * _FEW < len(has):
            for piece in has.indices():
                self._move(piece, by)
            return
        (self._counts.add if by > 0 else self._counts.remove)(has.to_wire())
        self._holders[:] = self._counts.saturated()
        self._ranks.set_all(self._all_ranks())

    def _all_ranks(self) -> bytes:
        """Return the rank of each piece, from scratch."""
        high = self._on_offer[Priority.HIGH].flags().translate(_IF_HIGH)
        normal = self._on_offer[Priority.NORMAL].flags().translate(_IF_NORMAL)
        holders = self._holders.translate(_CAPPED)
        return (_number(high) & _number(normal) | _number(holders)).to_bytes(len(high), sys.byteorder)


def _number(data: bytes | bytearray) -> int:
    return int.from_bytes(data, sys.byteorder)
