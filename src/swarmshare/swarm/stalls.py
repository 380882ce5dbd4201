"""Which machines of a swarm are stalled: they still need pieces, and get none."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 60.0
"""Seconds without a new piece after which a machine that still needs some is stalled."""


class StallDetector:
    """Remembers when each machine of one swarm last got a piece."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def stuck(self, key: str, held: float, now: float) -> bool:
        """Note that the machine ``key`` holds ``held`` pieces at ``now`` (seconds), and tell whether it is stalled.

        That is when it held as many :data:`PATIENCE` ago. ``held`` may be a share as well as a number.
        """
        before, since = self._last.get(key, (-1, now))
        if held != before:
            self._last[key] = held, now
            return False
        return now - since >= PATIENCE

    def keep_only(self, keys: set[str]) -> None:
        """Forget all machines but ``keys``: those that left would be kept for ever."""
        self._last = {key: last for key, last in self._last.items() if key in keys}
