"""One running torrent: its life, what is wanted of it, and the dispatch of what its parts report.

All of it runs on one trio thread, so plain calls need no locks; only files are touched from worker threads, a call
for many pieces, and one for many names. The parts share a :class:`~swarmshare.engine.context.TorrentContext`:

- :mod:`~swarmshare.engine.peers` takes sessions, and dispatches what peers say to the next three;
- :mod:`~swarmshare.engine.downloads` asks for blocks and receives them;
- :mod:`~swarmshare.engine.uploads` serves blocks, as :mod:`~swarmshare.engine.choking` decides;
- :mod:`~swarmshare.engine.smart_ban` deals with wrong data;
- :mod:`~swarmshare.engine.disk` verifies and writes pieces;
- :mod:`~swarmshare.engine.file_monitor` checks files that others have touched.

The way of a block through them is told in docs/DESIGN.md. A torrent is in one of four states:

===============  ============================================  =======================================================
state            while                                         next
===============  ============================================  =======================================================
``CHECKING``     the data on the disk is not checked yet       ``DOWNLOADING`` or ``SEEDING``, when it is
``DOWNLOADING``  a wanted file is not complete                 ``SEEDING``, when the last one has its final name
``SEEDING``      all wanted files are complete                 ``DOWNLOADING``, when a piece is lost or more is wanted
``WAITING``      the disk refuses something (hides the above)  the state that it hid, when the disk takes it again
===============  ============================================  =======================================================
"""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.pieces import Priority
from swarmshare.engine.choking import Choking
from swarmshare.engine.context import TorrentContext
from swarmshare.engine.dialer import Dialer
from swarmshare.engine.disk import PieceOutcome, TorrentDisk
from swarmshare.engine.downloads import Downloads
from swarmshare.engine.file_monitor import FileMonitor
from swarmshare.engine.limits import TorrentLimits
from swarmshare.engine.listening import Listening
from swarmshare.engine.peers import Peers
from swarmshare.engine.smart_ban import SmartBan
from swarmshare.engine.tls import MembersOnly
from swarmshare.engine.uploads import Uploads
from swarmshare.schema.alerts import Alert, TorrentComplete
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.opening import is_limit
from swarmshare.swarm.picker import PiecePicker

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.block_source import BlockSource
    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.disk import WrittenPiece
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


_log: Final = logging.getLogger(__name__)


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
        self.members_only: MembersOnly | None = None
        """What its connections must prove; None: nothing, or, of an SSL torrent, nobody can connect."""
        if manifest.ssl_cert is not None and config.membership is not None:
            self.members_only = MembersOnly(config.membership, manifest.torrent_name)
        self._on_limit = on_limit
        self.limits = TorrentLimits(limit_up, limit_down)
        self.limits.set_own(config.limit_up, config.limit_down)
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
        rng = random.Random()  # one for all parts: each would cost as much as all else of a part
        self.picker: PiecePicker[BlockSource] = PiecePicker(self.layout, rng)
        self.picker.sequential = config.sequential
        self.disk = TorrentDisk(
            manifest,
            config,
            engine.resume_folder,
            opened,
            on_problem=self._on_disk_problem,
            on_notice=self._on_disk_notice,
            on_written=self._on_written,
            on_named=self._check_complete,
            on_unsaved=self._on_unsaved,
        )
        self.dialer = Dialer(config.peers, rng)
        self.context = context = TorrentContext(manifest, self.picker, self.disk, self.dialer, rng, alert)
        self.sessions = context.sessions
        self.known_peers = context.known_peers
        self.uploads = Uploads(context, self._on_unreadable)
        self.downloads = Downloads(context)
        self.smart_ban = SmartBan(context)
        self.file_monitor = FileMonitor(context, self.uploads.forget, self._on_checked)
        self._choking = Choking(context, engine.upload_slots, self.limits, rng)
        self.listening = listening or Listening()
        self.peers = Peers(
            context,
            engine,
            uploads=self.uploads,
            downloads=self.downloads,
            smart_ban=self.smart_ban,
            choking=self._choking,
            limits=self.limits,
            listening=self.listening,
            on_verifiable=self._on_verifiable,
        )
        self._blocked: set[int] = set()
        """The files that are not asked for because the disk refuses them."""

    # ------------------------------------------------------------------ life

    @property
    def state(self) -> TorrentState:
        """What the torrent is doing; see the table in this module's docstring."""
        if self.disk.problem is not None:
            return TorrentState.WAITING
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
            self.peers.alone_since = trio.current_time()
            self.ready.set()
            _log.info("%s: checked, %d pieces held", self.manifest.info_hash, self.picker.held.held)
            self._check_complete()
            async with trio.open_nursery() as nursery:
                self.disk.start_in(nursery)
                self.file_monitor.start_in(nursery)
                nursery.start_soon(self._attend)
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
        self.file_monitor.check_soon()  # it makes room for the file, or finds that nothing is missing any more

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

    def _check_complete(self) -> None:
        """Note that all wanted files are complete, if they are."""
        if not self.disk.unfinished and not self.is_complete:
            self.context.is_complete = True
            _log.info("%s: complete, %d bytes received", self.manifest.info_hash, self.downloads.received)
            self.context.alert(TorrentComplete(self.context.info_hash, self.downloads.received))
            self.finished.set()
            for session in list(self.sessions):
                self.peers.close_if_useless(session)

    async def _attend(self) -> None:
        """Look after the sessions; thousands of torrents that nobody asks for must cost nothing."""
        while True:
            if not self.sessions:
                self.downloads.buffers.drop_spare()
                await self.peers.wait_for_one()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._choking.run)
                await self._tick()
                nursery.cancel_scope.cancel()

    async def _tick(self) -> None:
        """Look every second which sessions are silent, snubbed or due for a keep-alive, until there are none."""
        while self.sessions:
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

    def _offer_when_idle(self) -> None:
        """Offer what super-seeding held back, if the link has nothing else to do."""
        now = trio.current_time()
        if any(bucket.in_debt(now) for bucket in self.limits.up):
            return
        for session, piece in self.uploads.super_seeding.offers(now):
            session.connection.suggest(piece)
            session.wake()

    # ------------------------------------------------------------------ what the disk reports

    def _on_written(self, written: WrittenPiece) -> None:
        """Dispatch what came of a piece."""
        self.downloads.buffers.recycle(written.data)
        piece = written.piece
        match written.outcome:
            case PieceOutcome.VERIFIED:
                self.disk.count([piece])
                self.smart_ban.piece_verified(piece, written.leaves)
                self.downloads.piece_verified(piece)
                self.disk.finish_file_of(piece)
            case PieceOutcome.WRONG:
                self.smart_ban.piece_failed(piece, written.leaves)
                self.downloads.refill_all()
            case PieceOutcome.REFUSED:
                self.picker.failed(piece)
                self.file_monitor.check_soon()
                self._apply_blocked()

    def _on_disk_problem(self, error: StorageError | None) -> None:
        self.file_monitor.on_problem(error)

    def _on_disk_notice(self, error: StorageError) -> None:
        self.file_monitor.on_notice(error)

    def _on_unsaved(self) -> None:
        self.file_monitor.save_soon()

    def _on_unreadable(self, error: StorageError) -> None:
        """React to a block that could not be read to be sent: its file may be lost, or too many are open."""
        if is_limit(error):
            self._on_limit()
        self.file_monitor.check_soon()

    def _on_verifiable(self, files: list[int]) -> None:
        """Ask for files whose piece layers have come."""
        for file in files:
            self._apply_priority(file)
        self._update_interest()
        self.downloads.refill_all()

    def _on_checked(self) -> None:
        self._apply_blocked()
        self._check_complete()
        self.downloads.refill_all()
