"""What is queued for an announcer: the last word on each piece, once."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from swarmshare.engine.context import AnnounceQueue


def test_a_change_replaces_the_opposite_one_of_the_same_piece() -> None:
    queue = AnnounceQueue()
    queue.add(gained=1)
    queue.add(gained=2)
    queue.add(lost=1)
    queue.add(liar=("192.0.2.1", 6881))
    assert queue.take() == ({2}, {1}, {("192.0.2.1", 6881)})
    assert queue.take() == (set(), set(), set())


async def test_waiting_ends_with_the_next_change(autojump_clock: trio.testing.MockClock) -> None:
    queue = AnnounceQueue()
    queue.add(gained=1)
    await queue.wait()
    queue.take()
    with pytest.raises(trio.TooSlowError), trio.fail_after(60):
        await queue.wait()
    queue.add(lost=1)
    await queue.wait()
