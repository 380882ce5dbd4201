"""When to tell of trouble that comes and goes, and when of its end: a log that alternates for ever helps nobody."""

from __future__ import annotations

from math import inf
from typing import Final

CALM: Final = 60.0
"""Seconds without trouble after which its end is told, when it came back soon after the last time."""
MAX_KINDS: Final = 16
"""Most kinds of trouble that are told before its end is."""


class Debounce:
    """Tells each kind of trouble once, and its end once; the first end at once, a further one when it is calm.

    Times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._told: set[object] = set()
        self._clear_since = inf  # inf while there is trouble
        self._last_end = -inf

    def failed(self, kind: object) -> bool:
        """There is trouble of ``kind``; whether to tell."""
        self._clear_since = inf
        if kind in self._told or len(self._told) >= MAX_KINDS:
            return False
        self._told.add(kind)
        return True

    def worked(self, now: float) -> bool:
        """There is no trouble at ``now``; whether to tell that it is over."""
        self._clear_since = min(self._clear_since, now)
        if not self._told or self.due(now) > 0:
            return False
        self._told.clear()
        self._last_end = now
        return True

    def due(self, now: float) -> float:
        """Seconds after which :meth:`worked` may tell, if nothing comes between; inf when there is nothing to tell."""
        if not self._told or self._clear_since == inf:
            return inf
        came_back = self._clear_since - self._last_end < CALM
        return max(0.0, self._clear_since + CALM - now) if came_back else 0.0
