"""A cache of what is served: blocks are read from the disk a chunk of 1 MiB at a time."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.manifest.layout import PieceIndex

if TYPE_CHECKING:
    from collections.abc import Collection

    from swarmshare.manifest.layout import Block, PieceLayout
    from swarmshare.storage.pieces import TorrentStorage

CHUNK_LENGTH: Final = 2**20
"""Bytes of one read: a block alone would cost a change of threads each."""
CHUNKS_KEPT: Final = 16
"""Chunks in memory: several peers often ask for the same ones within seconds."""


class ChunkCache:
    """Reads blocks of verified pieces a chunk at a time, and keeps the chunks that were used last."""

    def __init__(self, storage: TorrentStorage, layout: PieceLayout) -> None:
        """Read pieces of ``layout`` from ``storage``, in worker threads."""
        self._storage = storage
        self._layout = layout
        self._chunks: OrderedDict[tuple[int, int], memoryview] = OrderedDict()
        self._reading: dict[tuple[int, int], trio.Event] = {}

    def cached(self, block: Block) -> memoryview | None:
        """Return the bytes of ``block`` if they are in memory in one part, else None."""
        first = block.begin - block.begin % CHUNK_LENGTH
        chunk = self._chunks.get((block.piece, first))
        if chunk is None:
            return None
        data = chunk[block.begin - first : block.begin - first + block.length]
        return data if len(data) == block.length else None

    def forget(self, pieces: Collection[int]) -> None:
        """Drop what is in memory of ``pieces``: it may not be what is on the disk."""
        for key in [key for key in self._chunks if key[0] in pieces]:
            del self._chunks[key]

    async def read(self, piece: int, begin: int, length: int) -> memoryview:
        """Return ``length`` bytes at byte ``begin`` of ``piece``; past its end there are zeros (padding).

        Raises:
            StorageError: The disk does not give them.
        """
        first = begin - begin % CHUNK_LENGTH
        chunk = await self._chunk(piece, first)
        data = chunk[begin - first : begin - first + length]
        while len(data) < length and (first := first + CHUNK_LENGTH) < begin + length:
            rest = await self._chunk(piece, first)
            data = memoryview(bytes(data) + bytes(rest[: length - len(data)]))
        return data if len(data) == length else memoryview(bytes(data).ljust(length, b"\0"))

    async def _chunk(self, piece: int, begin: int) -> memoryview:
        key = (piece, begin)
        while (reading := self._reading.get(key)) is not None:
            await reading.wait()
        chunk = self._chunks.get(key)
        if chunk is not None:
            self._chunks.move_to_end(key)
            return chunk
        length = min(CHUNK_LENGTH, self._layout.span(PieceIndex(piece)).length - begin)
        if length <= 0:
            return memoryview(b"")
        done = self._reading[key] = trio.Event()
        try:
            data = await trio.to_thread.run_sync(self._storage.read, PieceIndex(piece), begin, length)
        finally:
            del self._reading[key]
            done.set()
        chunk = self._chunks[key] = memoryview(data)
        if len(self._chunks) > CHUNKS_KEPT:
            self._chunks.popitem(last=False)
        return chunk
