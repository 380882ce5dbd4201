"""What a torrent gives to its peers: blocks of pieces that it holds, hashes, and a little even to those it chokes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.pieces import PieceState
from swarmshare.engine.chunks import ChunkCache
from swarmshare.engine.hash_server import HashServer
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.super_seeding import SuperSeeding
from swarmshare.wire.fast import GRANTED, allowed_fast_set
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import METADATA, REJECT, REQUEST, MetadataMessage, answer_metadata, metadata_pieces

if TYPE_CHECKING:
    from collections.abc import Collection

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.layout import Block
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage
    from swarmshare.swarm.picker import PiecePicker

METADATA_TIMES: Final = 3
"""How often one connection is sent the whole ``info`` dictionary."""


class Uploads:
    """The serving side of one torrent."""

    def __init__(self, manifest: Manifest, storage: TorrentStorage, picker: PiecePicker) -> None:
        self.sent = 0
        """Bytes of blocks."""
        self.meter = RateMeter()
        self.super_seeding = SuperSeeding(picker.holders)
        self._manifest = manifest
        self._picker = picker
        self._chunks = ChunkCache(storage, manifest.layout)
        self._hashes = HashServer(manifest, storage, self.read)

    def cached(self, block: Block) -> memoryview | None:
        """A block to send, if it is in memory."""
        return self._chunks.cached(block)

    async def read(self, piece: int, begin: int, length: int) -> memoryview | None:
        """Bytes to send; None when we do not hold their piece. Raises :class:`~swarmshare.errors.StorageError`."""
        if self._picker.state(piece) is not PieceState.HELD:
            return None
        return await self._chunks.read(piece, begin, length)

    def forget(self, pieces: Collection[int]) -> None:
        """What is in memory of ``pieces`` may not be what is on the disk."""
        self._chunks.forget(pieces)

    def count(self, length: int) -> None:
        """Note that blocks of ``length`` bytes together were sent."""
        self.sent += length
        self.meter.add(trio.current_time(), length)

    def grant_fast(self, session: PeerSession) -> None:
        """A newcomer may have a few pieces even while it is choked: what it has, it can give (BEP 6)."""
        if session.has.held < GRANTED and session.connection.negotiated.fast:
            info_hash, count = self._manifest.info_hash.truncated, self._manifest.layout.piece_count
            for piece in allowed_fast_set(session.host, info_hash, count):
                if self._picker.held.has(piece):
                    session.connection.grant_fast(piece)

    def answer_metadata(self, session: PeerSession, message: MetadataMessage) -> None:
        """Answer a peer that has only a magnet link (BEP 9): it may have the whole of it a few times, and no more."""
        ext_id = session.ids.get(METADATA)
        if message.kind != REQUEST or not ext_id:
            return
        info = self._manifest.info
        session.metadata_sent += 1
        if self._manifest.private or session.metadata_sent > METADATA_TIMES * metadata_pieces(len(info)):
            answer = MetadataMessage(REJECT, message.piece)
        else:
            answer = answer_metadata(message, info)
        session.connection.send_extended(Extended(ext_id, answer.encode()))

    async def answer_hashes(self, session: PeerSession) -> None:
        """Answer what a peer asked about trees."""
        for request in list(session.connection.owed_hashes):
            hashes = await self._hashes.answer(request)
            if hashes is None:
                session.connection.send_hash_reject(request)
            else:
                session.connection.send_hashes(request, hashes)
