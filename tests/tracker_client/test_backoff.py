"""How soon a group is back after its tracker was away."""

from __future__ import annotations

import pytest

from swarmshare.tracker_client.connection import LONGEST, PART, SHORTEST, Backoff


@pytest.mark.parametrize("away", [0.0, 2.0, 10.0, 30.0, 300.0])
def test_after_a_short_absence_all_are_back_soon_and_not_at_one_moment(away: float) -> None:
    """Fifty peers try for ``away`` seconds: the last one's next attempt comes within a part of that."""
    nexts = []
    for _ in range(50):
        backoff, now = Backoff(), 0.0
        while now <= away:
            now += backoff.pause(0.0)
        nexts.append(now - away)
    assert max(nexts) <= min(max(2 * SHORTEST, (away + LONGEST) / PART), LONGEST)
    assert len({round(pause, 3) for pause in nexts}) > 5


def test_a_first_attempt_comes_quickly_and_later_ones_rarely() -> None:
    backoff = Backoff()
    pauses = [backoff.pause(0.1) for _ in range(100)]
    assert SHORTEST <= pauses[0] <= 2 * SHORTEST
    assert all(LONGEST / 2 <= pause <= LONGEST for pause in pauses[-20:])
    assert sum(pause < LONGEST / 4 for pause in pauses) < 40, "a tracker that is gone is not knocked at all the time"


def test_what_worked_for_long_begins_anew() -> None:
    backoff = Backoff()
    for _ in range(50):
        backoff.pause(1.0)
    assert backoff.pause(LONGEST + 1) <= 2 * SHORTEST
    assert backoff.pause(0.0) <= 2 * SHORTEST
