"""The handlers of ``/swarm``, one by one, with Flask-SocketIO's test client; see also test_swarm_live.py."""

from __future__ import annotations

import logging
import random
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask_socketio import SocketIO
from tracker.realtime.serving_directory import Fixed
from tracker.times import Times

from swarmshare.common.bits import all_bits, as_bits
from swarmshare.schema.tracker_events import (
    MAX_MEMBERS,
    NAMESPACE,
    AvailabilityChanges,
    FindPeers,
    HaveUpdate,
    Join,
    Leave,
    ListMembers,
    MemberChanges,
    Refusal,
    ReportMember,
    Resync,
    Stats,
)
from swarmshare.schema.tracker_wire import dump_request, parse_page, parse_peers, parse_push, parse_state
from swarmshare.tracker.realtime import swarm_namespace
from swarmshare.tracker.swarms.live_members import LiveMembers
from swarmshare.tracker.swarms.registry import SwarmRegistry
from swarmshare.tracker.swarms.store.memory import MemorySwarmStore

if TYPE_CHECKING:
    from swarmshare.schema.tracker_events import JoinAnswer, Push, SwarmRequest

HASH, OTHER, COUNT = bytes(range(32)), bytes(32), 40


class ApiRoutes:
    def __init__(self) -> None:
        self.times = Times()
        self.app = Flask("announce")
        self.socketio = SocketIO(self.app, async_mode="threading")
        self.registry = SwarmRegistry(
            MemorySwarmStore(random.Random(1), self.times.clock),
            clock=self.times.clock,
            later=self.times.later,
            rng=random.Random(2),
        )
        names = [f"user{number}" for number in range(MAX_MEMBERS + 10)]
        directory = Fixed(names, {HASH.hex(): COUNT, OTHER.hex(): COUNT})
        swarm_namespace.register(self.socketio, self.registry, directory)

    def connect(self, auth: Any) -> Any:
        browser = self.app.test_client()  # it has an address
        return self.socketio.test_client(self.app, namespace=NAMESPACE, auth=auth, flask_test_client=browser)


class Peer:
    def __init__(self, routes: ApiRoutes, number: int) -> None:
        self.id = b"%020d" % number
        self.client = routes.connect({"token": f"token of user{number}"})
        assert self.client.is_connected(NAMESPACE)

    def ask(self, request: SwarmRequest) -> Any:
        return self.emit(*dump_request(request))

    def emit(self, event: Any, *data: Any) -> Any:
        return self.client.emit(event, *data, callback=True, namespace=NAMESPACE)

    def join(self, pieces: bytes = bytes(5), info_hash: bytes = HASH) -> JoinAnswer:
        return parse_state(self.ask(Join(info_hash, self.id, 6881, COUNT, pieces, 1)), COUNT)

    def pushes(self) -> list[Push]:
        return [
            parse_push(told["args"][0], lambda _: COUNT)
            for told in self.client.get_received(NAMESPACE)
            if told["name"] == "swarm"
        ]


@pytest.fixture
def routes() -> ApiRoutes:
    return ApiRoutes()


@pytest.mark.parametrize("auth", [None, {}, "x", {"token": "forged"}, {"token": None}])
def test_signing_in_is_needed(routes: ApiRoutes, auth: Any) -> None:
    assert not routes.connect(auth).is_connected(NAMESPACE)
    assert not routes.registry.totals()[1]


def test_an_address_is_needed(routes: ApiRoutes) -> None:
    auth = {"token": "token of user1"}
    assert not routes.socketio.test_client(routes.app, namespace=NAMESPACE, auth=auth).is_connected(NAMESPACE)
    assert routes.connect(auth).is_connected(NAMESPACE)


def test_every_event_has_its_answer(routes: ApiRoutes) -> None:
    one, two = Peer(routes, 1), Peer(routes, 2)
    assert one.join(all_bits(COUNT)).member == 1
    state = two.join()
    assert (state.member, state.seeds, [peer.user for peer in state.peers]) == (2, 1, ["user1"])
    assert two.ask(HaveUpdate(HASH, (range(3),), ())) == {}
    assert two.ask(Stats(HASH, 1, 2, 3, 4, 5)) == {}
    assert parse_state(two.ask(Resync(HASH)), COUNT).availability == bytes([2, 2, 2, *[1] * (COUNT - 3)])
    assert [peer.member for peer in parse_peers(two.ask(FindPeers(HASH, 5)))] == [1]
    assert [holding.peer.user for holding in parse_page(two.ask(ListMembers(HASH, 1)), COUNT).holdings] == ["user2"]
    assert two.ask(ReportMember(HASH, 1)) == {}
    assert two.ask(ReportMember(HASH, 5))["error"] == Refusal.UNKNOWN_MEMBER
    assert two.ask(Leave(HASH)) == {}
    assert two.ask(Leave(HASH))["error"] == Refusal.NOT_JOINED
    assert two.emit("nonsense", {})["error"] == Refusal.UNKNOWN_EVENT
    assert two.emit("join")["error"] == Refusal.MALFORMED
    assert two.emit("join", {}, {})["error"] == Refusal.MALFORMED


def test_pushes_go_to_members_and_to_nobody_else(routes: ApiRoutes) -> None:
    one, two, elsewhere = Peer(routes, 1), Peer(routes, 2), Peer(routes, 3)
    one.join()
    two.join()
    elsewhere.join(info_hash=OTHER)
    routes.times.pass_(1)
    for peer in (one, two, elsewhere):
        peer.pushes()
    one.ask(HaveUpdate(HASH, (range(4, 6),), ()))
    routes.times.pass_(1)
    (push,) = two.pushes()
    assert push.changes == MemberChanges((), (), ((1, (range(4, 6),)),), ())
    assert one.pushes() == [push]
    assert not elsewhere.pushes()
    two.ask(Leave(HASH))
    one.ask(HaveUpdate(HASH, (range(7, 8),), ()))
    routes.times.pass_(1)
    assert not two.pushes()


def test_who_disconnects_is_gone(routes: ApiRoutes) -> None:
    one, two = Peer(routes, 1), Peer(routes, 2)
    one.join()
    two.join()
    routes.times.pass_(1)
    one.pushes()
    two.client.disconnect(NAMESPACE)
    routes.times.pass_(1)
    (push,) = one.pushes()
    assert push.changes == MemberChanges((), (2,), (), ())


def test_the_names_of_socketio_are_no_events(routes: ApiRoutes) -> None:
    one = Peer(routes, 1)
    one.join()
    for event in ("connect", "disconnect"):
        assert (
            one.emit(event, {"REMOTE_ADDR": "9.9.9.9"}, {"token": "token of user2"})["error"] == Refusal.UNKNOWN_EVENT
        )
        assert one.emit(event)["error"] == Refusal.UNKNOWN_EVENT
    assert one.ask(Stats(HASH, 1, 2, 3, 4, 5)) == {}


def test_a_large_swarm_is_told_of_availability_only(routes: ApiRoutes) -> None:
    many = [Peer(routes, number) for number in range(MAX_MEMBERS + 1)]
    told = [peer.join(as_bits(1, COUNT)).holdings for peer in many]
    assert [len(holdings) for holdings in told[:-1] if holdings is not None] == list(range(1, MAX_MEMBERS + 1))
    assert told[-1] is None
    routes.times.pass_(1)
    many[0].pushes()
    many[0].ask(HaveUpdate(HASH, (range(2),), ()))
    routes.times.pass_(1)
    (push,) = many[0].pushes()
    assert push.changes == AvailabilityChanges((range(2),), b"\1\1")
    assert push.leeches == MAX_MEMBERS + 1


def test_a_suspended_account_is_cut(routes: ApiRoutes) -> None:
    one, two = Peer(routes, 1), Peer(routes, 2)
    one.join()
    two.join()
    routes.registry.disconnect_account(3)
    assert not two.client.is_connected(NAMESPACE)
    assert one.client.is_connected(NAMESPACE)
    assert routes.registry.totals() == (1, 1)


def test_a_second_connection_of_the_same_peer_leaves_the_first_without_pushes(routes: ApiRoutes) -> None:
    first, second = Peer(routes, 1), Peer(routes, 1)
    first.join()
    second.join()
    routes.times.pass_(1)
    first.pushes()
    second.ask(HaveUpdate(HASH, (range(1),), ()))
    routes.times.pass_(1)
    assert not first.pushes()
    assert second.pushes()
    assert first.ask(Resync(HASH))["error"] == Refusal.NOT_JOINED


def test_too_fast(routes: ApiRoutes) -> None:
    one = Peer(routes, 1)
    answers = [one.ask(Join(HASH, one.id, 6881, COUNT, bytes(5), 1)) for _ in range(201)]
    assert answers[-1]["error"] == Refusal.TOO_FAST
    assert not any("error" in answer for answer in answers[:-1])
    routes.times.pass_(1)
    one.join()


def test_a_mistake_of_ours_is_logged_and_answered(
    routes: ApiRoutes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    one = Peer(routes, 1)
    monkeypatch.setattr(LiveMembers, "join", fail)
    with caplog.at_level(logging.ERROR):
        assert one.ask(Join(HASH, one.id, 6881, COUNT, bytes(5), 1))["error"] == Refusal.INTERNAL
    assert "ZeroDivisionError" in caplog.text
    assert one.ask(Leave(HASH))["error"] == Refusal.NOT_JOINED
