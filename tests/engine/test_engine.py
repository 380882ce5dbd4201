"""Engines that share with each other over real sockets."""

from __future__ import annotations

import errno
import shutil
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, banned, until
from hostile.peer import Liar, Peer
from waiting import TIMEOUT

from swarmshare.common.address import show_address
from swarmshare.common.pieces import Priority
from swarmshare.engine import file_monitor
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import StorageError
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import PieceFailed, PieceVerified, TorrentComplete
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock


async def test_what_ends_the_accept_loop_is_raised_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not as a group around it: the command line tells what the system said."""
    failures = [OSError(errno.ENOBUFS, "No buffer space available")]

    async def accept(_listener: trio.SocketListener) -> trio.SocketStream:
        if failures:
            raise failures.pop()
        await trio.sleep_forever()
        raise AssertionError

    async def listen() -> None:
        async with open_engine(EngineConfig()):
            await trio.sleep(TIMEOUT)

    monkeypatch.setattr(trio.SocketListener, "accept", accept)
    with pytest.raises(OSError, match="buffer"):
        await listen()


async def test_one_seed_one_leech(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000, "empty": 0, "sub/b": 5, "one-piece": 2**16}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        snapshot = engine.snapshot().torrents[0]
        assert (snapshot.state, snapshot.bytes_done) == (TorrentState.SEEDING, swarm.manifest.total_length)
        verified = [alert.piece for alert in engine.alerts if isinstance(alert, PieceVerified)]
        assert sorted(verified) == list(range(swarm.manifest.layout.piece_count))
        (complete,) = [alert for alert in engine.alerts if isinstance(alert, TorrentComplete)]
        assert complete.fetched >= swarm.manifest.total_length
        await engine.remove(torrent)
        torrent = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech"))
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert engine.alerts[-1] == TorrentComplete(swarm.manifest.info_hash.full, fetched=0), "it was here before"


async def test_three_seeds_with_a_third_each(tmp_path: Path) -> None:
    async with Swarm(tmp_path, dict.fromkeys("abc", 700000)) as swarm:
        seeds = [await swarm.seed(f"seed-{name}", name, "zz") for name in "abc"]
        _, torrent = await swarm.leech("leech", *(engine for engine, _ in seeds))
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert all(engine.snapshot().torrents[0].uploaded >= 700_000 for engine, _ in seeds)


async def test_a_chain_passes_pieces_on(tmp_path: Path) -> None:
    """The last one knows only the middle one, which has nothing at first."""
    async with Swarm(tmp_path, {"a": 2_000_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        middle, _ = await swarm.leech("middle", seed)
        _, torrent = await swarm.leech("last", middle)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("last")


async def test_a_liar_beside_an_honest_seed(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async with Swarm(tmp_path, {"a": 3_000_000}, piece_length=2**18, network=network) as swarm:
        # Slow enough that the liar gets its turn.
        honest, _ = await swarm.seed("honest", limit_up=2_000_000.0)
        liar = await swarm.peer(Liar(swarm.manifest, swarm.content))
        engine, torrent = await swarm.leech("leech", honest, liar)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert banned(engine) == {show_address(*liar)}
        assert 1 <= sum(isinstance(alert, PieceFailed) for alert in engine.alerts) <= 2


async def test_only_what_is_wanted(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000, "c": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech(
            "leech", seed, priorities=dict.fromkeys((0, 2, 3), Priority.SKIP), sequential=True
        )
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert engine.snapshot().torrents[0].bytes_done == 300_000
        assert (tmp_path / "leech" / "top" / "b").read_bytes() == (swarm.source / "b").read_bytes()
        assert not (tmp_path / "leech" / "top" / "a").exists()


async def test_wants_may_change_on_the_way(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000, "c": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech("leech", priorities={0: Priority.SKIP, 1: Priority.SKIP, 3: Priority.SKIP})
        await torrent.ready.wait()
        torrent.want(2, Priority.SKIP)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.is_complete)
            torrent.want(1, Priority.HIGH)
            assert not torrent.is_complete
            await engine.remove(torrent)
            torrent = engine.add(swarm.manifest, replace(torrent.config, peers=(address(seed),)))
            torrent.want(1, Priority.NORMAL)  # while it is being checked
            torrent.want(0, Priority.NORMAL)
            torrent.want(0, Priority.SKIP)
            torrent.want(2, Priority.SKIP)
            await torrent.finished.wait()
            assert (tmp_path / "leech" / "top" / "b").exists()
            assert not (tmp_path / "leech" / "top" / "a").exists()
            torrent.limits.set_own(1e9, 1e9)
            torrent.want(0, Priority.HIGH)
            await until(lambda: torrent.is_complete)
        assert (tmp_path / "leech" / "top" / "a").read_bytes() == (swarm.source / "a").read_bytes()
        assert not (tmp_path / "leech" / "top" / "c").exists()


async def test_what_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000, "b": 1_000_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        (tmp_path / "leech" / "top").mkdir(parents=True)
        (tmp_path / "leech" / "top" / "a").write_bytes((swarm.source / "a").read_bytes())
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert engine.snapshot().torrents[0].downloaded == 1_000_001


async def test_resume_data_spares_the_check(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        config = EngineConfig(resume_folder=tmp_path / "resume")
        with trio.fail_after(TIMEOUT):
            async with open_engine(config) as engine:
                torrent = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech", peers=(address(seed),)))
                await torrent.finished.wait()
            (saved,) = (tmp_path / "resume").iterdir()
            before = saved.stat()
            assert saved.suffix == ".resume"
            async with open_engine(config) as engine:
                torrent = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech"))
                await torrent.finished.wait()
            assert saved.stat().st_ino == before.st_ino, "what is as it was is not written again"


async def test_what_a_check_found_is_saved_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after hours of hashing must not cost these hours."""
    monkeypatch.setattr(file_monitor, "SAVE_INTERVAL", 0.01)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        await swarm.seed("seed", resume_folder=tmp_path / "resume")
        with trio.fail_after(TIMEOUT):
            await until((tmp_path / "resume" / f"{swarm.manifest.info_hash}.resume").exists)


async def test_resume_data_that_could_not_be_saved_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_monitor, "SAVE_INTERVAL", 0.01)
    home = tmp_path / "resume"
    home.write_bytes(b"in the way")
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        _, torrent = await swarm.seed("seed", resume_folder=home)
        await torrent.disk.save(torrent.picker.held.to_wire())
        assert torrent.disk.unsaved
        home.unlink()
        with trio.fail_after(TIMEOUT):
            await until((home / f"{swarm.manifest.info_hash}.resume").exists)


@pytest.mark.parametrize("refused", [False, True])
async def test_piece_layers_that_the_manifest_lacks(
    tmp_path: Path, refused: bool, network: Network, autojump_clock: MockClock
) -> None:
    """More than one request's worth of hashes, and two files with one root; the second time one peer refuses."""
    async with Swarm(
        tmp_path, {"a": 10_000_000, "b": 100_000, "same/b": 100_000}, piece_length=2**14, network=network
    ) as swarm:
        shutil.copy(swarm.source / "b", swarm.source / "same" / "b")
        swarm.manifest = create_manifest(make_plan(swarm.source), Description(), piece_length=2**14)
        seed, _ = await swarm.seed("seed")
        bare = parse_manifest(encode_with_raw({}, b"info", swarm.manifest.info))
        assert len(bare.missing_layers) == 2
        if refused:
            partial = await swarm.peer(Peer(swarm.manifest, swarm.content, holds=range(611, 626)))
        else:
            partial = address((await swarm.seed("partial", "b", "same/b", "zz"))[0])
        engine = await swarm.engine()
        config = TorrentConfig(
            folder=tmp_path / "leech",
            peers=(address(seed), partial),
            priorities={0: Priority.SKIP},  # its hashes are enough
        )
        torrent = swarm.add(engine, config, bare)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            await until(lambda: not torrent.downloads.unverifiable)
        for number, file in enumerate(swarm.manifest.files[:3]):
            assert file.pieces_root is not None
            assert torrent.disk.storage.hashes.layer(number) == swarm.manifest.piece_layers[file.pieces_root]
        assert (tmp_path / "leech" / "top" / "same" / "b").read_bytes() == (swarm.source / "b").read_bytes()


async def test_a_newcomer_gets_a_few_pieces_while_it_is_choked(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 4 * 2**16}, network=network) as swarm:
        seed, _ = await swarm.seed("seed", upload_slots=0)
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert all(peer.choking_us for peer in engine.snapshot().torrents[0].peers)


async def test_who_has_pieces_of_its_own_is_granted_none(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 20 * 2**16}, network=network) as swarm:
        seed, seeding = await swarm.seed("seed", upload_slots=0)
        _, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.picker.held.held == 5)
            before = set(seeding.sessions)
            for session in before:
                session.close()
            await until(lambda: any(session.connection.peer_interested for session in seeding.sessions - before))
        assert not any(session.connection.granted_fast for session in seeding.sessions - before)
        assert torrent.picker.held.held == 5


async def test_one_port_for_both_families(tmp_path: Path) -> None:
    if not has_ipv6():
        pytest.skip("there is no IPv6 here")
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        ports = {listening.rpartition(":")[2] for listening in seed.addresses}
        assert [listening.rpartition(":")[0] for listening in seed.addresses] == ["127.0.0.1", "[::1]"]
        assert len(ports) == 1
        engine = await swarm.engine()
        torrent = engine.add(
            swarm.manifest, TorrentConfig(folder=tmp_path / "leech", peers=(("::1", int(ports.pop())),))
        )
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def test_strangers_are_turned_away(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 5}) as swarm:
        seed, _ = await swarm.seed("seed")
        for handshaking in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x13BitTorrent protocol" + bytes(8) + b"unknown hash........" + b"p" * 20,
            b"\x13Bit",
        ):
            stream = await trio.open_tcp_stream(*address(seed))
            async with stream:
                await stream.send_all(handshaking)
                if len(handshaking) < 10:
                    await stream.send_eof()
                with trio.fail_after(TIMEOUT):
                    assert await stream.receive_some() == b""


async def test_an_address_in_use(tmp_path: Path) -> None:
    async with open_engine(EngineConfig()) as engine:
        with pytest.raises(StorageError, match="address already in use"):
            async with open_engine(EngineConfig(listen=(("127.0.0.1", 0), address(engine)))):
                pass


async def test_leaving_is_quick_whatever_the_peers_do(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 50_000_000}, piece_length=2**20) as swarm:
        seed, _ = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            async with open_engine(EngineConfig()) as engine:
                torrent = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech", peers=(address(seed),)))
                await torrent.ready.wait()
                while not engine.snapshot().torrents[0].downloaded:
                    await trio.lowlevel.checkpoint()
        assert not torrent.sessions
