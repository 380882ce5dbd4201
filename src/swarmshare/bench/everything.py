"""``bench all``: the figures by which a release is judged, of all benches, each beside its reference and its limit.

The reference is libtorrent, or ours without what is measured, in the same run; the limit is what no program can beat
here, or what the same bytes cost without a protocol. What cannot be measured on this machine is a figure without values
that says why.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.bench.contest import BenchError, Spread
from swarmshare.bench.gui import bench_gui
from swarmshare.bench.hashing import bench_hash
from swarmshare.bench.manifests import bench_manifest
from swarmshare.bench.picker import bench_picker
from swarmshare.bench.reference import is_installed
from swarmshare.bench.simulate import bench_simulate
from swarmshare.bench.starts import bench_start
from swarmshare.bench.swarm import bench_swarm, least_seconds
from swarmshare.bench.tracker import bench_tracker
from swarmshare.bench.transfer import PLAIN, bench_transfer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from swarmshare.bench.contest import Sample
    from swarmshare.bench.transfer import TransferSample

_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the table."""

    bench: str
    label: str
    unit: str
    spread: Spread | None
    """None: it could not be measured."""
    reference: Spread | None = None
    limit: Spread | None = None
    note: str = ""
    """What the reference is, or why something is missing."""


class Amounts(NamedTuple):
    """How much of everything is measured."""

    rounds: int
    length: int
    """Bytes that are hashed, and that go from seed to leech."""
    manifest_files: int
    picker_pieces: int
    start_pieces: int
    swarm_length: int
    swarm_peers: int
    simulated: int
    """Peers, and pieces."""
    tracker_peers: int
    tracker_seconds: float
    rows: int
    """Of the window's table."""


FULL: Final = Amounts(3, 512 * _MIB, 20_000, 10_000, 100_000, 50_000_000, 8, 40, 1000, 5.0, 5000)
QUICK: Final = Amounts(1, 8 * _MIB, 50, 100, 100, 1_000_000, 2, 5, 20, 0.3, 10)
"""So little that the values mean nothing: it shows that everything can be measured."""
_RATE: Final = 10.0 * _MIB
"""Bytes that each peer of a swarm sends a second."""


def bench_all(amounts: Amounts) -> Iterator[Figure]:
    """Measure everything, one bench after the other; yields each one's figures when it is through."""
    for name, figures in _BENCHES.items():
        try:
            yield from figures(partial(Figure, name), amounts)
        except BenchError as error:
            yield Figure(name, "", "", None, note=str(error))


def _hash(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    measured = bench_hash(amounts.length, amounts.rounds, 0)

    def rate(samples: Sequence[Sample]) -> Spread | None:
        return _spread(amounts.length / sample.seconds / _MIB for sample in samples)

    for label, ours in (("create", measured.create), ("verify", measured.verify)):
        yield figure(label, "MiB/s", rate(ours), rate(measured.libtorrent), rate(measured.leaves), _libtorrent())


def _manifest(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    _, sides = bench_manifest(amounts.manifest_files, 19, amounts.rounds)
    ours, theirs = (_spread(sample.seconds for sample in sides.get(side, ())) for side in ("swarmshare", "libtorrent"))
    yield figure(f"read {amounts.manifest_files:,} files", "s", ours, theirs, None, _libtorrent())


def _transfer(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    length, sides = bench_transfer(amounts.length, 0, 1, amounts.rounds)

    def cost(side: str, measure: Callable[[TransferSample], float]) -> Spread | None:
        return _spread(measure(sample) for sample in sides.get(side, ()))

    measures: tuple[tuple[str, str, Callable[[TransferSample], float]], ...] = (
        ("", "MiB/s", lambda it: length / it.seconds / _MIB),
        (", leech's processor", "s/GiB", lambda it: it.leech_cpu * 2**30 / length),
        (", seed's processor", "s/GiB", lambda it: it.seed_cpu * 2**30 / length),
    )
    for what, unit, measure in measures:
        for side in ("swarmshare", "libtorrent to swarmshare", "swarmshare to libtorrent"):
            values = [cost(it, measure) for it in (side, "libtorrent", PLAIN)]
            yield figure(side + what, unit, *values, _libtorrent())


def _swarm(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    least = least_seconds(amounts.swarm_length, amounts.swarm_peers, _RATE)
    sides = bench_swarm(amounts.swarm_length, amounts.swarm_peers, _RATE, amounts.rounds)
    ours, theirs = (_spread(it / least for it in sides.get(side, ())) for side in ("swarmshare", "libtorrent"))
    label = f"last of {amounts.swarm_peers} peers"
    yield figure(label, "x least", ours, theirs, Spread.of([1.0]), _libtorrent())


def _picker(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    (costs,) = bench_picker([amounts.picker_pieces], amounts.rounds).values()
    for name in ("pick", "received"):
        spread = costs[name]
        yield figure(
            f"{name}, a block of {amounts.picker_pieces:,} pieces", "us", _spread(1e6 * it for it in _values(spread))
        )


def _tracker(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    loads = [bench_tracker(amounts.tracker_peers, 10, amounts.tracker_seconds) for _ in range(amounts.rounds)]
    for label, cost in (("HTTP announce", "announces"), ("join", "joins"), ("event", "events")):
        yield figure(f"{label}, processor", "ms", _spread(1000 * load.costs[cost] for load in loads))
    yield figure("memory a peer", "KiB", _spread(load.memory / 2**10 for load in loads))


def _gui(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    pieces, length = 10_000, max(amounts.length, 48 * _MIB)
    measured = bench_gui([pieces], [amounts.rows], length, starts=amounts.rounds, downloads=amounts.rounds)
    yield figure("start to usable window", "s", measured.start)
    yield figure(f"redraw of {pieces:,} pieces", "ms", _spread(1000 * it for it in _values(measured.redraw[pieces])))
    window, headless = (
        _spread(length / it.seconds / _MIB for it in downloads) for downloads in (measured.window, measured.headless)
    )
    yield figure("download in the window", "MiB/s", window, headless, None, "reference: headless")
    late = (1000 * stall for it in measured.window for stall in it.stalls)
    yield figure("Tk's loop is late by", "ms", _spread(late))


def _simulate(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    count = amounts.simulated
    knows, by_lot = (
        [bench_simulate("flash-crowd", count, count, seed, knows=knows).times_least for seed in range(amounts.rounds)]
        for knows in (True, False)
    )
    yield figure(
        f"flash crowd of {count} peers",
        "x least",
        _spread(it for it in knows if it is not None),
        _spread(it for it in by_lot if it is not None),
        Spread.of([1.0]),
        "reference: a tracker that draws by lot",
    )


def _start(figure: Callable[..., Figure], amounts: Amounts) -> Iterable[Figure]:
    (samples,) = bench_start(amounts.start_pieces, 0, 0, amounts.rounds).values()
    yield figure(f"seed of {amounts.start_pieces:,} pieces shares", "s", _spread(it.loaded for it in samples))


_BENCHES: Final[dict[str, Callable[[Callable[..., Figure], Amounts], Iterable[Figure]]]] = {
    "hash": _hash,
    "manifest": _manifest,
    "transfer": _transfer,
    "swarm": _swarm,
    "picker": _picker,
    "simulate": _simulate,
    "start": _start,
    "tracker": _tracker,
    "gui": _gui,
}


def _spread(values: Iterable[float]) -> Spread | None:
    """Return the spread of ``values``; None when there are none, because a side could not run."""
    known = list(values)
    return Spread.of(known) if known else None


def _values(spread: Spread) -> tuple[float, float, float]:
    return spread.low, spread.mid, spread.high


def _libtorrent() -> str:
    return "reference: libtorrent" if is_installed() else "libtorrent is not installed"
