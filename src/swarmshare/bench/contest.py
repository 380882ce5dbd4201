"""Running contestants in turn, each round all of them, each in a fresh process that measures itself.

A machine's speed drifts by the minute; what the two sides of one round have in common does not. So the ratio is taken
round by round, and printed with its least and greatest value. Peak memory is the process's own high-water mark.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final, Protocol, TypeVar

from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

_Side = TypeVar("_Side", bound=Hashable)
_Measured = TypeVar("_Measured")


class BenchError(SwarmShareError):
    """A contestant could not run, or ended early."""

    code = "bench"


class _Timed(Protocol):
    """Whatever was measured with a clock."""

    @property
    def seconds(self) -> float:
        """How long it took."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of one contestant, measured by itself."""

    seconds: float
    peak_bytes: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The least, middle and greatest of some figures."""

    low: float
    mid: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take the spread of ``values``, of which there is at least one."""
        return cls(min(values), median(values), max(values))


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program to measure: a module that runs :func:`child_main`, a name in its table, and arguments."""

    module: str
    name: str
    arguments: tuple[str, ...] = ()

    def run(self) -> Sample:
        """Run it once, in a process of its own. Raises :class:`BenchError` when that fails."""
        command = [sys.executable, "-m", self.module, self.name, *self.arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no output"])[-1]
            raise BenchError(Text("cli.bench-failed", name=self.name, reason=reason), hint=Text("hint.make-setup"))
        return Sample(**json.loads(done.stdout))


def in_turns(
    sides: Iterable[_Side], measure: Callable[[_Side], _Measured], rounds: int
) -> dict[_Side, list[_Measured]]:
    """Measure all ``sides`` in turn, ``rounds`` times, after one round that is not counted: it warms the caches.

    When one round is all that is wanted, it counts: one value says little anyway.
    """
    results: dict[_Side, list[_Measured]] = {side: [] for side in sides}
    uncounted = 1 if rounds > 1 else 0
    for number in range(uncounted + rounds):
        for side, measured in results.items():
            result = measure(side)
            if number >= uncounted:
                measured.append(result)
    return results


def compete(contestants: Mapping[str, Contestant], rounds: int) -> dict[str, list[Sample]]:
    """Run all contestants as :func:`in_turns`; returns the samples of each by its label."""
    return in_turns(contestants, lambda label: contestants[label].run(), rounds)


def speed_ratio(ours: Sequence[_Timed], reference: Sequence[_Timed]) -> Spread:
    """How many times as fast ``ours`` is as ``reference``, over the rounds."""
    return Spread.of([other.seconds / sample.seconds for sample, other in zip(ours, reference, strict=True)])


Prepare = Callable[..., Callable[[], object]]
"""Takes a contestant's arguments, gets everything ready, and returns the work to be timed."""


def child_main(contestants: Mapping[str, Prepare]) -> None:
    """Run a contestant by its name, timed, and print its figures: what their module does as ``__main__``."""
    name, *arguments = sys.argv[1:]
    work = contestants[name](*arguments)
    start = perf_counter()
    work()
    seconds = perf_counter() - start
    print(json.dumps({"seconds": seconds, "peak_bytes": peak_bytes()}))


_STATUS: Final = "/proc/self/status"


def peak_bytes() -> int:
    """Return this process's own high-water mark; ``ru_maxrss`` would count its parent's, from before ``exec``."""
    with open(_STATUS, encoding="ascii") as status:
        fields = dict(line.split(":", 1) for line in status)
    return int(fields["VmHWM"].split()[0]) * 1024
