"""Allowances that fill up again."""

from __future__ import annotations

import pytest
from tracker.trackers import Clock

from swarmshare.texts import Text
from swarmshare.tracker.config import Rate
from swarmshare.tracker.domain import ratelimit
from swarmshare.tracker.domain.ratelimit import RateLimit, network_of
from swarmshare.tracker.domain.refusals import Reason, RefusalError


def spends(limit: RateLimit, key: str, most: int = 100) -> int:
    """How often it can be done in a row."""
    for number in range(most):
        try:
            limit.spend(key)
        except RefusalError:
            return number
    return most


def test_all_at_once_and_then_one_by_one() -> None:
    clock = Clock()
    limit = RateLimit(Rate(5, 50), clock, what=Text("account.attempts-account"))
    assert spends(limit, "a") == 5
    clock.advance(9.9)
    assert spends(limit, "a") == 0
    clock.advance(0.2)
    assert spends(limit, "a") == 1
    clock.advance(50)
    assert spends(limit, "a") == 5
    assert spends(limit, "b") == 5


def test_what_is_refused_says_how_long_to_wait_and_costs_nothing() -> None:
    clock = Clock()
    limit = RateLimit(Rate(2, 10), clock, what=Text("account.attempts-account"))
    assert spends(limit, "a") == 2
    for _ in range(3):
        with pytest.raises(RefusalError, match="too many attempts") as refused:
            limit.spend("a")
        assert refused.value.reason is Reason.RATE_LIMITED
        assert refused.value.retry_after == pytest.approx(5)


def test_restore() -> None:
    limit = RateLimit(Rate(3, 10), Clock(), what=Text("account.attempts-account"))
    limit.restore("a")
    assert spends(limit, "a") == 3
    limit.restore("a")
    assert spends(limit, "a") == 3


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratelimit, "MAX_KEYS", 10)
    clock = Clock()
    limit = RateLimit(Rate(2, 100), clock, what=Text("account.attempts-account"))
    assert spends(limit, "victim") == 2
    for number in range(50):
        clock.advance(0.001)
        limit.spend(str(number))
    # The flood pushes out its own kind, which is nearer to its whole allowance.
    assert spends(limit, "victim") == 0
    assert spends(limit, "0") == 2
    clock.advance(1000)
    assert spends(limit, "victim") == 2


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "unix", False),
    ],
)
def test_networks(one: str, other: str, same: bool) -> None:
    assert (network_of(one) == network_of(other)) is same
