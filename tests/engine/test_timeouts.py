"""What happens when a peer says nothing, or too little: each time-out of a connection, by a clock that jumps."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, address, until
from waiting import TIMEOUT

from swarmshare.common.pieces import Priority
from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.engine import MAX_HANDSHAKING
from swarmshare.engine.handshaking import CONNECT_TIMEOUT, HANDSHAKE_TIMEOUT
from swarmshare.engine.torrent import IDLE_TIMEOUT, KEEP_ALIVE_AFTER, TICK
from swarmshare.manifest.layout import Block
from swarmshare.schema.alerts import PeerDropped
from swarmshare.swarm.diagnosis import Outcome
from swarmshare.swarm.pipeline import SNUB_AFTER
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake
from swarmshare.wire.messages import KEEP_ALIVE, Cancel, HaveAll, HaveNone, Request, Unchoke

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock


async def closed_after(stream: trio.SocketStream) -> float:
    """How many seconds it takes until the engine closes a connection, by which it says nothing."""
    start = trio.current_time()
    assert await stream.receive_some() == b""
    return trio.current_time() - start


# ------------------------------------------------------------------ before a connection belongs to a torrent


@pytest.mark.parametrize("sent", [0, 1, HANDSHAKE_LENGTH - 1])
async def test_whoever_connects_has_ten_seconds_for_a_handshake(
    tmp_path: Path, network: Network, autojump_clock: MockClock, sent: int
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, _ = await swarm.seed("seed")
        async with await trio.open_tcp_stream(*address(engine)) as stream:
            await stream.send_all(Handshake(swarm.manifest.info_hash.truncated, bytes(20)).encode()[:sent])
            assert await closed_after(stream) == pytest.approx(HANDSHAKE_TIMEOUT)


async def test_a_byte_a_second_does_not_put_that_off(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, _ = await swarm.seed("seed")
        hello = Handshake(swarm.manifest.info_hash.truncated, bytes(20)).encode()
        async with await trio.open_tcp_stream(*address(engine)) as stream, trio.open_nursery() as nursery:

            async def drip() -> None:
                with suppress(trio.BrokenResourceError):
                    for byte in hello:
                        await stream.send_all(bytes((byte,)))
                        await trio.sleep(1)

            nursery.start_soon(drip)
            assert await closed_after(stream) == pytest.approx(HANDSHAKE_TIMEOUT)
            nursery.cancel_scope.cancel()


async def test_a_hundred_may_take_that_time_and_one_more_is_closed_at_once(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, _ = await swarm.seed("seed")
        took: list[float] = []

        async def come() -> None:
            async with await trio.open_tcp_stream(*address(engine)) as stream:
                took.append(await closed_after(stream))

        async with trio.open_nursery() as nursery:
            for _ in range(MAX_HANDSHAKING + 1):
                nursery.start_soon(come)
        assert took == pytest.approx([0.0, *[HANDSHAKE_TIMEOUT] * MAX_HANDSHAKING])
        async with connected(swarm, network, engine) as peer:
            await peer.hears(HaveAll)


async def test_a_dial_is_given_up_after_ten_seconds(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """By a machine that does not answer, and by one that accepts the connection and says nothing."""
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        network.dead.add("10.0.99.1")
        engine = await swarm.engine()
        with network.at("10.0.98.1"):
            listener = (await trio.open_tcp_listeners(6881, host="10.0.98.1"))[0]
        for host, seconds in (("10.0.99.1", CONNECT_TIMEOUT), ("10.0.98.1", HANDSHAKE_TIMEOUT)):
            where = host, 6881
            leech = swarm.add(engine, TorrentConfig(folder=tmp_path / host, peers=(where,)))
            start = trio.current_time()
            with trio.fail_after(TIMEOUT):
                await until(leech_dialled := partial(leech.dialer.log.recent, start + 60), every=TICK)
            assert leech_dialled() == {where: (Outcome.NO_ANSWER, None)}
            assert trio.current_time() - start == pytest.approx(seconds, abs=TICK)
            await engine.remove(leech)
        await listener.aclose()


# ------------------------------------------------------------------ afterwards


async def test_a_silent_peer_is_told_that_we_are_here_and_given_up_after_two_minutes(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        async with connected(swarm, network, engine, alive=False) as peer:
            start = trio.current_time()
            await peer.say(HaveNone())
            assert await peer.ended() - start == pytest.approx(IDLE_TIMEOUT, abs=2 * TICK)
            alive = [at - start for at, data in peer.received if data == KEEP_ALIVE]
            assert alive == [pytest.approx(KEEP_ALIVE_AFTER, abs=2 * TICK)]
        assert not torrent.sessions
        assert not [alert for alert in engine.alerts if isinstance(alert, PeerDropped)], "it broke no rule"


async def test_a_keep_alive_a_minute_keeps_a_connection(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        async with connected(swarm, network, engine, alive=False) as peer:
            for _ in range(20):
                await peer.say(KEEP_ALIVE)
                await trio.sleep(IDLE_TIMEOUT / 2)
            assert peer.ended_at is None
            alive = [at for at, data in peer.received if data == KEEP_ALIVE]
            pauses = [after - before for before, after in pairwise(alive)]
            assert pauses == [pytest.approx(KEEP_ALIVE_AFTER, abs=2 * TICK)] * 18
            assert len(torrent.sessions) == 1


async def test_what_a_peer_that_snubs_us_owes_is_asked_of_another(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """It is there, and half a minute after its last block the requests at it are cancelled."""
    async with Swarm(tmp_path, {"a": 2 * 2**16}, network=network) as swarm:
        engine, torrent = await swarm.leech("leech")
        async with (
            connected(swarm, network, engine) as snubbing,
            connected(swarm, network, engine, "10.9.0.2") as other,
            trio.open_nursery() as nursery,
        ):

            async def stay() -> None:
                while True:
                    await trio.sleep(TICK)
                    await snubbing.say(KEEP_ALIVE)

            nursery.start_soon(stay)
            await snubbing.say(HaveAll(), Unchoke())
            await snubbing.give(await snubbing.hears(Request))
            heard = trio.current_time()
            owed = Block._make(await snubbing.hears(Request))
            await snubbing.hears(Cancel)
            assert trio.current_time() - heard == pytest.approx(SNUB_AFTER, abs=3 * TICK)
            assert owed in map(Block._make, snubbing.all(Cancel))
            await other.say(HaveAll(), Unchoke())
            nursery.start_soon(other.serve)
            with trio.fail_after(IDLE_TIMEOUT):
                await torrent.finished.wait()
            assert owed in map(Block._make, other.all(Request))
            assert snubbing.ended_at is None
            nursery.cancel_scope.cancel()
        assert swarm.is_whole("leech")


async def test_the_requests_at_a_silent_peer_are_taken_back_at_once(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Nothing else is said to it, and nothing comes from it: the cancels wait for nothing."""
    async with Swarm(tmp_path, {"a": 2**16}, network=network) as swarm:
        engine, _ = await swarm.leech("leech", priorities={1: Priority.SKIP})
        async with connected(swarm, network, engine, alive=False) as peer:
            await peer.say(HaveAll(), Unchoke())
            await peer.hears(Request)
            asked = trio.current_time()
            await peer.hears(Cancel)
            assert trio.current_time() - asked == pytest.approx(SNUB_AFTER, abs=2 * TICK)


async def test_a_peer_that_does_not_read_is_given_up(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Its machine has vanished, in the midst of a download from us."""
    async with Swarm(tmp_path, {"a": 2_000_000}, network=network) as swarm:
        seed, seeding = await swarm.seed("seed", limit_up=100_000.0)
        leech, _ = await swarm.leech("leech", seed)
        await trio.sleep(5)
        assert len(seeding.sessions) == 1
        network.dead.add(address(leech)[0])
        start = trio.current_time()
        with trio.fail_after(2 * IDLE_TIMEOUT):
            await until(lambda: not seeding.sessions, every=TICK)
        assert trio.current_time() - start <= IDLE_TIMEOUT + 2 * TICK
