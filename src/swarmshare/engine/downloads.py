"""What a torrent gets from its peers: it asks them for blocks, and takes what comes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import trio

from swarmshare.engine.blocks import PieceBuffers
from swarmshare.engine.layers import LayerFetcher
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.schema.alerts import PieceVerified
from swarmshare.swarm.rates import RateMeter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.engine.block_source import BlockSource
    from swarmshare.engine.context import TorrentContext
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.layout import Block
    from swarmshare.wire.messages import Hashes, HashReject


class Downloads:
    """The asking side of one torrent."""

    def __init__(self, context: TorrentContext) -> None:
        """Ask the sessions of ``context`` for what its picker wants, and hand complete pieces to its disk."""
        self.received = 0
        """Bytes of blocks received, wasted ones included."""
        self.meter = RateMeter()
        self.buffers = PieceBuffers(context.layout)
        self._context = context
        self._sessions = context.sessions
        self._picker = context.picker
        self._disk = context.disk
        self._layers = LayerFetcher(context.manifest)

    def tick(self, now: float) -> None:
        """Let other peers be asked for what silent ones owe us, and ask again; called about once a second."""
        for session in self._sessions:
            session.requester.rejections.pass_time(now)
            if session.requester.pipeline.is_snubbed(now) and session.connection.asked:
                self._free_blocks(session)
            self._refill(session)
        self.buffers.free_spare()
        if self._layers.files:
            self._layers.ask(self._sessions, now, self._context.rng)

    # ------------------------------------------------------------------ asking

    def refill_all(self) -> None:
        """Keep every peer busy, when there may be more to ask for."""
        for session in self._sessions:
            self._refill(session)

    def _refill(self, session: PeerSession) -> None:
        """Ask a peer for as many blocks as keep it busy."""
        connection = session.connection
        if not connection.am_interested or (connection.peer_choking and not connection.allowed_fast):
            return
        allowed = connection.allowed_fast if connection.peer_choking else None
        blocks = session.requester.choose(trio.current_time(), session.has, connection.asked, allowed)
        if blocks:
            connection.request(blocks)
            session.wake()

    def _free_blocks(self, session: PeerSession) -> None:
        """Cancel what a silent peer owes us, so that others can be asked for it."""
        blocks = self._picker.blocks_of(session)
        self._picker.peer_gone(session)
        for block in blocks:
            session.cancel(block)
        session.requester.pipeline.on_returned(trio.current_time(), sum(len(block.leaves) for block in blocks))

    def choked(self, session: PeerSession) -> None:
        """Note that a peer has choked us: without BEP 6 it drops what it was asked for."""
        if not session.connection.asked:  # with BEP 6 each request is rejected by a message of its own
            self._picker.peer_gone(session)
        session.requester.pipeline.on_choked()

    def rejected(self, session: PeerSession, block: Block) -> None:
        """Note that a peer will not send ``block``, at least for now."""
        session.requester.rejected(block, session.last_received, choking=session.connection.peer_choking)

    def suggested(self, session: PeerSession, piece: int) -> None:
        """Ask a peer again that offers ``piece`` (BEP 6), which need not wait any more; the picker still chooses."""
        session.requester.rejections.forget(piece)
        self._refill(session)

    def session_ended(self, session: PeerSession) -> None:
        """Let others be asked for what a peer owed us: it is gone."""
        self._picker.peer_gone(session)
        self.buffers.session_ended(session)

    # ------------------------------------------------------------------ what comes

    def after_reading(self, session: PeerSession) -> None:
        """Count the bytes that came from a peer, once for many blocks, and ask it for more."""
        session.requester.pipeline.on_part(session.last_received, session.connection.part_length)
        length = session.downloaded - session.counted
        if length:
            session.counted = session.downloaded
            self.received += length
            session.meter_down.add(session.last_received, length)
            self.meter.add(session.last_received, length)
        self._refill(session)

    def on_blocks(self, source: BlockSource, blocks: Iterable[Block]) -> None:
        """Take blocks that a source has sent, each to the place that it was given. Hot path: called for each read."""
        picker, buffers = self._picker, self.buffers
        now = source.last_received
        length = leaves = 0
        for block in blocks:
            source.downloaded += block.length
            received = picker.received(source, block)
            if not received.wanted:
                buffers.given_up(source, block)
                continue
            buffers.arrived(source, block)
            length += block.length
            leaves += 1 if block.length <= BLOCK_LENGTH else len(block.leaves)
            for other, theirs in received.cancel:
                other.cancel(theirs)
                other.requester.pipeline.on_returned(now, len(theirs.leaves))
            if received.piece_complete:
                self._disk.submit(block.piece, buffers.take(block.piece))
        if leaves:
            source.requester.pipeline.on_leaves(now, leaves, length)

    def piece_verified(self, piece: int) -> None:
        """Note that ``piece`` is right and on the disk, and tell everybody (``have``)."""
        context = self._context
        length = context.layout.span(context.layout.index(piece)).length
        blocks = Counter(self._picker.contributors(piece).values())
        for source, count in blocks.items():
            source.requester.conduct.gave_right(min(length, count * BLOCK_LENGTH))
            source.requester.proven = source.requester.proven or len(blocks) == 1
        self._picker.verified(piece)
        context.announce(gained=piece)
        context.alert(PieceVerified(context.info_hash, piece))
        for session in list(self._sessions):
            session.requester.rejections.forget(piece)
            session.connection.send_have(piece)
            if session.connection.am_interested:
                session.update_interest()
            if len(blocks) == 1 and session in blocks:
                self._refill(session)  # it is proven now, and was asked for little until then
            session.wake()

    # ------------------------------------------------------------------ hashes

    @property
    def unverifiable(self) -> set[int]:
        """The numbers of the files that cannot be verified yet, because the manifest came without their piece layer."""
        return {file for files in self._layers.files.values() for file in files}

    def ask_for_layers(self, session: PeerSession) -> None:
        """Ask a peer for the piece layers that we lack."""
        self._layers.ask([session], session.last_received, self._context.rng)

    def on_hashes(self, message: Hashes) -> list[int]:
        """Take hashes of a peer; returns the files whose piece layer is complete by them and can be verified now."""
        layer = self._layers.received(message)
        files: list[int] = []
        if layer is not None:
            root, files, hashes = layer
            self._disk.storage.hashes.set_layer(root, hashes)
        if self._layers.files:
            self._layers.ask(self._sessions, trio.current_time(), self._context.rng)
        return files

    def on_hash_reject(self, session: PeerSession, message: HashReject) -> None:
        """Ask other peers for the hashes that one will not tell."""
        self._layers.rejected(session, message.request, session.last_received)
        self._layers.ask(self._sessions, session.last_received, self._context.rng)
