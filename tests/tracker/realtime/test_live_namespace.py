"""``/live``: who watches is told what changes, and who may not watch is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from flask_socketio import ConnectionRefusedError
from manifest.makers import encoded, folder_doc, good_doc, hybrid_doc, put
from tracker.trackers import PASSWORD, Person, Tracker

from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.tracker_events import Refusal
from swarmshare.tracker.http.api import swarm_routes
from swarmshare.tracker.realtime import live_namespace

if TYPE_CHECKING:
    from flask_socketio import SocketIOTestClient

MANIFEST = parse_manifest(encoded(good_doc()))
HASH = MANIFEST.info_hash.full.hex()


def told(watcher: SocketIOTestClient, event: str) -> list[Any]:
    return [found["args"][0] for found in watcher.get_received("/live") if found["name"] == event]


def announce(tracker: Tracker, info_hash: bytes, left: int = 0, peer: int = 1, passkey: str = "") -> None:
    quoted = "".join(f"%{byte:02x}" for byte in info_hash[:20])
    query = f"info_hash={quoted}&peer_id={peer:020}&port=6881&uploaded=0&downloaded=0&left={left}&compact=1"
    response = tracker.http.get(
        f"/announce{passkey and '/'}{passkey}?{query}", environ_overrides={"REMOTE_ADDR": f"192.0.2.{peer}"}
    )
    assert b"failure" not in response.data, response.data


def test_the_catalogue(tracker: Tracker) -> None:
    watcher = tracker.watch(tracker.join("Ann"))
    assert watcher.is_connected("/live")
    entry = tracker.publish(tracker.organiser).json
    assert watcher.get_received("/live") == [{"name": "published", "args": [entry], "namespace": "/live"}]
    tracker.publish(tracker.organiser)
    assert watcher.get_received("/live") == [], "it was there already"
    tracker.ask("DELETE", f"/catalogue/{HASH}", tracker.organiser)
    assert told(watcher, "withdrawn") == [{"info_hash": HASH}]


def test_an_import_is_told_too(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    document = tracker.get("/export/catalogue", tracker.organiser)
    tracker.ask("DELETE", f"/catalogue/{HASH}", tracker.organiser)
    watcher = tracker.watch(tracker.organiser)
    tracker.ask("POST", "/import/catalogue", tracker.organiser, json=document)
    assert [entry["info_hash"] for entry in told(watcher, "published")] == [HASH]


def test_swarms_are_told_at_most_once_a_second(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    watcher = tracker.watch(tracker.organiser)
    announce(tracker, MANIFEST.info_hash.full)
    tracker.clock.advance(0.3)
    assert told(watcher, "swarms") == [[{"info_hash": HASH, "seeds": 1, "peers": 1, "copies": 1}]]
    for peer in range(2, 5):
        announce(tracker, MANIFEST.info_hash.full, 100, peer)
        tracker.clock.advance(0.3)
    assert len(told(watcher, "swarms")) <= 1
    tracker.clock.advance(1)
    assert told(watcher, "swarms") in ([], [[{"info_hash": HASH, "seeds": 1, "peers": 4, "copies": 1}]])
    tracker.clock.advance(5)
    assert tracker.get(f"/catalogue/{HASH}", tracker.organiser)["peers"] == 4
    assert told(watcher, "swarms") == []


def test_many_swarms_are_told_in_parts(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_namespace, "MAX_PUSHED", 2)
    manifests = []
    for number in range(5):
        doc = put(folder_doc({b"a": 5, b"b": 5}), "info/name", b"%d" % number)
        tracker.publish(tracker.organiser, doc)
        manifests.append(parse_manifest(encoded(doc)))
    watcher = tracker.watch(tracker.organiser)
    for manifest in manifests:
        announce(tracker, manifest.info_hash.full)
    tracker.clock.advance(0.9)
    parts = told(watcher, "swarms")
    tracker.clock.advance(5)
    parts += told(watcher, "swarms")
    assert max(map(len, parts)) == 2
    assert {swarm["info_hash"] for part in parts for swarm in part} == {str(m.info_hash) for m in manifests}


def test_nothing_is_kept_for_nobody(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    announce(tracker, MANIFEST.info_hash.full)
    tracker.clock.advance(5)
    watcher = tracker.watch(tracker.organiser)
    tracker.clock.advance(5)
    assert watcher.get_received("/live") == []


def test_what_is_withdrawn_has_no_swarm(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    announce(tracker, MANIFEST.info_hash.full)
    assert tracker.services.registry.totals() == (1, 1)
    tracker.ask("DELETE", f"/catalogue/{HASH}", tracker.organiser)
    assert tracker.services.registry.totals() == (0, 0)


def test_who_is_suspended_is_in_no_swarm(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    tracker.publish(tracker.organiser)
    announce(tracker, MANIFEST.info_hash.full)
    announce(tracker, MANIFEST.info_hash.full, peer=2, passkey=tracker.services.accounts.passkey(ann.account) or "")
    assert tracker.services.registry.totals() == (1, 2)
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    assert tracker.services.registry.totals() == (1, 1)


def test_a_withdrawn_swarm_is_told_of_no_more(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    watcher = tracker.watch(tracker.organiser)
    announce(tracker, MANIFEST.info_hash.full)
    tracker.clock.advance(0.3)
    assert told(watcher, "swarms")
    announce(tracker, MANIFEST.info_hash.full, 5, 2)
    tracker.ask("DELETE", f"/catalogue/{HASH}", tracker.organiser)
    tracker.clock.advance(5)
    assert [event["name"] for event in watcher.get_received("/live")] == ["withdrawn"]


@pytest.mark.parametrize("auth", [None, {}, {"token": 5}, {"token": "x"}, [], "x", {"token": None}])
def test_who_may_not_watch(tracker: Tracker, auth: object) -> None:
    watcher = tracker.services.socketio.test_client(tracker.app, namespace="/live", auth=auth)
    assert not watcher.is_connected("/live")


def test_one_account_watches_from_so_many_places(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_namespace, "MAX_WATCHERS", 2)
    ann = tracker.join("Ann")
    first, second = tracker.watch(ann), tracker.watch(ann)
    assert not tracker.watch(ann).is_connected("/live")
    assert tracker.watch(tracker.organiser).is_connected("/live")
    first.disconnect("/live")
    assert tracker.watch(ann).is_connected("/live")
    assert second.is_connected("/live")


def test_suspending_cuts(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    hers, own = tracker.watch(ann), tracker.watch(tracker.organiser)
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    assert not hers.is_connected("/live")
    assert own.is_connected("/live")
    assert not tracker.watch(ann).is_connected("/live")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/tokens/current", None),
        ("POST", "/account/passkey", None),
        ("DELETE", "/account/passkey", None),
        ("PUT", "/account/password", {"old": PASSWORD, "new": "another one"}),
    ],
)
def test_losing_a_right_cuts(tracker: Tracker, method: str, path: str, body: object) -> None:
    """Whatever was connected comes back by itself, if it still may."""
    ann = tracker.join("Ann")
    hers, own = tracker.watch(ann), tracker.watch(tracker.organiser)
    assert tracker.ask(method, path, ann, json=body).status_code < 300
    assert not hers.is_connected("/live")
    assert own.is_connected("/live")


@pytest.mark.parametrize("event", ["disconnect", "connect", "account_cut", "published", "nonsense", "message"])
def test_what_a_watcher_sends_does_nothing(tracker: Tracker, event: str) -> None:
    """It could otherwise pretend to have left, and outlive its account."""
    ann = tracker.join("Ann")
    watcher, own = tracker.watch(ann), tracker.watch(tracker.organiser)
    watcher.emit(event, {"token": tracker.organiser.token}, namespace="/live")
    assert own.get_received("/live") == []
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    assert not watcher.is_connected("/live")


def test_the_reason_of_a_refusal(tracker: Tracker) -> None:
    namespace = tracker.services.socketio.server.namespace_handlers["/live"]
    with pytest.raises(ConnectionRefusedError) as refused:
        namespace.trigger_event("connect", "session", None, {"token": "x"})
    text = {"code": "token.unknown", "arguments": {}}
    assert refused.value.error_args["data"] == {"error": str(Refusal.SIGNED_OUT), "text": text}


def test_who_is_suspended_is_told_that(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    namespace = tracker.services.socketio.server.namespace_handlers["/live"]
    with pytest.raises(ConnectionRefusedError) as refused:
        namespace.trigger_event("connect", "session", None, {"token": ann.token})
    assert refused.value.error_args["data"]["error"] == str(Refusal.SUSPENDED)
    assert tracker.services.directory.is_suspended(ann.token)
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": False})
    assert not tracker.services.directory.is_suspended(ann.token)
    assert tracker.watch(ann).is_connected("/live")


def test_swarm_detail(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser, hybrid_doc())
    path = f"/swarms/{parse_manifest(encoded(hybrid_doc())).info_hash}"
    empty = tracker.get(path, tracker.organiser)
    assert (empty["total"], empty["members"], empty["availability"]) == (0, [], "AAAAAA==")
    announce(tracker, parse_manifest(encoded(hybrid_doc())).info_hash.full)
    announce(tracker, parse_manifest(encoded(hybrid_doc())).info_hash.full, 20_006, 2)
    swarm = tracker.get(path, Person("Olga", 0, tracker.organiser.token))
    assert (swarm["seeds"], swarm["leeches"], swarm["copies"], swarm["availability"]) == (1, 1, 1, "AQEBAQ==")
    seed, leech = swarm["members"]
    assert (seed["addresses"], seed["port"], seed["share"], seed["pieces"]) == (["192.0.2.1"], 6881, 1, None)
    assert (leech["user"], leech["live"], leech["share"], leech["left"]) == ("", False, 0.5, 20_006)
    (seed,) = tracker.get(f"{path}?pieces=true&limit=1", tracker.organiser)["members"]
    assert seed["pieces"] == "8A=="
    (leech,) = tracker.get(f"{path}?pieces=true&offset=1", tracker.organiser)["members"]
    assert leech["pieces"] is None


def test_bitfields_in_one_answer_are_bounded(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swarm_routes, "MAX_BITFIELDS", 1)
    tracker.publish(tracker.organiser)
    for peer in (1, 2, 3):
        announce(tracker, MANIFEST.info_hash.full, 0, peer)
    path = f"/swarms/{HASH}"
    assert len(tracker.get(f"{path}?pieces=true", tracker.organiser)["members"]) == 2
    assert len(tracker.get(path, tracker.organiser)["members"]) == 3
