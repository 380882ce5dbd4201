"""Who of a swarm is stuck: still needs pieces, and gets none."""

from __future__ import annotations

from typing import Final

PATIENCE: Final = 60.0
"""Seconds without a new piece after which somebody who still needs some is stuck."""


class Gains:
    """When each machine last got a piece, so that it shows who is stuck."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float]] = {}

    def stuck(self, key: str, held: float, now: float) -> bool:
        """Whether a machine that has ``held`` pieces ``now`` had as many a minute ago."""
        before, since = self._last.get(key, (-1, now))
        if held != before:
            self._last[key] = held, now
            return False
        return now - since >= PATIENCE

    def only(self, keys: set[str]) -> None:
        """Forget all others."""
        self._last = {key: last for key, last in self._last.items() if key in keys}
