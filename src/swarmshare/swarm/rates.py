"""Bytes per second: measuring them, and keeping below a limit."""

from __future__ import annotations

from typing import Final

_SLOTS_A_SECOND: Final = 4
"""What passes within a quarter of a second is counted together, so that a meter stays small on any link."""
_WINDOW: Final = 4
"""Seconds that a rate is taken over."""


class RateMeter:
    """The rate of the last 4 seconds, or of the time since the bytes began to flow (but of a second at least)."""

    def __init__(self) -> None:
        self._slots: dict[int, int] = {}
        """Bytes by slot, oldest first; at most one slot more than there are in the window."""
        self._began = 0.0
        self.last: float | None = None
        """When bytes passed last, in seconds; None: never."""

    def add(self, now: float, n: int) -> None:
        """``n`` bytes passed at ``now``, in seconds."""
        self.last = now
        slot = int(now * _SLOTS_A_SECOND)
        if slot in self._slots:
            self._slots[slot] += n
            return
        self._forget(now)
        if not self._slots:
            self._began = now
        self._slots[slot] = n

    def rate(self, now: float) -> float:
        """Bytes per second, as of ``now`` in seconds."""
        since = self._forget(now)
        return sum(self._slots.values()) / max(now - max(self._began, since), 1.0)

    def _forget(self, now: float) -> float:
        """Drop what is too old; the time from which on nothing was dropped."""
        first = int(now * _SLOTS_A_SECOND) - _WINDOW * _SLOTS_A_SECOND
        while self._slots and (oldest := next(iter(self._slots))) < first:
            del self._slots[oldest]
        return first / _SLOTS_A_SECOND


class TokenBucket:
    """A limit in bytes per second, exact in the long run, with bursts of up to ``burst`` bytes.

    A message is never split: it may go as soon as the bucket is out of debt, and leaves it in debt for what it lacked.
    """

    def __init__(self, rate: float | None, burst: float) -> None:
        """``rate`` in bytes per second, None for no limit; :class:`ValueError` when it is not positive."""
        self._burst = burst
        self._level = burst  # below zero: the debt
        self._at = 0.0  # when the level was right
        self.set_rate(rate)

    def set_rate(self, rate: float | None) -> None:
        """Another limit from now on; a debt is paid at the new rate."""
        if rate is not None and not rate > 0:
            raise ValueError(f"{rate} bytes per second is no limit; None is")
        self.rate = rate
        """Bytes per second; None: no limit."""

    def in_debt(self, now: float) -> bool:
        """Whether bytes that passed already have to be paid off before any others may pass."""
        return self.rate is not None and self._level + (now - self._at) * self.rate < 0

    def take(self, now: float, n: int) -> float:
        """Seconds to wait before ``n`` bytes may pass: 0 means now.

        They are taken either way, so wait once and send; do not take again. Those who wait are served in turn.
        """
        if self.rate is None:
            return 0.0
        self._level = min(self._burst, self._level + (now - self._at) * self.rate)
        self._at = now
        wait = max(0.0, -self._level / self.rate)
        self._level -= n
        return wait
