"""Connected peers as a whole: a server process, and python-socketio's own clients."""

from __future__ import annotations

import random
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest
import socketio
from tracker.realtime.live import HUGE, SMALL, LivePeer, Serving, peers, serving
from waiting import TIMEOUT

from swarmshare.common.bits import all_bits, as_bits
from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import (
    NAMESPACE,
    FindPeers,
    Holds,
    Join,
    ListMembers,
    Refusal,
    ReportMember,
    Stats,
)
from swarmshare.schema.tracker_wire import dump_request, parse_answer, parse_page, parse_peers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tracker.realtime.view import SwarmView

COUNT = 200


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving(live_interval=60) as process:
        yield process


def pieces(view: SwarmView, number: int) -> bytes | None:
    return view.members[number][3] if number in view.members else None


def test_join_have_leave_and_drop_reach_the_others(server: Serving) -> None:
    with peers(server, 3) as (watcher, other, third):
        watcher.join()
        other.join(as_bits(1 << COUNT - 1, COUNT))
        watcher.until(lambda view: pieces(view, other.number) == as_bits(1 << COUNT - 1, COUNT))
        other.have({3, 4, 5}, {0})
        watcher.until(lambda view: pieces(view, other.number) == as_bits(0b111 << COUNT - 6, COUNT))
        third.join(all_bits(COUNT))
        watcher.until(lambda view: view.seeds == 1 and len(view.members) == 3)
        assert watcher.view.availability[:6] == bytes((1, 1, 1, 2, 2, 2))
        other.leave()
        watcher.until(lambda view: other.number not in view.members)
        third.drop()
        watcher.until(lambda view: list(view.members) == [watcher.number])
        assert not any(watcher.view.availability)
        assert not watcher.resyncs


def test_a_gap_leads_to_a_resync_and_the_same_state(server: Serving) -> None:
    with peers(server, 2) as (watcher, other):
        watcher.join()
        other.join()
        watcher.until(lambda view: other.number in view.members)
        watcher.lose = 1
        other.have({1}, set())
        lost = watcher.view.seq + 1
        other.until(lambda view: view.seq >= lost)
        other.have({2}, set())
        watcher.until(lambda view: view.seq > lost)
        assert watcher.resyncs == 1
        assert_same(watcher, server)


@pytest.mark.unmeasured
def test_ten_thousand_random_operations_end_in_one_view() -> None:
    with serving(live_interval=60) as server, peers(server, 20) as twenty:
        for peer in twenty:
            peer.join()
        failures: list[BaseException] = []

        def work(peer: LivePeer, seed: int) -> None:
            try:
                operate(peer, random.Random(seed))
            except BaseException as error:
                failures.append(error)
                raise

        threads = [threading.Thread(target=work, args=(peer, seed)) for seed, peer in enumerate(twenty)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        for peer in twenty:
            peer.lose = 0
        twenty[0].join()  # whoever lost the last push hears of it by the next
        for peer in twenty:
            assert_same(peer, server)
        assert sum(peer.resyncs for peer in twenty)


def operate(peer: LivePeer, rng: random.Random) -> None:
    """500 of the 10,000."""
    for _ in range(500):
        some = set(rng.sample(range(COUNT), rng.randrange(6)))
        match rng.choices(["have", "lose", "join", "leave", "drop"], [90, 4, 3, 2, 1])[0]:
            case "have":
                peer.have(some, set(rng.sample(range(COUNT), 3)) - some, wait=rng.random() < 0.2)
            case "lose":
                peer.lose = 1
            case "join":
                peer.join(as_bits(rng.getrandbits(COUNT), COUNT))
            case "leave":
                peer.leave()
                peer.join()
            case "drop":
                peer.drop()
                peer.connect()
                peer.join()


def assert_same(peer: LivePeer, server: Serving) -> None:
    def same(view: SwarmView) -> bool:
        told = server.swarm(peer.info_hash)
        shown = {
            str(number): [user, bits.hex() if bits is not None else None]
            for number, (user, _, _, bits) in view.members.items()
        }
        return (
            (view.epoch, view.seq, view.seeds, view.leeches)
            == tuple(told[key] for key in ("epoch", "seq", "seeds", "leeches"))
            and shown == told["members"]
            and view.availability.hex() == told["availability"]
        )

    peer.until(same)


def test_a_peer_that_polls_first_moves_to_a_websocket(server: Serving) -> None:
    with peers(server, 1, polling=True) as (peer,):
        peer.join()
        peer.have({7}, set())
        peer.until(lambda view: view.availability[7] == 1)
        assert peer.io.transport() == "websocket"


def test_peers_that_can_give_something_are_told_first(server: Serving) -> None:
    with peers(server, 4) as (asker, rare, common, useless):
        asker.join(as_bits(1, COUNT))
        rare.join(as_bits(1 << 9, COUNT))
        common.join(as_bits(0b110, COUNT))
        useless.join(as_bits(1, COUNT))
        with peers(server, 5) as more:
            for peer in more[4:]:
                peer.join(as_bits(0b110, COUNT))
            answer = [peer.member for peer in parse_peers(asker.ask(FindPeers(SMALL, 50)))]
            assert set(answer[:3]) == {rare.number, common.number, more[4].number}
            assert answer[3:] == [useless.number]
            parse_answer("report", common.ask(ReportMember(SMALL, rare.number)))
            assert parse_peers(asker.ask(FindPeers(SMALL, 50)))[-1].member == rare.number
            assert len(parse_peers(asker.ask(FindPeers(SMALL, 1)))) == 1


def test_members_one_by_one(server: Serving) -> None:
    with peers(server, 3) as all_three:
        for number, peer in enumerate(all_three):
            peer.join(as_bits((1 << 60 * number) - 1, COUNT))
        page = parse_page(all_three[0].ask(ListMembers(SMALL, all_three[0].number)), COUNT)
        assert [holding.peer.user for holding in page.holdings] == ["user2", "user3"]
        assert page.holdings[1].pieces == as_bits((1 << 120) - 1, COUNT)
        assert page.holdings[0].peer.holds is Holds.SOME
        assert page.holdings[0].peer.share == 0.3
        assert not page.more


MALFORMED: list[tuple[Any, tuple[Any, ...], Refusal]] = [
    ("have", (), Refusal.MALFORMED),
    ("have", (None,), Refusal.MALFORMED),
    ("have", (5,), Refusal.MALFORMED),
    ("have", ("x" * 100_000,), Refusal.MALFORMED),
    ("have", (b"binary",), Refusal.MALFORMED),
    ("have", ([],), Refusal.MALFORMED),
    ("have", ({},), Refusal.MALFORMED),
    ("have", ({}, {}), Refusal.MALFORMED),
    ("have", ({"info_hash": SMALL.hex(), "gained": [0, 201], "lost": []},), Refusal.PIECE_COUNT),
    ("have", ({"info_hash": SMALL.hex(), "gained": [3, 1, 3, 1], "lost": []},), Refusal.MALFORMED),
    ("have", ({"info_hash": HUGE.hex(), "gained": [3, 1], "lost": []},), Refusal.NOT_JOINED),
    ("stats", ({"info_hash": SMALL.hex()},), Refusal.MALFORMED),
    ("report", ({"info_hash": SMALL.hex(), "member": 10**6},), Refusal.UNKNOWN_MEMBER),
    ("peers", ({"info_hash": SMALL.hex(), "want": 10**9},), Refusal.MALFORMED),
    ("nonsense", ({},), Refusal.UNKNOWN_EVENT),
    ("connect", ({"REMOTE_ADDR": "9.9.9.9"}, {"token": "token of user9"}), Refusal.UNKNOWN_EVENT),
    ("disconnect", ("because",), Refusal.UNKNOWN_EVENT),
    ("__disconnect_final", (), Refusal.UNKNOWN_EVENT),
    ({"event": 1}, ({},), Refusal.UNKNOWN_EVENT),
    (["join"], ({},), Refusal.UNKNOWN_EVENT),
    (5, ({},), Refusal.UNKNOWN_EVENT),
    (None, ({},), Refusal.UNKNOWN_EVENT),
]


def test_malformed_events_are_answered_and_the_connection_lives(server: Serving) -> None:
    with peers(server, 1) as (peer,):
        peer.join()
        peer.until(lambda view: view.seq > 0)  # its own coming has been told
        before = server.swarm(SMALL)
        for event, data, code in MALFORMED:
            answer = peer.call(event, *data)
            assert answer["error"] == code, (event, data)
            assert answer["message"]
        wrong: list[tuple[dict[str, Any], Refusal]] = [
            ({"bitfield": bytes(24)}, Refusal.BITFIELD),
            ({"bitfield": bytes(26)}, Refusal.BITFIELD),
            ({"pieces": 201, "bitfield": bytes(26)}, Refusal.PIECE_COUNT),
            ({"info_hash": bytes(32).hex()[:-1] + "9"}, Refusal.UNKNOWN_SWARM),
            ({"user": "root"}, Refusal.MALFORMED),
            ({"account": 1}, Refusal.MALFORMED),
            ({"ip": "9.9.9.9"}, Refusal.MALFORMED),
        ]
        for changes, code in wrong:
            wire = dump_request(Join(SMALL, bytes(20), 1, COUNT, bytes(25), 0))[1] | changes
            assert peer.call("join", wire)["error"] == code
        assert server.swarm(SMALL) == before
        parse_answer("stats", peer.ask(Stats(SMALL, 1, 2, 3, 4, 5)))


@pytest.mark.unmeasured
def test_too_many_events_are_refused_and_later_ones_taken() -> None:
    """10,000 joins of one client: most are refused, and nothing comes of them."""
    with serving(live_interval=60) as server, peers(server, 1) as (peer,):
        peer.join()
        event, wire = dump_request(Join(SMALL, peer.peer_id, 6881, COUNT, bytes(25), 0))
        answers: list[Any] = []
        done = threading.Event()

        def count(answer: Any) -> None:
            answers.append(answer)
            if len(answers) == 10_000:
                done.set()

        for _ in range(10_000):
            peer.io.emit(event, wire, namespace=NAMESPACE, callback=count)
        assert done.wait(TIMEOUT)
        refused = [answer for answer in answers if "error" in answer]
        assert refused
        assert {answer["error"] for answer in refused} == {Refusal.TOO_FAST}
        assert len(server.swarm(SMALL)["members"]) == 1
        event, wire = dump_request(Stats(SMALL, 1, 2, 3, 4, 5))
        end = monotonic() + TIMEOUT
        while "error" in peer.call(event, wire):  # by and by there is room for more
            assert monotonic() < end


@pytest.mark.parametrize("auth", [None, {}, {"token": "forged"}, {"token": 5}, {"token": "x" * 10_000}, "user1"])
def test_nobody_comes_in_without_a_token(server: Serving, auth: Any) -> None:
    client = socketio.Client(reconnection=False, handle_sigint=False)
    refusals: list[Any] = []
    client.on("connect_error", refusals.append, namespace=NAMESPACE)
    try:
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(server.url, auth=auth, namespaces=[NAMESPACE], transports=["websocket"])
        assert refusals[0]["data"]["error"] in {Refusal.SIGNED_OUT, Refusal.MALFORMED}
    finally:
        client.disconnect()


def test_a_suspended_account_is_cut_at_once(server: Serving) -> None:
    with peers(server, 2) as (good, bad):
        good.join()
        bad.join()
        good.until(lambda view: len(view.members) == 2)
        server.get("/cut/2")
        bad.io.wait()
        assert not bad.io.connected
        good.until(lambda view: list(view.members) == [good.number])


def test_coming_back_before_the_old_connection_is_missed_is_one_member(server: Serving) -> None:
    with peers(server, 2) as (watcher, peer):
        watcher.join()
        peer.join()
        old = peer.io
        peer.connect()
        peer.join(all_bits(COUNT))
        watcher.until(lambda view: set(view.members) == {watcher.number, peer.number})
        old.disconnect()
        peer.have(set(), {5})
        watcher.until(lambda view: view.availability[5] == 0 and len(view.members) == 2)


def test_silence_ends_a_membership() -> None:
    # The connection lives: its pings are answered. But the peer says nothing of its swarm any more.
    with serving(live_interval=1) as server, peers(server, 2) as (watcher, silent):
        watcher.join()
        silent.join()
        watcher.until(lambda view: silent.number in view.members)

        def gone(view: SwarmView) -> bool:
            watcher.ask(Stats(SMALL, 0, 0, 0, 0, 0))
            return silent.number not in view.members

        watcher.until(gone)
        with pytest.raises(EventError, match="not in that swarm") as refused:
            silent.have({1}, set())
        assert refused.value.reason == Refusal.NOT_JOINED
        silent.join()
