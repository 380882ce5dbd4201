"""Several rate limits at once, on a clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.engine.limits import BURST, new_bucket, pass_all

if TYPE_CHECKING:
    from trio.testing import MockClock


async def test_the_strictest_limit_decides_and_none_is_paid_twice(autojump_clock: MockClock) -> None:
    strict, loose = new_bucket(1000.0), new_bucket(2000.0)
    start = trio.current_time()
    await pass_all([strict, loose], BURST)
    assert trio.current_time() == start, "a burst is free"
    await pass_all([strict, loose], 4000)
    assert trio.current_time() == start
    await pass_all([strict, loose], 1)
    assert trio.current_time() == start + 4
    await pass_all([loose], 1)
    assert trio.current_time() == start + 4, "its debt was paid in the same time"
