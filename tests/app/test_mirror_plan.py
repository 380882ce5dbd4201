"""What a mirror decides: properties of the plan, and whose copies count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.app.mirror_plan import Me, Plan, holders_elsewhere, make_plan
from swarmshare.tracker_client.api import Entry, Member, Swarm


def entry(number: int, length: int, published_at: int, copies: int = 1, name: str = "") -> Entry:
    return Entry(
        info_hash=f"{number:064x}",
        name=name or f"entry {number}",
        comment="",
        publisher="ann",
        published_at=published_at,
        total_length=length,
        piece_count=1,
        private=False,
        hybrid=False,
        seeds=copies,
        peers=copies,
        copies=copies,
    )


entries = st.builds(
    entry, st.integers(0, 15), st.integers(0, 40), st.integers(0, 9), st.integers(0, 2), st.sampled_from("ab")
)
catalogues = st.lists(entries, unique_by=lambda one: one.info_hash, max_size=12)
held_entries = st.dictionaries(st.integers(0, 15).map("{:064x}".format), st.integers(0, 40), max_size=8)


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Entry], dict[str, int], int, set[str]]:
    catalogue = draw(catalogues)
    lengths = {one.info_hash: one.total_length for one in catalogue}
    held = {info_hash: lengths.get(info_hash, length) for info_hash, length in draw(held_entries).items()}
    keep = draw(st.sets(st.sampled_from(sorted(held)))) if held else set()
    return catalogue, held, draw(st.integers(0, 120)), keep


def wanted(one: Entry) -> bool:
    return one.name == "a"


def carried_out(plan: Plan, held: dict[str, int]) -> dict[str, int]:
    left = {info_hash: length for info_hash, length in held.items() if info_hash not in plan.drop}
    return left | {one.info_hash: one.total_length for one in plan.fetch}


@given(situations())
def test_the_quota_is_never_exceeded(situation: Any) -> None:
    catalogue, held, quota, keep = situation
    plan = make_plan(catalogue, held, quota, wanted=wanted, keep=keep)
    known = {one.info_hash for one in catalogue}
    stays = sum(length for info_hash, length in held.items() if info_hash in keep or info_hash not in known)
    after = carried_out(plan, held)
    assert sum(after.values()) <= max(quota, stays)
    if plan.fetch:
        assert sum(after.values()) <= quota


@given(situations())
def test_nothing_is_dropped_that_must_stay(situation: Any) -> None:
    catalogue, held, quota, keep = situation
    plan = make_plan(catalogue, held, quota, wanted=wanted, keep=keep)
    known = {one.info_hash for one in catalogue}
    assert not keep & set(plan.drop)
    assert set(plan.drop) <= held.keys() & known
    assert len(set(plan.drop)) == len(plan.drop)


@given(situations())
def test_the_newest_come_first(situation: Any) -> None:
    """What is not held in the end did not fit beside what is newer, or must stay; what is dropped, too."""
    catalogue, held, quota, keep = situation
    plan = make_plan(catalogue, held, quota, wanted=wanted, keep=keep)
    after = carried_out(plan, held)
    by_hash = {one.info_hash: one for one in catalogue}

    def rank(one: Entry) -> tuple[bool, int]:
        return wanted(one), one.published_at

    for one in catalogue:
        if one.info_hash in after or (one.info_hash not in held and not (wanted(one) and one.copies)):
            continue
        before = sum(
            length
            for info_hash, length in after.items()
            if info_hash in keep or info_hash not in by_hash or rank(by_hash[info_hash]) >= rank(one)
        )
        assert before + one.total_length > quota
    assert [one.published_at for one in plan.fetch] == sorted((one.published_at for one in plan.fetch), reverse=True)
    order = [rank(by_hash[info_hash]) for info_hash in plan.drop]
    assert order == sorted(order)


@given(situations())
def test_only_what_is_wanted_and_there_is_fetched(situation: Any) -> None:
    catalogue, held, quota, keep = situation
    for one in make_plan(catalogue, held, quota, wanted=wanted, keep=keep).fetch:
        assert wanted(one)
        assert one.copies
        assert one.info_hash not in held


@given(situations())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(situation: Any) -> None:
    catalogue, held, quota, keep = situation
    after = carried_out(make_plan(catalogue, held, quota, wanted=wanted, keep=keep), held)
    assert make_plan(catalogue, after, quota, wanted=wanted, keep=keep) == ((), ())


def test_without_need_nothing_is_dropped() -> None:
    catalogue = [entry(1, 10, 1), entry(2, 10, 2)]
    held = {catalogue[0].info_hash: 10}
    plan = make_plan(catalogue, held, 20, wanted=lambda one: one.info_hash != catalogue[0].info_hash, keep=())
    assert plan == ((catalogue[1],), ())
    assert make_plan(catalogue, held, 19, wanted=lambda _: True, keep=()).drop == (catalogue[0].info_hash,)


# ---------------------------------------------------------------------- whose copies count

ME = Me("mia", frozenset({7000}), frozenset({"10.0.0.1"}))


def member(**changes: Any) -> Member:
    fields: dict[str, Any] = {
        "user": "bob", "addresses": ("10.0.0.2",), "port": 7000, "live": True, "share": 1.0,
        "left": 0, "uploaded": 0, "downloaded": 0, "rate_up": 0, "rate_down": 0,
    }  # fmt: skip
    return Member(**fields | changes)


def swarm(*members: Member, seeds: int | None = None) -> Swarm:
    full = sum(one.share == 1 for one in members)
    return Swarm(4, full if seeds is None else seeds, 0, 0, 1, bytes(4), members)


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, True),
        ({"live": False}, False),
        ({"share": 0.9999}, False),
        ({"addresses": ("10.0.0.1",)}, True),
        ({"user": "mia"}, False),
        ({"user": "mia", "port": 7001}, True),
        ({"user": "mia", "port": 7001, "addresses": ("fd00::2", "10.0.0.1")}, False),
    ],
)
def test_whose_copy_counts(changes: dict[str, Any], counts: bool) -> None:
    other = member(**changes)
    mine = member(user="mia", addresses=("10.0.0.1",))
    assert holders_elsewhere(swarm(mine, other), ME) == [other] * counts


def test_who_does_not_know_its_addresses_trusts_no_copy_of_its_user() -> None:
    other = member(user="mia", port=7001)
    assert not holders_elsewhere(swarm(other), ME._replace(addresses=frozenset()))


def test_rounded_shares_are_not_believed() -> None:
    assert not holders_elsewhere(swarm(member(), member(user="eve"), seeds=1), ME)


@given(
    st.lists(
        st.builds(
            member,
            user=st.sampled_from(["mia", "bob"]),
            port=st.sampled_from([7000, 7001]),
            addresses=st.sampled_from([("10.0.0.1",), ("10.0.0.2",), ()]),
            live=st.booleans(),
            share=st.sampled_from([0.0, 0.5, 1.0]),
        ),
        max_size=5,
    ),
    st.integers(0, 5),
    st.booleans(),
)
def test_a_copy_that_counts_is_live_whole_and_elsewhere(members: list[Member], seeds: int, knows: bool) -> None:
    me = ME if knows else ME._replace(addresses=frozenset())
    for one in holders_elsewhere(swarm(*members, seeds=seeds), me):
        assert one.live
        assert one.share == 1
        assert one.user != "mia" or (knows and one.port != 7000 and "10.0.0.1" not in one.addresses)
