"""The buffers of pieces on their way: where the data of each block goes, even when several sources send the same one.

A block's data goes straight into the buffer of its piece, from the socket. In the endgame a second peer may send some
of the same bytes meanwhile, in a block of another length perhaps: it gets a place of its own, and whoever is complete
first counts, leaf by leaf. The slower one may then still write into the buffer that it was given, so the piece moves to
a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeAlias

from swarmshare.manifest.layout import Block, PieceIndex
from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Hashable

    from swarmshare.manifest.layout import PieceLayout

_Writer: TypeAlias = "tuple[Hashable, Block]"
"""A peer, and the block in which it sends a leaf."""

_ARRIVED: Final[_Writer] = (None, Block(0, 0, 0))
"""Stands for the writer of a leaf that is complete."""

MAX_SPARE: Final = 16 * 2**20
"""Bytes of memory that are kept for use again: enough for the pieces that are on their way at full speed."""


class _Buffer:
    """The bytes of a piece, and who writes each leaf straight into them, by the byte it begins at."""

    __slots__ = ("view", "writers")

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.writers: dict[int, _Writer] = {}


class PieceBuffers:
    """One buffer for each piece of a torrent on its way, and places for what two peers send at once."""

    def __init__(self, layout: PieceLayout) -> None:
        """Buffer pieces of ``layout``; memory is taken when the first block of a piece is placed."""
        self._layout = layout
        self._buffers: dict[int, _Buffer] = {}
        self._spare: list[memoryview] = []
        """Memory for whole pieces: getting it anew from the system costs about as much as hashing it."""
        self._in_use = False
        """Whether a piece needed memory since :meth:`free_spare`."""
        self._apart: dict[_Writer, memoryview] = {}
        """Blocks that a peer sends while another one sends some of the same leaves, or after it did."""

    def __len__(self) -> int:
        """Return how many pieces have a buffer."""
        return len(self._buffers)

    def place(self, peer: Hashable, block: Block) -> memoryview:
        """Return where ``peer`` is to write a block: the same place each time, until the block has arrived."""
        writer = peer, block
        if self._apart and (apart := self._apart.get(writer)) is not None:
            return apart
        piece, begin, length = block
        buffer = self._buffers.get(piece)
        if buffer is None:
            buffer = self._buffers[piece] = _Buffer(self._memory(self._layout.span(PieceIndex(piece)).length))
        writers = buffer.writers
        if length <= BLOCK_LENGTH:
            is_alone = writers.setdefault(begin, writer) == writer
        elif is_alone := all(writers.get(leaf, writer) == writer for leaf in block.leaves):
            writers.update(dict.fromkeys(block.leaves, writer))
        if is_alone:
            return buffer.view[begin : begin + length]
        apart = self._apart[writer] = memoryview(bytearray(length))
        return apart

    def arrived(self, peer: Hashable, block: Block) -> None:
        """Count a block that ``peer`` has sent completely, into the place that it was given.

        Leaves of it that another peer has sent before stay as they are.
        """
        piece, begin, length = block
        buffer = self._buffers[piece]
        data = self._apart.pop((peer, block), None) if self._apart else None
        if data is not None:
            self._copy(buffer, block, data)
        elif length <= BLOCK_LENGTH:
            buffer.writers[begin] = _ARRIVED
        else:
            buffer.writers.update(dict.fromkeys(block.leaves, _ARRIVED))

    def given_up(self, peer: Hashable, block: Block) -> None:
        """Take the place of a block back from ``peer``; what it wrote there does not count."""
        self._apart.pop((peer, block), None)
        buffer = self._buffers.get(block.piece)
        if buffer is not None:
            _leave(buffer, {(peer, block)})

    def take(self, piece: int) -> memoryview:
        """Hand over the bytes of a piece that is complete: they belong to the caller from here on."""
        return self._buffers.pop(piece).view

    def recycle(self, data: memoryview) -> None:
        """Keep the memory that :meth:`take` handed over for another piece."""
        if len(data) == self._layout.piece_length and (len(self._spare) + 1) * len(data) <= MAX_SPARE:
            self._spare.append(data)

    def free_spare(self) -> None:
        """Give memory back to the system, if no piece has needed any since the last call: a seed needs none."""
        if not self._in_use:
            self.drop_spare()
        self._in_use = False

    def drop_spare(self) -> None:
        """Give memory back to the system."""
        self._spare.clear()

    def session_ended(self, peer: Hashable) -> None:
        """Take all places back from ``peer``, which is gone."""
        for writer in [writer for writer in self._apart if writer[0] is peer]:
            del self._apart[writer]
        for buffer in self._buffers.values():
            _leave(buffer, {writer for writer in buffer.writers.values() if writer[0] is peer})

    def _memory(self, length: int) -> memoryview:
        self._in_use = True
        if self._spare and length == self._layout.piece_length:
            return self._spare.pop()
        return memoryview(bytearray(length))

    def _copy(self, buffer: _Buffer, block: Block, data: memoryview) -> None:
        """Put the leaves of ``data`` into the buffer that have not arrived from another peer."""
        missing = [leaf for leaf in block.leaves if buffer.writers.get(leaf) is not _ARRIVED]
        if any(leaf in buffer.writers for leaf in missing):
            self._move(buffer)
        for leaf in missing:
            part = data[leaf - block.begin : leaf - block.begin + BLOCK_LENGTH]
            buffer.view[leaf : leaf + len(part)] = part
            buffer.writers[leaf] = _ARRIVED

    def _move(self, buffer: _Buffer) -> None:
        """Move a piece to new memory, and leave the old one to those who may still write to it."""
        old = buffer.view
        writing = {writer for writer in buffer.writers.values() if writer is not _ARRIVED}
        for peer, block in writing:
            self._apart[peer, block] = old[block.begin : block.begin + block.length]
        _leave(buffer, writing)
        buffer.view = memoryview(bytearray(old))


def _leave(buffer: _Buffer, writers: set[_Writer]) -> None:
    """Note that ``writers`` do not write into the buffer any more."""
    for leaf in [leaf for leaf, writer in buffer.writers.items() if writer in writers]:
        del buffer.writers[leaf]
