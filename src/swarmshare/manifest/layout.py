"""Which piece is which bytes of which file (BEP 52: every non-empty file begins a piece of its own)."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple, NewType

from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable

PieceIndex = NewType("PieceIndex", int)
"""The index of a piece that its manifest has: made by :meth:`PieceLayout.index` only, so the type is the proof."""


class Block(NamedTuple):
    """What one ``request`` asks for: ``length`` bytes, from byte ``begin`` of piece number ``piece``.

    That is one leaf of the Merkle tree, 16 KiB, or several where both sides take long requests (docs/extensions.md).
    The messages about a block are blocks themselves, so that one is found among those asked for without a copy of it.
    """

    piece: int
    begin: int
    length: int

    @property
    def leaves(self) -> range:
        """The bytes of the piece at which the leaves of a block begin that we ask for."""
        return range(self.begin, self.begin + self.length, BLOCK_LENGTH)


class PieceSpan(NamedTuple):
    """The bytes of one piece: ``length`` bytes at ``offset`` of file number ``file``. A piece never spans two files."""

    file: int
    offset: int
    length: int


class PieceLayout:
    """The pieces of a list of files, in manifest order; empty files (and links) have none."""

    def __init__(self, piece_length: int, file_lengths: Iterable[int]) -> None:
        """Pieces of ``piece_length`` bytes for files of ``file_lengths`` bytes, in the order of the manifest."""
        self.piece_length = piece_length
        self._lengths = list(file_lengths)
        self._first = list(accumulate((-(-length // piece_length) for length in self._lengths), initial=0))

    @property
    def piece_count(self) -> int:
        """How many pieces all files have together."""
        return self._first[-1]

    def index(self, number: int) -> PieceIndex:
        """Return ``number`` as a :data:`PieceIndex`, or :class:`IndexError` when there is no such piece."""
        if not 0 <= number < self.piece_count:
            raise IndexError(f"piece {number:,} of {self.piece_count:,}")
        return PieceIndex(number)

    def file_pieces(self, file: int) -> range:
        """Return the piece numbers of one file."""
        return range(self._first[file], self._first[file + 1])

    def span(self, piece: PieceIndex) -> PieceSpan:
        """Where the bytes of ``piece`` are, in O(log files)."""
        file = bisect_right(self._first, piece) - 1
        offset = (piece - self._first[file]) * self.piece_length
        return PieceSpan(file, offset, min(self.piece_length, self._lengths[file] - offset))
