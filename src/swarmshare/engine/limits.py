"""Waiting for one's turn under rate limits: a torrent's own and the engine's together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.swarm.rates import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Sequence

BURST: Final = 256 * 2**10
"""Bytes that a limit lets pass at once: one batch of blocks."""


def new_bucket(rate: float) -> TokenBucket:
    """A limit of ``rate`` bytes a second."""
    return TokenBucket(rate, BURST)


def limits(whole: TokenBucket | None, own: float | None) -> list[TokenBucket]:
    """The limits of a torrent: the engine's, and its own of so many bytes a second; None for none."""
    return [bucket for bucket in (whole, new_bucket(own) if own else None) if bucket]


async def pass_all(buckets: Sequence[TokenBucket], count: int) -> None:
    """Wait until ``count`` bytes may pass every limit."""
    now = trio.current_time()
    seconds = max(bucket.take(now, count) for bucket in buckets)
    if seconds > 0:
        await trio.sleep(seconds)
