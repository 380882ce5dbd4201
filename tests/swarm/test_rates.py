"""Rates: measured and limited."""

from __future__ import annotations

import random
from pickle import dumps

import pytest

from swarmshare.swarm.rates import RateMeter, TokenBucket


@pytest.mark.parametrize("rate", [100, 10**6, 10**9])
@pytest.mark.parametrize("start", [0.0, 1234.567])
def test_a_steady_rate_is_measured(rate: int, start: float) -> None:
    meter = RateMeter()
    for tick in range(1000):
        now = start + tick / 100
        meter.add(now, rate // 100)
        if now - start > 1:
            assert meter.rate(now) == pytest.approx(rate, rel=0.02)


def test_a_rate_fades() -> None:
    meter = RateMeter()
    assert meter.rate(5.0) == 0
    meter.add(10.0, 1000)
    assert meter.rate(10.0) == 1000, "over a second at least"
    assert meter.rate(12.0) == 500
    assert meter.rate(14.5) == 0
    meter.add(100.0, 3000)
    assert meter.rate(102.0) == 1500, "the pause does not count"


def test_a_meter_stays_small() -> None:
    meter, sizes = RateMeter(), set[int]()
    for tick in range(10_000):
        meter.add(tick / 100, 1)
        sizes.add(len(dumps(meter)))
    assert max(sizes) < 400, "bytes of all that it knows"


def test_a_limit_is_exact_in_the_long_run() -> None:
    rng = random.Random(1)
    bucket = TokenBucket(1000, 500)
    now = sent = 0.0
    for _ in range(1000):
        n = rng.randrange(1, 3000)
        now += bucket.take(now, n)
        sent += n
    assert abs(sent - 1000 * now) <= 500 + 3000


def test_a_message_goes_whole_and_leaves_a_debt() -> None:
    bucket = TokenBucket(100, 50)
    assert bucket.take(7.0, 250) == 0
    assert bucket.take(7.0, 100) == 2, "until the debt is paid"
    assert bucket.take(7.0, 1) == 3, "behind who waits already"
    assert bucket.in_debt(9.0)
    assert bucket.take(10.5, 1) == 0
    assert not bucket.in_debt(10.5)
    assert bucket.take(1000.0, 50) == 0
    assert bucket.take(1000.0, 1) == 0, "not in debt yet"
    assert bucket.take(1000.0, 1) == pytest.approx(0.01), "a long pause saves up one burst, not more"


def test_limits_come_and_go() -> None:
    bucket = TokenBucket(None, 0)
    assert bucket.take(0.0, 10**9) == 0
    bucket.set_rate(10)
    assert bucket.take(1.0, 100) == 0
    assert bucket.take(1.0, 100) == 10
    bucket.set_rate(100)
    assert bucket.take(1.0, 1) == 2
    bucket.set_rate(None)
    assert bucket.take(1.0, 1) == 0


@pytest.mark.parametrize("rate", [0, -1.0, float("nan")])
def test_a_limit_is_positive(rate: float) -> None:
    with pytest.raises(ValueError, match="no limit"):
        TokenBucket(rate, 1)
