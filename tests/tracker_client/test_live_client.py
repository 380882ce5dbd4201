"""The live client against a real tracker: a process of its own, which may be killed."""

from __future__ import annotations

import logging
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from tracker_client.live import HASH, PIECES, Group, Port

from swarmshare.tracker_client import client
from swarmshare.tracker_client.client import TrackerAnnouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    made = Group(tmp_path_factory.mktemp("tracker"))
    yield made
    made.server.end(signal.SIGKILL)


@asynccontextmanager
async def announced(group: Group, *ports: Port) -> AsyncIterator[None]:
    announcer = TrackerAnnouncer(group.url, group.token)
    async with trio.open_nursery() as nursery:
        for port in ports:
            nursery.start_soon(announcer.run, port)
        yield
        nursery.cancel_scope.cancel()


async def test_two_see_each_other(group: Group, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="swarmshare.tracker_client")
    seed, leech = Port(1, range(PIECES)), Port(2, {3})
    async with announced(group, seed, leech):
        await seed.until(lambda: list(seed.pieces.values()) == [{3}])
        await leech.until(lambda: list(leech.pieces.values()) == [set(range(PIECES))])
        (member,) = leech.members.values()
        assert (member.user, member.addresses, member.live) == ("Olga", (("127.0.0.1", seed.port),), True)
        await leech.until(lambda: ("127.0.0.1", seed.port) in leech.dialled)

        leech.change(gained={5, 6, 7, 20})
        await seed.until(lambda: list(seed.pieces.values()) == [{3, 5, 6, 7, 20}])
        leech.change(lost={3, 6})
        await seed.until(lambda: list(seed.pieces.values()) == [{5, 7, 20}])
        assert seed.problems == leech.problems == [""]
    assert await trio.to_thread.run_sync(group.members) == {}, "both have left"
    lines = [record.getMessage() for record in caplog.records]
    assert f"{group.url}: connected, live" in lines
    assert sum(line.endswith(f"tracker {group.url}: joined") for line in lines) == 2
    assert group.token not in "\n".join(lines)


async def test_who_leaves_is_seen_no_more(group: Group) -> None:
    stays, goes = Port(3, {0}), Port(4, {1})
    async with announced(group, stays):
        async with announced(group, goes):
            await stays.until(lambda: stays.members)
        await stays.until(lambda: not stays.members)


async def test_a_member_that_lied_is_reported(group: Group) -> None:
    """Two that hold as much: whoever was reported is told last."""
    liar, honest, victim = Port(5, {0, 1}), Port(6, {0, 1}), Port(7)
    async with announced(group, liar, honest):
        async with announced(group, victim):
            await victim.until(lambda: len(victim.members) == 2)
            victim.change(liars={("127.0.0.1", liar.port), ("192.0.2.9", 7000)})
            victim.change(gained={2})
            await honest.until(lambda: {2} in honest.pieces.values())
            victim.change(gained={3})  # told after the report was acknowledged
            await honest.until(lambda: {2, 3} in honest.pieces.values())
        for number in range(8, 12):
            asker = Port(number)
            async with announced(group, asker):
                await asker.until(lambda asker=asker: len(asker.dialled) == 2)  # type: ignore[misc]
            assert asker.dialled == [("127.0.0.1", honest.port), ("127.0.0.1", liar.port)]


async def test_more_changes_than_one_event_may_have(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "MAX_RUNS", 3)
    told, teller = Port(20), Port(21, {1})
    async with announced(group, told, teller):
        await told.until(lambda: told.members)
        teller.change(gained=range(2, PIECES, 2))
        await told.until(lambda: list(told.pieces.values()) == [{1, *range(2, PIECES, 2)}])


async def test_the_tracker_is_killed_and_comes_back_with_nothing(group: Group) -> None:
    one, two = Port(30, {1}), Port(31, {2})
    async with announced(group, one, two):
        await one.until(lambda: one.members)
        await two.until(lambda: two.members)
        await trio.to_thread.run_sync(group.server.end, signal.SIGKILL)
        await one.until(lambda: one.problem)
        assert one.problem == f"{group.url}: cannot be reached: connection refused. Does it run? Is the address right?"
        one.change(gained={10, 11})
        two.change(gained={20})
        await trio.to_thread.run_sync(group.restart)
        await one.until(lambda: list(one.pieces.values()) == [{2, 20}] and not one.problem)
        await two.until(lambda: list(two.pieces.values()) == [{1, 10, 11}] and not two.problem)
        one.change(gained={12})
        await two.until(lambda: list(two.pieces.values()) == [{1, 10, 11, 12}])


async def test_what_a_tracker_said_of_others_counts_for_a_while(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "HEARSAY", -1.0)
    one, two = Port(32, {1}), Port(33, {2})
    async with announced(group, one, two):
        await one.until(lambda: one.members)
        await trio.to_thread.run_sync(group.server.end, signal.SIGKILL)
        await one.until(lambda: not one.members)
        await trio.to_thread.run_sync(group.restart)
        await one.until(lambda: list(one.pieces.values()) == [{2}])


async def test_a_token_that_is_not_valid(group: Group) -> None:
    port = Port(40)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(TrackerAnnouncer(group.url, "nonsense").run, port)
        await port.until(lambda: port.problem)
        nursery.cancel_scope.cancel()
    assert port.problem == (
        f"{group.url}: your sign-in is not valid (any more). "
        f"Sign in again: swarmshare login --tracker {group.url} --user NAME"
    )


async def test_a_swarm_that_the_catalogue_has_not(group: Group) -> None:
    port = Port(41)
    await trio.to_thread.run_sync(group.ask, "DELETE", f"/catalogue/{HASH}")
    async with announced(group, port):
        await port.until(lambda: port.problem)
        assert port.problem == f"{group.url}: the catalogue has no such info hash"
        await trio.to_thread.run_sync(group.publish)
        await port.until(lambda: not port.problem)
