"""How fast things went of late, for the graph. Pure: the clock is an argument."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmshare.app.snapshot import TransferSnapshot

EVERY: Final = 1.0
"""Seconds between samples."""
WINDOW: Final = 300.0
"""Seconds that are kept."""


class Sample(NamedTuple):
    """Bytes a second at a moment."""

    at: float
    down: float
    up: float


class Speeds:
    """Samples of all transfers together, and of each that moved within the :data:`WINDOW`."""

    def __init__(self) -> None:
        self._total: deque[Sample] = deque(maxlen=round(WINDOW / EVERY) + 1)
        self._each: dict[str, deque[Sample]] = {}

    def note(self, now: float, transfers: Iterable[TransferSnapshot]) -> bool:
        """Take a sample; False when it is not yet time for one."""
        if self._total and now - self._total[-1].at < EVERY:
            return False
        down = up = 0.0
        moving = set()
        for transfer in transfers:
            down += transfer.rate_down
            up += transfer.rate_up
            if transfer.rate_down or transfer.rate_up:
                samples = self._each.setdefault(transfer.info_hash, deque(maxlen=self._total.maxlen))
                samples.append(Sample(now, transfer.rate_down, transfer.rate_up))
                moving.add(transfer.info_hash)
        self._total.append(Sample(now, down, up))
        for info_hash in list(self._each):
            samples = self._each[info_hash]
            if info_hash not in moving:
                samples.append(Sample(now, 0.0, 0.0))
            while samples[0].at < now - WINDOW:
                samples.popleft()
            if not any(sample.down or sample.up for sample in samples):
                del self._each[info_hash]
        return True

    def of(self, info_hash: str | None) -> Sequence[Sample]:
        """Return the oldest first; None: of all transfers together."""
        return tuple(self._total if info_hash is None else self._each.get(info_hash, ()))


def scale_of(greatest: float) -> tuple[float, int]:
    """Return a round number of bytes a second that ``greatest`` fits below, and in how many equal steps."""
    unit = 1024.0
    while unit * 1000 < greatest:
        unit *= 1024
    for top, steps in (
        (1, 4),
        (2, 4),
        (4, 4),
        (5, 5),
        (10, 5),
        (20, 4),
        (40, 4),
        (50, 5),
        (100, 5),
        (200, 4),
        (400, 4),
        (500, 5),
    ):
        if greatest <= top * unit:
            return top * unit, steps
    return 1024 * unit, 4
