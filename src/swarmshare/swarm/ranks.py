"""A rank for each piece, and a fair choice among the pieces of one rank."""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

NONE: Final = 255
"""The rank of a piece that has none."""
_GOLDEN: Final = 0.618


class Ranks:
    """One byte for each piece, its rank; the pieces of one rank are met in no order, from a random one on.

    The bytes stand on a ring, and from each piece to the next it is about the golden ratio of all pieces, round and
    round. So a stretch of the content is spread evenly over the ring, and the pieces of a rank or of a peer, which are
    often a stretch, are no crowd in which the first one would always be met first. To find the next piece of a rank is
    a search for a byte, which is quick even when it is the only one.
    """

    def __init__(self, ranks: bytes, rng: random.Random) -> None:
        """``ranks`` by piece; ``rng`` chooses where to begin."""
        count = len(ranks)
        stride = max(1, round(count * _GOLDEN))
        while gcd(stride, count) != 1:
            stride += 1
        self._count = count
        self._pieces = [place * stride % count for place in range(count)]
        self._inverse = pow(stride, -1, max(1, count))
        self._random = rng.random
        self.set_all(ranks)

    def __getitem__(self, piece: int) -> int:
        return self._ring[piece * self._inverse % self._count]

    def __setitem__(self, piece: int, rank: int) -> None:
        place = piece * self._inverse % self._count
        self.sizes[self._ring[place]] -= 1
        self.sizes[rank] += 1
        self._ring[place] = rank

    def shift(self, piece: int, by: int) -> None:
        """Add ``by`` to the rank of ``piece``, unless that is :data:`NONE`."""
        place = piece * self._inverse % self._count
        rank = self._ring[place]
        if rank != NONE:
            self._ring[place] = rank + by
            self.sizes[rank] -= 1
            self.sizes[rank + by] += 1

    def set_all(self, ranks: bytes) -> None:
        """Give every piece another rank: ``ranks`` by piece."""
        self._ring = bytearray([ranks[piece] for piece in self._pieces])
        self.sizes = [0] * 256
        """How many pieces have each rank; to be read only."""
        for rank in set(ranks):
            self.sizes[rank] = ranks.count(rank)

    def pieces(self, rank: int) -> Iterator[int]:
        """Every piece of this rank, from a random one on; change none meanwhile."""
        start = int(self._random() * self._count)
        for first, end in ((start, self._count), (0, start)):
            place = self._ring.find(rank, first, end)
            while place >= 0:
                yield self._pieces[place]
                place = self._ring.find(rank, place + 1, end)
