"""Waiting for one's turn under rate limits: a torrent's own and the engine's together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.swarm.rates import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Sequence

BURST: Final = 256 * 2**10
"""Bytes that a limit lets pass at once: one batch of blocks."""


def new_bucket(rate: float | None) -> TokenBucket:
    """A limit of ``rate`` bytes a second; None for none."""
    return TokenBucket(rate, BURST)


async def pass_all(buckets: Sequence[TokenBucket], count: int) -> None:
    """Wait until ``count`` bytes may pass every limit."""
    now = trio.current_time()
    seconds = max(bucket.take(now, count) for bucket in buckets)
    if seconds > 0:
        await trio.sleep(seconds)
