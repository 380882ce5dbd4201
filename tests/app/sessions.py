"""Client sessions and other members of their group: a tracker as a process, and engines that seed to a session."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from tracker.trackers import PASSWORD
from waiting import TIMEOUT

from swarmshare.app.client_session import ClientSession, open_session
from swarmshare.app.compose import announcers_for
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import Engine, open_engine
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.storage.sign_ins import SignIn
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from swarmshare.app.client_session import Fact
    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest


class RunningSession:
    """A client session, and the facts that it told."""

    def __init__(self, session: ClientSession, facts: list[Fact]) -> None:
        self.session, self.facts = session, facts

    @property
    def transfers(self) -> dict[str, TransferSnapshot]:
        """By name."""
        return {transfer.name: transfer for transfer in self.session.snapshot().transfers}

    def torrent(self, info_hash: str) -> Torrent:
        """What the engine runs of a transfer."""
        transfer = self.session.transfers.get(info_hash)
        assert transfer is not None
        assert transfer.torrent is not None
        return transfer.torrent

    async def until(self, condition: Callable[[], object]) -> None:
        with trio.fail_after(TIMEOUT):
            while not condition():  # noqa: ASYNC110  # a window polls snapshots, too
                await trio.sleep(0.02)

    async def listed(self) -> None:
        """The catalogue is here: what is published from now on is news."""
        await self.until(lambda: self.session.group.catalogue is not None and self.session.group.catalogue.is_listed)

    async def fact(self, kind: type[Any]) -> Any:
        """The first fact of a kind."""
        await self.until(lambda: any(isinstance(fact, kind) for fact in self.facts))
        return next(fact for fact in self.facts if isinstance(fact, kind))


@asynccontextmanager
async def running_session(**options: Any) -> AsyncIterator[RunningSession]:
    """Open a client session at the home of the environment; leaving it saves as leaving a window does."""
    facts: list[Fact] = []
    async with open_session(facts.append, **options) as session:
        yield RunningSession(session, facts)


def fill(folder: Path, lengths: dict[str, int]) -> Path:
    """Files of pseudorandom bytes."""
    for name, length in lengths.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(name).randbytes(length))
    return folder


def huge(path: Path) -> None:
    """A file that takes minutes to hash, and no room."""
    path.parent.mkdir(exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(2**36)


def manifest_of(path: Path, piece_length: int = 2**15, **about: Any) -> Manifest:
    return create_manifest(make_plan(path), Description(**about), piece_length=piece_length)


class OtherMember:
    """Another member of the group: an account at the tracker, and an engine."""

    def __init__(self, sign_in: SignIn, engine: Engine) -> None:
        self.sign_in, self.engine = sign_in, engine

    async def ask(self, call: Callable[[TrackerApi], Any]) -> Any:
        def work() -> Any:
            with Connection(self.sign_in.tracker, self.sign_in.token) as connection:
                return call(TrackerApi(connection))

        return await trio.to_thread.run_sync(work)

    async def publish(self, path: Path, **about: Any) -> Manifest:
        """Put into the catalogue what is at ``path``, and seed it."""
        made = await trio.to_thread.run_sync(lambda: manifest_of(path, **about))
        entry = await self.ask(lambda api: api.publish(made.encode()))
        manifest = parse_manifest(await self.ask(lambda api: api.torrent(entry.info_hash)))
        self.share(manifest, path.parent)
        return manifest

    def share(self, manifest: Manifest, folder: Path) -> Any:
        config = TorrentConfig(folder=folder, announcers=announcers_for(manifest, self.sign_in))
        return self.engine.add(manifest, config)


@asynccontextmanager
async def other_member(tracker: str, user: str, **config: Any) -> AsyncIterator[OtherMember]:
    def register() -> SignIn:
        with Connection(tracker) as connection:
            answer = TrackerApi(connection).register(user, PASSWORD, "test")
        return SignIn(tracker, answer.user, answer.token)

    sign_in = await trio.to_thread.run_sync(register)
    async with open_engine(EngineConfig(**config)) as engine:
        yield OtherMember(sign_in, engine)
