"""Ranks: a byte for each piece, and a fair choice among equals."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.swarm.ranks import NONE, Ranks


def ranks_of(*ranks: int, seed: int = 0) -> Ranks:
    return Ranks(bytes(ranks), random.Random(seed))


@given(st.binary(max_size=40), st.data())
def test_it_is_a_list_that_finds(given_ranks: bytes, data: st.DataObject) -> None:
    ranks, model = ranks_of(*given_ranks), list(given_ranks)
    for _ in range(data.draw(st.integers(0, 10)) if model else 0):
        piece = data.draw(st.integers(0, len(model) - 1))
        change = data.draw(st.sampled_from(["set", "shift", "all"]))
        if change == "set":
            ranks[piece] = model[piece] = data.draw(st.integers(0, NONE))
        elif change == "all":
            model = list(data.draw(st.binary(min_size=len(model), max_size=len(model))))
            ranks.set_all(bytes(model))
        elif 0 < model[piece] < NONE - 1:
            ranks.shift(piece, by := data.draw(st.sampled_from([-1, 1])))
            model[piece] += by
        elif model[piece] == NONE:
            ranks.shift(piece, -1)
    assert [ranks[piece] for piece in range(len(model))] == model
    assert ranks.sizes == [model.count(rank) for rank in range(256)]
    for rank in {*model, 7}:
        assert sorted(ranks.pieces(rank)) == [piece for piece, own in enumerate(model) if own == rank]


@pytest.mark.parametrize("crowd", [range(70, 100), range(0, 100, 3), [5, 6, 7, 90]])
def test_each_of_a_rank_may_be_met_first(crowd: list[int]) -> None:
    given_ranks = [1 if piece in crowd else 2 for piece in range(100)]
    first: Counter[int] = Counter()
    for seed in range(3000):
        first[next(ranks_of(*given_ranks, seed=seed).pieces(1))] += 1
    fair = 3000 / len(crowd)
    assert set(first) == set(crowd)
    assert max(first.values()) < 3 * fair


def test_a_stretch_is_met_soon_and_everywhere() -> None:
    ranks = ranks_of(*[1] * 1000)
    for begin in range(0, 1000, 50):
        met = [piece for _, piece in zip(range(64), ranks.pieces(1), strict=False)]
        assert any(begin <= piece < begin + 50 for piece in met)
