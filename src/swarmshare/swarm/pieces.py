"""The words for what is asked of peers, and the bookkeeping of one piece that is on its way."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Hashable


class Priority(IntEnum):
    """How much the user wants a piece."""

    SKIP = 0
    NORMAL = 1
    HIGH = 2


class PieceState(Enum):
    """Where a piece is on its way to us; it is in exactly one state."""

    MISSING = "missing"
    """Nothing of it is asked for or here."""
    IN_FLIGHT = "in flight"
    """Some of its blocks are asked for or here, but not all are here."""
    VERIFYING = "verifying"
    """All blocks are here; whether they are right is not known yet."""
    HELD = "held"


class Block(NamedTuple):
    """What one ``request`` asks for: ``length`` bytes, from byte ``begin`` of piece number ``piece``."""

    piece: int
    begin: int
    length: int


class Received(NamedTuple):
    """What to make of a block that came."""

    wanted: bool
    """False when it was not asked of this peer, or not any more: drop it, and count it as waste."""
    piece_complete: bool = False
    """Whether it was the last of its piece, which is VERIFYING now."""
    cancel: tuple[Hashable, ...] = ()
    """The other peers that were asked for it too; for the picker their requests are gone already."""


class PartialPiece:
    """A piece that is IN_FLIGHT or VERIFYING; each block is free, asked for, or delivered."""

    __slots__ = ("delivered", "free", "length", "piece")

    def __init__(self, piece: int, length: int) -> None:
        """``length`` in bytes; all blocks are free."""
        self.piece = piece
        self.length = length
        # A stack: the first block is on top, and a block that came back is the next to go out.
        self.free = list(range(0, length, BLOCK_LENGTH))[::-1]
        self.delivered: dict[int, Hashable] = {}
        """Who delivered the block that begins at a byte of the piece."""

    def block(self, begin: int) -> Block:
        """The block that begins at byte ``begin``; the last one of a piece may be short."""
        return Block(self.piece, begin, min(BLOCK_LENGTH, self.length - begin))

    @property
    def complete(self) -> bool:
        """Whether every block has been delivered."""
        return len(self.delivered) == self._block_count

    @property
    def untouched(self) -> bool:
        """Whether every block is free."""
        return len(self.free) == self._block_count

    @property
    def _block_count(self) -> int:
        return -(-self.length // BLOCK_LENGTH)
