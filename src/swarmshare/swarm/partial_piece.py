"""The bookkeeping of one piece whose blocks are on their way to us."""

from __future__ import annotations

from bisect import insort
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
    cancel: tuple[tuple[Peer, Block], ...] = ()
    """Requests to other peers that nothing more is needed of; for the picker they are gone already."""


# What nearly all blocks get for an answer; to make another each time would take longer than the rest.
UNWANTED: Final[Received[Any]] = Received(wanted=False)
ONE_OF_MANY: Final[Received[Any]] = Received(wanted=True)


class PartialPiece(Generic[Peer]):
    """A piece that is IN_FLIGHT or VERIFYING; each leaf of it is free, asked for, or delivered."""

    __slots__ = ("_leaves", "_length", "delivered", "free", "piece")

    def __init__(self, piece: int, length: int) -> None:
        """``length`` in bytes; all leaves are free."""
        self.piece = piece
        self._length = length
        self._leaves = -(-length // BLOCK_LENGTH)
        self.free = list(range(self._leaves))
        """The numbers of the leaves that are free, in order."""
        self.delivered: dict[int, Peer] = {}
        """Who delivered the leaf that begins at a byte of the piece."""

    def take(self, count: int, longest: int) -> list[Block]:
        """Up to ``count`` leaves that are free, and are no more, as blocks of up to ``longest`` leaves each.

        A block begins where a multiple of ``longest`` does, unless what was taken before left a part: so two peers that
        take turns cut a piece at the same places, and a seed finds a block in one part of what it read.
        """
        free = self.free
        taken: list[Block] = []
        at, end = 0, min(count, len(free))
        while at < end:
            first = free[at]
            run = min(longest - first % longest, end - at)
            while free[at + run - 1] != first + run - 1:  # a leaf in between is asked for or here
                run -= 1
            begin = first * BLOCK_LENGTH
            taken.append(Block(self.piece, begin, min(run * BLOCK_LENGTH, self._length - begin)))
            at += run
        del free[:end]
        return taken

    def give_back(self, begin: int) -> None:
        """Free the leaf that begins at byte ``begin``."""
        insort(self.free, begin // BLOCK_LENGTH)

    def deliver(self, peer: Peer, block: Block) -> None:
        """Note that ``peer`` delivered ``block``, for each leaf of it that no other delivered before."""
        _, begin, length = block
        if length <= BLOCK_LENGTH:
            self.delivered.setdefault(begin, peer)
        else:
            for leaf in block.leaves:
                self.delivered.setdefault(leaf, peer)

    @property
    def complete(self) -> bool:
        """Whether every leaf has been delivered."""
        return len(self.delivered) == self._leaves

    @property
    def untouched(self) -> bool:
        """Whether every leaf is free: none is asked for or here."""
        return len(self.free) == self._leaves
