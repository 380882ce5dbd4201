"""The buffers of pieces on their way: where the data of each block goes, even when several sources send the same one.

A block's data goes straight into the buffer of its piece, from the socket. In the endgame a second peer may send the
same block meanwhile: it gets a place of its own, and whoever is complete first counts. The slower one may then still
write into the buffer that it was given, so the piece moves to a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Hashable

    from swarmshare.manifest.layout import Block, PieceLayout

_ARRIVED: Final = object()
"""Stands for the writer of a block that is complete."""

_SPARE: Final = 4
"""Buffers that are kept for use again."""


class _Buffer:
    """The bytes of a piece, and who writes each block straight into them, by the byte it begins at."""

    __slots__ = ("view", "writers")

    def __init__(self, view: memoryview) -> None:
        self.view = view
        self.writers: dict[int, Hashable] = {}


class PieceBuffers:
    """One buffer for each piece of a torrent on its way, and places for the blocks that two peers send at once."""

    def __init__(self, layout: PieceLayout) -> None:
        """Buffer pieces of ``layout``; memory is taken when the first block of a piece is placed."""
        self._layout = layout
        self._buffers: dict[int, _Buffer] = {}
        self._spare: list[memoryview] = []
        """Memory for whole pieces: getting it anew from the system costs about as much as hashing it."""
        self._apart: dict[tuple[Hashable, int, int], memoryview] = {}
        """Blocks that a peer sends while another one does, or after it did."""

    def __len__(self) -> int:
        """Return how many pieces have a buffer."""
        return len(self._buffers)

    def place(self, peer: Hashable, block: Block) -> memoryview:
        """Return where ``peer`` is to write a block: the same place each time, until the block has arrived."""
        key = (peer, block.piece, block.begin)
        if key in self._apart:
            return self._apart[key]
        buffer = self._buffers.get(block.piece)
        if buffer is None:
            buffer = self._buffers[block.piece] = _Buffer(
                self._memory(self._layout.span(PieceIndex(block.piece)).length)
            )
        begin = block.begin
        if buffer.writers.setdefault(begin, peer) is peer:
            return buffer.view[begin : begin + block.length]
        apart = self._apart[key] = memoryview(bytearray(block.length))
        return apart

    def arrived(self, peer: Hashable, block: Block) -> None:
        """Count a block that ``peer`` has sent completely, into the place that it was given."""
        piece, begin, length = block
        buffer = self._buffers[piece]
        writer = buffer.writers.get(begin)
        if writer is not peer:
            data = self._apart.pop((peer, piece, begin))
            if writer is not None:
                self._move(piece, buffer)
            buffer.view[begin : begin + length] = data
        buffer.writers[begin] = _ARRIVED

    def given_up(self, peer: Hashable, block: Block) -> None:
        """Take the place of a block back from ``peer``; what it wrote there does not count."""
        self._apart.pop((peer, block.piece, block.begin), None)
        buffer = self._buffers.get(block.piece)
        if buffer is not None and buffer.writers.get(block.begin) is peer:
            del buffer.writers[block.begin]

    def take(self, piece: int) -> memoryview:
        """Hand over the bytes of a piece that is complete: they belong to the caller from here on."""
        return self._buffers.pop(piece).view

    def recycle(self, data: memoryview) -> None:
        """Keep the memory that :meth:`take` handed over for another piece."""
        if len(self._spare) < _SPARE and len(data) == self._layout.piece_length:
            self._spare.append(data)

    def session_ended(self, peer: Hashable) -> None:
        """Take all places back from ``peer``, which is gone."""
        for key in [key for key in self._apart if key[0] is peer]:
            del self._apart[key]
        for buffer in self._buffers.values():
            for begin in [begin for begin, writer in buffer.writers.items() if writer is peer]:
                del buffer.writers[begin]

    def _memory(self, length: int) -> memoryview:
        if self._spare and length == self._layout.piece_length:
            return self._spare.pop()
        return memoryview(bytearray(length))

    def _move(self, piece: int, buffer: _Buffer) -> None:
        """Move a piece to new memory, and leave the old one to those who may still write to it."""
        old = buffer.view
        for begin, writer in list(buffer.writers.items()):
            if writer is not _ARRIVED:
                del buffer.writers[begin]
                self._apart[writer, piece, begin] = old[begin : begin + BLOCK_LENGTH]
        buffer.view = memoryview(bytearray(old))
