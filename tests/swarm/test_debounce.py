"""Trouble that comes and goes is told a few times, and not for ever."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st

from swarmshare.swarm.debounce import CALM, MAX_KINDS, Debounce


def test_the_first_trouble_and_its_end_are_told_at_once() -> None:
    debounce = Debounce()
    assert not debounce.worked(0.0)
    assert debounce.due(0.0) == inf
    assert debounce.failed("disk full")
    assert not debounce.failed("disk full")
    assert debounce.failed("read only"), "another kind is news"
    assert debounce.due(1.0) == inf
    assert debounce.worked(2.0)
    assert not debounce.worked(3.0)


def test_what_comes_back_at_once_ends_when_it_is_calm() -> None:
    debounce = Debounce()
    debounce.failed("disk full")
    debounce.worked(1.0)
    assert debounce.failed("disk full"), "what was said last is true"
    assert not debounce.worked(3.0)
    assert debounce.due(3.0) == CALM
    assert not debounce.failed("disk full")
    assert debounce.due(5.0) == inf
    assert not debounce.worked(7.0)
    assert debounce.due(10.0) == CALM - 3.0
    assert debounce.worked(7.0 + CALM)


def test_many_kinds_are_a_few_lines() -> None:
    debounce = Debounce()
    assert sum(debounce.failed(number) for number in range(1000)) == MAX_KINDS
    assert debounce.worked(0.0)


@given(st.lists(st.tuples(st.floats(0.1, 5.0), st.booleans()), max_size=300))
def test_a_log_does_not_alternate_for_ever(steps: list[tuple[float, bool]]) -> None:
    """However it goes, there are few lines a minute, and failing and working take turns in them."""
    debounce, now, told = Debounce(), 0.0, []
    for pause, fails in steps:
        now += pause
        if debounce.failed("disk full") if fails else debounce.worked(now):
            told.append((fails, now))
    assert [fails for fails, _ in told] == [number % 2 == 0 for number in range(len(told))]
    assert len(told) <= 4 + 2 * now / CALM
