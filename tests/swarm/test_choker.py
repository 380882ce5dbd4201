"""The choker: who deserves a slot, and that everyone gets a turn."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.swarm.choker import SLOT_RATE, TURN, Candidate, choose_optimistic, choose_unchoked, slots_for

CANDIDATE = st.builds(
    Candidate,
    key=st.integers(0, 100),
    interested=st.booleans(),
    rate_from=st.integers(0, 9),
    rate_to=st.integers(0, 9),
    unchoked=st.booleans(),
    seconds=st.integers(0, 200),
    is_new=st.booleans(),
)
CANDIDATES = st.lists(CANDIDATE, max_size=12, unique_by=lambda candidate: candidate.key)


def candidate(key: str, rate: float = 0, **known: bool | float) -> Candidate[str]:
    fields = {"interested": True, "rate_from": rate, "rate_to": rate, "unchoked": False, "seconds": 0.0, **known}
    return Candidate(key=key, **fields)  # type: ignore[arg-type]


@given(CANDIDATES, st.integers(0, 10), st.none() | st.integers(0, 100), st.booleans(), st.randoms())
def test_every_slot_is_used_by_somebody_interested(
    candidates: list[Candidate[int]], slots: int, optimistic: int | None, seeding: bool, rng: random.Random
) -> None:
    interested = {one.key for one in candidates if one.interested}
    chosen = choose_unchoked(candidates, slots, optimistic, seeding, rng)
    assert chosen <= interested
    assert len(chosen) == min(slots, len(interested))
    if not seeding and optimistic in interested and slots:
        assert optimistic in chosen


def test_no_slots() -> None:
    assert choose_unchoked([candidate("a")], -1, None, False, random.Random(0)) == set()


def test_a_slow_link_has_fewer_slots() -> None:
    assert slots_for(None, 8) == 8, "not known"
    assert [slots_for(rate * SLOT_RATE, 8) for rate in (0.1, 4, 5.9, 8, 1000)] == [4, 4, 5, 8, 8]
    assert slots_for(SLOT_RATE, 1) == 1, "as it was set"


def test_tit_for_tat() -> None:
    peers = [candidate(key, rate) for key, rate in zip("abcdef", [5, 40, 30, 0, 20, 10], strict=True)]
    rng = random.Random(0)
    assert choose_unchoked(peers, 4, "d", False, rng) == {"b", "c", "e", "d"}
    assert choose_unchoked(peers, 4, "b", False, rng) == {"b", "c", "e", "f"}
    assert choose_unchoked(peers, 4, None, False, rng) == {"b", "c", "e", "f"}
    peers[3] = replace(peers[3], interested=False)
    assert choose_unchoked(peers, 4, "d", False, rng) == {"b", "c", "e", "f"}


def test_ties_are_broken_by_lot() -> None:
    peers = [candidate(key) for key in "abcd"]
    rng = random.Random(0)
    chosen = Counter(key for _ in range(400) for key in choose_unchoked(peers, 1, None, False, rng))
    assert min(chosen[key] for key in "abcd") > 60


def test_of_equals_those_that_have_a_slot_keep_it() -> None:
    peers = [candidate("a"), candidate("b", unchoked=True), candidate("c"), candidate("d", 1.0)]
    for seed in range(20):
        assert choose_unchoked(peers, 2, None, False, random.Random(seed)) == {"b", "d"}


@given(CANDIDATES, st.integers(0, 10), st.none() | st.integers(0, 100), st.booleans(), st.randoms())
def test_between_two_rounds_only_free_slots_are_given(
    candidates: list[Candidate[int]], slots: int, optimistic: int | None, seeding: bool, rng: random.Random
) -> None:
    served = {one.key for one in candidates if one.interested and one.unchoked}
    chosen = choose_unchoked(candidates, slots, optimistic, seeding, rng, anew=False)
    assert chosen <= served if len(served) >= slots else chosen >= served
    assert len(chosen) == min(slots, sum(one.interested for one in candidates))


@pytest.mark.parametrize("seeding", [False, True])
def test_a_free_slot_goes_to_the_best_of_those_that_wait(seeding: bool) -> None:
    peers = [
        candidate("served", unchoked=True, seconds=9 * TURN),
        candidate("good", 9.0, seconds=9.0),
        candidate("bad"),
    ]
    assert choose_unchoked(peers, 2, None, seeding, random.Random(0), anew=False) == {"served", "good"}


def test_a_seed_keeps_to_the_turns() -> None:
    rng = random.Random(0)
    peers = [
        candidate("in its turn", 1, unchoked=True, seconds=TURN - 1),
        candidate("fast, but had its turn", 99, unchoked=True, seconds=TURN),
        candidate("slow, and had its turn", 5, unchoked=True, seconds=TURN),
        candidate("waits", seconds=30),
        candidate("waits longer", seconds=31),
    ]
    order: list[object] = []
    for slots in range(1, 6):
        order += choose_unchoked(peers, slots, None, True, rng) - set(order)
    assert order == ["in its turn", "waits longer", "waits", "fast, but had its turn", "slow, and had its turn"]


@pytest.mark.parametrize("slots", [1, 4])
def test_everyone_gets_a_turn_from_a_seed(slots: int) -> None:
    rng = random.Random(0)
    peers = [candidate(str(number), number) for number in range(13)]
    served: Counter[object] = Counter()
    rounds = 13 * 7 * 10  # 10 s each, so a turn is 6 rounds and then the round in which it is noticed
    for _ in range(rounds):
        chosen = choose_unchoked(peers, slots, None, True, rng)
        served.update(chosen)
        for at, peer in enumerate(peers):
            chosen_now = peer.key in chosen
            since = peer.seconds if peer.unchoked == chosen_now else 0
            peers[at] = replace(peer, unchoked=chosen_now, seconds=since + 10)
    fair = rounds * slots / 13
    assert all(0.8 * fair < served[peer.key] < 1.2 * fair for peer in peers)


def test_a_newcomer_is_three_times_as_likely() -> None:
    peers = [
        candidate("old"),
        candidate("new", is_new=True),
        candidate("unchoked", unchoked=True, is_new=True),
        candidate("not interested", interested=False, is_new=True),
    ]
    rng = random.Random(0)
    chosen = Counter(choose_optimistic(peers, rng) for _ in range(4000))
    assert set(chosen) == {"old", "new"}
    assert 2800 < chosen["new"] < 3200


def test_nobody_waits() -> None:
    assert choose_optimistic([candidate("a", unchoked=True)], random.Random(0)) is None
