"""How often something may be tried: an allowance that fills up again by and by."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address
from typing import TYPE_CHECKING, Final

from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.tracker.config import Rate

MAX_KEYS: Final = 20_000
"""Most keys that are remembered. Beyond it the one that is nearest to its whole allowance is forgotten."""


class RateLimit:
    """One allowance for each key. Of each, only the time at which it will be whole again is kept."""

    def __init__(self, rate: Rate, clock: Callable[[], float], *, what: Text) -> None:
        """``clock`` is in seconds; ``what`` is tried, for the message."""
        self._rate = rate
        self._clock = clock
        self._what = what
        self._whole_at: dict[str, float] = {}

    def spend(self, key: str) -> None:
        """Count one attempt; raises :class:`RefusalError` when the allowance of ``key`` is used up."""
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
        """Give ``key`` its whole allowance back."""
        self._whole_at.pop(key, None)

    def _forget(self, now: float) -> None:
        self._whole_at = {key: whole_at for key, whole_at in self._whole_at.items() if whole_at > now}
        if len(self._whole_at) >= MAX_KEYS:
            del self._whole_at[min(self._whole_at, key=self._whole_at.__getitem__)]


def network_of(address: str) -> str:
    """What is limited as one address: an IPv4 address, or the /64 that one IPv6 household or host has for itself."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return parsed.packed[:8].hex()
    return str(parsed)
