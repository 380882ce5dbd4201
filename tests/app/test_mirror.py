"""A running mirror, with real engines and disks, and a tracker inside this process that is as quick as a test needs."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
import trio
from engine.swarm import until
from waiting import TIMEOUT

from swarmshare.app.mirror import Deleted, Mirror, News, Problem, Sharing
from swarmshare.app.mirror_store import STATE, MirrorStore, open_store
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import StorageError, TrackerError
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.texts import Text, system_says
from swarmshare.tracker_client.api import Entry, Member, Swarm

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from swarmshare.engine.announcer import TrackerView
    from swarmshare.engine.engine import Engine
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest

LENGTH = 20_000


@dataclass(eq=False)
class Presence:
    """Somebody in a swarm, as an announcer of an engine tells."""

    group: Group
    user: str
    address: str
    live: bool = True
    port: TrackerView | None = None

    async def run(self, port: TrackerView) -> None:
        self.port = port
        others = self.group.members.setdefault(str(port.manifest.info_hash), [])
        others.append(self)
        try:
            while True:
                if not port.complete:  # seeds need nobody
                    port.found([("127.0.0.1", one.port.port) for one in others if one is not self and one.port])
                await trio.sleep(0.05 if not port.complete else 1.0)
        finally:
            others.remove(self)
            self.group.on_leave()

    def member(self) -> Member:
        assert self.port is not None
        count = self.port.manifest.layout.piece_count
        share = int.from_bytes(self.port.bits()).bit_count() / count
        return Member(self.user, (self.address,), self.port.port, self.live, share, 0, 0, 0, 0, 0)


@dataclass
class Group:
    """What a tracker knows, and a folder where everything that was published is."""

    folder: Path
    published: dict[str, tuple[Manifest, int]] = field(default_factory=dict)
    members: dict[str, list[Presence]] = field(default_factory=dict)
    unreachable: bool = False
    asked: list[str] = field(default_factory=list)
    on_leave: Callable[[], None] = lambda: None

    def publish(self, name: str, length: int = LENGTH) -> Manifest:
        path = self.folder / name
        path.write_bytes(random.Random(name).randbytes(length))
        manifest = create_manifest(make_plan(path), Description(), piece_length=2**14)
        self.published[str(manifest.info_hash)] = manifest, len(self.published)
        return manifest

    def entries(self) -> Iterator[Entry]:
        self._reach()
        for info_hash, (manifest, number) in reversed(list(self.published.items())):
            members = [one.member() for one in list(self.members.get(info_hash, []))]
            seeds = sum(one.share == 1 for one in members)
            yield Entry(
                info_hash, manifest.name, "", "ann", number, manifest.total_length, manifest.layout.piece_count,
                private=False, hybrid=False, seeds=seeds, peers=len(members), copies=seeds,
            )  # fmt: skip

    def torrent(self, info_hash: str) -> bytes:
        return self.published[info_hash][0].encode()

    def swarm(self, info_hash: str) -> Swarm:
        self._reach()
        self.asked.append(info_hash)
        if info_hash not in self.published:
            raise TrackerError("unknown-entry", Text("catalogue.no-entry"))
        members = tuple(one.member() for one in list(self.members.get(info_hash, [])))
        seeds = sum(one.share == 1 for one in members)
        return Swarm(1, seeds, len(members) - seeds, 0, seeds, b"", members)

    def _reach(self) -> None:
        if self.unreachable:
            raise TrackerError("unreachable", system_says("the tracker cannot be reached"))


class World:
    """A group, and the machines in it."""

    def __init__(self, folder: Path, nursery: trio.Nursery) -> None:
        (folder / "source").mkdir()
        self.folder = folder
        self.group = Group(folder / "source")
        self._nursery = nursery

    async def engine(self) -> Engine:
        async def run(task_status: trio.TaskStatus[Engine]) -> None:
            async with open_engine(EngineConfig(listen=(("127.0.0.1", 0),))) as engine:
                task_status.started(engine)
                await trio.sleep_forever()

        engine: Engine = await self._nursery.start(run)
        return engine

    async def seed(self, engine: Engine, *manifests: Manifest, user: str = "ann", **options: Any) -> list[Torrent]:
        """A machine that serves them from where they were published."""
        address = options.pop("address", "10.0.0.2")
        announcers = [Presence(self.group, user, address, **options) for _ in manifests]
        torrents = [
            engine.add(manifest, TorrentConfig(folder=self.group.folder, announcers=(announcer,)))
            for manifest, announcer in zip(manifests, announcers, strict=True)
        ]
        for torrent in torrents:
            await torrent.finished.wait()
        await until(lambda: all(announcer.port for announcer in announcers))
        return torrents

    @asynccontextmanager
    async def mirror(self, quota: float = float("inf"), *match: str, name: str = "mirror") -> AsyncIterator[Running]:
        folder = self.folder / name
        with open_store(folder) as store:
            config = EngineConfig(listen=(("127.0.0.1", 0),), resume_folder=store.resume_folder)
            async with open_engine(config) as engine, trio.open_nursery() as nursery:
                news: list[News] = []
                mirror = Mirror(
                    engine, self.group, store,
                    user=name, announcers=lambda _: (Presence(self.group, name, f"10.0.1.{len(name)}"),),
                    quota=quota, match=match, tell=news.append, poll=0.05,
                )  # fmt: skip
                nursery.start_soon(mirror.run)
                with trio.fail_after(TIMEOUT):
                    yield Running(mirror, folder, store, news)
                nursery.cancel_scope.cancel()


@dataclass
class Running:
    mirror: Mirror
    folder: Path
    store: MirrorStore
    news: list[News]

    def has(self, manifest: Manifest) -> bool:
        path = self.store.folder_of(manifest) / manifest.name
        return path.is_file() and path.read_bytes() == random.Random(manifest.name).randbytes(manifest.total_length)

    def nothing_of(self, manifest: Manifest) -> bool:
        state = self.folder / STATE
        return not self.store.folder_of(manifest).exists() and not list(state.rglob(f"{manifest.info_hash}*"))

    async def whole(self, *manifests: Manifest) -> None:
        await until(lambda: self.mirror.status().complete == len(manifests) and all(map(self.has, manifests)))

    async def rounds(self, group: Group, count: int = 3) -> None:
        """Wait until it has looked at the catalogue a few times more."""
        seen = 0
        entries = group.entries

        def counted() -> Iterator[Entry]:
            nonlocal seen
            seen += 1
            return entries()

        group.entries = counted  # type: ignore[method-assign]
        await until(lambda: seen > count)
        group.entries = entries  # type: ignore[method-assign]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with trio.open_nursery() as nursery:
        yield World(tmp_path, nursery)
        nursery.cancel_scope.cancel()


async def test_it_follows_the_catalogue(world: World) -> None:
    first = world.group.publish("first")
    engine = await world.engine()
    await world.seed(engine, first)
    async with world.mirror() as running:
        await running.whole(first)
        second = world.group.publish("second")
        await world.seed(engine, second)
        await running.whole(first, second)
        assert running.mirror.status().bytes_held == 2 * LENGTH
        assert [one for one in running.news if isinstance(one, Sharing)] == [
            Sharing(first, True),
            Sharing(second, True),
        ]


async def test_only_what_matches(world: World) -> None:
    ours, other = world.group.publish("film.mkv"), world.group.publish("song.mp3")
    await world.seed(await world.engine(), ours, other)
    async with world.mirror(float("inf"), "*.mkv", "*.avi") as running:
        await running.whole(ours)
        await running.rounds(world.group)
        assert running.nothing_of(other)


async def test_room_is_made_for_the_newest(world: World) -> None:
    manifests = [world.group.publish(f"entry {number}") for number in range(3)]
    engine = await world.engine()
    await world.seed(engine, *manifests)
    async with world.mirror(3 * LENGTH + 1) as running:
        await running.whole(*manifests)
        newest = world.group.publish("newest")
        await world.seed(engine, newest)
        await running.whole(*manifests[1:], newest)
        assert running.nothing_of(manifests[0])
        assert [one for one in running.news if isinstance(one, Deleted)] == [Deleted(manifests[0], "ann")]
        assert running.mirror.status().bytes_held == 3 * LENGTH


async def test_the_only_copy_stays(world: World) -> None:
    sole, shared = world.group.publish("sole"), world.group.publish("shared")
    engine = await world.engine()
    (seeding, _) = await world.seed(engine, sole, shared)
    async with world.mirror(2 * LENGTH) as running:
        await running.whole(sole, shared)
        await engine.remove(seeding)
        # An ordinary client may be gone long since, however complete it says that it is.
        await world.seed(await world.engine(), sole, user="old", live=False)
        newest = world.group.publish("newest")
        await world.seed(engine, newest)
        await running.whole(sole, newest)
        assert running.nothing_of(shared)
        another = world.group.publish("too much", 2 * LENGTH)
        await world.seed(engine, another)
        await running.rounds(world.group)
        assert running.has(sole)
        assert running.nothing_of(another)


async def test_what_was_withdrawn_stays(world: World) -> None:
    withdrawn, other = world.group.publish("withdrawn"), world.group.publish("other")
    await world.seed(await world.engine(), withdrawn, other)
    async with world.mirror(2 * LENGTH) as running:
        await running.whole(withdrawn, other)
        del world.group.published[str(withdrawn.info_hash)]
        newest = world.group.publish("newest")
        await world.seed(await world.engine(), newest)
        await running.whole(withdrawn, newest)


async def test_somebody_who_leaves_at_the_last_moment(world: World) -> None:
    """The other holder goes when the mirror has just left: it comes back, and has deleted nothing."""
    old = world.group.publish("old")
    engine = await world.engine()
    (seeding,) = await world.seed(engine, old)
    async with world.mirror(LENGTH) as running:
        await running.whole(old)

        def leave_too() -> None:
            seeding.scope.cancel()
            world.group.on_leave = lambda: None

        world.group.on_leave = leave_too
        newest = world.group.publish("newest")
        await world.seed(engine, newest)
        await until(seeding.gone.is_set)
        await until(lambda: [one.user for one in world.group.members[str(old.info_hash)]] == ["mirror"])
        await running.rounds(world.group)
        assert running.has(old)
        assert not [one for one in running.news if isinstance(one, Deleted)]


async def test_of_two_mirrors_one_keeps_it(world: World) -> None:
    """Each has the other's copy in mind when both need room at once."""
    old = world.group.publish("old")
    engine = await world.engine()
    (seeding,) = await world.seed(engine, old)
    async with world.mirror(LENGTH) as one, world.mirror(LENGTH, name="another") as two:
        await one.whole(old)
        await two.whole(old)
        await engine.remove(seeding)
        newest = world.group.publish("newest")
        await world.seed(engine, newest)
        await until(lambda: one.has(newest) or two.has(newest))
        await one.rounds(world.group, 6)
        assert one.has(old) != two.has(old)


async def test_a_lowered_quota(world: World) -> None:
    manifests = [world.group.publish(f"entry {number}") for number in range(3)]
    await world.seed(await world.engine(), *manifests)
    async with world.mirror() as running:
        await running.whole(*manifests)
    async with world.mirror(LENGTH) as running:
        await until(lambda: all(map(running.nothing_of, manifests[:2])))
        await running.whole(manifests[2])


async def test_it_goes_on_where_it_stopped(world: World) -> None:
    first, second = world.group.publish("first"), world.group.publish("second")
    engine = await world.engine()
    (_, seeding) = await world.seed(engine, first, second)
    async with world.mirror() as running:
        await running.whole(first, second)
    await engine.remove(seeding)
    world.group.unreachable = True
    (running.store.folder_of(second) / "second").unlink()
    (running.folder / STATE / ".0123456789abcdef.tmp").write_bytes(b"half of a manifest")
    async with world.mirror() as running:
        await running.whole(first)  # although there is no tracker
        await until(lambda: running.news[-1] == Problem("the tracker cannot be reached"))
        assert not (running.folder / STATE / ".0123456789abcdef.tmp").exists()
        assert running.mirror.status().entries == 2
        world.group.unreachable = False
        await world.seed(engine, second)
        await running.whole(first, second)
        await until(lambda: running.news[-1] == Problem(""))


@pytest.mark.parametrize("about", ["length", "content"])
async def test_a_manifest_that_is_not_the_entry(world: World, about: str) -> None:
    """A tracker that lies about lengths cannot fill the disk."""
    lie, right = world.group.publish("lie", 2 * LENGTH), world.group.publish("right")
    await world.seed(await world.engine(), lie, right)
    torrent, entries = world.group.torrent, world.group.entries
    if about == "length":
        world.group.entries = lambda: (one._replace(total_length=LENGTH) for one in entries())  # type: ignore[method-assign]
    else:
        world.group.torrent = lambda _: torrent(str(right.info_hash))  # type: ignore[method-assign, assignment]
    async with world.mirror() as running:
        await running.whole(right)
        await running.rounds(world.group)
        assert running.nothing_of(lie)
        assert any(isinstance(one, Problem) and "lie: the tracker's manifest" in one.message for one in running.news)


async def test_entries_of_one_name(world: World) -> None:
    one = world.group.publish("same")
    other = create_manifest(make_plan(world.group.folder / "same"), Description(), piece_length=2**15)
    world.group.published[str(other.info_hash)] = other, 5
    await world.seed(await world.engine(), one, other)
    async with world.mirror() as running:
        await running.whole(one, other)


@pytest.mark.soak
async def test_two_hundred_entries_of_three_peers(world: World) -> None:
    manifests = [world.group.publish(f"entry {number:03}", 17_000) for number in range(200)]
    for number in range(3):
        await world.seed(await world.engine(), *manifests, user=f"peer {number}")
    async with world.mirror(150 * 17_000) as running:
        await running.whole(*manifests[50:])
        assert running.mirror.status().bytes_held == 150 * 17_000


def test_two_in_one_folder(tmp_path: Path) -> None:
    with open_store(tmp_path), pytest.raises(StorageError, match="another mirror is at work"), open_store(tmp_path):
        pass
    with open_store(tmp_path):
        pass


def test_deleting_follows_no_link(tmp_path: Path) -> None:
    group = Group(tmp_path)
    manifest = group.publish("mine")
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "precious").touch()
    with open_store(tmp_path / "mirror") as store:
        store.add(manifest)
        store.folder_of(manifest).symlink_to(theirs)
        store.delete(manifest)
        assert not store.folder_of(manifest).is_symlink()
        store.add(manifest)
        store.folder_of(manifest).mkdir()
        (store.folder_of(manifest) / "link").symlink_to(theirs)
        store.delete(manifest)
        assert not store.manifests()
    assert (theirs / "precious").exists()


@pytest.mark.parametrize("damage", [b"damaged", None])
def test_a_damaged_state(tmp_path: Path, damage: bytes | None) -> None:
    manifest = Group(tmp_path).publish("mine")
    with open_store(tmp_path / "mirror") as store:
        path = tmp_path / "mirror" / STATE / f"{'0' * 64}.torrent"
        path.write_bytes(manifest.encode() if damage is None else damage)
        with pytest.raises(StorageError, match=str(path)):
            store.manifests()
