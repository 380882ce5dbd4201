"""The queue of blocks that we owe one peer: bounded by what they come to, not by how many they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.wire.extensions import MAX_QUEUE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.manifest.layout import Block


class OwedBlocks:
    """Requests of a peer that are not answered yet, oldest first: :data:`MAX_QUEUE` leaves of 16 KiB at most.

    A short request counts as a whole leaf, so there are no more requests than that either.
    """

    def __init__(self) -> None:
        self._blocks: dict[Block, None] = {}
        self._leaves = 0

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def __contains__(self, block: Block) -> bool:
        return block in self._blocks

    def __iter__(self) -> Iterator[Block]:
        return iter(self._blocks)

    def add(self, block: Block) -> bool:
        """Owe ``block`` from now on; False when it is owed already, or there is no room."""
        leaves = -(-block.length // BLOCK_LENGTH)
        if block in self._blocks or self._leaves + leaves > MAX_QUEUE:
            return False
        self._leaves += leaves
        self._blocks[block] = None
        return True

    def remove(self, block: Block) -> bool:
        """Owe ``block`` no more; False when it was not owed."""
        # The values are None, so what is not there has to be told by another one.
        if self._blocks.pop(block, False) is not None:
            return False
        self._leaves -= -(-block.length // BLOCK_LENGTH)
        return True
