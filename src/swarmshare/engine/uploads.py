"""What a torrent gives to its peers: blocks of pieces that it holds, hashes, and the ``info`` dictionary."""

from __future__ import annotations

from contextlib import suppress
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.pieces import PieceState
from swarmshare.engine.chunks import ChunkCache
from swarmshare.engine.hash_server import HashServer
from swarmshare.errors import StorageError
from swarmshare.manifest.layout import PieceIndex
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.super_seeding import SuperSeeding
from swarmshare.wire.fast import GRANTED, allowed_fast_set
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import (
    METADATA,
    REJECT,
    REQUEST,
    MetadataMessage,
    answer_metadata,
    decode_metadata,
    metadata_pieces,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from swarmshare.engine.context import TorrentContext
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.layout import Block
    from swarmshare.storage.file_part import FilePart

BATCH_BLOCKS: Final = 16
"""Blocks that are put into one send: enough to keep a fast link busy, few enough to cancel."""
BATCH_LENGTH: Final = 256 * 2**10
"""Bytes of them, in our own memory, one block more at most."""
LENT_LENGTH: Final = 64 * 2**10
"""Bytes from which on a block is sent from the system's memory: shorter ones share one read of ours."""
SECONDS_AHEAD: Final = 0.05
"""Seconds' worth of blocks that wait in the system, and of long ones in one send: a cancel comes too late for these."""
MAX_LENT: Final = 8 * 2**20
"""Bytes of them at most, however fast the link is."""
METADATA_TIMES: Final = 3
"""How often one connection is sent the whole ``info`` dictionary."""


class Uploads:
    """The serving side of one torrent."""

    def __init__(self, context: TorrentContext, on_unreadable: Callable[[StorageError], None]) -> None:
        """Serve what ``context`` holds; ``on_unreadable`` is called when the disk does not give a block."""
        self.sent = 0
        """Bytes of blocks sent."""
        self.meter = RateMeter()
        self.super_seeding: SuperSeeding[PeerSession] = SuperSeeding(context.picker.holders)
        self._manifest = context.manifest
        self._picker = context.picker
        self.on_unreadable = on_unreadable
        self._storage = context.disk.storage
        self._chunks = ChunkCache(context.disk.storage, context.layout)
        self._hashes = HashServer(context.manifest, context.disk.storage, self.read)

    async def serve(self, session: PeerSession) -> None:
        """Put some of the blocks that a peer asked for, and all hashes, into its output."""
        connection = session.connection
        length = 0
        blocks, elsewhere = self.super_seeding.choose(
            session, connection.owed, trio.current_time(), BATCH_BLOCKS, looks_elsewhere=session.looks_elsewhere
        )
        for block in elsewhere:
            connection.reject(block)
        lent = await self._lend(session, blocks)
        for block in blocks:
            if length >= BATCH_LENGTH and block not in lent:
                break  # it comes with the next batch
            data = lent.get(block) or self.cached(block) or await self._read_block(block)
            if block not in connection.owed:
                continue  # cancelled, or choked, while we read
            if data is None:
                connection.reject(block)
            else:
                connection.send_block(block, data)
                length += block.length
        if length:
            session.uploaded += length
            session.meter_up.add(trio.current_time(), length)
            session.transport.keep_ahead(self._ahead(session))
            self.count(length)
        if connection.owed_hashes:
            await self._serve_hashes(session)

    async def _lend(self, session: PeerSession, blocks: list[Block]) -> dict[Block, FilePart]:
        """Return those of ``blocks``, of the first few, that the system may send from its own memory as they are."""
        if not (blocks and blocks[0].length >= LENT_LENGTH and session.transport.can_send_files):
            return {}
        most = min(self._ahead(session), MAX_LENT)
        lengths = accumulate((block.length for block in blocks), initial=0)
        held = [
            block
            for block, before in zip(blocks, lengths, strict=False)
            if before <= most and self._picker.state(block.piece) is PieceState.HELD
        ]

        def lend() -> dict[Block, FilePart]:
            with suppress(StorageError):  # reading tells what is wrong
                lent = {block: self._storage.lend(PieceIndex(block.piece), *block[1:]) for block in held}
                return {block: part for block, part in lent.items() if part is not None}
            return {}

        return await trio.to_thread.run_sync(lend)

    @staticmethod
    def _ahead(session: PeerSession) -> int:
        """How many bytes a peer takes in :data:`SECONDS_AHEAD`."""
        return int(session.meter_up.rate(trio.current_time()) * SECONDS_AHEAD)

    def cached(self, block: Block) -> memoryview | None:
        """Return a block to send if it is in memory, else None."""
        return self._chunks.cached(block)

    async def read(self, piece: int, begin: int, length: int) -> memoryview | None:
        """Return ``length`` bytes at byte ``begin`` of ``piece``; None when we do not hold that piece.

        Raises:
            StorageError: The disk does not give them.
        """
        if self._picker.state(piece) is not PieceState.HELD:
            return None
        return await self._chunks.read(piece, begin, length)

    async def _read_block(self, block: Block) -> memoryview | None:
        try:
            return await self.read(*block)
        except StorageError as error:
            self.on_unreadable(error)
            return None

    def forget(self, pieces: Collection[int]) -> None:
        """Drop what is in memory of ``pieces``: it may not be what is on the disk."""
        self._chunks.forget(pieces)

    def count(self, length: int) -> None:
        """Add ``length`` bytes of blocks to what was sent."""
        self.sent += length
        self.meter.add(trio.current_time(), length)

    def grant_fast(self, session: PeerSession) -> None:
        """Let a newcomer have a few pieces even while it is choked: what it has, it can give (BEP 6)."""
        if session.has.held < GRANTED and session.connection.negotiated.fast:
            info_hash, count = self._manifest.info_hash.truncated, self._manifest.layout.piece_count
            for piece in allowed_fast_set(session.host, info_hash, count):
                if self._picker.held.has(piece):
                    session.connection.grant_fast(piece)

    def answer_metadata(self, session: PeerSession, payload: bytes) -> None:
        """Answer a ``ut_metadata`` message of a peer that has only a magnet link (BEP 9).

        Raises:
            RemoteProtocolError: ``payload`` is no such message.
        """
        message = decode_metadata(payload)
        ext_id = session.ids.get(METADATA)
        if message.kind != REQUEST or not ext_id:
            return
        info = self._manifest.info
        session.metadata_sent += 1
        # A few bytes of request for 16 KiB: whoever asks for all of it again and again is not served any more.
        if self._manifest.private or session.metadata_sent > METADATA_TIMES * metadata_pieces(len(info)):
            answer = MetadataMessage(REJECT, message.piece)
        else:
            answer = answer_metadata(message, info)
        session.connection.send_extended(Extended(ext_id, answer.encode()))

    async def _serve_hashes(self, session: PeerSession) -> None:
        for request in list(session.connection.owed_hashes):
            hashes = await self._hashes.answer(request)
            if hashes is None:
                session.connection.send_hash_reject(request)
            else:
                session.connection.send_hashes(request, hashes)
