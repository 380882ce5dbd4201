"""A tracker behind a proxy that passes no WebSockets, or nothing live at all."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tracker_client.live import HASH, PIECES, Group, Port
from tracker_client.reverse_proxy import no_websockets, nothing_live, proxied
from tracker_client.test_watch import Notes
from waiting import TIMEOUT

from swarmshare.common.bits import all_bits
from swarmshare.errors import TrackerError
from swarmshare.tracker_client import connection, watch
from swarmshare.tracker_client.client import TrackerAnnouncer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

POLLING = "no WebSocket gets through, perhaps a proxy stops it: long polling is in use"
ANNOUNCES = "no live connection gets through, perhaps a proxy stops it: ordinary announces are in use"


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    made = Group(tmp_path_factory.mktemp("tracker"))
    yield made
    made.server.end(signal.SIGKILL)


@pytest.fixture(autouse=True)
def in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SHORTEST", 0.05)


@asynccontextmanager
async def announced(*who: tuple[str, str, Port]) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        for url, token, port in who:
            nursery.start_soon(TrackerAnnouncer(url, token).run, port)
        yield
        nursery.cancel_scope.cancel()


def holds(port: Port, piece: int) -> bool:
    """Whether the only other member is seen to hold it."""
    (pieces,) = port.pieces.values()
    return pieces is not None and piece in pieces


async def test_without_websockets_it_is_as_live_by_polling(group: Group) -> None:
    direct, behind = Port(1, {1}), Port(2, {2})
    with proxied(group.server.address, no_websockets) as proxy:
        async with announced((group.url, group.token, direct), (proxy.url, group.token, behind)):
            await direct.until(lambda: list(direct.pieces.values()) == [{2}])
            await behind.until(lambda: list(behind.pieces.values()) == [{1}])
            assert (behind.problem, direct.problem) == (f"{proxy.url}: {POLLING}", "")
            for piece in range(3, 9):
                direct.change(gained={piece})
                behind.change(gained={piece + 1})
                await behind.until(partial(holds, behind, piece))
                await direct.until(partial(holds, direct, piece + 1))
            members = await trio.to_thread.run_sync(group.members)
            assert members[behind.port]["live"]
        assert "closed" not in behind.problem
        assert len(proxy.refused) == 1, "it does not knock again and again"
        # It said good-bye.
        members = await trio.to_thread.run_sync(group.members)
        assert members == {}


async def test_many_swarms_at_once_fit_into_polls(group: Group) -> None:
    """What waits to be told is more than a server takes in one request."""
    port = Port(3)
    with proxied(group.server.address, no_websockets) as proxy:
        async with announced((proxy.url, group.token, port)):
            await port.until(lambda: port.problem)
            link = await connection.connection_to(proxy.url, group.token, port.peer_id).link()
            answers: list[Any] = []

            async def ask() -> None:
                answers.append(await link.ask("resync", {"info_hash": HASH}))

            async with trio.open_nursery() as nursery:
                for _ in range(60):
                    nursery.start_soon(ask)
            assert len(answers) == 60
            assert all(len(answer["members"]) == 1 for answer in answers)


async def test_a_connection_by_polling_that_breaks_is_made_again(group: Group) -> None:
    one, two = Port(4, {1}), Port(5, {2})
    with proxied(group.server.address, no_websockets) as proxy:
        async with announced((proxy.url, group.token, one), (proxy.url, group.token, two)):
            await one.until(lambda: one.members)
            await trio.to_thread.run_sync(group.server.end, signal.SIGKILL)
            one.change(gained={7})
            await one.until(lambda: "not a tracker's" in one.problem or "reached" in one.problem)
            await trio.to_thread.run_sync(group.restart)
            await two.until(lambda: list(two.pieces.values()) == [{1, 7}] and POLLING in two.problem)


async def test_where_nothing_live_gets_through_it_announces(group: Group) -> None:
    direct, behind = Port(6, {1}), Port(7, set(range(PIECES)))
    passes: list[bool] = []
    with proxied(group.server.address, lambda request: not passes and nothing_live(request)) as proxy:
        async with announced((group.url, group.token, direct), (proxy.url, group.token, behind)):
            await direct.until(lambda: any(member.bits == all_bits(PIECES) for member in direct.members.values()))
            (member,) = direct.members.values()
            assert (member.user, member.live) == ("Olga", False)
            await behind.until(lambda: behind.dialled)
            assert behind.problem == f"{proxy.url}: {ANNOUNCES}"
            passes.append(True)
            await direct.until(lambda: [member.live for member in direct.members.values()] == [True])
            await behind.until(lambda: behind.members and behind.problem == f"{proxy.url}: {POLLING}")


async def test_the_catalogue_is_followed_by_polling(group: Group) -> None:
    with proxied(group.server.address, no_websockets) as proxy:
        async with watching(proxy.url, group.token) as notes:
            # On a busy machine, an attempt may fail before; and swarms of the tests before this one may change.
            await notes.until(lambda: f"{proxy.url}: {POLLING}" in map(str, notes.told))
            before = [str(told) for told in notes.told].index(f"{proxy.url}: {POLLING}")
            assert any(told[0] == "Olga" for told in notes.told[:before] if isinstance(told, list))
            await trio.to_thread.run_sync(group.ask, "DELETE", f"/catalogue/{HASH}")
            # Where the connection broke meanwhile, it is not in the next list.
            await notes.until(lambda: -int(HASH, 16) in notes.told or ["Olga"] in notes.told)
            await trio.to_thread.run_sync(group.publish)


async def test_the_catalogue_is_asked_for_where_nothing_live_gets_through(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "ASK_EVERY", 0.1)
    with proxied(group.server.address, nothing_live) as proxy:
        async with watching(proxy.url, group.token) as notes:
            await notes.until(lambda: len(notes.told) >= 4)
            lists, problems = notes.told[0:4:2], notes.told[1:4:2]
            assert [len(listed) for listed in lists] == [2, 2]
            assert all("the list is asked for" in str(problem) for problem in problems)


async def test_a_sign_in_that_is_not_valid_is_told_where_nothing_live_gets_through(group: Group) -> None:
    with (
        proxied(group.server.address, nothing_live) as proxy,
        trio.fail_after(TIMEOUT),
        pytest.raises(TrackerError) as caught,
    ):
        await watch.watch(proxy.url, "nonsense", Notes())
    assert caught.value.rule == "token-unknown"


@asynccontextmanager
async def watching(url: str, token: str) -> AsyncIterator[Notes]:
    notes = Notes()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watch.watch, url, token, notes)
        yield notes
        nursery.cancel_scope.cancel()
