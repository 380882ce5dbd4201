"""Whom a dial reaches, by which hash, and what is known when it reaches nobody."""

from __future__ import annotations

import random
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, until
from hostile.peer import Content, Peer, listening
from interop.peers import Libtorrent, seeds
from waiting import TIMEOUT

from swarmshare.engine import no_peers
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.dialer import MAX_REPORTED, MAX_RESULTS, RECENT, DialLog
from swarmshare.engine.engine import open_engine
from swarmshare.engine.handshaking import result_of
from swarmshare.engine.listening import FORGET_AFTER, MAX_TURNED_AWAY, Listening, is_neighbour
from swarmshare.engine.metadata import find_info
from swarmshare.manifest.build import Description
from swarmshare.schema.alerts import ConnectionFailed
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.swarm.diagnosis import Cause, DialResult, ListenReach, Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest


@pytest.fixture
def hybrid(tmp_path: Path) -> Manifest:
    """A hybrid, with padding between its files, whose data is in ``source``."""
    folder = tmp_path / "source" / "top"
    folder.mkdir(parents=True)
    for name, length in (("a", 300_001), ("b", 5), ("empty", 0), ("c", 200_000)):
        (folder / name).write_bytes(random.Random(name).randbytes(length))
    return create_manifest(make_plan(folder), Description(), piece_length=2**16, hybrid=True)


def is_whole(tmp_path: Path) -> bool:
    files = list((tmp_path / "source" / "top").iterdir())
    return all(file.read_bytes() == (tmp_path / "here" / "top" / file.name).read_bytes() for file in files)


@pytest.mark.parametrize("v1", [True, False])
async def test_a_hybrid_from_a_seed_that_knows_one_of_its_hashes(hybrid: Manifest, tmp_path: Path, v1: bool) -> None:
    assert hybrid.info_hash_v1 is not None
    info_hash = hybrid.info_hash_v1 if v1 else hybrid.info_hash.truncated
    seed = Peer(hybrid, Content(hybrid, tmp_path / "source"), info_hash=info_hash, extended=False, v2=False)
    with trio.fail_after(TIMEOUT):
        async with listening(seed.accept) as where, open_engine(EngineConfig()) as engine:
            torrent = engine.add(hybrid, TorrentConfig(folder=tmp_path / "here", peers=(where,)))
            await torrent.finished.wait()
    assert is_whole(tmp_path)
    hashes = [hybrid.info_hash_v1, hybrid.info_hash.truncated]
    assert seed.asked_for[: 1 if v1 else 2] == hashes[: 1 if v1 else 2]


async def test_two_of_us_speak_v2_about_a_hybrid(hybrid: Manifest, tmp_path: Path) -> None:
    async with open_engine(EngineConfig()) as seed, open_engine(EngineConfig()) as leech:
        torrent = seed.add(hybrid, TorrentConfig(folder=tmp_path / "source"))
        with trio.fail_after(TIMEOUT):
            await torrent.ready.wait()
            config = TorrentConfig(folder=tmp_path / "here", peers=(address(seed),), limit_down=2.0**18)
            leech.add(hybrid, config)
            await until(lambda: torrent.sessions)
            assert all(session.connection.negotiated.v2 for session in torrent.sessions)


async def test_libtorrent_gives_the_info_of_a_hybrid_that_it_knows_by_its_v1_hash(
    hybrid: Manifest, tmp_path: Path, version: str
) -> None:
    for info_hash_v1 in (None, hybrid.info_hash_v1):
        with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
            peer.add(hybrid, tmp_path / "source", seed=True)
            await seeds(peer)
            assert await find_info(hybrid.info_hash, [peer.address], (), info_hash_v1=info_hash_v1) == hybrid.info


# ------------------------------------------------------------------ encryption


FORCED = 0
"""libtorrent's policy of encrypted connections only."""


def failures(engine: Engine) -> list[ConnectionFailed]:
    return [alert for alert in engine.alerts if isinstance(alert, ConnectionFailed)]


async def test_libtorrent_that_takes_encrypted_connections_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """It dials us, again and again, and we dial it."""
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed")
        leech = await swarm.engine()
        with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
            peer.open(in_enc_policy=FORCED, out_enc_policy=FORCED)
            peer.add(swarm.manifest, tmp_path / "there")
            peer.connect(seed.addresses[0])
            await until(lambda: failures(seed))
            (failure,) = failures(seed)
            assert (failure.info_hash, failure.address, failure.cause) == (None, "127.0.0.1", Cause.ENCRYPTED)
            assert seed.snapshot().torrents[0].no_peers is not None
            assert no_peers.no_peers(torrent, trio.current_time())[0] is Cause.ENCRYPTED  # type: ignore[index]

            config = TorrentConfig(folder=tmp_path / "leech", peers=(peer.address,))
            other = leech.add(swarm.manifest, config)
            await until(lambda: failures(leech))
            await until(lambda: other.dialer.log.recent(trio.current_time()))
            alone = leech.snapshot().torrents[0].no_peers
            assert alone is not None
            assert (alone.cause, "encrypted" in alone.message) == (Cause.HUNG_UP, True)
            assert [(failure.info_hash, failure.cause) for failure in failures(leech)] == [
                (swarm.manifest.info_hash.full, Cause.HUNG_UP)
            ]


async def test_who_comes_back_without_encryption_is_welcome(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            for seed_of_random in (1, 2):
                async with await trio.open_tcp_stream(*address(seed)) as stream:
                    await stream.send_all(random.Random(seed_of_random).randbytes(96))
                    with suppress(trio.BrokenResourceError):  # it may close before it has read all
                        assert await stream.receive_some() == b""
            assert len(failures(seed)) == 1
            assert seed.listening.hosts(Cause.ENCRYPTED, trio.current_time()) == ["127.0.0.1"]
        _, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            assert not seed.listening.hosts(Cause.ENCRYPTED, trio.current_time())


# ------------------------------------------------------------------ why nobody is connected


@asynccontextmanager
async def alone(tmp_path: Path, where: tuple[str, int]) -> AsyncIterator[Engine]:
    """A leech that knows one address, after its first dial."""
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        engine = await swarm.engine()
        torrent = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech", peers=(where,)))
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.dialer.log.recent(trio.current_time()))
        yield engine


def cause(engine: Engine) -> Cause | None:
    why = engine.snapshot().torrents[0].no_peers
    return why.cause if why is not None else None


async def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = server.getsockname()
    async with alone(tmp_path, where) as engine:
        assert cause(engine) is None  # it is too early to tell
        monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
        assert cause(engine) is Cause.REFUSED


@pytest.mark.parametrize("host", ["nobody.invalid", "no..body", "n" * 70, "\u2028", "127.0.0.1%here", " "])
async def test_a_name_that_there_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
    async with alone(tmp_path, (host, 1)) as engine:
        assert cause(engine) is Cause.UNREACHABLE


async def test_something_else_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)

    async def web(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with listening(web) as where, alone(tmp_path, where) as engine:
        assert cause(engine) is Cause.OTHER


async def test_two_seeds_do_not_miss_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        one, _ = await swarm.seed("one", listen=(("127.0.0.1", 0),))
        engine = await swarm.engine()
        torrent = engine.add(swarm.manifest, TorrentConfig(folder=swarm.copy("two"), peers=(address(one),)))
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.dialer.log.recent(trio.current_time()))
        assert torrent.dialer.log.recent(trio.current_time()) == {address(one): (Outcome.CONNECTED, None)}
        assert cause(engine) is Cause.ONLY_HERE


def test_what_a_dial_log_remembers() -> None:
    log = DialLog()
    hung_up = DialResult(Outcome.HUNG_UP)
    assert log.record(("a", 1), hung_up, 0.0)
    assert not log.record(("a", 1), hung_up, 1.0)
    assert not log.record(("b", 1), DialResult(Outcome.REFUSED), 2.0)
    assert list(log.recent(RECENT)) == [("b", 1), ("a", 1)]
    assert list(log.recent(RECENT + 1.5)) == [("b", 1)]
    told = [log.record(("c", port), hung_up, 3.0) for port in range(1000)]
    assert sum(told) == MAX_REPORTED - 1
    assert len(log.recent(3.0)) == MAX_RESULTS


def test_what_the_system_says() -> None:
    assert result_of(OSError(113, "No route to host")) == (Outcome.UNREACHABLE, "no route to host")
    assert result_of(TimeoutError(110, "Connection timed out")) == (Outcome.NO_ANSWER, None)
    assert result_of(OSError("nothing")).reason
    assert result_of(trio.TooSlowError()) == (Outcome.NO_ANSWER, None)


# ------------------------------------------------------------------ who may connect


@pytest.mark.parametrize(
    ("host", "own", "near"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("192.168.7.9", "10.0.0.5", True),
        ("100.64.0.9", "8.8.8.8", True),
        ("169.254.3.4", "169.254.1.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("fd00::1", "fd00:1::2", True),
        ("8.8.8.9", "8.8.8.8", True),
        ("8.8.9.8", "8.8.8.8", False),
        ("8.8.8.8", "192.168.1.5", False),
        ("::ffff:8.8.4.4", "::ffff:8.8.8.8", False),
        ("::ffff:8.8.8.4", "::ffff:8.8.8.8", True),
        ("2a00:1:2:3::1", "2a00:1:2:3:4::1", True),
        ("2a00:1:2:4::1", "2a00:1:2:3:4::1", False),
        ("2a00::1", "8.8.8.8", False),
    ],
)
def test_neighbours(host: str, own: str, near: bool) -> None:
    assert is_neighbour(host, own) is near
    assert Listening(neighbours_only=True).admits(host, own) is near
    assert Listening().admits(host, own)


async def test_from_where_others_may_connect() -> None:
    for host, near, reach in (
        ("localhost", True, ListenReach.MACHINE),
        ("*", True, ListenReach.NETWORK),
        ("*", False, ListenReach.ANYWHERE),
        (None, True, ListenReach.NOWHERE),
    ):
        listen = ((host, 0),) if host else ()
        async with open_engine(EngineConfig(listen=listen, neighbours_only=near)) as engine:
            assert engine.listening.reach is reach


def test_many_strangers_flood_no_log() -> None:
    listening = Listening()
    told = [listening.turned_away(f"h{number}", Cause.STRANGER, float(number % 2)) for number in range(500)]
    assert sum(told) == MAX_TURNED_AWAY
    assert not listening.turned_away("h1", Cause.STRANGER, 2.0)
    assert not listening.turned_away("new", Cause.ENCRYPTED, 2.0)
    assert len(listening.hosts(Cause.STRANGER, 2.0)) == MAX_TURNED_AWAY
    assert listening.turned_away("new", Cause.ENCRYPTED, 2 * FORGET_AFTER)
    assert listening.hosts(Cause.STRANGER, 2 * FORGET_AFTER) == []


async def test_strangers_are_turned_away_and_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed", neighbours_only=True)
        monkeypatch.setattr("swarmshare.engine.listening.is_neighbour", lambda _host, _own: False)
        with trio.fail_after(TIMEOUT):
            for _ in range(2):
                async with await trio.open_tcp_stream(*address(seed)) as stream:
                    assert await stream.receive_some() == b""
        (failure,) = failures(seed)
        assert (failure.info_hash, failure.address, failure.cause) == (None, "127.0.0.1", Cause.STRANGER)
        assert cause(seed) is Cause.STRANGER
        monkeypatch.undo()
        _, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.sessions)
        assert cause(seed) is None
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
