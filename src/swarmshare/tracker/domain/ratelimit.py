"""Rate limits: an allowance of attempts for each key, which fills up again with time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.address import parse_ip
from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.tracker.config import Rate

MAX_KEYS: Final = 20_000
"""Most keys that are remembered. Beyond it the one that is nearest to its whole allowance is forgotten."""


class RateLimit:
    """One allowance of attempts for each key; only the time at which it will be whole again is kept of it."""

    def __init__(self, rate: Rate, clock: Callable[[], float], *, what: Text) -> None:
        """Allow ``rate`` for each key; ``clock`` is in seconds, ``what`` names the attempts in the message."""
        self._rate = rate
        self._clock = clock
        self._what = what
        self._whole_at: dict[str, float] = {}

    def spend(self, key: str) -> None:
        """Count one attempt; raise :class:`RefusalError`, with a time to wait, when ``key`` has none left."""
        now = self._clock()
        each = self._rate.period / self._rate.times
        whole_at = max(self._whole_at.get(key, now), now) + each
        wait = whole_at - self._rate.period - now
        if wait > 1e-6:
            raise RefusalError(Reason.RATE_LIMITED, Text("tracker.rate-limited", what=self._what), retry_after=wait)
        if key not in self._whole_at and len(self._whole_at) >= MAX_KEYS:
            self._forget(now)
        self._whole_at[key] = whole_at

    def restore(self, key: str) -> None:
        """Give ``key`` its whole allowance back, as after a success."""
        self._whole_at.pop(key, None)

    def _forget(self, now: float) -> None:
        self._whole_at = {key: whole_at for key, whole_at in self._whole_at.items() if whole_at > now}
        if len(self._whole_at) >= MAX_KEYS:
            del self._whole_at[min(self._whole_at, key=self._whole_at.__getitem__)]


def network_of(address: str) -> str:
    """Return what is limited as one address: an IPv4 address, or the /64 that one IPv6 host has for itself."""
    parsed = parse_ip(address)
    if parsed is None:
        return address
    return parsed.packed[:8].hex() if parsed.version == 6 else str(parsed)
