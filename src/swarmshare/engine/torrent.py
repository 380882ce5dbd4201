"""One torrent at work: what it holds, whom it talks to, and the way of a block from a peer to the disk.

All of it runs on one trio thread, so plain calls need no locks; only files are touched from worker threads, one call
for each piece. The way of a block is told in docs/DESIGN.md.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, cast

import trio

from swarmshare.engine.blocks import PieceBuffers
from swarmshare.engine.choking import Choking
from swarmshare.engine.disk import TorrentDisk
from swarmshare.engine.layers import LayerFetcher
from swarmshare.engine.limits import new_bucket
from swarmshare.engine.others import Others
from swarmshare.engine.spreading import Spreading
from swarmshare.engine.suspects import Suspects
from swarmshare.engine.uploads import ChunkCache, HashServer
from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.layout import Block
from swarmshare.schema.alerts import (
    Alert,
    PeerDropped,
    PieceFailed,
    PiecesLost,
    PieceVerified,
    TorrentComplete,
    TorrentPaused,
    TorrentResumed,
)
from swarmshare.schema.snapshot import TorrentState
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.picker import PiecePicker, PieceState, Priority
from swarmshare.swarm.rates import RateMeter
from swarmshare.wire import extensions
from swarmshare.wire.fast import GRANTED, allowed_fast_set
from swarmshare.wire.messages import (
    BitfieldMessage,
    Choke,
    Extended,
    Hashes,
    HashReject,
    Have,
    HaveAll,
    Interested,
    Message,
    NotInterested,
    Piece,
    Reject,
    Request,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.announcing import TorrentPort
    from swarmshare.engine.config import Address, EngineConfig, TorrentConfig
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.errors import StorageError
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.swarm.rates import TokenBucket

TICK: Final = 1.0
"""Seconds between looks at who is silent, snubbed or to be told that we are here."""
IDLE_TIMEOUT: Final = 120.0
"""Seconds of silence after which a peer is given up (BEP 3 suggests two minutes)."""
KEEP_ALIVE_AFTER: Final = 60.0
"""Seconds without a word of ours after which we send that we are here."""
MAX_REFUSALS: Final = 100
"""Blocks of one piece that a peer may reject while it does not choke us: more than one full queue of a large piece."""
SAVE_INTERVAL: Final = 30.0
"""Seconds of bookkeeping that a power cut costs: what was written since is verified again."""
MIN_REFILL: Final = 8
"""Requests that are sent together: one at a time would cost a system call each."""
WITNESSES: Final = 4
"""Peers that are asked for the leaves of a piece that failed; each of them may have to read it for that."""


class Torrent:
    """A manifest, its files, and its swarm."""

    def __init__(
        self,
        manifest: Manifest,
        config: TorrentConfig,
        engine: EngineConfig,
        *,
        alert: Callable[[Alert], None],
        port: int = 0,
        limit_up: TokenBucket | None = None,
        limit_down: TokenBucket | None = None,
    ) -> None:
        """``port`` is where we listen; ``limit_up`` and ``limit_down`` are the engine's, None for none."""
        self.manifest = manifest
        self.config = config
        self.layout = manifest.layout
        self.limits_up, self.limits_down = (
            [bucket for bucket in (whole, new_bucket(own) if own else None) if bucket]
            for whole, own in ((limit_up, config.limit_up), (limit_down, config.limit_down))
        )
        self.sessions: set[PeerSession] = set()
        self.ready = trio.Event()
        """Set when the data on the disk was checked: before that we know of nothing that we hold."""
        self.finished = trio.Event()
        """Set when all that was asked for is here."""
        self.banned: set[Address | tuple[str, bytes]] = set()
        """Where we dialled a peer that gave wrong data, and its host with its id. Neither its whole host nor where it
        says it listens: others may share the one, and it may name another for the other."""
        self.disk = TorrentDisk(manifest, config, engine.resume_folder, self._on_trouble)
        self.buffers = PieceBuffers(self.layout)
        self.picker = PiecePicker(self.layout, random.Random())
        self.others = Others(self.picker, self.layout.piece_count)
        self.ports: list[TorrentPort] = []
        """How announcers see it."""
        self.scope = trio.CancelScope()
        """All that is done for it."""
        self.gone = trio.Event()
        """Set when nothing is done for it any more."""
        self.meter_down, self.meter_up = RateMeter(), RateMeter()
        self.downloaded = self.uploaded = 0
        self.is_complete = False
        """Whether we have all that was asked for."""
        self._engine = engine
        self._port = port
        self._alert = alert
        self._rng = random.Random()
        self._chunks = ChunkCache(self.disk.storage, self.layout)
        self._hashes = HashServer(manifest, self.disk.storage, self.read_block)
        self._suspects = Suspects(manifest, self.disk.storage)
        self._layers = LayerFetcher(manifest)
        self.spreading = Spreading(lambda piece: self.picker.holders(piece))
        self._choking = Choking(self.sessions, engine.upload_slots, self._rng)
        self._unsaved = False
        self._doubtful = trio.Event()

    # ------------------------------------------------------------------ life

    @property
    def state(self) -> TorrentState:
        """What it is doing."""
        if self.disk.trouble is not None:
            return TorrentState.PAUSED
        if not self.ready.is_set():
            return TorrentState.CHECKING
        return TorrentState.SEEDING if self.is_complete else TorrentState.DOWNLOADING

    async def run(self) -> None:
        """Check what is there, then share, until cancelled; then save what we know and close the files."""
        try:
            await self._start()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_pieces)
                nursery.start_soon(self._tick)
                nursery.start_soon(self._choking.run)
                nursery.start_soon(self._save_now_and_then)
                nursery.start_soon(self._look_after_files)
        finally:
            for session in list(self.sessions):
                session.close()
            await self.disk.save_and_close(self.picker.held.to_wire() if self.ready.is_set() else None)

    async def _start(self) -> None:
        held = Bitfield(self.layout.piece_count)
        right = await self.disk.check()
        for piece in right:
            held.set(piece)
        self.disk.count(right)
        self.picker = PiecePicker(self.layout, self._rng, held)
        self.others = Others(self.picker, self.layout.piece_count)
        self.picker.sequential = self.config.sequential
        for file in self.config.skip_files:
            self._set_priority(file, Priority.SKIP)
        for files in self._layers.files.values():
            for file in files:
                self._set_priority(file, Priority.SKIP)  # they could not be verified
        await self.disk.start()
        self.ready.set()
        self._look_for_the_end()

    def _set_priority(self, file: int, priority: Priority) -> None:
        for piece in self.layout.file_pieces(file):
            self.picker.set_priority(piece, priority)

    async def _save_now_and_then(self) -> None:
        while True:
            await trio.sleep(SAVE_INTERVAL)
            if self._unsaved:
                self._unsaved = False
                await self.disk.save(self.picker.held.to_wire())

    def _on_trouble(self, error: StorageError | None) -> None:
        info_hash = self.manifest.info_hash.full
        if error is None:
            self._alert(TorrentResumed(info_hash))
        else:
            self._alert(TorrentPaused(info_hash, error.code, error.advice))
            self.doubt_files()

    def doubt_files(self) -> None:
        """Something is wrong with a file: see soon whether what we hold is there."""
        self._doubtful.set()

    async def _look_after_files(self) -> None:
        while True:
            await self._doubtful.wait()
            self._doubtful = trio.Event()
            pieces, right = await self.disk.check_lost()
            self._chunks.forget(pieces)
            lost = [piece for piece in pieces - right if self.picker.held.has(piece)]
            for piece in lost:
                self.picker.lost(piece)
                for port in self.ports:
                    port.note(lost=piece)
            for session in list(self.sessions):
                for piece in lost:
                    session.tell_dont_have(piece)
                self._update_interest(session)
            if lost:
                self._unsaved = True
                self.is_complete = self._choking.seeding = False
                self._alert(PiecesLost(self.manifest.info_hash.full, len(lost)))
            await self.disk.start()
            self._look_for_the_end()
            self._refill_all()

    # ------------------------------------------------------------------ sessions

    def add_session(self, session: PeerSession) -> bool:
        """Take a new connection, unless there is no room or one to the same peer already; says whether it was."""
        known = {other.peer_id for other in self.sessions} | {self._engine.peer_id}
        if len(self.sessions) >= self._engine.max_peers or session.peer_id in known:
            return False
        if not self.banned.isdisjoint(session.marks):
            return False
        self.sessions.add(session)
        if session.listens is not None:
            self.others.connected(session.listens)
        connection = session.connection
        self.picker.peer_joined(session.has)
        if connection.settled.extended:
            handshake = extensions.ExtendedHandshake(
                client=self._engine.client, upload_only=self.is_complete, port=self._port or None
            )
            connection.send_extended(handshake.encode())
        held = self.picker.held
        connection.send_opening(held.to_wire(), held=held.held)
        session.wake()
        return True

    def session_ended(self, session: PeerSession, reason: str) -> None:
        """Forget a connection; what it owed us is free for others."""
        self.sessions.remove(session)
        if session.listens is not None:
            self.others.disconnected(session.listens)
        self.picker.peer_gone(session)
        self.picker.peer_left(session.has)
        self.buffers.session_ended(session)
        self.spreading.forget(session)
        if reason:
            self._alert(PeerDropped(self.manifest.info_hash.full, session.address, reason))
        self._choking.choose()
        self._refill_all()

    def handle(self, session: PeerSession, message: Message) -> None:
        """One message of a peer. A plain call: nothing in it waits."""
        match message:
            case Piece():
                self._on_block(session, message)
            case Request():
                pass  # the connection keeps it until it is served
            case Have(piece):
                if session.has.set(piece):
                    self.picker.peer_has(piece)
                    if self.spreading.active:
                        self._wake_all()  # what others asked of us they can get there
                    if self.picker.wants(piece):
                        session.connection.set_interested(True)
                        session.wake()
            case BitfieldMessage(bits):
                self._set_bits(session, Bitfield.from_wire(bits, self.layout.piece_count))
            case HaveAll():
                self._set_bits(session, Bitfield.full(self.layout.piece_count))
            case Choke():
                # With BEP 6 each request is rejected by a message of its own.
                if not session.connection.asked:
                    self.picker.peer_gone(session)
                session.pipeline.on_choked()
            case Reject():
                self.picker.returned(session, Block._make(message))
                session.pipeline.on_returned(session.last_received, 1)
                if not session.connection.peer_choking:
                    self._count_refusal(session, message.piece)
            case Interested():
                self._grant_fast(session)
                self._choking.choose()
            case NotInterested():
                self._choking.choose()
            case Hashes():
                self._on_hashes(message)
            case HashReject():
                self._layers.rejected(session, message.request, session.last_received)
                self._layers.ask(self.sessions, session.last_received, self._rng)
            case Extended():
                self._on_extended(session, message)
            case _:
                pass  # the connection has noted it; and which piece is best next, the picker knows better than Suggest

    def _count_refusal(self, session: PeerSession, piece: int) -> None:
        """A peer that refuses a piece, unchoked, is not asked for it for a while; in the end it does not have it."""
        session.refusals[piece] = session.refusals.get(piece, 0) + 1
        if session.refusals[piece] >= MAX_REFUSALS:
            self._peer_lost(session, piece)
        else:
            session.refuse(piece)

    def _set_bits(self, session: PeerSession, bits: Bitfield) -> None:
        self.picker.peer_left(session.has)
        session.has = bits
        self.picker.peer_joined(bits)
        self._update_interest(session)
        self._close_if_useless(session)
        self._layers.ask([session], session.last_received, self._rng)

    def _on_extended(self, session: PeerSession, message: Extended) -> None:
        if message.ext_id == extensions.HANDSHAKE_ID:
            handshake = extensions.decode_extended_handshake(message.payload)
            if handshake is not None:
                session.client, session.ids = handshake.client, handshake.ids
                session.pipeline.peer_limit = handshake.queue
                if session.listens is None and handshake.port is not None:
                    session.listens = (session.host, handshake.port)
                    self.others.connected(session.listens)
        elif message.ext_id == extensions.OUR_IDS[extensions.DONT_HAVE]:
            piece = extensions.decode_dont_have(message.payload)
            if piece >= self.layout.piece_count:
                raise RemoteProtocolError("piece-range", f"piece {piece:,} of {self.layout.piece_count:,}")
            self._peer_lost(session, piece)

    def _peer_lost(self, session: PeerSession, piece: int) -> None:
        if session.has.clear(piece):
            self.picker.peer_lost(piece)
            self._update_interest(session)

    def _update_interest(self, session: PeerSession) -> None:
        session.connection.set_interested(self.picker.is_interesting(session.has))
        session.wake()

    def _close_if_useless(self, session: PeerSession) -> None:
        """Two seeds have nothing to give each other."""
        if session.has.is_full and self.picker.held.is_full:
            session.close()

    # ------------------------------------------------------------------ downloading

    def after_reading(self, session: PeerSession) -> None:
        """Count what came from a peer, once for many blocks, and ask it for more."""
        length = session.downloaded - session.counted
        if length:
            session.counted = session.downloaded
            self.downloaded += length
            session.meter_down.add(session.last_received, length)
            self.meter_down.add(session.last_received, length)
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
            picked = self.picker.pick_allowed_fast(session, session.askable, room, connection.allowed_fast)
        elif session.proven:
            picked = self.picker.pick(session, session.askable, room)
        else:
            picked = self.picker.pick_alone(session, session.askable, room)
        blocks = []
        for block in picked:
            if block in connection.asked:
                self.picker.returned(session, block)  # cancelled, and the answer is still to come
            else:
                blocks.append(block)
        if blocks:
            connection.request(blocks)
            session.pipeline.on_sent(now, len(blocks))
            session.wake()

    def _wake_all(self) -> None:
        for session in self.sessions:
            session.wake()

    def _refill_all(self) -> None:
        for session in self.sessions:
            self._refill(session)

    def _on_block(self, session: PeerSession, block: Block) -> None:
        now = session.last_received
        session.downloaded += block.length
        received = self.picker.received(session, block)
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
            self.disk.submit(block.piece, self.buffers.take(block.piece))

    async def _write_pieces(self) -> None:
        while True:
            piece, data = await self.disk.next_piece()
            leaves, right = await self.disk.verify_and_write(piece, data)
            self.buffers.recycle(data)
            if right:
                self._piece_verified(piece, leaves)
                await self.disk.finish_file_of(piece)
                self._look_for_the_end()
            else:
                self._piece_failed(piece, leaves)

    def _piece_verified(self, piece: int, leaves: bytes) -> None:
        for liar in self._suspects.compare(piece, leaves):
            self._ban(liar)
        contributors = [cast("PeerSession", key) for key in set(self.picker.contributors(piece).values())]
        self.picker.verified(piece)
        for port in self.ports:
            port.note(gained=piece)
        if len(contributors) == 1 and contributors[0] in self.sessions:
            contributors[0].proven = True
            self._refill(contributors[0])  # it was asked for little until now
        self._unsaved = True
        self._alert(PieceVerified(self.manifest.info_hash.full, piece))
        for session in list(self.sessions):
            session.connection.send_have(piece)
            if session.connection.am_interested:
                self._update_interest(session)
            session.wake()

    def _piece_failed(self, piece: int, leaves: bytes) -> None:
        by_block = {begin: cast("PeerSession", key) for begin, key in self.picker.contributors(piece).items()}
        contributors = set(by_block.values())
        self.picker.failed(piece)
        liar = contributors.pop() if len(contributors) == 1 else None
        self._alert(PieceFailed(self.manifest.info_hash.full, piece, liar.address if liar else None))
        if liar is not None:
            self._ban(liar)
        else:
            request = self._suspects.accuse(piece, leaves, by_block)
            for suspect in contributors:
                suspect.proven = False
            able = [peer for peer in self.sessions if peer.connection.settled.v2 and peer.has.has(piece)]
            for peer in self._rng.sample(able, min(WITNESSES, len(able))):
                peer.connection.request_hashes(request)
                peer.wake()
        self._refill_all()

    def _on_hashes(self, message: Hashes) -> None:
        for liar in self._suspects.convict(message):
            self._ban(liar)
        layer = self._layers.received(message)
        if layer is not None:
            root, files, hashes = layer
            self.disk.storage.hashes.set_layer(root, hashes)
            for file in files:
                if file not in self.config.skip_files:
                    self._set_priority(file, Priority.NORMAL)
            for session in self.sessions:
                self._update_interest(session)
            self._refill_all()
        if self._layers.files:
            self._layers.ask(self.sessions, trio.current_time(), self._rng)

    def _ban(self, session: PeerSession) -> None:
        if self.banned.isdisjoint(session.marks):
            self.banned.update(session.marks)
            for port in self.ports:
                port.note(liar=session.listens)
            self._alert(PeerDropped(self.manifest.info_hash.full, session.address, "it sent wrong data", banned=True))
            session.close()

    def _look_for_the_end(self) -> None:
        if not self.disk.unfinished and not self.is_complete:
            self.is_complete = self._choking.seeding = True
            self._alert(TorrentComplete(self.manifest.info_hash.full))
            self.finished.set()
            for session in list(self.sessions):
                self._close_if_useless(session)

    # ------------------------------------------------------------------ uploading

    def _grant_fast(self, session: PeerSession) -> None:
        """A newcomer may have a few pieces even while it is choked: what it has, it can give (BEP 6)."""
        if session.has.held < GRANTED and session.connection.settled.fast:
            for piece in allowed_fast_set(session.host, self.manifest.info_hash.truncated, self.layout.piece_count):
                if self.picker.held.has(piece):
                    session.connection.grant_fast(piece)

    async def answer_hashes(self, session: PeerSession) -> None:
        """Answer what a peer asked about trees."""
        for request in list(session.connection.owed_hashes):
            hashes = await self._hashes.answer(request)
            if hashes is None:
                session.connection.send_hash_reject(request)
            else:
                session.connection.send_hashes(request, hashes)

    def cached_block(self, block: Block) -> memoryview | None:
        """A block to send, if it is in memory."""
        return self._chunks.cached(block)

    async def read_block(self, piece: int, begin: int, length: int) -> memoryview | None:
        """A block to send; None when we do not hold its piece."""
        if self.picker.state(piece) is not PieceState.HELD:
            return None
        return await self._chunks.read(piece, begin, length)

    def count_up(self, length: int) -> None:
        """Note that blocks of ``length`` bytes together were sent."""
        self.uploaded += length
        self.meter_up.add(trio.current_time(), length)

    # ------------------------------------------------------------------ time passes

    async def _tick(self) -> None:
        while True:
            await trio.sleep(TICK)
            now = trio.current_time()
            alone = self.is_complete and len(self.sessions) > 1
            self.spreading.look(self.picker.nowhere() if alone else ())
            for session in list(self.sessions):
                session.ask_again(now)
                if session.connection.owed:
                    session.wake()
                # While the disk refuses, nobody is read from, and silence says nothing.
                if now - session.last_received > IDLE_TIMEOUT and self.disk.trouble is None:
                    session.close()
                elif now - session.last_sent > KEEP_ALIVE_AFTER:
                    session.connection.keep_alive()
                    session.wake()
                if session.pipeline.is_snubbed(now) and session.connection.asked:
                    self._free_blocks(session)
                self._refill(session)
            if self._layers.files:
                self._layers.ask(self.sessions, now, self._rng)

    def _free_blocks(self, session: PeerSession) -> None:
        """A peer that sends nothing keeps its blocks from nobody."""
        blocks = self.picker.blocks_of(session)
        self.picker.peer_gone(session)
        for block in blocks:
            session.connection.cancel(block)
        session.pipeline.on_returned(trio.current_time(), len(blocks))
