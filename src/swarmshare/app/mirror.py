"""A running mirror: it follows a tracker's catalogue, and holds and serves the newest that its quota has room for.

Before anything is deleted, the mirror leaves its swarm, and then asks the tracker who else holds everything. Of two
mirrors that do so at once, the later one to ask does not find the other any more, and stays: so one of them keeps it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, TypeAlias, TypeVar

import trio

from swarmshare.app.mirror_plan import Me, Plan, holders_elsewhere, is_me, make_plan
from swarmshare.engine.config import TorrentConfig
from swarmshare.errors import ManifestError, StorageError, TrackerError
from swarmshare.manifest.names import matches
from swarmshare.manifest.parse import parse_manifest
from swarmshare.swarm.debounce import Debounce
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from swarmshare.app.mirror_store import MirrorStore
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.engine import Engine
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.tracker_client.api import Entry, Swarm

POLL: Final = 5.0
"""Seconds between looks at the catalogue."""
TICK: Final = 1.0
"""Seconds between looks at whether a download has finished and left its place to the next."""
MAX_DOWNLOADS: Final = 16
"""Entries that are downloaded at the same time; one that gets nothing for as long as between two looks counts not."""
_LEAVING: Final = 20
"""Looks at a swarm, half a second apart, until the tracker must have noticed that we left."""

_Result = TypeVar("_Result")


class Tracker(Protocol):
    """What is asked of a tracker: see :class:`~swarmshare.tracker_client.api.TrackerApi`."""

    def entries(self) -> Iterator[Entry]:
        """Return the entries of the tracker's catalogue."""

    def torrent(self, info_hash: str) -> bytes:
        """Return the manifest of an entry."""

    def swarm(self, info_hash: str) -> Swarm:
        """Who takes part in sharing it."""


class Sharing(NamedTuple):
    """An entry is shared from now on."""

    manifest: Manifest
    new: bool
    """Whether it was fetched from the catalogue just now; else it was here."""


class Deleted(NamedTuple):
    """Something was deleted to make room."""

    manifest: Manifest
    holder: str
    """Who else holds everything of it."""


class Problem(NamedTuple):
    """What the tracker or the disk refuses; empty: all is well again. It is tried again."""

    message: str


News: TypeAlias = Sharing | Deleted | Problem


class Status(NamedTuple):
    """What a mirror holds and does, in figures."""

    entries: int
    complete: int
    bytes_held: int
    """As the quota counts: all of an entry, from the moment that its download begins."""
    rate_down: float
    """Bytes a second, of the last seconds."""
    rate_up: float


@dataclass
class _Held:
    """An entry that is here, at least in part."""

    manifest: Manifest
    torrent: Torrent
    downloaded: int = -1
    """Bytes that had come when we last looked."""
    busy: bool = True
    """Whether it takes a place among the downloads."""


class Mirror:
    """All that one mirror holds."""

    def __init__(
        self,
        engine: Engine,
        tracker: Tracker,
        store: MirrorStore,
        *,
        user: str,
        announcers: Callable[[Manifest], tuple[Announcer, ...]],
        quota: float,
        match: Sequence[str],
        tell: Callable[[News], None],
        poll: float = POLL,
    ) -> None:
        """``user`` is who we are at ``tracker``, ``quota`` is in bytes, and an empty ``match`` is for everything."""
        self._engine = engine
        self._tracker = tracker
        self._store = store
        self._announcers = announcers
        self._quota = quota
        self._match = match
        self._tell = tell
        self._poll = poll
        ports = frozenset(int(address.rpartition(":")[2]) for address in engine.addresses)
        self._me = Me(user, ports, frozenset())
        self._held: dict[str, _Held] = {}
        self._refused: set[str] = set()
        """Entries whose manifests cannot be used."""
        self._waiting = False
        """Whether there is more to download as soon as a place is free."""
        self._debounce = Debounce()
        self._one_at_a_time = trio.CapacityLimiter(1)

    async def run(self) -> None:
        """Serve what is here and follow the catalogue, until cancelled.

        Raises :class:`StorageError` when it cannot be told what is here.
        """
        for manifest in await trio.to_thread.run_sync(self._store.manifests):
            self._share(manifest)
        while True:
            try:
                await self._follow()
            except (TrackerError, StorageError, ManifestError) as error:
                if self._debounce.failed(error.advice):
                    self._tell(Problem(error.advice))
            else:
                if self._debounce.worked(trio.current_time()):
                    self._tell(Problem(""))
            await self._pause()

    def status(self) -> Status:
        """Return the figures as of now."""
        now = trio.current_time()
        torrents = [held.torrent for held in self._held.values()]
        return Status(
            entries=len(torrents),
            complete=sum(torrent.is_complete for torrent in torrents),
            bytes_held=self._bytes_held(),
            rate_down=sum(torrent.downloads.meter.rate(now) for torrent in torrents),
            rate_up=sum(torrent.uploads.meter.rate(now) for torrent in torrents),
        )

    def _bytes_held(self) -> int:
        return sum(held.manifest.total_length for held in self._held.values())

    def _share(self, manifest: Manifest, *, new: bool = False) -> None:
        self._tell(Sharing(manifest, new))
        config = TorrentConfig(folder=self._store.folder_of(manifest), announcers=self._announcers(manifest))
        self._held[str(manifest.info_hash)] = _Held(manifest, self._engine.add(manifest, config))

    async def _ask(self, question: Callable[[], _Result]) -> _Result:
        return await trio.to_thread.run_sync(question, abandon_on_cancel=True, limiter=self._one_at_a_time)

    # ------------------------------------------------------------------ following

    async def _follow(self) -> None:
        """One look at the catalogue, and what follows from it."""
        catalogue = await self._ask(lambda: list(self._tracker.entries()))
        self._refused &= {entry.info_hash for entry in catalogue}
        self._note_progress()
        plan = await self._plan(catalogue)
        to_drop = deque(plan.drop)
        await self._make_room(0, to_drop)
        self._waiting = False
        bad: ManifestError | None = None
        for entry in plan.fetch:
            if sum(held.busy for held in self._held.values()) >= MAX_DOWNLOADS:
                self._waiting = True
                break
            if not await self._make_room(entry.total_length, to_drop):
                break  # what is older must not take the room that this one waits for
            try:
                await self._fetch(entry)
            except ManifestError as error:
                self._refused.add(entry.info_hash)
                bad = error
        if bad:
            raise bad

    def _note_progress(self) -> None:
        for held in self._held.values():
            torrent = held.torrent
            held.busy = not torrent.is_complete and (
                not torrent.ready.is_set() or torrent.downloads.received > held.downloaded
            )
            held.downloaded = torrent.downloads.received

    async def _pause(self) -> None:
        """Until it is time for another look, or a place is free for what waits."""
        downloading = [held.torrent for held in self._held.values() if held.busy]
        end = trio.current_time() + self._poll
        while trio.current_time() < end:
            await trio.sleep(min(TICK, self._poll))
            if self._waiting and any(torrent.is_complete for torrent in downloading):
                return

    async def _plan(self, catalogue: list[Entry]) -> Plan:
        """Return what to fetch, and what may go to make room for it, by what the tracker says of these swarms."""
        lengths = {info_hash: held.manifest.total_length for info_hash, held in self._held.items()}
        # Without a seed beside us, the swarm need not be looked at.
        keep = {
            entry.info_hash
            for entry in catalogue
            if (held := self._held.get(entry.info_hash)) is not None and entry.seeds <= held.torrent.is_complete
        }
        asked: set[str] = set()
        while True:
            plan = make_plan(catalogue, lengths, self._quota, wanted=self._wants, keep=keep)
            doubtful = [info_hash for info_hash in plan.drop if info_hash not in asked]
            if not doubtful:
                return plan
            for info_hash in doubtful:
                asked.add(info_hash)
                if not holders_elsewhere(await self._look(info_hash), self._me):
                    keep.add(info_hash)

    def _wants(self, entry: Entry) -> bool:
        if entry.info_hash in self._refused:
            return False
        return not self._match or matches(entry.name, self._match)

    async def _look(self, info_hash: str) -> Swarm:
        """Return the swarm of an entry; on the way we learn where the tracker sees us."""
        swarm = await self._ask(partial(self._tracker.swarm, info_hash))
        seen = self._me.addresses.union(*(one.addresses for one in swarm.members if is_me(one, self._me)))
        self._me = self._me._replace(addresses=seen)
        return swarm

    # ------------------------------------------------------------------ fetching and deleting

    async def _fetch(self, entry: Entry) -> None:
        """Begin a download. Raises :class:`ManifestError` when the tracker's manifest is not what the entry says."""
        manifest = parse_manifest(await self._ask(partial(self._tracker.torrent, entry.info_hash)))
        if str(manifest.info_hash) != entry.info_hash or manifest.total_length != entry.total_length:
            raise ManifestError(
                "not-the-entry",
                Text("mirror.not-the-entry", name=entry.name),
                hint=Text("hint.ask-organiser"),
            )
        await trio.to_thread.run_sync(self._store.add, manifest)
        self._share(manifest, new=True)

    async def _make_room(self, length: int, to_drop: deque[str]) -> bool:
        """Delete of ``to_drop`` until ``length`` bytes fit; whether they do."""
        while self._bytes_held() + length > self._quota and to_drop:
            await self._drop(to_drop.popleft())
        return self._bytes_held() + length <= self._quota

    async def _drop(self, info_hash: str) -> None:
        """Leave a swarm and, when somebody else holds everything then, delete; else go back."""
        held = self._held[info_hash]
        await self._engine.remove(held.torrent)
        try:
            holders = holders_elsewhere(await self._look_from_outside(info_hash), self._me)
            if holders:
                await trio.to_thread.run_sync(self._store.delete, held.manifest)
                del self._held[info_hash]
                self._tell(Deleted(held.manifest, holders[0].user))
        finally:
            if info_hash in self._held:
                self._share(held.manifest)

    async def _look_from_outside(self, info_hash: str) -> Swarm:
        """Return a swarm without us. Raises :class:`TrackerError` while the tracker still sees us in it."""
        for _ in range(_LEAVING):
            swarm = await self._look(info_hash)
            if not any(is_me(member, self._me) for member in swarm.members):
                return swarm
            await trio.sleep(0.5)
        raise TrackerError(
            "still-there",
            Text("mirror.still-there", user=repr(self._me.user)),
            hint=Text("hint.other-mirror"),
        )
