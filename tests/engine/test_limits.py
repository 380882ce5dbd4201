"""Rate limits: several at once, of one transfer and of the engine, on a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, address

from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.limits import BURST, new_bucket, pass_all
from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.wire.messages import HaveNone, Interested, Piece, Request, Unchoke

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from engine.scripted_peer import ScriptedPeer
    from trio.testing import MockClock

RATE = 100_000.0
SECONDS = 60.0


async def test_the_strictest_limit_decides_and_none_is_paid_twice(autojump_clock: MockClock) -> None:
    strict, loose = new_bucket(1000.0), new_bucket(2000.0)
    start = trio.current_time()
    await pass_all([strict, loose], BURST)
    assert trio.current_time() == start, "a burst is free"
    await pass_all([strict, loose], 4000)
    assert trio.current_time() == start
    await pass_all([strict, loose], 1)
    assert trio.current_time() == start + 4
    await pass_all([loose], 1)
    assert trio.current_time() == start + 4, "its debt was paid in the same time"


async def take_all(swarm: Swarm, peer: ScriptedPeer) -> None:
    """Ask for all of the first file, again and again, but no more than a limit that works would let pass."""
    await peer.say(HaveNone(), Interested())
    await peer.hears(Unchoke)
    blocks = [
        Block(piece, begin, BLOCK_LENGTH)
        for piece in swarm.manifest.layout.file_pieces(0)
        for begin in range(0, swarm.manifest.piece_length, BLOCK_LENGTH)
    ]
    while received(peer) < 5 * RATE * SECONDS:
        await peer.say(*map(Request._make, blocks))
        for _ in blocks:
            await peer.hears(Piece)


def received(peer: ScriptedPeer, since: float = -1.0) -> int:
    """Bytes of blocks that came later than ``since``; all of them if it is not given."""
    return sum(message.length for at, message in peer.heard if isinstance(message, Piece) and at > since)


@pytest.mark.parametrize("own", [True, False])
async def test_an_upload_limit_is_kept_whoever_asks(
    tmp_path: Path, network: Network, autojump_clock: MockClock, own: bool
) -> None:
    """By two peers together, whether it is the transfer's own or the engine's."""
    async with Swarm(tmp_path, {"a": 4 * 2**16}, network=network) as swarm:
        engine = await swarm.engine(limit_up=None if own else RATE)
        torrent = swarm.add(engine, TorrentConfig(folder=swarm.copy("seed"), limit_up=RATE if own else None))
        await torrent.ready.wait()
        async with (
            connected(swarm, network, engine) as one,
            connected(swarm, network, engine, "10.9.0.2") as two,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(take_all, swarm, one)
            nursery.start_soon(take_all, swarm, two)
            await trio.sleep(SECONDS)
            total = received(one) + received(two)
            # What is under way when the time is up may have been counted or not: one batch of each.
            assert total == pytest.approx(RATE * SECONDS + BURST, abs=2 * BURST)
            assert received(one) == pytest.approx(received(two), abs=2 * BURST), "they take turns"
            nursery.cancel_scope.cancel()


async def test_a_limit_may_change_on_the_way(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async with Swarm(tmp_path, {"a": 4 * 2**16}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed", limit_up=RATE)
        async with connected(swarm, network, engine) as peer, trio.open_nursery() as nursery:
            nursery.start_soon(take_all, swarm, peer)
            await trio.sleep(SECONDS)
            for engine_up, own_up, rate in ((10 * RATE, 2 * RATE, 2 * RATE), (RATE / 2, 2 * RATE, RATE / 2)):
                start = trio.current_time()
                engine.limit(engine_up, None)
                torrent.limits.set_own(own_up, None)
                await trio.sleep(SECONDS)
                assert received(peer, start) == pytest.approx(rate * SECONDS + BURST, abs=2 * BURST)
            nursery.cancel_scope.cancel()


async def test_two_transfers_share_the_limit_of_their_engine(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    one = Swarm(tmp_path / "one", {"a": 4 * 2**16}, network=network)
    two = Swarm(tmp_path / "two", {"a": 4 * 2**16, "b": 1}, network=network)
    async with one, two:
        engine, _ = await one.seed("seed", limit_up=RATE)
        await two.add(engine, TorrentConfig(folder=two.copy("seed"))).ready.wait()
        async with (
            connected(one, network, engine) as of_one,
            connected(two, network, engine) as of_two,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(take_all, one, of_one)
            nursery.start_soon(take_all, two, of_two)
            await trio.sleep(SECONDS)
            assert received(of_one) + received(of_two) == pytest.approx(RATE * SECONDS + BURST, abs=2 * BURST)
            assert received(of_one) == pytest.approx(received(of_two), abs=2 * BURST)
            nursery.cancel_scope.cancel()


async def test_a_download_limit_is_kept_whoever_gives(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """By the engine's limit and a laxer one of its own, from two seeds that have none."""
    async with Swarm(tmp_path, {"a": 40 * 2**16}, network=network) as swarm:
        seeds = [(await swarm.seed(name))[0] for name in ("one", "two")]
        start = trio.current_time()
        engine = await swarm.engine(limit_down=RATE)
        peers = tuple(map(address, seeds))
        config = TorrentConfig(folder=tmp_path / "leech", peers=peers, limit_down=2 * RATE)
        torrent = swarm.add(engine, config)
        with trio.fail_after(600):
            await torrent.finished.wait()
        fetched = torrent.downloads.received
        # Each of two connections may read a batch before it waits for what the other has read.
        assert trio.current_time() - start >= (fetched - 5 * BURST) / RATE
        assert trio.current_time() - start <= 2 * fetched / RATE
        assert swarm.is_whole("leech")
