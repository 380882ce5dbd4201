"""All swarms in one: who is told what, and when; ordinary clients and connected peers side by side."""

from __future__ import annotations

import random
from collections import Counter
from ipaddress import ip_address
from typing import Any
from weakref import ref

import pytest
from tracker.realtime.serving_directory import Fixed
from tracker.swarms.store_contract import COUNT, INFO_HASH, OTHER, bits, member, runs
from tracker.times import Times

from swarmshare.common.bits import all_bits
from swarmshare.errors import AnnounceError
from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import (
    MAX_MEMBERS,
    FindPeers,
    HaveUpdate,
    Join,
    ListMembers,
    MemberChanges,
    Push,
    Refusal,
    ReportMember,
    Stats,
)
from swarmshare.tracker.domain.lookup import Identity, Role, SwarmCounts, SwarmEntry
from swarmshare.tracker.swarms import connections, live_members, ranking
from swarmshare.tracker.swarms.live_members import LiveMembers
from swarmshare.tracker.swarms.pacing import Pacer
from swarmshare.tracker.swarms.ranking import draw, rank
from swarmshare.tracker.swarms.registry import SwarmRegistry
from swarmshare.tracker.swarms.store import memory
from swarmshare.tracker.swarms.store.memory import MemorySwarmStore
from swarmshare.tracker.swarms.views import AnnounceEvent, AnnounceReply

ANN, BOB = Identity(1, "ann", Role.MEMBER), Identity(2, "bob", Role.MEMBER)
ENTRY = SwarmEntry(INFO_HASH, (INFO_HASH[:20],), "content", COUNT, 1000, private=False)
LAN = ip_address("10.0.0.7")


class World:
    """A registry with a push channel that notes what it is told."""

    def __init__(self, **options: Any) -> None:
        self.times = Times()
        self.store = MemorySwarmStore(random.Random(1), self.times.clock)
        self.registry = SwarmRegistry(
            self.store,
            clock=self.times.clock,
            later=self.times.later,
            rng=random.Random(2),
            **options,
        )
        self.members = LiveMembers(self.registry, Fixed([], {INFO_HASH.hex(): COUNT, OTHER.hex(): COUNT}))
        self.pushes: list[Push] = []
        self.released: list[tuple[str, bytes]] = []
        self.cuts: list[int] = []
        self._ports: dict[bytes, int] = {}
        self.registry.attach(self)

    def push(self, told: Push) -> None:
        self.pushes.append(told)

    def release(self, session: str, info_hash: bytes) -> None:
        self.members.released(session, info_hash)
        self.released.append((session, info_hash))

    def cut(self, account: int) -> None:
        self.cuts.append(account)

    def connect(self, session: str, identity: Identity = ANN, address: str = "10.0.0.1") -> None:
        self.members.connect(session, identity, ip_address(address))

    def join(self, session: str, pieces: bytes = bits(), info_hash: bytes = INFO_HASH, peer_id: bytes = b"") -> Any:
        peer_id = (peer_id or session.encode()).ljust(20)
        return self.members.join(session, Join(info_hash, peer_id, 6881, COUNT, pieces, 5))

    def come(self, session: str, pieces: bytes = bits(), identity: Identity = ANN, address: str = "10.0.0.1") -> Any:
        self.connect(session, identity, address)
        return self.join(session, pieces)

    def announce(self, peer_id: bytes, **fields: Any) -> AnnounceReply:
        values: dict[str, Any] = {
            "addresses": [LAN],
            "port": self._ports.setdefault(peer_id, 7000 + len(self._ports)),
            "left": 500,
            "uploaded": 0,
            "downloaded": 0,
            "event": AnnounceEvent.NONE,
            "numwant": 50,
            "key": b"secret",
            "identity": None,
        }
        values |= fields
        entry = values.pop("entry", ENTRY)
        values.setdefault("wire_hash", entry.info_hash[:20])
        return self.registry.announce(entry, peer_id.ljust(20), **values)


@pytest.fixture
def world() -> World:
    return World()


def refused(code: Refusal) -> Any:
    return pytest.raises(EventError, check=lambda error: error.reason == code)


# What is told, and when


def test_pushes_are_few_however_much_happens(world: World) -> None:
    world.come("a")
    world.times.pass_(1)
    world.pushes.clear()
    for step in range(400):  # two seconds of a piece every 5 ms
        world.members.have("a", HaveUpdate(INFO_HASH, runs(step % COUNT), ()))
        world.members.have("a", HaveUpdate(INFO_HASH, (), runs(step % COUNT)))
        world.times.pass_(0.005)
    assert len(world.pushes) == 8
    assert [push.seq for push in world.pushes] == list(range(2, 10))


def test_a_change_after_quiet_is_told_at_once_and_one_soon_after_waits(world: World) -> None:
    world.come("a")
    assert not world.pushes
    world.times.pass_()
    assert len(world.pushes) == 1
    world.members.have("a", HaveUpdate(INFO_HASH, runs(1), ()))
    world.times.pass_(0.24)
    assert len(world.pushes) == 1
    world.times.pass_(0.01)
    assert len(world.pushes) == 2


def test_a_watcher_is_told_even_when_nobody_is_left(world: World) -> None:
    seen: list[bytes] = []
    world.registry.watch(seen.append)
    world.come("a")
    world.times.pass_(1)
    world.members.disconnect("a")
    world.times.pass_(1)
    assert seen == [INFO_HASH, INFO_HASH]
    assert len(world.pushes) == 1


def test_a_pacer_forgets_keys() -> None:
    class Key:
        pass

    times, calls, keys = Times(), Counter[int](), [Key(), Key()]
    pacer: Pacer[Key] = Pacer(1.0, times.later, lambda key: calls.update([id(key)]))
    for key in keys:
        pacer.want(key)
    times.pass_(5)
    assert calls == {id(key): 1 for key in keys}
    known = [ref(key) for key in keys]
    keys.clear()
    del key
    assert [key() for key in known] == [None, None]


# Connected peers


def test_a_state_has_everything(world: World) -> None:
    world.come("a", bits(1))
    world.announce(b"h", left=0)
    world.times.pass_()
    state = world.come("b", bits(1, 2), BOB)
    assert (state.member, state.seeds, state.leeches, state.interval) == (3, 1, 2, 15)
    assert state.availability == bytes([1, 3, 2] + [1] * (COUNT - 3))
    assert state.holdings is not None
    assert [(h.peer.user, h.pieces) for h in state.holdings] == [
        ("ann", bits(1)),
        ("", all_bits(COUNT)),
        ("bob", bits(1, 2)),
    ]
    assert [peer.member for peer in state.peers] == [2, 1]
    assert world.members.state("b", INFO_HASH)._replace(peers=()) == state._replace(peers=())


def test_who_is_not_in_a_swarm_may_ask_nothing_of_it(world: World) -> None:
    world.connect("a")
    world.come("b")
    for ask in (
        lambda: world.members.state("a", INFO_HASH),
        lambda: world.members.have("a", HaveUpdate(INFO_HASH, (), ())),
        lambda: world.members.stats("a", Stats(INFO_HASH, 0, 0, 0, 0, 0)),
        lambda: world.members.leave("a", INFO_HASH),
        lambda: world.members.more_peers("a", FindPeers(INFO_HASH, 5)),
        lambda: world.members.members("a", ListMembers(INFO_HASH, 0)),
        lambda: world.members.report("a", ReportMember(INFO_HASH, 1)),
    ):
        with refused(Refusal.NOT_JOINED):
            ask()
    with refused(Refusal.SIGNED_OUT):
        world.join("nobody")
    with refused(Refusal.SIGNED_OUT):
        world.members.spend("nobody", 1)


def test_joins_that_are_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.connect("a")
    with refused(Refusal.UNKNOWN_SWARM):
        world.join("a", info_hash=b"\7" * 32)
    with refused(Refusal.PIECE_COUNT):
        world.members.join("a", Join(INFO_HASH, bytes(20), 1, COUNT + 1, bits(), 0))
    monkeypatch.setattr(live_members, "MAX_SWARMS", 1)
    world.join("a")
    world.join("a")
    with refused(Refusal.TOO_MANY_SWARMS):
        world.join("a", info_hash=OTHER)
    monkeypatch.setattr(memory, "MAX_SWARMS", 1)
    world.connect("b")
    with refused(Refusal.SWARM_FULL):
        world.join("b", info_hash=OTHER)
    assert world.registry.totals() == (1, 1)


def test_an_allowance_is_used_up_and_comes_back(world: World) -> None:
    world.connect("a")
    for _ in range(connections.BURST // 5):
        world.members.spend("a", 5)
    with refused(Refusal.TOO_FAST):
        world.members.spend("a", 1)
    world.times.pass_(1)
    for _ in range(connections.RATE):
        world.members.spend("a", 1)
    with refused(Refusal.TOO_FAST):
        world.members.spend("a", 1)


def test_a_piece_that_is_none(world: World) -> None:
    world.come("a")
    with refused(Refusal.PIECE_COUNT):
        world.members.have("a", HaveUpdate(INFO_HASH, (range(COUNT, COUNT + 1),), ()))


def test_another_peer_id_is_another_member_of_the_same_connection(world: World) -> None:
    world.come("a")
    state = world.join("a", peer_id=b"other")
    assert state.holdings is not None
    assert [holding.peer.member for holding in state.holdings] == [2]
    world.members.disconnect("a")
    assert world.registry.totals() == (0, 0)


def test_the_same_peer_on_a_second_connection_takes_over(world: World) -> None:
    world.come("a")
    world.connect("b")
    world.join("b", peer_id=b"a")
    assert world.released == [("a", INFO_HASH)]
    with refused(Refusal.NOT_JOINED):
        world.members.have("a", HaveUpdate(INFO_HASH, (), ()))
    world.members.disconnect("a")
    assert world.registry.totals() == (1, 1)


def test_a_stranger_cannot_take_over_with_a_peer_id(world: World) -> None:
    world.come("a", bits(1))
    world.connect("thief", BOB)
    world.join("thief", bits(2), peer_id=b"a")
    world.announce(b"a", left=0)
    world.announce(b"a", left=0, event=AnnounceEvent.STOPPED, key=b"guess")
    assert world.registry.totals() == (1, 3)
    assert not world.released


def test_silent_members_are_gone_after_two_intervals(world: World) -> None:
    world.come("talks")
    world.come("silent", identity=BOB)
    world.announce(b"client")
    for _ in range(3):
        world.times.pass_(11)
        world.members.stats("talks", Stats(INFO_HASH, 1, 2, 3, 4, 5))
    world.times.pass_(5)
    assert world.released == [("silent", INFO_HASH)]
    changes = world.pushes[-1].changes
    assert isinstance(changes, MemberChanges)
    assert changes.left == (2,)
    with refused(Refusal.NOT_JOINED):
        world.members.stats("silent", Stats(INFO_HASH, 1, 2, 3, 4, 5))
    assert world.registry.counts(INFO_HASH).peers == 2
    world.times.pass_(600)
    assert world.registry.counts(INFO_HASH).peers == 0


def test_members_in_pages_of_a_large_swarm(world: World) -> None:
    for number in range(MAX_MEMBERS + 5):
        world.come(f"{number}", bits(number % COUNT))
    assert world.members.state("0", INFO_HASH).holdings is None
    first = world.members.members("0", ListMembers(INFO_HASH, 0))
    assert (len(first.holdings), first.more) == (MAX_MEMBERS, True)
    rest = world.members.members("0", ListMembers(INFO_HASH, first.holdings[-1].peer.member))
    assert (len(rest.holdings), rest.more) == (5, False)


def test_a_member_that_the_store_lost_is_told_so(world: World) -> None:
    world.come("a")
    world.store.close(INFO_HASH)
    for ask in (
        lambda: world.members.state("a", INFO_HASH),
        lambda: world.members.have("a", HaveUpdate(INFO_HASH, (), ())),
        lambda: world.members.stats("a", Stats(INFO_HASH, 0, 0, 0, 0, 0)),
    ):
        with refused(Refusal.NOT_JOINED):
            ask()
    world.join("a")


def test_a_suspended_account_is_gone(world: World) -> None:
    world.come("a")
    world.come("b", identity=BOB)
    world.announce(b"c", identity=ANN, left=0)
    world.registry.disconnect_account(ANN.account)
    assert world.cuts == [ANN.account]
    assert world.released == [("a", INFO_HASH)]
    assert world.registry.counts(INFO_HASH) == SwarmCounts(leeches=1)


def test_a_withdrawn_entry_has_no_swarm(world: World) -> None:
    world.come("a")
    world.announce(b"b")
    world.registry.withdraw(INFO_HASH)
    assert world.registry.totals() == (0, 0)
    assert world.registry.detail(INFO_HASH) is None
    with refused(Refusal.NOT_JOINED):
        world.members.state("a", INFO_HASH)


# Ordinary clients


def test_connected_and_announcing_members_are_in_one_swarm(world: World) -> None:
    world.come("a", all_bits(COUNT))
    reply = world.announce(b"leech", left=250)
    assert (reply.interval, reply.min_interval, reply.seeds, reply.leeches) == (300, 60, 1, 1)
    assert [(peer.addresses, peer.port) for peer in reply.peers] == [((b"\x0a\0\0\1",), 6881)]
    state = world.members.state("a", INFO_HASH)
    (peer,) = state.peers
    assert (peer.addresses, peer.port, peer.live, peer.holds, peer.user) == (("10.0.0.7",), 7000, False, "unknown", "")
    assert peer.share == round(14 / COUNT, 4)  # three quarters of the bytes
    detail = world.registry.detail(INFO_HASH)
    assert detail is not None
    assert [(member.user, member.live, member.share, member.pieces) for member in detail.members] == [
        ("ann", True, 1.0, all_bits(COUNT)),
        ("", False, peer.share, None),
    ]
    assert (detail.copies, detail.seeds, detail.leeches, detail.availability) == (1, 1, 1, bytes([1] * COUNT))
    assert world.registry.counts(INFO_HASH) == SwarmCounts(seeds=1, leeches=1, copies=1)


def test_completed_is_counted_once(world: World) -> None:
    world.announce(b"a", left=9)
    world.announce(b"a", left=0, event=AnnounceEvent.COMPLETED)
    world.announce(b"a", left=0, event=AnnounceEvent.COMPLETED)  # a hybrid announces by both its names
    world.announce(b"seed", left=0, event=AnnounceEvent.STARTED)
    world.come("live", bits(*range(COUNT - 1)))
    world.members.have("live", HaveUpdate(INFO_HASH, runs(COUNT - 1), ()))
    assert world.registry.counts(INFO_HASH) == SwarmCounts(seeds=3, copies=3, completed=2)


def test_stopped_is_gone_and_gets_nothing(world: World) -> None:
    world.announce(b"a")
    world.announce(b"b")
    reply = world.announce(b"a", event=AnnounceEvent.STOPPED, numwant=0)
    assert (reply.leeches, reply.peers) == (1, ())


def test_one_client_with_two_addresses(world: World) -> None:
    v6 = ip_address("fd00::7")
    world.announce(b"a")
    world.announce(b"a", addresses=[v6])
    reply = world.announce(b"b")
    assert {address for peer in reply.peers for address in peer.addresses} == {LAN.packed, v6.packed}
    assert reply.leeches == 2
    world.announce(b"a", addresses=[ip_address("10.0.0.8")])
    addresses = [address for peer in world.announce(b"b").peers for address in peer.addresses]
    assert set(addresses) == {ip_address("10.0.0.8").packed, v6.packed}


def test_without_a_key_the_address_tells_clients_apart(world: World) -> None:
    world.announce(b"a", key=b"")
    world.announce(b"a", key=b"", addresses=[ip_address("10.0.0.8")])
    world.announce(b"a", key=b"")
    assert world.announce(b"b").leeches == 3


def test_a_connected_peer_that_announces_too_stays_connected(world: World) -> None:
    world.come("a", bits(1))
    reply = world.announce(b"a", identity=ANN, left=0)
    assert (reply.seeds, reply.leeches, reply.peers) == (0, 1, [])
    world.members.have("a", HaveUpdate(INFO_HASH, runs(2), ()))


# One machine is one member


def seeds(world: World) -> tuple[int, int]:
    """Seeds and leeches."""
    counts = world.registry.counts(INFO_HASH)
    return counts.seeds, counts.leeches


def test_an_announce_counts_until_the_next_one_is_due(world: World) -> None:
    """And a minute, lest whoever is a little late is missed."""
    world.announce(b"client", left=0)
    world.times.pass_(300 + 50)
    assert seeds(world) == (1, 0)
    world.times.pass_(20)
    assert seeds(world) == (0, 0)


@pytest.mark.parametrize("identity", [None, ANN])
def test_a_client_that_was_killed_and_comes_back_is_one(world: World, identity: Identity | None) -> None:
    for number in range(4):
        world.announce(b"run %d" % number, port=6881, left=0, key=b"%d" % number, identity=identity)
        assert seeds(world) == (1, 0)
    world.announce(b"other", left=0, key=b"", port=6881, addresses=[ip_address("10.0.0.8")])
    world.announce(b"other port", left=0, key=b"", port=6882)
    assert seeds(world) == (3, 0)
    assert {peer.peer_id for peer in world.announce(b"asks").peers} >= {b"run 3".ljust(20), b"other".ljust(20)}


def test_who_came_back_by_the_other_protocol_is_found_out_with_its_next_announce(world: World) -> None:
    v6 = ip_address("fd00::7")
    world.announce(b"first", port=6881)
    world.announce(b"first", port=6881, addresses=[v6])
    world.announce(b"again", port=6881, addresses=[v6])
    assert seeds(world) == (0, 1)


def test_a_connected_machine_is_no_second_one_when_something_on_it_announces(world: World) -> None:
    world.announce(b"before", port=6881, addresses=[ip_address("10.0.0.1")], left=0)
    world.come("a", bits(1))
    assert seeds(world) == (0, 1)
    for identity in (None, ANN):
        world.announce(b"after", port=6881, addresses=[ip_address("10.0.0.1")], left=0, identity=identity)
        assert seeds(world) == (0, 1)


def test_two_machines_behind_one_address_that_prove_to_be_two(world: World) -> None:
    world.come("a", bits(1))
    world.come("b", bits(1))  # of the same account, and both are connected
    world.come("c", bits(1), BOB)
    world.announce(b"d", port=7001, identity=ANN)
    world.announce(b"e", port=7001, identity=BOB)
    assert seeds(world) == (0, 5)


def test_nobody_is_thrown_out_from_behind_the_same_router(world: World) -> None:
    """Not by saying its port, and that one stops; nor by saying its address, which nobody is asked for."""
    world.announce(b"victim", port=6881, left=0, identity=ANN)
    world.announce(b"victim 2", port=6882, left=0, key=b"mine")
    for port in (6881, 6882):
        for identity in (None, BOB):
            for number in range(3):
                world.announce(b"%d" % number, port=port, key=b"%d" % number, identity=identity)
            for number in range(3):
                world.announce(
                    b"%d" % number, port=port, key=b"%d" % number, identity=identity, event=AnnounceEvent.STOPPED
                )
    world.announce(b"far", port=6881, addresses=[ip_address("fd00::9"), LAN], key=b"far")
    world.announce(b"far", port=6881, addresses=[ip_address("fd00::9"), LAN], key=b"far", event=AnnounceEvent.STOPPED)
    names = {peer.peer_id for peer in world.announce(b"asks").peers}
    assert b"victim".ljust(20) in names


def test_two_strangers_behind_one_address_give_the_place_back(world: World) -> None:
    for name in (b"a", b"b", b"a", b"b", b"c"):
        world.announce(name, port=6881, key=name)
    assert seeds(world) == (0, 1)
    world.announce(b"c", port=6881, key=b"c", event=AnnounceEvent.STOPPED)
    assert seeds(world) == (0, 1), "one of the others may be there all the time"
    world.announce(b"c", port=6881, key=b"c")
    for name, left in ((b"a", 1), (b"c", 0)):
        world.announce(name, port=6881, key=name, event=AnnounceEvent.STOPPED)
        assert seeds(world) == (0, left)
    world.announce(b"d", port=6881, key=b"d")
    world.announce(b"e", port=6881, key=b"e")
    world.times.pass_(300 + 60 + 10)
    assert seeds(world) == (0, 0)
    world.announce(b"e", port=6881, key=b"e")
    world.announce(b"e", port=6881, key=b"e", event=AnnounceEvent.STOPPED)
    assert seeds(world) == (0, 0), "whose place it had is forgotten by now"


def test_a_seed_is_told_of_leeches_only(world: World) -> None:
    world.announce(b"s", left=0)
    world.announce(b"l")
    assert [peer.peer_id for peer in world.announce(b"t", left=0).peers] == [b"l".ljust(20)]
    assert len(world.announce(b"m").peers) == 3
    assert len(world.announce(b"m", numwant=2).peers) == 2
    assert world.announce(b"m", numwant=0).peers == ()


def test_an_open_swarm_knows_no_pieces(world: World) -> None:
    entry = SwarmEntry(bytes(32), (bytes(20),), "", 0, 2**62, private=False)
    world.announce(b"s", left=0, entry=entry)
    reply = world.announce(b"l", left=5, entry=entry)
    assert (reply.seeds, reply.leeches) == (1, 1)
    assert [peer.peer_id for peer in reply.peers] == [b"s".ljust(20)]
    assert [peer.peer_id for peer in world.announce(b"s", left=0, entry=entry).peers] == [b"l".ljust(20)]
    detail = world.registry.detail(bytes(32))
    assert detail is not None
    assert [member.share for member in detail.members] == [1.0, 0.0]


def test_clients_that_know_only_the_v1_name_are_told_to_their_like(world: World) -> None:
    world.announce(b"old", wire_hash=b"\1" * 20)
    world.announce(b"hybrid", wire_hash=b"\1" * 20)
    world.announce(b"hybrid")
    assert {peer.peer_id for peer in world.announce(b"new").peers} == {b"hybrid".ljust(20)}
    names = {peer.peer_id for peer in world.announce(b"older", wire_hash=b"\1" * 20).peers}
    assert names == {name.ljust(20) for name in (b"old", b"hybrid", b"new")}


def test_a_full_swarm_says_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_SWARMS", 0)
    with pytest.raises(AnnounceError, match="as many members"):
        world.announce(b"a")


def test_members_on_the_trackers_own_machine_are_reached_at_its_address() -> None:
    own = ip_address("192.168.1.5")
    world = World(own_addresses=[own])
    world.come("a", address="127.0.0.1")
    world.announce(b"b", addresses=[ip_address("::1")])
    detail = world.registry.detail(INFO_HASH)
    assert detail is not None
    assert [member.addresses for member in detail.members] == [("192.168.1.5",)] * 2


def test_loopback_is_told_on_the_same_machine_only(world: World) -> None:
    world.come("here", bits(1), address="127.0.0.1")
    world.come("too", bits(2), BOB, address="127.0.0.1")
    world.connect("far", Identity(3, "eve", Role.MEMBER), "10.0.0.9")
    assert not world.join("far").peers
    assert len(world.members.state("here", INFO_HASH).peers) == 2


# Ranking


def members_of(*held: bytes | None) -> Any:
    store = MemorySwarmStore(random.Random(1), Times().clock)
    for number, pieces in enumerate(held):
        store.put(INFO_HASH, COUNT, member(b"%d" % number, pieces=pieces, held=5))
    snapshot = store.snapshot(INFO_HASH)
    assert snapshot is not None
    return snapshot


def order(snapshot: Any, pieces: bytes, want: int = 50) -> list[int]:
    found = rank(snapshot.members, pieces, COUNT, want, random.Random(3))
    return [member.number for member in found]


def test_who_holds_something_that_is_lacking_comes_first() -> None:
    snapshot = members_of(bits(1, 2, 3), bits(1, 2), bits(4), bits(1, 2, 3, 5), bits())
    assert order(snapshot, bits())[-1] == 5
    # What the asker has counts for nothing.
    assert set(order(snapshot, bits(1, 2, 3))[:2]) == {3, 4}
    assert order(snapshot, bits(1, 2, 3, 5))[0] == 3


def test_the_unknown_may_hold_anything_and_a_seed_is_told_of_those_that_are_none() -> None:
    snapshot = members_of(bits(1), all_bits(COUNT), None, bits())
    assert order(snapshot, bits())[3] == 4
    assert set(order(snapshot, all_bits(COUNT))) == {1, 3, 4}


def test_whoever_was_reported_comes_last() -> None:
    store_snapshot = members_of(bits(1), all_bits(COUNT), bits(2))
    members = [m._replace(blamed=2) if m.number == 2 else m for m in store_snapshot.members]
    snapshot = store_snapshot._replace(members=members)
    assert order(snapshot, bits())[-1] == 2
    for want in (1, 2, 3):
        numbers = [member.number for member in draw(members, want, random.Random(want))]
        assert len(numbers) == want
        assert set(numbers[:2]) <= {1, 3}
        assert numbers[2:] == [2] * (want == 3)
    reported = [member._replace(blamed=3 - member.number % 3) for member in members]
    assert [member.blamed for member in draw(reported, 9, random.Random(1))] == [1, 2, 3]


def test_of_very_many_members_some_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranking, "CONSIDERED", 3)
    snapshot = members_of(*[bits(1)] * 6)
    assert len(order(snapshot, bits())) == len(order(snapshot, all_bits(COUNT))) == 3
    assert order(members_of(*[all_bits(COUNT)] * 6, bits()), all_bits(COUNT)) == [7]


def test_ties_are_broken_by_lot() -> None:
    snapshot = members_of(*[bits(1)] * 6)
    firsts = {rank(snapshot.members, bits(), COUNT, 1, random.Random(seed))[0].number for seed in range(60)}
    assert len(firsts) == 6
    assert {draw(snapshot.members, 1, random.Random(seed))[0].number for seed in range(60)} == firsts


def test_they_are_told_by_lot_so_that_not_all_dial_the_same() -> None:
    snapshot = members_of(*[all_bits(COUNT)] * 30, *[bits(1)] * 70, *[bits()] * 20)
    told = [[m.number for m in rank(snapshot.members, bits(), COUNT, 20, random.Random(seed))] for seed in range(60)]
    assert all(max(numbers[:10]) <= 100 for numbers in told), "one half can give something"
    assert {number for numbers in told for number in numbers} == set(range(1, 121)), "and the other one is of all"


def test_a_report_reaches_every_ranking(world: World) -> None:
    world.come("a", bits(0))
    liar = world.come("b", all_bits(COUNT), BOB).member
    world.come("c", bits(3))
    assert {peer.member for peer in world.members.more_peers("a", FindPeers(INFO_HASH, 9))} == {liar, 3}
    world.members.report("a", ReportMember(INFO_HASH, liar))
    assert [peer.member for peer in world.members.more_peers("a", FindPeers(INFO_HASH, 9))] == [3, liar]
    detail = world.registry.detail(INFO_HASH)
    assert detail is not None
    assert [member.blamed for member in detail.members] == [0, 1, 0]
    with refused(Refusal.UNKNOWN_MEMBER):
        world.members.report("a", ReportMember(INFO_HASH, 99))
