"""One running torrent: its life, its sessions, and the dispatch of what happens to its parts.

All of it runs on one trio thread, so plain calls need no locks; only files are touched from worker threads, one call
for each piece. The parts share a :class:`~swarmshare.engine.context.TorrentContext` and do not know each other:
:mod:`~swarmshare.engine.downloads` asks and receives, :mod:`~swarmshare.engine.uploads` serves,
:mod:`~swarmshare.engine.smart_ban` deals with wrong data, :mod:`~swarmshare.engine.file_monitor` looks after the files.
What one of them reports, this module passes on. The way of a block is told in docs/DESIGN.md.

==============  ====================================================================================  ==================
state           when                                                                                  leaves it by
==============  ====================================================================================  ==================
``PAUSED``      the disk refuses something; whatever else it was doing waits                          the disk
``CHECKING``    the data on the disk is not checked yet: nothing is held, nobody is dialled           ``ready``
``DOWNLOADING`` a wanted file is not complete                                                         the last file
``SEEDING``     all wanted files are complete                                                         a lost piece
==============  ====================================================================================  ==================
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, cast

import trio

from swarmshare.engine.choking import Choking
from swarmshare.engine.context import TorrentContext
from swarmshare.engine.dialer import DialLog
from swarmshare.engine.disk import PieceOutcome, TorrentDisk
from swarmshare.engine.downloads import Downloads
from swarmshare.engine.extensions import Extensions
from swarmshare.engine.file_monitor import FileMonitor
from swarmshare.engine.limits import limits, pass_all
from swarmshare.engine.listening import Listening
from swarmshare.engine.smart_ban import SmartBan
from swarmshare.engine.uploads import Uploads
from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.layout import Block
from swarmshare.schema.alerts import Alert, PeerDropped, TorrentComplete
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.opening import is_limit
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.picker import PiecePicker, Priority
from swarmshare.wire.extensions import DONT_HAVE, UPLOAD_ONLY, ExtendedHandshake, decode_dont_have
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
    Suggest,
)
from swarmshare.wire.metadata import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.errors import StorageError
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.opening import OpenFiles
    from swarmshare.swarm.rates import TokenBucket

TICK: Final = 1.0
"""Seconds between looks at which sessions are silent, snubbed or due for a keep-alive."""
OFFERS_A_TICK: Final = 4
"""How often in that time an idle link is given something to do while we super-seed."""
IDLE_TIMEOUT: Final = 120.0
"""Seconds of silence after which a peer is given up (BEP 3 suggests two minutes)."""
KEEP_ALIVE_AFTER: Final = 60.0
"""Seconds without a byte of ours after which we send a keep-alive (BEP 3)."""


class Torrent:
    """A manifest, its files, and its swarm.

    It is the :class:`~swarmshare.engine.peer_session.SessionOwner` of its sessions.
    """

    def __init__(
        self,
        manifest: Manifest,
        config: TorrentConfig,
        engine: EngineConfig,
        *,
        opened: OpenFiles,
        alert: Callable[[Alert], None],
        on_limit: Callable[[], None],
        listening: Listening | None = None,
        limit_up: TokenBucket | None = None,
        limit_down: TokenBucket | None = None,
    ) -> None:
        """Prepare to share ``manifest``; nothing is read or written before :meth:`run`.

        Args:
            manifest: What is shared.
            config: The torrent's own settings.
            engine: The settings of all torrents.
            opened: The open files of all torrents.
            alert: Called with each fact that front ends are told.
            on_limit: Called when the system lets us open no more files.
            listening: Where peers reach us; None: nowhere.
            limit_up: The engine's upload limit; None: none.
            limit_down: The engine's download limit; None: none.
        """
        self.manifest = manifest
        self.layout = manifest.layout
        self.config = config
        self._engine = engine
        self._on_limit = on_limit
        self._engine_limits = limit_up, limit_down
        self.limit(config.limit_up, config.limit_down)
        self.priorities = [config.priorities.get(file, Priority.NORMAL) for file in range(len(manifest.files))]
        """How much each file is wanted."""
        self.ready = trio.Event()
        """Set when the data on the disk was checked: before that we know of nothing that we hold."""
        self.finished = trio.Event()
        """Set when all wanted files were complete for the first time."""
        self.scope = trio.CancelScope()
        """Around all that is done for the torrent: cancelling it removes the torrent from the engine."""
        self.gone = trio.Event()
        """Set when nothing is done for it any more."""
        self.picker = PiecePicker(self.layout, random.Random())
        self.picker.sequential = config.sequential
        self.disk = TorrentDisk(
            manifest, config, engine.resume_folder, opened, self._on_disk_problem, self._on_disk_notice
        )
        self.context = context = TorrentContext(manifest, self.picker, self.disk, alert)
        self.sessions = context.sessions
        self.known_peers = context.known_peers
        self.uploads = Uploads(context, self._on_unreadable)
        self.downloads = Downloads(context)
        self.buffers = self.downloads.buffers
        self.smart_ban = SmartBan(context)
        self.file_monitor = FileMonitor(context, self.uploads.forget, self._on_looked)
        self._choking = Choking(context, engine.upload_slots, random.Random())
        self._extensions = Extensions(self._on_extended_handshake)
        self._extensions.register(METADATA, self.uploads.answer_metadata)
        self._extensions.register(UPLOAD_ONLY)
        self._extensions.register(DONT_HAVE, self._on_dont_have)
        self._blocked: set[int] = set()
        """The files that are not asked for because the disk refuses them."""
        self._has_sessions = trio.Event()
        self.listening = listening or Listening()
        self.dial_log = DialLog()
        self.alone_since = trio.current_time()
        """When the last session ended, or when it was ready to have one."""

    # ------------------------------------------------------------------ life

    @property
    def state(self) -> TorrentState:
        """What the torrent is doing; see the table in this module's docstring."""
        if self.disk.problem is not None:
            return TorrentState.PAUSED
        if not self.ready.is_set():
            return TorrentState.CHECKING
        return TorrentState.SEEDING if self.is_complete else TorrentState.DOWNLOADING

    @property
    def is_complete(self) -> bool:
        """Whether all wanted files are held and have their final names."""
        return self.context.is_complete

    async def run(self) -> None:
        """Check what is there, then share, until cancelled; then save what we know and close the files."""
        try:
            await self.file_monitor.start()
            self._apply_blocked()
            for file in range(len(self.priorities)):
                self._apply_priority(file)
            self.alone_since = trio.current_time()
            self.ready.set()
            self._look_for_the_end()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.file_monitor.run)
                nursery.start_soon(self._write_pieces)
                nursery.start_soon(self._choking.run)
                nursery.start_soon(self._tick)
        finally:
            for session in list(self.sessions):
                session.close()
            # After a check that was not completed, what was known before stays.
            await self.disk.save_and_close(self.picker.held.to_wire() if self.ready.is_set() else None)

    def want(self, file: int, priority: Priority) -> None:
        """Want the file with this number more or less from now on."""
        self.priorities[file] = priority
        self.disk.want(file, wanted=priority is not Priority.SKIP)
        if not self.ready.is_set():
            return  # the start will see to it
        self._apply_priority(file)
        self._update_interest()
        if self.disk.unfinished:
            self.context.is_complete = False
        self.file_monitor.look_soon()  # it makes room for the file, or finds that nothing is missing any more

    def limit(self, up: float | None, down: float | None) -> None:
        """Send at most ``up`` and receive at most ``down`` bytes a second from now on; None: no limit of its own."""
        self._own_limits = up, down
        engine_up, engine_down = self._engine_limits
        self.limits_up, self.limits_down = limits(engine_up, up), limits(engine_down, down)

    def limit_engine(self, up: TokenBucket | None, down: TokenBucket | None) -> None:
        """Keep to these limits of the engine from now on, beside the torrent's own."""
        self._engine_limits = up, down
        self.limit(*self._own_limits)

    def _apply_priority(self, file: int) -> None:
        """Tell the picker how much a file is wanted.

        One that cannot be verified is not asked for yet, nor one that cannot be written.
        """
        asked_for = file not in self.downloads.unverifiable and file not in self.disk.blocked
        priority = self.priorities[file] if asked_for else Priority.SKIP
        for piece in self.layout.file_pieces(file):
            self.picker.set_priority(piece, priority)

    def _apply_blocked(self) -> None:
        """Ask no more for the files that the disk refuses, and again for those that it does not refuse any more."""
        now = set(self.disk.blocked)
        for file in now ^ self._blocked:
            self._apply_priority(file)
        if now != self._blocked:
            self._blocked = now
            self._update_interest()

    def _update_interest(self) -> None:
        for session in list(self.sessions):
            session.update_interest()

    def _look_for_the_end(self) -> None:
        """Note that all wanted files are complete, if they are."""
        if not self.disk.unfinished and not self.is_complete:
            self.context.is_complete = True
            self.context.alert(TorrentComplete(self.context.info_hash, self.downloads.received))
            self.finished.set()
            for session in list(self.sessions):
                self._close_if_useless(session)

    async def _tick(self) -> None:
        while True:
            for _ in range(OFFERS_A_TICK):
                await trio.sleep(TICK / OFFERS_A_TICK)
                self._offer_when_idle()
            now = trio.current_time()
            several = self.is_complete and len(self.sessions) > 1
            self.uploads.super_seeding.active = several and self.picker.is_only_holder
            for session in list(self.sessions):
                # While the disk refuses, nobody is read from, and silence says nothing.
                if now - session.last_received > IDLE_TIMEOUT and self.disk.problem is None:
                    session.close()
                elif now - session.last_sent > KEEP_ALIVE_AFTER:
                    session.connection.keep_alive()
                    session.wake()
            self.downloads.tick(now)
            if not self.sessions:  # thousands of torrents that nobody asks for must cost nothing
                self._has_sessions = trio.Event()
                await self._has_sessions.wait()

    def _offer_when_idle(self) -> None:
        """Offer what super-seeding held back, if the link has nothing else to do."""
        now = trio.current_time()
        if any(bucket.in_debt(now) for bucket in self.limits_up):
            return
        for key, piece in self.uploads.super_seeding.offers(now):
            session = cast("PeerSession", key)
            session.connection.suggest(piece)
            session.wake()

    # ------------------------------------------------------------------ what the disk reports

    async def _write_pieces(self) -> None:
        """Verify and write pieces, one after the other, and dispatch what comes of each."""
        while True:
            written = await self.disk.write_next()
            piece = written.piece
            self.buffers.recycle(written.data)
            match written.outcome:
                case PieceOutcome.VERIFIED:
                    self.smart_ban.piece_verified(piece, written.leaves)
                    self.downloads.piece_verified(piece)
                    self.file_monitor.unsaved = True
                    await self.disk.finish_file_of(piece)
                    self._look_for_the_end()
                case PieceOutcome.WRONG:
                    self.smart_ban.piece_failed(piece, written.leaves)
                    self.downloads.refill_all()
                case PieceOutcome.REFUSED:
                    self.picker.failed(piece)
                    self.file_monitor.look_soon()
                    self._apply_blocked()

    def _on_disk_problem(self, error: StorageError | None) -> None:
        self.file_monitor.on_problem(error)

    def _on_disk_notice(self, error: StorageError) -> None:
        self.file_monitor.on_notice(error)

    def _on_unreadable(self, error: StorageError) -> None:
        """React to a block that could not be read to be sent: its file may be lost, or too many are open."""
        if is_limit(error):
            self._on_limit()
        self.file_monitor.look_soon()

    def _on_looked(self) -> None:
        self._apply_blocked()
        self._look_for_the_end()
        self.downloads.refill_all()

    # ------------------------------------------------------------------ sessions

    def session_of(self, peer_id: bytes) -> PeerSession | None:
        """Return the session with the peer that has this id; None when there is none."""
        return next((session for session in self.sessions if session.peer_id == peer_id), None)

    def add_session(self, session: PeerSession) -> bool:
        """Take a new session and greet the peer; False when there is no room, or no use for it.

        There is no use for a second session with one peer, for one with ourselves, or for one with a banned peer.
        """
        known = {other.peer_id for other in self.sessions} | {self._engine.peer_id}
        if len(self.sessions) >= self._engine.max_peers or session.peer_id in known or self.scope.cancel_called:
            return False
        if not self.smart_ban.admit(session):
            return False
        self.sessions.add(session)
        self._has_sessions.set()
        if session.listens is not None:
            self.known_peers.connected(session.listens)
        connection = session.connection
        self.picker.peer_joined(session.has)
        if connection.negotiated.extended:
            handshake = ExtendedHandshake(
                ids=self._extensions.ids,
                client=self._engine.client,
                upload_only=self.is_complete,
                port=self.listening.port or None,
                metadata_size=None if self.manifest.private else len(self.manifest.info),
            )
            connection.send_extended(handshake.encode())
        held = self.picker.held
        connection.send_opening(held.to_wire(), held=held.held)
        session.wake()
        return True

    def session_ended(self, session: PeerSession, reason: str) -> None:
        """Forget a session; ``reason`` is what the peer did wrong, empty when nothing."""
        self.sessions.remove(session)
        self.alone_since = trio.current_time()
        if session.listens is not None:
            self.known_peers.disconnected(session.listens)
        self.downloads.session_ended(session)
        self.picker.peer_left(session.has)
        self.uploads.super_seeding.forget(session)
        if reason:
            self.context.alert(PeerDropped(self.context.info_hash, session.address, reason))
        self._choking.choose()
        self.downloads.refill_all()

    def handle(self, session: PeerSession, message: Message) -> None:
        """Dispatch one message of a peer. A plain call: nothing in it waits.

        Raises:
            RemoteProtocolError: The message is wrong; the session is to be ended.
        """
        match message:
            case Piece():
                self.downloads.on_block(session, message)
            case Request():
                pass  # the connection keeps it until it is served
            case Have(piece):
                if session.has.set(piece):
                    self.picker.peer_has(piece)
                    self.uploads.super_seeding.peer_has(session, piece, session.last_received)
                    if self.picker.wants(piece):
                        session.connection.set_interested(True)
                        session.wake()
            case BitfieldMessage(bits):
                self._set_bits(session, Bitfield.from_wire(bits, self.layout.piece_count))
            case HaveAll():
                self._set_bits(session, Bitfield.full(self.layout.piece_count))
            case Choke():
                self.downloads.choked(session)
            case Reject():
                self.downloads.rejected(session, Block._make(message))
            case Interested():
                self.uploads.grant_fast(session)
                self._choking.choose()
            case NotInterested():
                self._choking.choose()
            case Hashes():
                self._on_hashes(message)
            case HashReject():
                self.downloads.on_hash_reject(session, message)
            case Extended():
                self._extensions.received(session, message)
            case Suggest(piece):
                self.downloads.suggested(session, piece)
            case _:
                pass  # the connection has noted it

    def after_reading(self, session: PeerSession) -> None:
        """Count what came from a peer, and ask it for more."""
        self.downloads.after_reading(session)

    async def may_read(self, count: int) -> None:
        """Wait, after ``count`` bytes were read, while the disk is behind, and for the download limits."""
        await self.disk.has_room()
        if self.limits_down:
            await pass_all(self.limits_down, count)

    async def serve(self, session: PeerSession) -> None:
        """Put some of what a peer asked for into its output."""
        await self.uploads.serve(session)

    async def may_send(self, count: int) -> None:
        """Wait until the upload limits let ``count`` bytes pass."""
        if self.limits_up:
            await pass_all(self.limits_up, count)

    def sent(self) -> None:
        """Note that the link is in use, for super-seeding."""
        self.uploads.super_seeding.last_sent = trio.current_time()

    def _set_bits(self, session: PeerSession, bits: Bitfield) -> None:
        self.picker.peer_left(session.has)
        session.has = bits
        self.picker.peer_joined(bits)
        session.update_interest()
        self._close_if_useless(session)
        self.downloads.ask_for_layers(session)

    def _on_hashes(self, message: Hashes) -> None:
        self.smart_ban.hashes_received(message)
        files = self.downloads.on_hashes(message)
        if files:  # that can be verified from now on
            for file in files:
                self._apply_priority(file)
            self._update_interest()
            self.downloads.refill_all()

    def _on_extended_handshake(self, session: PeerSession, handshake: ExtendedHandshake) -> None:
        session.client, session.ids = handshake.client, handshake.ids
        session.requester.pipeline.peer_limit = handshake.queue
        if session.listens is None and handshake.port is not None:
            session.listens = (session.host, handshake.port)
            self.known_peers.connected(session.listens)

    def _on_dont_have(self, session: PeerSession, payload: bytes) -> None:
        piece = decode_dont_have(payload)
        if piece >= self.layout.piece_count:
            raise RemoteProtocolError("piece-range", f"piece {piece:,} of {self.layout.piece_count:,}")
        session.requester.conduct.has_lost(piece)
        if session.has.clear(piece):
            self.picker.peer_lost(piece)
            session.update_interest()

    def _close_if_useless(self, session: PeerSession) -> None:
        """Close a session between two seeds: they have nothing to give each other."""
        if session.has.is_full and self.picker.held.is_full:
            session.close()
