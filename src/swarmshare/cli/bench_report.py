"""What ``swarmshare bench`` prints. Apart from its options, because all that is measured takes long to load."""

from __future__ import annotations

from dataclasses import asdict, astuple
from typing import TYPE_CHECKING, Final

from swarmshare.bench.contest import Spread, speed_ratio
from swarmshare.bench.everything import FULL, QUICK, bench_all
from swarmshare.bench.gui import TABLE_STEPS, bench_gui
from swarmshare.bench.hashing import bench_hash
from swarmshare.bench.manifests import bench_manifest
from swarmshare.bench.picker import bench_picker
from swarmshare.bench.simulate import SCENARIOS, bench_simulate
from swarmshare.bench.starts import bench_help, bench_start
from swarmshare.bench.swarm import bench_swarm, least_seconds
from swarmshare.bench.tracker import bench_tracker
from swarmshare.bench.transfer import PLAIN, bench_transfer
from swarmshare.cli.render import Output, plural, size

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from swarmshare.bench.contest import Sample

_PICKER_COSTS: Final = {
    "have": ("have", "us", 1e6),
    "pick": ("pick, a block", "us", 1e6),
    "received": ("received, a block", "us", 1e6),
    "snapshot": ("snapshot", "us", 1e6),
    "join": ("join of a half-full peer", "ms", 1e3),
    "leave": ("leave of a half-full peer", "ms", 1e3),
    "construct": ("construct", "ms", 1e3),
}
"""What to call each of the costs, its unit, and how many of them a second is."""
_COMPARED: Final = (
    ("swarmshare", "libtorrent"),
    ("libtorrent to swarmshare", "libtorrent"),
    ("swarmshare to libtorrent", "libtorrent"),
    ("swarmshare", PLAIN),
    ("swarmshare, encrypted", "libtorrent, encrypted"),
    ("swarmshare, encrypted", "swarmshare"),
)
"""The sides of a transfer, each with what its speed is a ratio to."""
_HELPED: Final = ("", "download", "bench")
"""Verbs whose help is timed; the first is the command itself, which has to know all verbs."""
_TABLE_WIDTH: Final = 160
"""Columns of the widest table."""


def run_hash(arguments: argparse.Namespace, output: Output) -> int:
    """Measure hashing, beside libtorrent and plain hashlib: MiB a second, and the ratios."""
    figures = bench_hash(arguments.size * 2**20, arguments.rounds, arguments.sparse * 2**30)
    sides = {
        "create": figures.create,
        "verify": figures.verify,
        "libtorrent set_piece_hashes": figures.libtorrent,
        "hashlib, 16 KiB blocks, 2 threads": figures.leaves,
        "hashlib, 1 MiB blocks, 2 threads": figures.bulk,
    }
    output.line(f"{size(figures.length)} in the page cache, {arguments.rounds} rounds: least, median, greatest")
    sides = {label: samples for label, samples in sides.items() if samples}  # there may be no libtorrent
    for label, samples in sides.items():
        rates = Spread.of([figures.length / sample.seconds / 2**20 for sample in samples])
        _row(output, label, rates, "MiB/s", 0, _peak(samples))
    for ours in ("create", "verify"):
        for reference in list(sides)[2:]:
            _row(output, f"{ours} / {reference}", speed_ratio(sides[ours], sides[reference]), "times", 2)
    if figures.sparse is not None:
        peak, seconds = figures.sparse.peak_bytes, figures.sparse.seconds
        output.line(f"create of a {arguments.sparse} GiB sparse file: {size(peak)} at its peak, {seconds:.0f} s")
        output.event("sparse", peak_bytes=peak, seconds=seconds)
    return 0


def run_manifest(arguments: argparse.Namespace, output: Output) -> int:
    """Measure reading a manifest, beside libtorrent: seconds, and the ratio."""
    length, sides = bench_manifest(arguments.files, arguments.pieces, arguments.rounds)
    output.line(f"{arguments.files:,} files, {size(length)}, {arguments.rounds} rounds: least, median, greatest")
    for label, samples in sides.items():
        _row(output, label, Spread.of([sample.seconds for sample in samples]), "s", 3, _peak(samples))
    if "libtorrent" in sides:
        slowness = speed_ratio(sides["libtorrent"], sides["swarmshare"])
        _row(output, "swarmshare / libtorrent", slowness, "times the time", 2)
    return 0


def run_picker(arguments: argparse.Namespace, output: Output) -> int:
    """Measure the piece picker: the cost of each of its calls, by the number of pieces."""
    costs = bench_picker(arguments.pieces, arguments.rounds)
    output.line(f"medians of {plural(arguments.rounds, 'round')}, by the number of pieces")
    output.line(f"  {'':<28}" + "".join(f"{count:>10,}" for count in costs))
    for name, (label, unit, scale) in _PICKER_COSTS.items():
        spreads = {count: Spread.of([value * scale for value in astuple(cost[name])]) for count, cost in costs.items()}
        output.line(f"  {label:<28}" + "".join(f"{spread.mid:>10,.1f}" for spread in spreads.values()) + f" {unit}")
        for count, spread in spreads.items():
            output.event("figure", label=label, pieces=count, unit=unit, **asdict(spread))
    return 0


def run_transfer(arguments: argparse.Namespace, output: Output) -> int:
    """Measure a download over loopback, beside libtorrent: MiB a second, memory, processor time."""
    length, sides = bench_transfer(
        arguments.size * 2**20, arguments.files, arguments.seeds, arguments.rounds, encrypted=arguments.tls
    )
    files = f" in {plural(arguments.files, 'file')}" if arguments.files else ""
    output.line(
        f"{size(length)}{files} from {plural(arguments.seeds, 'seed')} over loopback, {arguments.rounds} rounds: "
        "least, median, greatest"
    )
    for side, transfers in sides.items():
        rates = Spread.of([length / transfer.seconds / 2**20 for transfer in transfers])
        peaks = max(t.leech_peak for t in transfers), max(t.seed_peak for t in transfers)
        _row(output, side, rates, "MiB/s", 0, f"peak {size(peaks[0])} leech, {size(peaks[1])} seed")
        for who, seconds in (
            ("leech", [transfer.leech_cpu for transfer in transfers]),
            ("seed", [transfer.seed_cpu for transfer in transfers]),
        ):
            _row(output, f"{side} {who}, processor time", Spread.of(seconds), "s", 2)
        if arguments.files:
            named = Spread.of([arguments.files / transfer.named for transfer in transfers])
            _row(output, f"{side}, flushed and named" if side.endswith("swarmshare") else side, named, "files/s", 0)
    for side, reference in _COMPARED:
        if side in sides and reference in sides:
            _row(output, f"{side} / {reference}", speed_ratio(sides[side], sides[reference]), "times", 2)
    return 0


def run_start(arguments: argparse.Namespace, output: Output) -> int:
    """Measure how long a window's session takes to share again, and to close: seconds, and those of the processor."""
    shares, closes = "until it shares", "until it is closed"
    cases = {
        "pieces": (f"a seed of {plural(arguments.pieces, 'piece')}", shares, closes),
        "transfers": (plural(arguments.transfers, "idle seed"), shares, closes),
        "files": (f"a seed of {plural(arguments.files, 'file')}", shares, closes),
        "new files": (f"a new torrent of {plural(arguments.files, 'file')}", "until there is room", "removed"),
    }
    output.line(f"{plural(arguments.rounds, 'round')}: least, median, greatest; the start of Python does not count")
    samples = bench_start(arguments.pieces, arguments.transfers, arguments.files, arguments.rounds)
    for case, starts in samples.items():
        what, first, last = cases[case]
        loads, ends = [start.loaded for start in starts], [start.closed for start in starts]
        peak = f"peak {size(max(start.peak for start in starts))}"
        _row(output, f"{what}, {first}", Spread.of(loads), "s", 2, peak)
        _row(output, "  processor time", Spread.of([start.loaded_cpu for start in starts]), "s", 2)
        _row(output, f"{what}, {last}", Spread.of(ends), "s", 2)
        _row(output, "  processor time", Spread.of([start.closed_cpu for start in starts]), "s", 2)
    for verb, runs in bench_help(_HELPED, arguments.rounds).items():
        what = f"swarmshare {verb} --help".replace("  ", " ") if verb is not None else "python -c pass"
        _row(output, what, _in_milliseconds(Spread.of([seconds for seconds, _ in runs])), "ms", 0)
        _row(output, "  processor time", _in_milliseconds(Spread.of([cost for _, cost in runs])), "ms", 0)
    return 0


def run_tracker(arguments: argparse.Namespace, output: Output) -> int:
    """Measure a tracker under the load of many peers: what it does a second, and how late."""
    figures = bench_tracker(arguments.peers, arguments.swarms, arguments.seconds)
    output.line(f"{plural(arguments.peers, 'peer')} in {plural(arguments.swarms, 'swarm')}, one tracker process")
    for label, value, unit, latency, cost in (
        ("connections, signed in", figures.connects, "a second", [], "connects"),
        ("memory", figures.memory / 2**10, "KiB a peer", [], ""),
        ("joins", figures.joins, "a second", [], "joins"),
        ("events acknowledged", figures.events, "a second", figures.event_latency, "events"),
        ("pushes delivered", figures.deliveries, "a second", figures.push_latency, "deliveries"),
        ("HTTP announces", figures.announces, "a second", figures.announce_latency, "announces"),
        ("pieces told, in one swarm of half the peers", figures.large_pieces, "a second", figures.large_latency, ""),
        ("pushes there", figures.large_pushes, "a second and peer", [], ""),
    ):
        note = [f"{1000 * figures.costs[cost]:.2f} ms of processor each"] if cost else []
        note += (
            ["median {:,.0f} ms, 99th percentile {:,.0f} ms".format(*(1000 * s for s in latency))] if latency else []
        )
        output.line(f"  {label:<46} {value:>8,.1f} {unit:<18} {', '.join(note)}".rstrip())
        output.event("figure", label=label, value=value, unit=unit, latency=latency, cost=figures.costs.get(cost))
    return 0


def run_gui(arguments: argparse.Namespace, output: Output) -> int:
    """Measure the window: its start, its redraws, and a download in it beside one without it."""
    length = arguments.size * 2**20
    figures = bench_gui(
        (1_000, 10_000, 100_000), (100, 5_000), length, starts=arguments.starts, downloads=arguments.rounds
    )
    output.line("least, median, greatest")
    _row(output, "start to usable window", figures.start, "s", 2)
    for count, seconds in figures.redraw.items():
        _row(output, f"redraw of the map of {plural(count, 'piece')}", _in_milliseconds(seconds), "ms", 1)
    for count, steps in figures.tables.items():
        for step in TABLE_STEPS:
            _row(output, f"table of {plural(count, 'row')}: {step}", _in_milliseconds(steps[step]), "ms", 1)
    sides = {"window": figures.window, "headless": figures.headless}
    for side, downloads in sides.items():
        rates = Spread.of([length / download.seconds / 2**20 for download in downloads])
        _row(output, f"download, {side}", rates, "MiB/s", 0)
    pairs = zip(figures.window, figures.headless, strict=True)
    _row(output, "window / headless", Spread.of([other.seconds / ours.seconds for ours, other in pairs]), "times", 2)
    middle, late, most = (1000 * seconds for seconds in figures.stalls)
    output.line(
        f"  Tk's loop is late by, while it downloads: median {middle:.1f}, 99th percentile {late:.1f}, "
        f"at most {most:.1f} ms"
    )
    output.event("figure", label="stall", unit="ms", median=middle, percentile_99=late, greatest=most)
    return 0


def run_all(arguments: argparse.Namespace, output: Output) -> int:
    """Measure everything: one table, with the reference of the same run and the limit beside each figure."""
    output.line(f"  {'':<52} {'least':>8} {'median':>8} {'greatest':>8} {'reference':>9} {'limit':>8}")
    bench = ""
    for figure in bench_all(QUICK if arguments.quick else FULL):
        if figure.bench != bench:
            bench = figure.bench
            output.line(bench)
        values = astuple(figure.spread) if figure.spread else ("", "", "")
        beside = [spread.mid if spread else "" for spread in (figure.reference, figure.limit)]
        least, middle, most, reference, limit = (_number(value) if value != "" else "" for value in (*values, *beside))
        if figure.label:
            name = f"{figure.label}, {figure.unit}"
            row = f"  {name:<52} {least:>8} {middle:>8} {most:>8} {reference:>9} {limit:>8}  {figure.note}"
        else:
            row = f"  not measured: {figure.note}"
        output.line(row.rstrip())
        fields = asdict(figure)
        output.event("figure", **(fields.pop("spread") or dict.fromkeys(("low", "mid", "high"))), **fields)
    return 0


def _number(value: float) -> str:
    """Return ``value`` with three digits or more."""
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f}"


def _in_milliseconds(seconds: Spread) -> Spread:
    return Spread(*(1000 * value for value in astuple(seconds)))


def _peak(samples: Sequence[Sample]) -> str:
    return f"peak {size(max(sample.peak_bytes for sample in samples))}"


def _row(output: Output, label: str, spread: Spread, unit: str, digits: int, note: str = "") -> None:
    low, mid, high = (f"{value:,.{digits}f}" for value in (spread.low, spread.mid, spread.high))
    output.line(f"  {label:<48} {low:>7} {mid:>7} {high:>7} {unit}  {note}".rstrip())
    output.event("figure", label=label, unit=unit, **asdict(spread))


def run_swarm(arguments: argparse.Namespace, output: Output) -> int:
    """Measure how one slow seed and its peers spread a file."""
    length, rate = round(arguments.size * 1e6), arguments.rate * 2**20
    least = least_seconds(length, arguments.peers, rate)
    results = bench_swarm(length, arguments.peers, rate, arguments.rounds)
    output.line(
        f"{size(length)} from one seed to {plural(arguments.peers, 'peer')} that start at once, each sends "
        f"{arguments.rate:g} MiB/s at most: the least time is {least:.1f} s; least, median, greatest"
    )
    for side, seconds in results.items():
        spread, times = Spread.of(seconds), Spread.of([second / least for second in seconds])
        output.line(
            f"  {side:12} {spread.low:6.1f} {spread.mid:6.1f} {spread.high:6.1f} s"
            f"   {times.low:.2f} {times.mid:.2f} {times.high:.2f} times the least"
        )
        output.event("figure", label=f"swarm {side}", unit="s", least_possible=least, **asdict(spread))
    return 0


def run_simulate(arguments: argparse.Namespace, output: Output) -> int:
    """Simulate swarms, each with and without the tracker's knowledge: the time over the bound, links, fairness."""
    from rich.console import Console
    from rich.table import Table

    columns = ("scenario", "tracker", "bound", "last", "median", "links", "seed sent", "wasted", "fairness", "classes")
    table = Table(
        title=f"{plural(arguments.peers, 'peer')}, {plural(arguments.pieces, 'piece')}, seed {arguments.seed}; "
        "last and median: times the bound",
        box=None,
        title_justify="left",
    )
    for column in columns:
        table.add_column(column, justify="left" if column in {"scenario", "tracker", "classes"} else "right")
    gains = []
    for scenario in [arguments.scenario] if arguments.scenario else SCENARIOS:
        means = []
        for tracker, knows in (("by lot", False), ("knows", True)):
            figures = bench_simulate(scenario, arguments.peers, arguments.pieces, arguments.seed, knows=knows)
            means.append(figures.seconds)
            table.add_row(
                scenario,
                tracker,
                f"{figures.least:,.0f} s",
                f"{figures.times_least:.2f}" if figures.times_least else f"{plural(figures.unfinished, 'peer')} never",
                f"{figures.median / figures.least:.2f}" if figures.median else "",
                f"{figures.links:.0%}",
                f"{figures.copies:.2f} x",
                f"{figures.wasted:.1%}",
                f"{figures.fairness:.2f}",
                ", ".join(f"{it.name} {it.seconds or 0:,.0f} s, ratio {it.ratio:.2f}" for it in figures.classes),
            )
            output.event("swarm", scenario=scenario, knows=knows, times_least=figures.times_least, **asdict(figures))
        gains.append((scenario, means[0] / means[1]))
    console = Console(width=_TABLE_WIDTH)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        output.line(line.rstrip())
    for scenario, gain in gains:
        output.line(f"  {scenario}: with the tracker's knowledge, peers are complete {gain:.3f} times as fast")
        output.event("gain", scenario=scenario, times=gain)
    return 0
