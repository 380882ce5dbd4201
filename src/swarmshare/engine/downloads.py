"""What a torrent gets from its peers: it asks them for blocks, and makes verified pieces of these."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, cast

import trio

from swarmshare.engine.blame import Blame
from swarmshare.engine.blocks import PieceBuffers
from swarmshare.engine.layers import LayerFetcher
from swarmshare.schema.alerts import PieceVerified
from swarmshare.swarm.rates import RateMeter

if TYPE_CHECKING:
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.layout import Block
    from swarmshare.wire.messages import Hashes, HashReject

MAX_REFUSALS: Final = 100
"""Blocks of one piece that a peer may reject while it does not choke us: more than one full queue of a large piece."""
MIN_REFILL: Final = 8
"""Requests that are sent together: one at a time would cost a system call each."""


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
            leaves, right = await disk.verify_and_write(piece, data)
            self.buffers.recycle(data)
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
            session.ask_again(now)
            if session.pipeline.is_snubbed(now) and session.connection.asked:
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
        connection, now = session.connection, trio.current_time()
        if not connection.am_interested or (connection.peer_choking and not connection.allowed_fast):
            return
        room = session.pipeline.room(now)
        if room < min(MIN_REFILL, session.pipeline.target(now) // 2 + 1):
            return
        if connection.peer_choking:
            picked = self._picker.pick_allowed_fast(session, session.askable, room, connection.allowed_fast)
        elif session.proven:
            picked = self._picker.pick(session, session.askable, room)
        else:
            picked = self._picker.pick_alone(session, session.askable, room)
        blocks = []
        for block in picked:
            if block in connection.asked:
                self._picker.returned(session, block)  # cancelled, and the answer is still to come
            else:
                blocks.append(block)
        if blocks:
            connection.request(blocks)
            session.pipeline.on_sent(now, len(blocks))
            session.wake()

    def _free_blocks(self, session: PeerSession) -> None:
        """A peer that sends nothing keeps its blocks from nobody."""
        blocks = self._picker.blocks_of(session)
        self._picker.peer_gone(session)
        for block in blocks:
            session.connection.cancel(block)
        session.pipeline.on_returned(trio.current_time(), len(blocks))

    def choked(self, session: PeerSession) -> None:
        """A peer serves us no more, for now."""
        if not session.connection.asked:  # with BEP 6 each request is rejected by a message of its own
            self._picker.peer_gone(session)
        session.pipeline.on_choked()

    def rejected(self, session: PeerSession, block: Block) -> None:
        """A peer will not send ``block``.

        When it does so without choking us, it is not asked for that piece for a while; in the end it does not have it.
        """
        self._picker.returned(session, block)
        session.pipeline.on_returned(session.last_received, 1)
        if session.connection.peer_choking:
            return
        piece = block.piece
        session.refusals[piece] = session.refusals.get(piece, 0) + 1
        if session.refusals[piece] >= MAX_REFUSALS:
            self._torrent.peer_lost(session, piece)
        else:
            session.refuse(piece)

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
        session.pipeline.on_block(now, block.length)
        self.buffers.arrived(session, block)
        for key in received.cancel:
            other = cast("PeerSession", key)
            other.connection.cancel(block)
            other.pipeline.on_returned(now, 1)
            other.wake()
        if received.piece_complete:
            self._torrent.disk.submit(block.piece, self.buffers.take(block.piece))

    def _piece_right(self, piece: int, leaves: bytes) -> None:
        torrent = self._torrent
        self.blame.piece_right(piece, leaves)
        contributors = [cast("PeerSession", key) for key in set(self._picker.contributors(piece).values())]
        self._picker.verified(piece)
        for port in torrent.ports:
            port.note(gained=piece)
        if len(contributors) == 1 and contributors[0] in torrent.sessions:
            contributors[0].proven = True
            self._refill(contributors[0])  # it was asked for little until now
        torrent.keeping.unsaved = True
        torrent.alert(PieceVerified(torrent.manifest.info_hash.full, piece))
        for session in list(torrent.sessions):
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
