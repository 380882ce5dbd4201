"""What a torrent gets from its peers: it asks them for blocks, and makes verified pieces of these."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, cast

import trio

from swarmshare.engine.blame import Blame
from swarmshare.engine.blocks import PieceBuffers
from swarmshare.engine.layers import LayerFetcher
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.schema.alerts import PieceVerified
from swarmshare.swarm.rates import RateMeter

if TYPE_CHECKING:
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.layout import Block
    from swarmshare.wire.messages import Hashes, HashReject


class Downloads:
    """The asking side of one torrent."""

    def __init__(self, torrent: Torrent) -> None:
        self.received = 0
        """Bytes of blocks, wasted ones included."""
        self.meter = RateMeter()
        self.buffers = PieceBuffers(torrent.layout)
        self.blame = Blame(torrent)
        self._torrent = torrent
        self._picker = torrent.picker
        self._layers = LayerFetcher(torrent.manifest)
        self._rng = random.Random()

    async def run(self) -> None:
        """Verify pieces and write them, one after the other, until cancelled."""
        disk = self._torrent.disk
        while True:
            piece, data = await disk.next_piece()
            written = await disk.verify_and_write(piece, data)
            self.buffers.recycle(data)
            if written is None:
                self._picker.failed(piece)
                self._torrent.file_monitor.look_soon()
                self._torrent.apply_blocked()
                continue
            leaves, right = written
            if right:
                self._piece_right(piece, leaves)
                await disk.finish_file_of(piece)
                self._torrent.look_for_the_end()
            else:
                self.blame.piece_failed(piece, leaves)
                self.refill_all()

    def tick(self, now: float) -> None:
        """Free what silent peers keep from others, and ask again."""
        for session in self._torrent.sessions:
            session.requester.rejections.pass_time(now)
            if session.requester.pipeline.is_snubbed(now) and session.connection.asked:
                self._free_blocks(session)
            self._refill(session)
        if self._layers.files:
            self._layers.ask(self._torrent.sessions, now, self._rng)

    # ------------------------------------------------------------------ asking

    def refill_all(self) -> None:
        """There may be more to ask for: see to it that every peer is busy."""
        for session in self._torrent.sessions:
            self._refill(session)

    def _refill(self, session: PeerSession) -> None:
        """Ask a peer for as much as keeps it busy."""
        connection = session.connection
        if not connection.am_interested or (connection.peer_choking and not connection.allowed_fast):
            return
        allowed = connection.allowed_fast if connection.peer_choking else None
        blocks = session.requester.choose(trio.current_time(), session.has, connection.asked, allowed)
        if blocks:
            connection.request(blocks)
            session.wake()

    def _free_blocks(self, session: PeerSession) -> None:
        """A peer that sends nothing keeps its blocks from nobody."""
        blocks = self._picker.blocks_of(session)
        self._picker.peer_gone(session)
        for block in blocks:
            session.connection.cancel(block)
        session.requester.pipeline.on_returned(trio.current_time(), len(blocks))

    def choked(self, session: PeerSession) -> None:
        """A peer serves us no more, for now."""
        if not session.connection.asked:  # with BEP 6 each request is rejected by a message of its own
            self._picker.peer_gone(session)
        session.requester.pipeline.on_choked()

    def rejected(self, session: PeerSession, block: Block) -> None:
        """A peer will not send ``block``, at least for now."""
        session.requester.rejected(block, session.last_received, choking=session.connection.peer_choking)

    def suggested(self, session: PeerSession, piece: int) -> None:
        """A peer would give ``piece`` now (BEP 6), so that it need not wait any more; the picker still chooses."""
        session.requester.rejections.forget(piece)
        self._refill(session)

    def session_ended(self, session: PeerSession) -> None:
        """What a peer owed us is free for others."""
        self._picker.peer_gone(session)
        self.buffers.session_ended(session)

    # ------------------------------------------------------------------ what comes

    def after_reading(self, session: PeerSession) -> None:
        """Count what came from a peer, once for many blocks, and ask it for more."""
        length = session.downloaded - session.counted
        if length:
            session.counted = session.downloaded
            self.received += length
            session.meter_down.add(session.last_received, length)
            self.meter.add(session.last_received, length)
        self._refill(session)

    def on_block(self, session: PeerSession, block: Block) -> None:
        """A peer has sent ``block``, into the place that was given to it."""
        now = session.last_received
        session.downloaded += block.length
        received = self._picker.received(session, block)
        if not received.wanted:
            self.buffers.given_up(session, block)
            return
        session.requester.pipeline.on_block(now, block.length)
        self.buffers.arrived(session, block)
        for key in received.cancel:
            other = cast("PeerSession", key)
            other.connection.cancel(block)
            other.requester.pipeline.on_returned(now, 1)
            other.wake()
        if received.piece_complete:
            self._torrent.disk.submit(block.piece, self.buffers.take(block.piece))

    def _piece_right(self, piece: int, leaves: bytes) -> None:
        torrent = self._torrent
        self.blame.piece_right(piece, leaves)
        length = torrent.layout.span(torrent.layout.index(piece)).length
        blocks = Counter(self._picker.contributors(piece).values())
        contributors = [cast("PeerSession", key) for key in blocks]
        for session in contributors:
            session.requester.conduct.gave_right(min(length, blocks[session] * BLOCK_LENGTH))
        self._picker.verified(piece)
        for port in torrent.ports:
            port.note(gained=piece)
        if len(contributors) == 1 and contributors[0] in torrent.sessions:
            contributors[0].requester.proven = True
            self._refill(contributors[0])  # it was asked for little until now
        torrent.file_monitor.unsaved = True
        torrent.alert(PieceVerified(torrent.manifest.info_hash.full, piece))
        for session in list(torrent.sessions):
            session.requester.rejections.forget(piece)
            session.connection.send_have(piece)
            if session.connection.am_interested:
                torrent.update_interest(session)
            session.wake()

    # ------------------------------------------------------------------ hashes

    @property
    def unverifiable(self) -> set[int]:
        """The files whose pieces cannot be verified yet, because the manifest came without their piece layer."""
        return {file for files in self._layers.files.values() for file in files}

    def ask_for_layers(self, session: PeerSession) -> None:
        """A peer may have piece layers that we lack."""
        self._layers.ask([session], session.last_received, self._rng)

    def on_hashes(self, message: Hashes) -> None:
        """A peer told hashes."""
        torrent = self._torrent
        self.blame.hashes_came(message)
        layer = self._layers.received(message)
        if layer is not None:
            root, files, hashes = layer
            torrent.disk.storage.hashes.set_layer(root, hashes)
            for file in files:
                torrent.apply_priority(file)
            for session in torrent.sessions:
                torrent.update_interest(session)
            self.refill_all()
        if self._layers.files:
            self._layers.ask(torrent.sessions, trio.current_time(), self._rng)

    def on_hash_reject(self, session: PeerSession, message: HashReject) -> None:
        """A peer will not tell hashes."""
        self._layers.rejected(session, message.request, session.last_received)
        self._layers.ask(self._torrent.sessions, session.last_received, self._rng)
