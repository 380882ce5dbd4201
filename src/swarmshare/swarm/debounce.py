"""When to tell of a problem that comes and goes, and when of its end: a log that alternates for ever helps nobody."""

from __future__ import annotations

from math import inf
from typing import Final

CALM: Final = 60.0
"""Seconds without a problem after which its end is told, when it came back soon after the last time."""
MAX_KINDS: Final = 16
"""Most kinds of problem that are told before the end is: whoever causes ever new ones floods no log."""


class Debounce:
    """Tells each kind of problem once, and the end of all once; the first end at once, a further one when it is calm.

    Times are seconds of one clock.

    | state      | ``failed(kind)``                    | ``worked(now)``                                            |
    |------------|-------------------------------------|------------------------------------------------------------|
    | well       | tells; -> problem                   | tells nothing                                              |
    | problem    | tells a kind that was not told yet  | tells the end, -> well; if the last end is recent, -> calm |
    | calm       | -> problem; tells only a new kind   | tells the end after :data:`CALM` without a problem; -> well|
    """

    def __init__(self) -> None:
        self._told: set[object] = set()
        self._clear_since = inf  # inf while there is a problem
        self._last_end = -inf

    def failed(self, kind: object) -> bool:
        """Note a problem of ``kind``, and return whether to tell of it."""
        self._clear_since = inf
        if kind in self._told or len(self._told) >= MAX_KINDS:
            return False
        self._told.add(kind)
        return True

    def worked(self, now: float) -> bool:
        """Note that all is well at ``now``, and return whether to tell that the problem is over."""
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
