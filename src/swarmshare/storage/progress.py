"""How far a long piece of work has come, for whoever watches it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias

INTERVAL: Final = 0.1
"""Least time between two reports, in seconds: as often as an eye can use."""
WINDOW: Final = 5.0
"""The rate is that of the last so many seconds, so that a slow disk after a fast cache shows."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a piece of work has come, in one report."""

    bytes_done: int
    bytes_total: int
    files_done: int
    files_total: int
    rate: float
    """Bytes a second, of late."""

    @property
    def eta(self) -> float | None:
        """Seconds that are left at this rate; None while nobody can tell."""
        return (self.bytes_total - self.bytes_done) / self.rate if self.rate > 0 else None


OnProgress: TypeAlias = Callable[[Progress], None]


class Meter:
    """Counts work and reports it, at most every :data:`INTERVAL`, always in the caller's thread."""

    def __init__(self, bytes_total: int, files_total: int, report: OnProgress | None) -> None:
        self._bytes_total, self._files_total = bytes_total, files_total
        self._bytes = self._files = 0
        self._report = report
        self._samples = deque([(monotonic(), 0)])

    def advance(self, bytes_done: int, files_done: int) -> None:
        """Count ``bytes_done`` and ``files_done`` more since the last call, and report if it is time to."""
        self._bytes += bytes_done
        self._files += files_done
        now = monotonic()
        if self._report is not None and (now - self._samples[-1][0] >= INTERVAL or self._bytes == self._bytes_total):
            self._samples.append((now, self._bytes))
            while now - self._samples[0][0] > WINDOW and len(self._samples) > 2:
                self._samples.popleft()
            since, before = self._samples[0]
            rate = (self._bytes - before) / (now - since) if now > since else 0.0
            self._report(Progress(self._bytes, self._bytes_total, self._files, self._files_total, rate))
