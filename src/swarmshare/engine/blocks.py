"""Where the data of blocks goes while their pieces are under way, when several peers may send the same block.

A block's data goes straight into the buffer of its piece, from the socket. In the endgame a second peer may send the
same block meanwhile: it gets a place of its own, and whoever is complete first counts. The slower one may then still
write into the buffer that it was given, so the piece moves to a new one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.manifest.layout import PieceIndex

if TYPE_CHECKING:
    from collections.abc import Hashable

    from swarmshare.manifest.layout import PieceLayout


class PieceBuffers:
    """The buffers of the pieces under way."""

    def __init__(self, layout: PieceLayout) -> None:
        self._layout = layout
        self._buffers: dict[int, bytearray] = {}
        self._coming: dict[Hashable, dict[tuple[int, int], memoryview]] = {}
        """What each peer is sending: one block at a time, but the next may begin before the last is dealt with."""
        self._writers: dict[tuple[int, int], Hashable] = {}
        """Who writes a block straight into its piece's buffer."""
        self._arrived: set[tuple[int, int]] = set()

    def place(self, peer: Hashable, piece: int, begin: int, length: int) -> memoryview:
        """Where ``peer`` is to write a block that it begins to send."""
        block = (piece, begin)
        if block in self._writers or block in self._arrived:
            view = memoryview(bytearray(length))
        else:
            self._writers[block] = peer
            view = memoryview(self._buffer(piece))[begin : begin + length]
        self._coming.setdefault(peer, {})[block] = view
        return view

    def arrived(self, peer: Hashable, piece: int, begin: int, *, wanted: bool) -> None:
        """``peer`` has sent the whole block; it counts if it is ``wanted``."""
        block = (piece, begin)
        view = self._coming[peer].pop(block)
        writer = self._writers.get(block)
        if writer is peer:
            del self._writers[block]
        if not wanted:
            return
        if writer is not None and writer is not peer:
            del self._writers[block]
            self._buffers[piece] = bytearray(self._buffer(piece))
        buffer = self._buffer(piece)
        if view.obj is not buffer:
            buffer[begin : begin + len(view)] = view
        self._arrived.add(block)

    def take(self, piece: int) -> bytearray:
        """The buffer of a piece that is complete; it is nobody else's any more."""
        buffer = self._buffers.pop(piece)
        self._arrived = {block for block in self._arrived if block[0] != piece}
        return buffer

    def session_ended(self, peer: Hashable) -> None:
        """``peer`` writes no more; what it began is for others."""
        for block in self._coming.pop(peer, {}):
            if self._writers.get(block) is peer:
                del self._writers[block]

    def _buffer(self, piece: int) -> bytearray:
        buffer = self._buffers.get(piece)
        if buffer is None:
            buffer = self._buffers[piece] = bytearray(self._layout.span(PieceIndex(piece)).length)
        return buffer
