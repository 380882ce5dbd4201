"""What every swarm store promises: a test module for one makes subclasses of what is here."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tracker.realtime.view import SwarmView, availability_of
from tracker.times import Times

from swarmshare.common.bits import all_bits, as_bits, runs_of_bits
from swarmshare.schema.tracker_events import MAX_MEMBERS, JoinAnswer
from swarmshare.tracker.domain.lookup import SwarmCounts
from swarmshare.tracker.swarms.store import base as store_module
from swarmshare.tracker.swarms.store.base import MemberRecord, Progress, RemovedMember
from swarmshare.tracker.swarms.views import holding, push

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.common.bits import Runs
    from swarmshare.tracker.swarms.store.base import SwarmChanges, SwarmSnapshot, SwarmStore

INFO_HASH = bytes(range(32))
OTHER = bytes(32)
COUNT = 19


def bits(*pieces: int, count: int = COUNT) -> bytes:
    return as_bits(sum(1 << (8 * -(-count // 8) - 1 - piece) for piece in pieces), count)


def runs(*pieces: int) -> Runs:
    return runs_of_bits(int.from_bytes(bits(*pieces), "big"), COUNT)


def member(member_id: bytes = b"a", session: str = "s", **fields: Any) -> MemberRecord:
    values: dict[str, Any] = {
        "account": 1,
        "user": "ann",
        "peer_id": bytes(20),
        "addresses": (b"\x0a\0\0\1",),
        "port": 6881,
        "pieces": bits(),
        "held": 0,
        "left": 100,
        "uploaded": 0,
        "downloaded": 0,
        "rate_up": 0,
        "rate_down": 0,
    }
    return MemberRecord(member_id, session, **(values | fields))


def timeless(member: MemberRecord) -> MemberRecord:
    """A member but for when it was heard of, on a clock that is the store's own."""
    assert member.seen is not None
    return member._replace(seen=None)


def state_of(snapshot: SwarmSnapshot) -> JoinAnswer:
    holdings = tuple(holding(m, snapshot.piece_count) for m in snapshot.members) if snapshot.detailed else None
    return JoinAnswer(
        snapshot.epoch, snapshot.seq, 15, 1, snapshot.seeds, snapshot.leeches, (), snapshot.availability, holdings
    )


def refresh(view: SwarmView, store: SwarmStore) -> None:
    snapshot = store.snapshot(INFO_HASH)
    assert snapshot is not None
    view.reset(state_of(snapshot))


def tell(view: SwarmView, changes: SwarmChanges | None, store: SwarmStore) -> None:
    if changes is not None and not view.apply(push(INFO_HASH, changes)):
        refresh(view, store)


def assert_equal(view: SwarmView, store: SwarmStore) -> None:
    snapshot = store.snapshot(INFO_HASH)
    assert snapshot is not None
    assert (view.epoch, view.seq, view.detailed) == (snapshot.epoch, snapshot.seq, snapshot.detailed)
    assert (view.seeds, view.leeches) == (snapshot.seeds, snapshot.leeches)
    assert view.availability == snapshot.availability
    if snapshot.detailed:
        expected = SwarmView(snapshot.piece_count)
        expected.reset(state_of(snapshot))
        assert view.members == expected.members


class StoreContract:
    """Promises in words, one test each. A subclass gives the fixture ``store``: an empty one, for each test.

    Its clock is that of the fixture ``times``.
    """

    @pytest.fixture
    def times(self) -> Times:
        return Times()

    def test_nothing_there_is_no_error(self, store: SwarmStore) -> None:
        progress = Progress(1, 2, 3, 4, 5)
        assert store.have(INFO_HASH, b"a", "s", runs(1), ()) is None
        assert not store.progress(INFO_HASH, b"a", "s", progress)
        assert not store.remove(INFO_HASH, b"a", "s")
        assert not store.blame(INFO_HASH, 1, 1)
        assert not store.close(INFO_HASH)
        assert not store.expel(1)
        assert not store.expire(9.0, 9.0)
        assert not store.members(INFO_HASH)
        assert store.member(INFO_HASH, b"a") is None
        assert store.snapshot(INFO_HASH) is None
        assert store.take_changes(INFO_HASH) is None
        assert store.counts(INFO_HASH) == SwarmCounts()
        assert store.totals() == (0, 0)

    def test_a_member_is_told_once_and_as_it_is(self, store: SwarmStore) -> None:
        placed = store.put(INFO_HASH, COUNT, member(pieces=bits(0, 5)))
        assert placed is not None
        put, displaced = placed
        assert timeless(put) == member(pieces=bits(0, 5), held=2, number=1)
        assert not displaced
        assert store.member(INFO_HASH, b"a") == put
        assert store.members(INFO_HASH) == [put]
        changes = store.take_changes(INFO_HASH)
        assert changes is not None
        assert (changes.joined, changes.left, changes.gained, changes.lost) == ((put,), (), (), ())
        assert (changes.seq, changes.detailed, changes.piece_count) == (1, True, COUNT)
        assert store.take_changes(INFO_HASH) is None

    def test_the_same_on_the_same_session_keeps_its_number(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member())
        store.blame(INFO_HASH, 1, 7)
        store.take_changes(INFO_HASH)
        again = store.put(INFO_HASH, COUNT, member(pieces=bits(3)))
        assert again is not None
        assert (timeless(again[0]), again[1]) == (member(pieces=bits(3), held=1, number=1, blamed=1), "")
        changes = store.take_changes(INFO_HASH)
        assert changes is not None
        assert [m.number for m in changes.joined] == [1]
        assert not changes.left

    def test_who_is_at_an_address_and_port(self, store: SwarmStore) -> None:
        v4, v6 = b"\x0a\0\0\1", bytes(15) + b"\1"
        assert store.at(INFO_HASH, v4, 6881) == []
        store.put(INFO_HASH, COUNT, member(b"a"))
        store.put(INFO_HASH, COUNT, member(b"b", "", addresses=(v4, v6)))
        assert [m.member_id for m in store.at(INFO_HASH, v4, 6881)] == [b"a", b"b"]
        assert [m.member_id for m in store.at(INFO_HASH, v6, 6881)] == [b"b"]
        assert store.at(INFO_HASH, v4, 6882) == store.at(OTHER, v4, 6881) == []
        store.put(INFO_HASH, COUNT, member(b"a", port=6882))
        store.remove(INFO_HASH, b"b", "")
        assert store.at(INFO_HASH, v4, 6881) == store.at(INFO_HASH, v6, 6881) == []
        assert [m.member_id for m in store.at(INFO_HASH, v4, 6882)] == [b"a"]

    def test_the_same_with_nothing_new_is_no_change(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(b"h", "", pieces=None, held=4))
        store.take_changes(INFO_HASH)
        store.put(INFO_HASH, COUNT, member(b"h", "", pieces=None, held=4, uploaded=9))
        assert store.take_changes(INFO_HASH) is None
        found = store.member(INFO_HASH, b"h")
        assert found is not None
        assert found.uploaded == 9

    def test_the_same_on_another_session_is_another(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(session="old", pieces=bits(1)))
        store.take_changes(INFO_HASH)
        placed = store.put(INFO_HASH, COUNT, member(session="new", pieces=bits(2)))
        assert placed is not None
        assert (placed[0].number, placed[1]) == (2, "old")
        changes = store.take_changes(INFO_HASH)
        assert changes is not None
        assert (changes.left, [m.number for m in changes.joined]) == ((1,), [2])
        assert not store.remove(INFO_HASH, b"a", "old")
        assert store.have(INFO_HASH, b"a", "old", runs(3), ()) is None
        assert not store.progress(INFO_HASH, b"a", "old", Progress(0, 0, 0, 0, 0))
        snapshot = store.snapshot(INFO_HASH)
        assert snapshot is not None
        assert snapshot.availability == availability_of([bits(2)], COUNT)

    def test_pieces_gained_and_lost(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(pieces=bits(0, 1, 2)))
        store.take_changes(INFO_HASH)
        assert store.have(INFO_HASH, b"a", "s", runs(2, 3, 4, 18), runs(0)) is True
        changes = store.take_changes(INFO_HASH)
        assert changes is not None
        assert (changes.gained, changes.lost) == (((1, runs(3, 4, 18)),), ((1, runs(0)),))
        found = store.member(INFO_HASH, b"a")
        assert found is not None
        assert (found.pieces, found.held) == (bits(1, 2, 3, 4, 18), 5)

    def test_many_pieces_at_once_and_one_by_one_count_alike(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, 1000, member(pieces=bytes(125)))
        store.put(INFO_HASH, 1000, member(b"b", pieces=bytes(125)))
        store.have(INFO_HASH, b"a", "s", (range(100, 900),), ())
        for piece in range(100, 900):
            store.have(INFO_HASH, b"b", "s", (range(piece, piece + 1),), ())
        store.have(INFO_HASH, b"a", "s", (), (range(500),))
        snapshot = store.snapshot(INFO_HASH)
        assert snapshot is not None
        assert snapshot.availability == bytes([0] * 100 + [1] * 400 + [2] * 400 + [0] * 100)

    def test_what_changed_there_and_back_is_told_as_it_is_now(self, store: SwarmStore) -> None:
        # Whoever took a snapshot in between must hear of the way back, though for others nothing happened.
        store.put(INFO_HASH, COUNT, member(pieces=bits(0)))
        store.take_changes(INFO_HASH)
        store.have(INFO_HASH, b"a", "s", runs(5), ())
        view = SwarmView(COUNT)
        refresh(view, store)
        store.have(INFO_HASH, b"a", "s", (), runs(5))
        changes = store.take_changes(INFO_HASH)
        tell(view, changes, store)
        assert changes is not None
        assert changes.lost == ((1, runs(5)),)
        assert_equal(view, store)

    def test_whoever_joined_and_left_unseen_is_told_as_gone(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member())
        store.put(INFO_HASH, COUNT, member(b"b", "t"))
        view = SwarmView(COUNT)
        refresh(view, store)
        store.remove(INFO_HASH, b"b", "t")
        tell(view, store.take_changes(INFO_HASH), store)
        assert_equal(view, store)

    def test_a_piece_that_is_none_changes_nothing(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(pieces=bits(1)))
        before = store.snapshot(INFO_HASH)
        assert store.have(INFO_HASH, b"a", "s", (range(18, 20),), ()) is False
        assert store.have(INFO_HASH, b"a", "s", (), (range(19, 20),)) is False
        assert store.snapshot(INFO_HASH) == before

    def test_unknown_pieces_count_for_nothing(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(b"h", "", pieces=None, held=18))
        assert store.have(INFO_HASH, b"h", "", runs(1), ()) is None
        assert store.counts(INFO_HASH) == SwarmCounts(seeds=0, leeches=1, copies=0)

    def test_seeds_and_completions(self, store: SwarmStore) -> None:
        everything = all_bits(COUNT)
        store.put(INFO_HASH, COUNT, member(b"seed", pieces=everything))
        store.put(INFO_HASH, COUNT, member(b"leech", "t", pieces=bits(*range(COUNT - 1))))
        assert store.counts(INFO_HASH) == SwarmCounts(seeds=1, leeches=1, copies=1, completed=0)
        store.have(INFO_HASH, b"leech", "t", runs(COUNT - 1), ())
        assert store.counts(INFO_HASH) == SwarmCounts(seeds=2, leeches=0, copies=2, completed=1)
        store.have(INFO_HASH, b"seed", "s", (), runs(3))
        assert store.counts(INFO_HASH) == SwarmCounts(seeds=1, leeches=1, copies=1, completed=1)
        store.completed(INFO_HASH)
        store.remove(INFO_HASH, b"seed", "s")
        store.remove(INFO_HASH, b"leech", "t")
        assert store.counts(INFO_HASH) == SwarmCounts(completed=2)
        store.close(INFO_HASH)
        assert store.counts(INFO_HASH) == SwarmCounts()

    def test_progress_is_kept_and_not_told(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member())
        store.take_changes(INFO_HASH)
        assert store.progress(INFO_HASH, b"a", "s", Progress(1, 2, 3, 4, 5))
        expected = member(left=1, uploaded=2, downloaded=3, rate_up=4, rate_down=5, number=1)
        found = store.member(INFO_HASH, b"a")
        assert found is not None
        assert timeless(found) == expected
        assert store.take_changes(INFO_HASH) is None

    def test_blame_counts_accounts(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member())
        assert store.blame(INFO_HASH, 1, 7)
        assert store.blame(INFO_HASH, 1, 7)
        assert store.blame(INFO_HASH, 1, 8)
        assert not store.blame(INFO_HASH, 2, 7)
        found = store.member(INFO_HASH, b"a")
        assert found is not None
        assert found.blamed == 2

    def test_expiry_knows_two_kinds(self, store: SwarmStore, times: Times) -> None:
        store.put(OTHER, COUNT, member(b"gone", ""))
        times.pass_(0.5)
        store.put(OTHER, COUNT, member(b"slow", ""))
        times.pass_(4)
        store.put(INFO_HASH, COUNT, member(b"old", "s"))
        times.pass_(0.5)
        store.put(INFO_HASH, COUNT, member(b"new", "t"))
        times.pass_(0.5)
        assert sorted(store.expire(0.5, 5.0)) == [
            RemovedMember(OTHER, b"gone", ""),
            RemovedMember(INFO_HASH, b"old", "s"),
        ]
        assert store.totals() == (2, 2)
        times.pass_(0.5)
        assert len(store.expire(0.5, 5.0)) == 2
        assert store.totals() == (0, 0)

    def test_whatever_is_heard_of_a_member_shows_that_it_lives(self, store: SwarmStore, times: Times) -> None:
        hear: list[Callable[[], object]] = [
            lambda: store.put(INFO_HASH, COUNT, member()),
            lambda: store.have(INFO_HASH, b"a", "s", runs(1), ()),
            lambda: store.progress(INFO_HASH, b"a", "s", Progress(1, 2, 3, 4, 5)),
            lambda: store.put(INFO_HASH, COUNT, member()),
        ]
        for each in hear:
            each()
            times.pass_(1)
            assert not store.expire(1.0, 0.0)
        times.pass_(0.5)
        assert len(store.expire(1.0, 0.0)) == 1

    def test_whoever_is_put_back_is_as_old_as_it_was(self, store: SwarmStore, times: Times) -> None:
        placed = store.put(INFO_HASH, COUNT, member(session=""))
        assert placed is not None
        times.pass_(2)
        store.remove(INFO_HASH, b"a", "")
        store.put(INFO_HASH, COUNT, placed[0])
        assert len(store.expire(0.0, 1.5)) == 1

    def test_an_account_is_expelled_from_every_swarm(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(b"a1", "s"))
        store.put(OTHER, COUNT, member(b"a2", ""))
        store.put(OTHER, COUNT, member(b"b", "t", account=2))
        store.put(OTHER, COUNT, member(b"c", "", account=None))
        assert sorted(store.expel(1)) == [RemovedMember(OTHER, b"a2", ""), RemovedMember(INFO_HASH, b"a1", "s")]
        assert store.totals() == (1, 2)

    def test_a_closed_swarm_is_no_more(self, store: SwarmStore) -> None:
        store.put(INFO_HASH, COUNT, member(b"a", "s"))
        store.put(INFO_HASH, COUNT, member(b"b", ""))
        first = store.snapshot(INFO_HASH)
        assert store.close(INFO_HASH) == [RemovedMember(INFO_HASH, b"a", "s"), RemovedMember(INFO_HASH, b"b", "")]
        assert store.snapshot(INFO_HASH) is None
        store.put(INFO_HASH, COUNT, member())
        again = store.snapshot(INFO_HASH)
        assert first is not None
        assert again is not None
        assert again.epoch != first.epoch

    def test_members_come_in_order(self, store: SwarmStore) -> None:
        for number in range(7):
            store.put(INFO_HASH, COUNT, member(b"%d" % number))
        store.put(INFO_HASH, COUNT, member(b"2", "again"))
        assert [m.number for m in store.members(INFO_HASH)] == [1, 2, 4, 5, 6, 7, 8]

    def test_a_full_swarm_prefers_accounts(self, store: SwarmStore, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (store_module, *self.modules_with_limits()):
            monkeypatch.setattr(module, "MAX_SWARM", 2, raising=False)
        assert store.put(INFO_HASH, COUNT, member(b"a", "s")) is not None
        assert store.put(INFO_HASH, COUNT, member(b"h", "", account=None, pieces=bits(4))) is not None
        assert store.put(INFO_HASH, COUNT, member(b"i", "", account=None)) is None
        assert store.put(INFO_HASH, COUNT, member(b"h", "", account=None, pieces=bits(5))) is not None
        assert store.put(INFO_HASH, COUNT, member(b"b", "t")) is not None
        assert [m.member_id for m in store.members(INFO_HASH)] == [b"a", b"b"]
        assert store.put(INFO_HASH, COUNT, member(b"c", "u")) is None
        snapshot = store.snapshot(INFO_HASH)
        assert snapshot is not None
        assert snapshot.availability == bytes(COUNT)

    def test_there_are_only_so_many_swarms(self, store: SwarmStore, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (store_module, *self.modules_with_limits()):
            monkeypatch.setattr(module, "MAX_SWARMS", 1, raising=False)
        assert store.put(INFO_HASH, COUNT, member(b"a", "s")) is not None
        assert store.put(OTHER, COUNT, member(b"a", "s")) is None
        assert store.put(INFO_HASH, COUNT, member(b"b", "t")) is not None
        store.completed(INFO_HASH)
        store.completed(OTHER)
        assert store.counts(INFO_HASH).completed == 0

    def test_a_large_swarm_is_told_by_availability_and_a_small_one_by_member_again(self, store: SwarmStore) -> None:
        rng = random.Random(5)
        view = SwarmView(COUNT)
        epochs: list[tuple[int, bool]] = []

        def step() -> None:
            changes = store.take_changes(INFO_HASH)
            assert changes is not None
            if not epochs or epochs[-1] != (changes.epoch, changes.detailed):
                epochs.append((changes.epoch, changes.detailed))
            tell(view, changes, store)
            assert_equal(view, store)

        for number in range(MAX_MEMBERS + 50):
            pieces = bits(*rng.sample(range(COUNT), rng.randrange(COUNT)))
            store.put(INFO_HASH, COUNT, member(b"%d" % number, pieces=pieces))
            store.have(INFO_HASH, b"%d" % rng.randint(0, number), "s", runs(rng.randrange(COUNT)), ())
            snapshot = store.snapshot(INFO_HASH)
            assert snapshot is not None
            assert snapshot.detailed == (number < MAX_MEMBERS)
            if number % 3 == 0:
                refresh(view, store)
            step()
        for number in range(MAX_MEMBERS + 49, 100, -1):
            store.have(INFO_HASH, b"%d" % rng.randint(0, number), "s", (), runs(rng.randrange(COUNT)))
            store.remove(INFO_HASH, b"%d" % number, "s")
            step()
        assert [detailed for _, detailed in epochs] == [True, False, True]
        assert len({epoch for epoch, _ in epochs}) == 3

    def modules_with_limits(self) -> tuple[Any, ...]:
        """Where a subclass's store has its limits from."""
        return ()


class StoreMachine(RuleBasedStateMachine):
    """Any history whatever, next to a plain model; a subclass gives ``make_store``."""

    whos = st.sampled_from([b"a", b"b", b"c", b"d"])
    sessions = st.sampled_from(["", "s", "t"])
    pieces = st.sets(st.integers(0, COUNT - 1))

    def make_store(self) -> SwarmStore:
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.store = self.make_store()
        self.model: dict[bytes, tuple[str, int, set[int] | None]] = {}
        self.early, self.late = SwarmView(COUNT), SwarmView(COUNT)

    @rule(member_id=whos, session=sessions, account=st.integers(1, 2), pieces=st.none() | pieces)
    def put(self, member_id: bytes, session: str, account: int, pieces: set[int] | None) -> None:
        bitfield = None if pieces is None else bits(*pieces)
        assert (
            self.store.put(INFO_HASH, COUNT, member(member_id, session, account=account, pieces=bitfield)) is not None
        )
        self.model[member_id] = session, account, None if pieces is None else set(pieces)

    @rule(member_id=whos, session=sessions, gained=pieces, lost=pieces)
    def have(self, member_id: bytes, session: str, gained: set[int], lost: set[int]) -> None:
        known = self.store.have(INFO_HASH, member_id, session, runs(*gained), runs(*lost))
        holder, _, held = self.model.get(member_id, ("nobody", 0, None))
        assert known is (True if holder == session and held is not None else None)
        if known and held is not None:
            held |= gained
            held -= lost

    @rule(member_id=whos, session=sessions)
    def remove(self, member_id: bytes, session: str) -> None:
        there = member_id in self.model and self.model[member_id][0] == session
        assert self.store.remove(INFO_HASH, member_id, session) is there
        if there:
            del self.model[member_id]

    @rule(account=st.integers(1, 2))
    def expel(self, account: int) -> None:
        gone = {member_id for member_id, (_, owner, _) in self.model.items() if owner == account}
        assert {g.member_id for g in self.store.expel(account)} == gone
        for member_id in gone:
            del self.model[member_id]

    @rule()
    def look(self) -> None:
        """One more comes, between two pushes."""
        if self.model:
            refresh(self.late, self.store)

    @rule()
    def take(self) -> None:
        changes = self.store.take_changes(INFO_HASH)
        for view in (self.early, self.late):
            tell(view, changes, self.store)
        if self.model:
            assert_equal(self.early, self.store)
            if self.late.epoch == self.early.epoch:
                assert_equal(self.late, self.store)

    @invariant()
    def agrees_with_the_model(self) -> None:
        if not hasattr(self, "store"):
            return
        snapshot = self.store.snapshot(INFO_HASH)
        assert (snapshot is not None) == bool(self.model)
        if snapshot is None:
            return
        bitfields = {member_id: None if held is None else bits(*held) for member_id, (_, _, held) in self.model.items()}
        assert {m.member_id: m.pieces for m in snapshot.members} == bitfields
        assert snapshot.availability == availability_of(list(bitfields.values()), COUNT)
        assert snapshot.seeds == sum(bitfield == all_bits(COUNT) for bitfield in bitfields.values())
        assert snapshot.seeds + snapshot.leeches == len(self.model)
        assert self.store.counts(INFO_HASH).copies == min(snapshot.availability)
