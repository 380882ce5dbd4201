"""What one person has at work: transfers, things being shared, one tracker's catalogue, perhaps a tracker of one's own.

A window asks for pictures of it and makes wishes, through :class:`~swarmshare.app.thread.SessionThread`.
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
from swarmshare.app.magnets import manifest_of, peers_of, shareable_magnet
from swarmshare.app.naming import refuse_taken
from swarmshare.app.quiet_hours import limits_at
from swarmshare.app.running import EVERY, telling_status, transfer_fields
from swarmshare.app.settings_file import change_settings
from swarmshare.app.snapshot import ClientSnapshot
from swarmshare.app.transfers import Transfers
from swarmshare.engine.unwrap import lone_exception
from swarmshare.manifest.magnet import parse_magnet
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import PieceVerified
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.saved_transfers import SavedTransfer, open_saved_transfers
from swarmshare.storage.too_deep import refuse_too_deep

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from pathlib import Path

    from swarmshare.app.config import Configuration, Settings
    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.saved_transfers import SavedTransfers
    from swarmshare.swarm.picker import Priority

__all__ = ["ClientSession", "Fact", "JobFailed", "Problem", "Published", "ShareOptions", "Shared", "open_session"]

LOOK: Final = 0.1
"""Seconds between looks at what the engine tells."""
LOOK_AT_CLOCK: Final = 5.0
"""Seconds between looks at the time of the day."""


class ClientSession:
    """All of it. Every method raises :class:`~swarmshare.errors.SwarmShareError` for what cannot be done."""

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
        self._group = Group(tell)
        self._transfers = Transfers(Ledger(store, resume), self._announcers)
        self._resume = resume
        self._jobs = Jobs(self._transfers, resume, tell, self._group.require_sign_in)
        self._limits: tuple[float | None, float | None] = (None, None)

    async def start(self) -> None:
        """Take up what was begun before."""
        for error in await self._transfers.load():
            self._tell(Problem(error.advice))
        self._group.start(self._nursery, self._settings.tracker)
        await self._nursery.start(self._transfers.run, self._engine_config)
        self._nursery.start_soon(self._pass_on_alerts)
        self._nursery.start_soon(self._watch_the_clock)
        self._nursery.start_soon(self._tell_status)

    def _engine_config(self) -> EngineConfig:
        up, down = self._limits = self._limits_now()
        config = engine_config(self._configuration, self._resume, for_network=True)
        return replace(config, limit_up=up, limit_down=down)

    def _announcers(self, manifest: Manifest) -> tuple[Announcer, ...]:
        return announcers_for(manifest, self._group.sign_in)

    async def _pass_on_alerts(self) -> None:
        while True:
            for alert in self._transfers.alerts():
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
                sign_in = self._group.sign_in
                lines = self._transfers.lines()
                told = partial(
                    status.tell,
                    addresses=self._transfers.addresses,
                    tracker=sign_in.tracker if sign_in is not None else None,
                    torrents=transfer_fields(lines),
                    torrent_count=len(lines),
                )
                await trio.to_thread.run_sync(told)  # the home may be on a disk that is away
                await trio.sleep(EVERY)

    def _limits_now(self) -> tuple[float | None, float | None]:
        now = self._clock()
        return limits_at(self._settings, 60 * now.tm_hour + now.tm_min)

    def _apply_limits(self) -> None:
        if (limits := self._limits_now()) != self._limits:
            self._limits = limits
            self._transfers.limit(*limits)

    @property
    def _settings(self) -> Settings:
        """The settings that are in use.

        Where nobody set where to listen, a window listens for the network: others look for us. Where nobody set a
        folder, downloads go into the system's own for them.
        """
        settings = self._configuration.settings
        listen = EVERYWHERE if self._configuration.sources["listen"] == DEFAULT else settings.listen
        return replace(settings, listen=listen, folder=settings.folder or self._downloads)

    def snapshot(self) -> ClientSnapshot:
        """How things stand."""
        transfers, group, catalogue = self._transfers, self._group, self._group.catalogue
        return ClientSnapshot(
            addresses=transfers.addresses,
            listen_problem=transfers.listen_problem,
            transfers=transfers.lines(),
            looked_at=transfers.snapshot(self._looked_at),
            person=catalogue.person if catalogue is not None else None,
            tracker_problem=catalogue.problem if catalogue is not None else "",
            catalogue=catalogue.snapshot() if catalogue is not None else (),
            jobs=self._jobs.snapshots(),
            local_tracker=group.local_tracker,
            settings=self._settings,
        )

    # Signing in.

    async def sign_in(self, tracker: str, user: str, password: str) -> None:
        """Sign in at a tracker, and follow its catalogue from now on. Remembered until :meth:`sign_out`."""
        await self._group.sign_in_at(tracker, user, password)
        await self._transfers.announce_anew()

    async def register(
        self, tracker: str, user: str, password: str, *, invitation: str | None = None, setup_token: str | None = None
    ) -> None:
        """Make an account, and sign in."""
        await self._group.register(tracker, user, password, invitation=invitation, setup_token=setup_token)
        await self._transfers.announce_anew()

    async def sign_out(self) -> None:
        """Forget the sign-in; what is shared goes on without the tracker."""
        try:
            await self._group.sign_out()
        finally:
            await self._transfers.announce_anew()

    async def known_trackers(self) -> list[str]:
        """Trackers that may be meant: the settings', those signed in at before, one that answers on this machine."""
        return await self._group.known_trackers(self._settings.tracker)

    async def start_tracker(self) -> None:
        """Start a tracker on this machine, and with each window to come if that works; the picture says how it is."""
        await self._group.start_own()

    async def stop_tracker(self) -> None:
        """Stop it, or what is left of it, and do not start it with the next window."""
        await self._group.stop_own()

    async def invite(self) -> str:
        """An invitation for one other person, to give to them."""
        return await self._group.invite()

    # Sharing and downloading.

    async def share(self, options: ShareOptions) -> int:
        """Begin to hash and then share; the number of the job. What is known to fail before that is raised."""
        return await self._jobs.begin(options, self._nursery)

    async def cancel_job(self, number: int) -> None:
        """Give a job up."""
        self._jobs.cancel(number)

    async def download(self, info_hash: str, folder: Path | None = None) -> str:
        """Download an entry of the catalogue, by default into the folder of the settings; its info hash.

        Like all that begins a download, it raises :class:`~swarmshare.app.naming.NameTakenError` when something else
        has its place: then :meth:`download_as`.
        """
        self._transfers.refuse_known(info_hash)
        return await self._begin(await self._group.manifest(info_hash), folder)

    async def download_as(self, manifest: Manifest, folder: Path, name: str) -> str:
        """Download what could not be begun in ``folder``, by another name; its info hash."""
        return await self._begin(manifest.renamed(name), folder)

    async def open_manifest(self, data: bytes, folder: Path | None = None) -> str:
        """Download what a manifest describes; its info hash."""
        return await self._begin(await trio.to_thread.run_sync(parse_manifest, data), folder)

    async def open_magnet(self, link: str, folder: Path | None = None) -> str:
        """Download what a magnet link names; its info hash."""
        magnet = parse_magnet(link)
        info_hash = str(magnet.info_hash)
        self._transfers.refuse_known(info_hash)
        catalogue = self._group.catalogue
        if catalogue is not None and info_hash in catalogue:
            manifest = await self._group.manifest(info_hash)
        else:
            manifest = await manifest_of(magnet)
        return await self._begin(manifest, folder, peers_of(magnet))

    async def _begin(self, manifest: Manifest, folder: Path | None, peers: tuple[Address, ...] = ()) -> str:
        info_hash = str(manifest.info_hash)
        self._transfers.refuse_known(info_hash)
        folder = (folder or self._settings.folder or self._downloads).absolute()
        await trio.to_thread.run_sync(refuse_too_deep, manifest, folder)
        await trio.to_thread.run_sync(refuse_taken, manifest, folder, self._transfers.all())
        saved = SavedTransfer(manifest=manifest, folder=folder, added_at=int(time.time()), peers=peers)
        await self._transfers.add(saved)
        return info_hash

    async def withdraw(self, info_hash: str) -> None:
        """Take one's own entry out of the catalogue; it is shared on with those who have it."""
        await self._group.withdraw(info_hash)

    async def manifest(self, info_hash: str) -> bytes:
        """The manifest of a transfer, or of an entry of the catalogue, to be saved."""
        return (await self._manifest(info_hash)).encode()

    async def _manifest(self, info_hash: str) -> Manifest:
        return self._transfers.manifest(info_hash) or await self._group.manifest(info_hash)

    async def magnets(self, info_hashes: Collection[str]) -> list[str]:
        """A link for each of these transfers or entries, to be given to others: no passkey is in them."""
        return [shareable_magnet(await self._manifest(info_hash)) for info_hash in info_hashes]

    async def announce_url(self) -> str:
        """Where one's other BitTorrent clients announce; a secret, because one's passkey is in it."""
        return await self._group.announce_url()

    # Transfers. Info hashes that are not there are passed over.

    async def look_at(self, info_hash: str | None) -> None:
        """Show all of one transfer in the pictures to come."""
        self._looked_at = info_hash

    async def pause(self, info_hashes: Collection[str]) -> None:
        """Stop, until :meth:`resume`."""
        await self._transfers.pause(info_hashes)

    async def resume(self, info_hashes: Collection[str]) -> None:
        """Go on."""
        await self._transfers.resume(info_hashes)

    async def remove(self, info_hashes: Collection[str], *, delete_data: bool = False) -> None:
        """Forget transfers, and with ``delete_data`` delete their files, nothing else."""
        await self._transfers.remove(info_hashes, delete_data=delete_data)

    async def recheck(self, info_hashes: Collection[str]) -> None:
        """Verify all that is on the disk."""
        await self._transfers.recheck(info_hashes)

    async def want(self, info_hash: str, files: Mapping[int, Priority]) -> None:
        """Want files more or less, by their number in the manifest."""
        await self._transfers.want(info_hash, files)

    async def limit(self, info_hashes: Collection[str], up: float | None, down: float | None) -> None:
        """Bytes a second for each of the transfers; None: only the limits of all together."""
        await self._transfers.limit_each(info_hashes, up, down)

    async def sequential(self, info_hashes: Collection[str], wanted: bool) -> None:
        """Fetch pieces in their order, or the rarest first."""
        await self._transfers.sequential(info_hashes, wanted)

    # Settings.

    async def change_settings(self, changes: Mapping[str, object]) -> None:
        """Change settings by the names and in the values of :class:`~swarmshare.app.config.Settings`, and write them.

        Limits count at once; another port is listened on at once.
        """
        before = _of_engine(self._configuration)
        self._configuration = await trio.to_thread.run_sync(change_settings, changes)
        self._apply_limits()
        if _of_engine(self._configuration) != before or self._transfers.listen_problem:
            await self._transfers.reopen()


def _of_engine(configuration: Configuration) -> tuple[object, ...]:
    """What an engine is opened with, and cannot be told later."""
    settings = configuration.settings
    return settings.listen, configuration.sources["listen"] == DEFAULT, settings.max_peers


@asynccontextmanager
async def open_session(
    tell: Callable[[Fact], None], clock: Callable[[], time.struct_time] = time.localtime
) -> AsyncIterator[ClientSession]:
    """A desk, with all that was begun before. ``tell`` hears what happens. Leaving saves all; two seconds must do.

    ``clock`` tells the time of the day, for the quiet hours. Raises :class:`StorageError` when the home folder cannot
    be used, or another window is at work there, and :class:`~swarmshare.app.config.SettingsError`.
    """
    with open_saved_transfers(swarmshare_home() / "transfers") as store, lone_exception():
        async with trio.open_nursery() as nursery:
            session = ClientSession(store, resume_folder(), nursery, tell, clock)
            try:
                await session.start()
                yield session
            finally:
                nursery.cancel_scope.cancel()
