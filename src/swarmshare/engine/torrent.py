"""One torrent at work: its life, its connections, and what comes over these.

All of it runs on one trio thread, so plain calls need no locks; only files are touched from worker threads, one call
for each piece. Its parts share its state: :mod:`~swarmshare.engine.downloads` asks and receives,
:mod:`~swarmshare.engine.uploads` serves, :mod:`~swarmshare.engine.file_monitor` looks after the files. The way of a
block is told in docs/DESIGN.md.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, cast

import trio

from swarmshare.engine.choking import Choking
from swarmshare.engine.dialer import DialLog
from swarmshare.engine.disk import TorrentDisk
from swarmshare.engine.downloads import Downloads
from swarmshare.engine.file_monitor import FileMonitor
from swarmshare.engine.known_peers import KnownPeers
from swarmshare.engine.limits import limits
from swarmshare.engine.listening import Listening
from swarmshare.engine.uploads import Uploads
from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.layout import Block
from swarmshare.schema.alerts import Alert, PeerDropped, TorrentComplete
from swarmshare.schema.snapshot import TorrentState
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.picker import PiecePicker, Priority
from swarmshare.wire import extensions
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
from swarmshare.wire.metadata import METADATA, decode_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.announcing import TorrentView
    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.opening import OpenFiles
    from swarmshare.swarm.rates import TokenBucket

TICK: Final = 1.0
"""Seconds between looks at who is silent, snubbed or to be told that we are here."""
OFFERS_A_TICK: Final = 4
"""How often in that time an idle link is given something to do while we super-seed."""
IDLE_TIMEOUT: Final = 120.0
"""Seconds of silence after which a peer is given up (BEP 3 suggests two minutes)."""
KEEP_ALIVE_AFTER: Final = 60.0
"""Seconds without a word of ours after which we send that we are here."""


class Torrent:
    """A manifest, its files, and its swarm."""

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
        """The open files of all torrents are kept in ``opened``; ``on_limit`` is called when there may be no more.

        ``listening`` is where others reach us, None for nowhere; the limits are the engine's, None for none.
        """
        self.manifest = manifest
        self.layout = manifest.layout
        self.config = config
        self.alert = alert
        self.on_limit = on_limit
        self._whole = limit_up, limit_down
        self.limit(config.limit_up, config.limit_down)
        self.priorities = [config.priorities.get(file, Priority.NORMAL) for file in range(len(manifest.files))]
        """How much each file is wanted."""
        self.ready = trio.Event()
        """Set when the data on the disk was checked: before that we know of nothing that we hold."""
        self.finished = trio.Event()
        """Set when all that was asked for is here."""
        self.is_complete = False
        """Whether we have all that was asked for."""
        self.scope = trio.CancelScope()
        """All that is done for it."""
        self.gone = trio.Event()
        """Set when nothing is done for it any more."""
        self.sessions: set[PeerSession] = set()
        self.ports: list[TorrentView] = []
        """How announcers see it."""
        self.picker = PiecePicker(self.layout, random.Random())
        self.picker.sequential = config.sequential
        self.known_peers = KnownPeers(self.picker, self.layout.piece_count)
        self.file_monitor = FileMonitor(self)
        self.disk = TorrentDisk(
            manifest, config, engine.resume_folder, opened, self.file_monitor.on_problem, self.file_monitor.on_notice
        )
        self.uploads = Uploads(manifest, self.disk.storage, self.picker)
        self.downloads = Downloads(self)
        self._choking = Choking(self.sessions, engine.upload_slots, random.Random())
        self._blocked: set[int] = set()
        """The files that are not asked for because the disk refuses them."""
        self._company = trio.Event()
        """Set when there is a connection."""
        self._engine = engine
        self.listening = listening or Listening()
        self.dial_log = DialLog()
        self.alone_since = trio.current_time()
        """When the last connection ended, or when it was ready to have one."""

    # ------------------------------------------------------------------ life

    @property
    def state(self) -> TorrentState:
        """What it is doing."""
        if self.disk.problem is not None:
            return TorrentState.WAITING
        if not self.ready.is_set():
            return TorrentState.CHECKING
        return TorrentState.SEEDING if self.is_complete else TorrentState.DOWNLOADING

    async def run(self) -> None:
        """Check what is there, then share, until cancelled; then save what we know and close the files."""
        try:
            await self.file_monitor.start()
            for file in range(len(self.priorities)):
                self.apply_priority(file)
            self.alone_since = trio.current_time()
            self.ready.set()
            self.look_for_the_end()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.file_monitor.run)
                nursery.start_soon(self.downloads.run)
                nursery.start_soon(self._choking.run)
                nursery.start_soon(self._tick)
        finally:
            for session in list(self.sessions):
                session.close()
            await self.file_monitor.save_and_close()

    def apply_priority(self, file: int) -> None:
        """Let the picker know how much a file is wanted.

        One that could not be verified is not asked for yet, nor one that could not be written.
        """
        asked_for = file not in self.downloads.unverifiable and file not in self.disk.blocked
        priority = self.priorities[file] if asked_for else Priority.SKIP
        for piece in self.layout.file_pieces(file):
            self.picker.set_priority(piece, priority)

    def apply_blocked(self) -> None:
        """Other files than before may be refused by the disk."""
        now = set(self.disk.blocked)
        for file in now ^ self._blocked:
            self.apply_priority(file)
        if now != self._blocked:
            self._blocked = now
            for session in list(self.sessions):
                self.update_interest(session)

    def want(self, file: int, priority: Priority) -> None:
        """Want a file more or less from now on."""
        self.priorities[file] = priority
        self.disk.want(file, wanted=priority is not Priority.SKIP)
        if not self.ready.is_set():
            return  # the start will see to it
        self.apply_priority(file)
        for session in list(self.sessions):
            self.update_interest(session)
        if self.disk.unfinished:
            self.not_complete()
        self.file_monitor.look_soon()  # it makes room for the file, or finds that nothing is missing any more

    def limit(self, up: float | None, down: float | None) -> None:
        """Give at most ``up`` and take at most ``down`` bytes a second from now on, beside the engine's limits."""
        self._own = up, down
        whole_up, whole_down = self._whole
        self.limits_up, self.limits_down = limits(whole_up, up), limits(whole_down, down)

    def limit_whole(self, up: TokenBucket | None, down: TokenBucket | None) -> None:
        """The engine's limits are others from now on."""
        self._whole = up, down
        self.limit(*self._own)

    def look_for_the_end(self) -> None:
        """See whether all that was asked for is here."""
        if not self.disk.unfinished and not self.is_complete:
            self.is_complete = self._choking.seeding = True
            self.alert(TorrentComplete(self.manifest.info_hash.full, self.downloads.received))
            self.finished.set()
            for session in list(self.sessions):
                self._close_if_useless(session)

    def not_complete(self) -> None:
        """Something is missing again."""
        self.is_complete = self._choking.seeding = False

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
                self._company = trio.Event()
                await self._company.wait()

    def _offer_when_idle(self) -> None:
        """Offer what super-seeding held back, if the link has nothing else to do."""
        now = trio.current_time()
        if any(bucket.in_debt(now) for bucket in self.limits_up):
            return
        for key, piece in self.uploads.super_seeding.offers(now):
            session = cast("PeerSession", key)
            session.connection.suggest(piece)
            session.wake()

    # ------------------------------------------------------------------ sessions

    def session_of(self, peer_id: bytes) -> PeerSession | None:
        """The connection to who has this id, if there is one."""
        return next((session for session in self.sessions if session.peer_id == peer_id), None)

    def add_session(self, session: PeerSession) -> bool:
        """Take a new connection, unless there is no room or one to the same peer already; says whether it was."""
        known = {other.peer_id for other in self.sessions} | {self._engine.peer_id}
        if len(self.sessions) >= self._engine.max_peers or session.peer_id in known or self.scope.cancel_called:
            return False
        if not self.downloads.blame.banned.isdisjoint(session.marks):
            return False
        self.downloads.blame.recognise(session)
        self.sessions.add(session)
        self._company.set()
        if session.listens is not None:
            self.known_peers.connected(session.listens)
        connection = session.connection
        self.picker.peer_joined(session.has)
        if connection.negotiated.extended:
            handshake = extensions.ExtendedHandshake(
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
        """Forget a connection; what it owed us is free for others."""
        self.sessions.remove(session)
        self.alone_since = trio.current_time()
        if session.listens is not None:
            self.known_peers.disconnected(session.listens)
        self.downloads.session_ended(session)
        self.picker.peer_left(session.has)
        self.uploads.super_seeding.forget(session)
        if reason:
            self.alert(PeerDropped(self.manifest.info_hash.full, session.address, reason))
        self._choking.choose()
        self.downloads.refill_all()

    def handle(self, session: PeerSession, message: Message) -> None:
        """One message of a peer. A plain call: nothing in it waits."""
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
                self.downloads.on_hashes(message)
            case HashReject():
                self.downloads.on_hash_reject(session, message)
            case Extended():
                self._on_extended(session, message)
            case Suggest(piece):
                self.downloads.suggested(session, piece)
            case _:
                pass  # the connection has noted it

    def _set_bits(self, session: PeerSession, bits: Bitfield) -> None:
        self.picker.peer_left(session.has)
        session.has = bits
        self.picker.peer_joined(bits)
        self.update_interest(session)
        self._close_if_useless(session)
        self.downloads.ask_for_layers(session)

    def _on_extended(self, session: PeerSession, message: Extended) -> None:
        if message.ext_id == extensions.HANDSHAKE_ID:
            handshake = extensions.decode_extended_handshake(message.payload)
            if handshake is not None:
                session.client, session.ids = handshake.client, handshake.ids
                session.requester.pipeline.peer_limit = handshake.queue
                if session.listens is None and handshake.port is not None:
                    session.listens = (session.host, handshake.port)
                    self.known_peers.connected(session.listens)
        elif message.ext_id == extensions.OUR_IDS[METADATA]:
            self.uploads.answer_metadata(session, decode_metadata(message.payload))
        elif message.ext_id == extensions.OUR_IDS[extensions.DONT_HAVE]:
            piece = extensions.decode_dont_have(message.payload)
            if piece >= self.layout.piece_count:
                raise RemoteProtocolError("piece-range", f"piece {piece:,} of {self.layout.piece_count:,}")
            self.peer_lost(session, piece)

    def peer_lost(self, session: PeerSession, piece: int) -> None:
        """A peer has ``piece`` no more, or will not give it."""
        session.requester.conduct.has_lost(piece)
        if session.has.clear(piece):
            self.picker.peer_lost(piece)
            self.update_interest(session)

    def update_interest(self, session: PeerSession) -> None:
        """Tell a peer whether it has something that we want."""
        session.connection.set_interested(self.picker.is_interesting(session.has))
        session.wake()

    def _close_if_useless(self, session: PeerSession) -> None:
        """Two seeds have nothing to give each other."""
        if session.has.is_full and self.picker.held.is_full:
            session.close()
