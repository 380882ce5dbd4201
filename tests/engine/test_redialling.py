"""When an address is dialled again: pauses that grow, what resets them, and what is forgotten."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import trio
from engine.scripted_peer import connected, listening
from engine.swarm import Swarm, until

from swarmshare.engine.dialer import REDIAL_AFTER
from swarmshare.schema.alerts import ConnectionFailed
from swarmshare.swarm.diagnosis import Cause, Outcome
from swarmshare.wire.extensions import ExtendedHandshake
from swarmshare.wire.messages import Extended, HaveNone, Interested

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from engine.network import Network
    from engine.scripted_peer import ScriptedPeer
    from trio.testing import MockClock

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import TrackerView
    from swarmshare.engine.engine import Engine
    from swarmshare.engine.torrent import Torrent

LONG = 900.0
"""Seconds: many times the longest pause."""
WHERE = "10.9.0.1", 6881
LOOK = 1.0
"""Seconds that the dialler takes to notice that an address is due."""


class Hearsay:
    """A tracker that says once where a peer listens, when it may."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self.may_say = trio.Event()

    async def run(self, view: TrackerView) -> None:
        await self.may_say.wait()
        view.found([self._address])
        await trio.sleep_forever()


@asynccontextmanager
async def leech(
    tmp_path: Path, network: Network, *, given: bool = True, max_peers: int = 50
) -> AsyncIterator[tuple[Swarm, Engine, Torrent]]:
    """An engine that was given :data:`WHERE`, or heard of it from a tracker."""
    async with Swarm(tmp_path, {"a": 2**17}, network=network) as swarm:
        hearsay = Hearsay(WHERE)
        hearsay.may_say.set()
        options: Any = {"peers": (WHERE,)} if given else {"announcers": (hearsay,)}
        engine = await swarm.engine(max_peers=max_peers)
        yield swarm, engine, swarm.join(engine, "leech", **options)


def pauses(network: Network, took: float = 0.0) -> list[float]:
    """The seconds between a dial's end and the next; each connection took so long."""
    return [after - before - took for (before, _), (after, _) in pairwise(network.dials)]


def grown(number: int) -> tuple[float, float]:
    """The least and most seconds of the pause after this many failures."""
    first, most = REDIAL_AFTER
    pause = min(most, first * 2 ** (number - 1))
    return pause * 0.75, pause * 1.25 + 2 * LOOK


def stay(seconds: float) -> Callable[[ScriptedPeer], object]:
    """A peer that hangs up after so long, if it was let in."""

    async def talk(peer: ScriptedPeer) -> None:
        with suppress(trio.BrokenResourceError):
            await peer.say(HaveNone())
            await trio.sleep(seconds)

    return talk


async def test_pauses_grow_to_a_minute_and_a_given_address_is_never_forgotten(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with leech(tmp_path, network) as (_, _, torrent):
        await trio.sleep(LONG)
        assert torrent.dialer.log.recent(trio.current_time()) == {WHERE: (Outcome.REFUSED, None)}
        seen = pauses(network)
        assert len(seen) > 15
        for number, pause in enumerate(seen, 1):
            assert grown(number)[0] <= pause <= grown(number)[1]
        assert len({round(pause, 3) for pause in seen[-9:]}) > 1, "they vary, or many would come back together"


async def test_what_a_tracker_found_is_forgotten_after_five_failures(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with leech(tmp_path, network, given=False):
        await trio.sleep(LONG / 3)
        assert len(network.dials) == 5


async def test_a_short_connection_is_a_failure_and_a_long_one_is_not(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    for seconds, again in ((5.0, grown), (20.0, lambda _: grown(1))):
        network.dials.clear()
        async with (
            leech(tmp_path / str(seconds), network) as (swarm, _, _),
            listening(swarm, network, stay(seconds)),
        ):
            with trio.fail_after(LONG):
                await until(lambda: len(network.dials) == 8, every=LOOK)
        for number, pause in enumerate(pauses(network, took=seconds), 1):
            assert again(number)[0] <= pause <= again(number)[1]


async def test_who_hangs_up_is_told_once(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async def hang_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async with leech(tmp_path, network) as (_, engine, torrent), trio.open_nursery() as nursery:
        with network.at(WHERE[0]):
            listeners = await trio.open_tcp_listeners(WHERE[1], host=WHERE[0])
        nursery.start_soon(trio.serve_listeners, hang_up, listeners)
        await trio.sleep(LONG / 9)
        assert torrent.dialer.log.recent(trio.current_time())[WHERE].outcome is Outcome.HUNG_UP
        failures = [alert for alert in engine.alerts if isinstance(alert, ConnectionFailed)]
        assert [failure.cause for failure in failures] == [Cause.HUNG_UP]
        nursery.cancel_scope.cancel()


async def test_who_is_here_is_not_dialled(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    """It dialled us, and said where it listens."""
    async with Swarm(tmp_path, {"a": 2**17}, network=network) as swarm:
        engine = await swarm.engine()
        hearsay = Hearsay(WHERE)
        torrent = swarm.join(engine, "leech", announcers=(hearsay,))
        await torrent.ready.wait()
        async with connected(swarm, network, engine, WHERE[0]) as peer:
            await peer.say(ExtendedHandshake(port=WHERE[1]).encode(), HaveNone())
            await until(lambda: any(session.listens == WHERE for session in torrent.sessions))
            network.dials.clear()
            hearsay.may_say.set()
            await trio.sleep(60)
            assert network.dials == []
        with trio.fail_after(LONG):
            await until(lambda: network.dials, every=LOOK)
        assert network.dials[0][1] == WHERE, "as soon as it is gone"


async def test_a_full_torrent_dials_nobody_until_there_is_room(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with leech(tmp_path, network, max_peers=1) as (swarm, engine, _):
        async with connected(swarm, network, engine, "10.9.0.2") as peer:
            await peer.say(HaveNone(), Interested(), Extended(99, b""))
            await trio.sleep(10)
            before = len(network.dials)
            await trio.sleep(90)
            assert len(network.dials) == before
        with trio.fail_after(LONG):
            await until(lambda: len(network.dials) > before, every=LOOK)


async def test_a_torrent_that_is_full_of_idle_peers_dials_others(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with (
        leech(tmp_path, network, max_peers=1) as (swarm, engine, torrent),
        connected(swarm, network, engine, "10.9.0.2") as idle,
        listening(swarm, network, stay(LONG)),
    ):
        await idle.say(HaveNone(), Extended(99, b""))
        with trio.fail_after(LONG):
            await until(lambda: [session.host for session in torrent.sessions] == [WHERE[0]], every=LOOK)
