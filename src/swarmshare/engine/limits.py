"""Rate limits: a torrent's own and the engine's together, and waiting until they let bytes pass."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.swarm.rates import TokenBucket

if TYPE_CHECKING:
    from collections.abc import Sequence

BURST: Final = 256 * 2**10
"""Bytes that a limit lets pass at once: one batch of blocks."""


def new_bucket(rate: float) -> TokenBucket:
    """Create a limit of ``rate`` bytes a second."""
    return TokenBucket(rate, BURST)


class TorrentLimits:
    """The rate limits that one torrent keeps to, both ways: the engine's and its own."""

    def __init__(self, engine_up: TokenBucket | None, engine_down: TokenBucket | None) -> None:
        """Keep to the limits that all torrents of the engine share; None: there is none."""
        self._engine = engine_up, engine_down
        self.set_own(None, None)

    def set_engine(self, up: TokenBucket | None, down: TokenBucket | None) -> None:
        """Keep to these limits of the engine from now on; None: there is none."""
        self._engine = up, down
        self.set_own(*self._own)

    def set_own(self, up: float | None, down: float | None) -> None:
        """Send at most ``up`` and receive at most ``down`` bytes a second from now on; None: no limit of its own."""
        self._own = up, down
        engine_up, engine_down = self._engine
        self.up, self.down = _both(engine_up, up), _both(engine_down, down)


def _both(engine: TokenBucket | None, own: float | None) -> list[TokenBucket]:
    return [bucket for bucket in (engine, new_bucket(own) if own else None) if bucket]


async def pass_all(buckets: Sequence[TokenBucket], count: int) -> None:
    """Wait until all of ``buckets`` have let ``count`` bytes pass."""
    now = trio.current_time()
    seconds = max(bucket.take(now, count) for bucket in buckets)
    if seconds > 0:
        await trio.sleep(seconds)
