"""The client session: all that one person's window runs.

It composes transfers, jobs, the group and the settings, and makes a snapshot of them. A window reaches it through
:class:`~swarmshare.app.thread.SessionThread` only: everything here belongs to one trio thread.
"""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import platformdirs
import trio

from swarmshare.app.compose import EVERYWHERE, announcers_for, engine_config, resume_folder
from swarmshare.app.config import DEFAULT, load_settings
from swarmshare.app.facts import Fact, JobFailed, Problem, Published, Shared, ShareOptions
from swarmshare.app.group import Group
from swarmshare.app.jobs import Jobs
from swarmshare.app.ledger import Ledger
from swarmshare.app.magnets import manifest_of, peers_of
from swarmshare.app.naming import refuse_taken
from swarmshare.app.running import EVERY, MAX_TORRENTS, telling_status, transfer_fields
from swarmshare.app.settings_file import change_settings
from swarmshare.app.snapshot import ClientSnapshot
from swarmshare.app.transfers import Transfers
from swarmshare.engine.unwrap import lone_exception
from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.manifest.magnet import magnet_of, parse_magnet
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import PieceVerified
from swarmshare.storage.files import read_small, write_atomic
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.saved_transfers import SavedTransfer, open_saved_transfers
from swarmshare.storage.too_deep import refuse_too_deep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from pathlib import Path

    from swarmshare.app.config import Configuration, Settings
    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.saved_transfers import SavedTransfers

__all__ = ["ClientSession", "Fact", "JobFailed", "Problem", "Published", "ShareOptions", "Shared", "open_session"]

LOOK: Final = 0.1
"""Seconds between looks at what the engine tells."""
LOOK_AT_CLOCK: Final = 5.0
"""Seconds between looks at the time of the day."""


class ClientSession:
    """Composes the parts, and has only those commands that need several of them.

    Every command raises :class:`~swarmshare.errors.SwarmShareError` for what cannot be done.

    Attributes:
        transfers: Pauses, resumes, removes, checks and limits what is downloaded and shared.
        group: Signs in and out, invites, withdraws, starts and stops a tracker on this machine.
        jobs: Shares files and folders.
    """

    def __init__(
        self,
        store: SavedTransfers,
        resume: Path,
        nursery: trio.Nursery,
        tell: Callable[[Fact], None],
        clock: Callable[[], time.struct_time],
    ) -> None:
        self._tell, self._clock = tell, clock
        self._configuration = load_settings()
        self._downloads = platformdirs.user_downloads_path()
        self._nursery = nursery
        self._looked_at: str | None = None
        self._resume = resume
        self.transfers = Transfers(Ledger(store, resume), self._announcers)
        self.group = Group(nursery, tell, lambda: self._settings.tracker, self.transfers.announce_anew)
        self.jobs = Jobs(nursery, self.transfers, resume, tell, self.group.require_sign_in)
        self._limits: tuple[float | None, float | None] = (None, None)

    async def start(self) -> None:
        """Load the saved transfers, sign in as before, and start the engine."""
        for error in await self.transfers.load():
            self._tell(Problem(error.advice))
        self.group.start()
        await self._nursery.start(self.transfers.run, self._engine_config)
        self._nursery.start_soon(self._pass_on_alerts)
        self._nursery.start_soon(self._watch_the_clock)
        self._nursery.start_soon(self._tell_status)

    def _engine_config(self) -> EngineConfig:
        up, down = self._limits = self._limits_now()
        config = engine_config(self._configuration, self._resume, for_network=True)
        return replace(config, limit_up=up, limit_down=down)

    def _announcers(self, manifest: Manifest) -> tuple[Announcer, ...]:
        return announcers_for(manifest, self.group.signed_in)

    async def _pass_on_alerts(self) -> None:
        while True:
            for alert in self.transfers.alerts():
                if not isinstance(alert, PieceVerified):
                    self._tell(alert)
            await trio.sleep(LOOK)

    async def _watch_the_clock(self) -> None:
        while True:
            await trio.sleep(LOOK_AT_CLOCK)
            self._apply_limits()

    async def _tell_status(self) -> None:
        with telling_status("gui") as status:
            while True:
                sign_in = self.group.signed_in
                told = partial(
                    status.tell,
                    addresses=self.transfers.addresses,
                    tracker=sign_in.tracker if sign_in is not None else None,
                    torrents=transfer_fields(self.transfers.lines(MAX_TORRENTS)),
                    torrent_count=len(self.transfers),
                )
                await trio.to_thread.run_sync(told)  # the home may be on a disk that is away
                await trio.sleep(EVERY)

    def _limits_now(self) -> tuple[float | None, float | None]:
        now = self._clock()
        return self._settings.limits_at(60 * now.tm_hour + now.tm_min)

    def _apply_limits(self) -> None:
        if (limits := self._limits_now()) != self._limits:
            self._limits = limits
            self.transfers.limit_all(*limits)

    @property
    def _settings(self) -> Settings:
        """The settings that are in use.

        Where nobody set where to listen, a window listens on all interfaces, because peers dial us. Where nobody set
        a folder, downloads go into the system's downloads folder.
        """
        settings = self._configuration.settings
        listen = EVERYWHERE if self._configuration.sources["listen"] == DEFAULT else settings.listen
        return replace(settings, listen=listen, folder=settings.folder or self._downloads)

    def snapshot(self) -> ClientSnapshot:
        """Return everything a window shows, as of now; cheap enough for some times a second."""
        transfers, group, catalogue = self.transfers, self.group, self.group.catalogue
        return ClientSnapshot(
            addresses=transfers.addresses,
            listen_problem=transfers.listen_problem,
            transfers=transfers.lines(),
            looked_at=transfers.snapshot(self._looked_at),
            person=catalogue.person if catalogue is not None else None,
            tracker_problem=catalogue.problem if catalogue is not None else "",
            catalogue=catalogue.snapshot() if catalogue is not None else (),
            jobs=self.jobs.snapshots(),
            local_tracker=group.local_tracker,
            settings=self._settings,
            earlier_user=group.earlier_user,
        )

    # ------------------------------------------------------------------ new transfers

    async def download(self, info_hash: str, folder: Path | None = None) -> str:
        """Download an entry of the catalogue, by default into the settings' folder; return its info hash.

        Like every method that adds a transfer, it raises :class:`~swarmshare.app.naming.NameTakenError` when other
        content has its place on the disk; then :meth:`download_as` downloads it by another name.
        """
        self.transfers.refuse_known(info_hash)
        return await self._add(await self.group.manifest(info_hash), folder)

    async def download_as(self, manifest: Manifest, folder: Path, name: str) -> str:
        """Download ``manifest`` into ``folder`` by another ``name``; return its info hash, which stays the same."""
        return await self._add(manifest.renamed(name), folder)

    async def open_file(self, path: Path, folder: Path | None = None) -> str:
        """Download what the manifest at ``path`` describes; return its info hash. Raises :class:`StorageError`, too."""
        return await self.open_manifest(await trio.to_thread.run_sync(read_small, path, MAX_BYTES), folder)

    async def open_manifest(self, data: bytes, folder: Path | None = None) -> str:
        """Download what a manifest's bytes describe; return its info hash. Raises :class:`ManifestError`, too."""
        return await self._add(await trio.to_thread.run_sync(parse_manifest, data), folder)

    async def open_magnet(self, link: str, folder: Path | None = None) -> str:
        """Download what a magnet link names; return its info hash.

        The manifest comes from the catalogue when it is there, else from the link's peers (BEP 9).
        """
        magnet = parse_magnet(link)
        info_hash = str(magnet.info_hash)
        self.transfers.refuse_known(info_hash)
        catalogue = self.group.catalogue
        if catalogue is not None and info_hash in catalogue:
            manifest = await self.group.manifest(info_hash)
        else:
            manifest = await manifest_of(magnet)
        return await self._add(manifest, folder, peers_of(magnet))

    async def _add(self, manifest: Manifest, folder: Path | None, peers: tuple[Address, ...] = ()) -> str:
        info_hash = str(manifest.info_hash)
        self.transfers.refuse_known(info_hash)
        folder = (folder or self._settings.folder or self._downloads).absolute()
        await trio.to_thread.run_sync(refuse_too_deep, manifest, folder)
        await trio.to_thread.run_sync(refuse_taken, manifest, folder, self.transfers.all())
        saved = SavedTransfer(manifest=manifest, folder=folder, added_at=int(time.time()), peers=peers)
        await self.transfers.add(saved)
        return info_hash

    async def manifest(self, info_hash: str) -> Manifest:
        """Return the manifest of a transfer, or else of an entry of the catalogue."""
        return self.transfers.manifest(info_hash) or await self.group.manifest(info_hash)

    async def save_manifest(self, info_hash: str, path: Path) -> None:
        """Write the manifest of a transfer or entry to ``path``, whole or not at all."""
        manifest = await self.manifest(info_hash)
        await trio.to_thread.run_sync(write_atomic, path, manifest.encode())

    async def magnets(self, info_hashes: Collection[str]) -> list[str]:
        """Return a magnet link for each of these transfers or entries; no passkey is in them."""
        return [magnet_of(await self.manifest(info_hash)) for info_hash in info_hashes]

    async def look_at(self, info_hash: str | None) -> None:
        """Have all of one transfer in the snapshots to come, as ``looked_at``; None: of no transfer."""
        self._looked_at = info_hash

    # ------------------------------------------------------------------ settings

    async def change_settings(self, changes: Mapping[str, object]) -> None:
        """Change settings, write them to the settings file, and apply them at once.

        Args:
            changes: By the names and in the values of :class:`~swarmshare.app.config.Settings`; None: the default.
        """
        # Limits are told to the running engine; addresses and the number of peers need another engine.
        before = _of_engine(self._configuration)
        self._configuration = await trio.to_thread.run_sync(change_settings, changes)
        self._apply_limits()
        if _of_engine(self._configuration) != before or self.transfers.listen_problem:
            await self.transfers.reopen()


def _of_engine(configuration: Configuration) -> tuple[object, ...]:
    """Return the settings that an engine takes only when it is opened."""
    settings = configuration.settings
    return settings.listen, configuration.sources["listen"] == DEFAULT, settings.max_peers


@asynccontextmanager
async def open_session(
    tell: Callable[[Fact], None], clock: Callable[[], time.struct_time] = time.localtime
) -> AsyncIterator[ClientSession]:
    """Open the client session of this machine's home folder; leaving saves everything, within two seconds.

    Args:
        tell: Is told of each fact, on the session's thread.
        clock: Returns the local time of the day, for the quiet hours.

    Raises:
        StorageError: The home folder cannot be used, or another window runs there.
        SettingsError: The settings file or the environment has a value that cannot be.
    """
    with open_saved_transfers(swarmshare_home() / "transfers") as store, lone_exception():
        async with trio.open_nursery() as nursery:
            session = ClientSession(store, resume_folder(), nursery, tell, clock)
            try:
                await session.start()
                yield session
            finally:
                nursery.cancel_scope.cancel()
