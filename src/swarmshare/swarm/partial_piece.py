"""The bookkeeping of one piece whose blocks are on their way to us."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH

Peer = TypeVar("Peer", bound=Hashable)
"""What a peer is known by: any hashable object that stands for whoever is asked for blocks."""


class Received(NamedTuple, Generic[Peer]):
    """What to make of a block that came."""

    wanted: bool
    """False when it was not asked of this peer, or not any more: drop it, and count it as waste."""
    piece_complete: bool = False
    """Whether it was the last of its piece, which is VERIFYING now."""
    cancel: tuple[Peer, ...] = ()
    """The other peers that were asked for it too; for the picker their requests are gone already."""


# What nearly all blocks get for an answer; to make another each time would take longer than the rest.
UNWANTED: Final[Received[Any]] = Received(wanted=False)
ONE_OF_MANY: Final[Received[Any]] = Received(wanted=True)


class PartialPiece(Generic[Peer]):
    """A piece that is IN_FLIGHT or VERIFYING; each block is free, asked for, or delivered."""

    __slots__ = ("blocks", "delivered", "free", "piece")

    def __init__(self, piece: int, length: int) -> None:
        """``length`` in bytes; all blocks are free."""
        self.piece = piece
        whole = length - length % BLOCK_LENGTH
        self.blocks = [Block(piece, begin, BLOCK_LENGTH) for begin in range(0, whole, BLOCK_LENGTH)]
        if whole < length:
            self.blocks.append(Block(piece, whole, length - whole))
        self.free = self.blocks.copy()
        """The next to go out first."""
        self.delivered: dict[int, Peer] = {}
        """Who delivered the block that begins at a byte of the piece."""

    def take(self, count: int) -> list[Block]:
        """Up to ``count`` blocks that are free, and are no more."""
        taken = self.free[:count]
        del self.free[:count]
        return taken

    def give_back(self, begin: int) -> None:
        """Free the block that begins at byte ``begin``, which is the next to go out."""
        self.free.insert(0, self.blocks[begin // BLOCK_LENGTH])

    @property
    def complete(self) -> bool:
        """Whether every block has been delivered."""
        return len(self.delivered) == len(self.blocks)

    @property
    def untouched(self) -> bool:
        """Whether every block is free: none is asked for or here."""
        return len(self.free) == len(self.blocks)
