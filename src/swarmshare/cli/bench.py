"""``swarmshare bench``: how fast this machine does it, beside a reference measured in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import MAX_NUMBER, whole_number

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output

MIN_PIECES: Final = 16
"""Fewest that the picker can be measured with."""
SCENARIOS: Final = ("flash-crowd", "staggered", "churn", "slow-fast", "free-riders")
"""What can be simulated, by name: what each is takes too long to load for a command line."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    bench = verbs.add_parser("bench", help="measure, beside a reference", description="Measure, beside a reference.")
    kinds = bench.add_subparsers(dest="kind", metavar="WHAT", required=True)

    everything = kinds.add_parser("all", parents=[common], help="all of these in one table, beside reference and limit")
    everything.add_argument("--quick", action="store_true", help="as little as shows that everything can be measured")
    everything.set_defaults(run=_measure("run_all"))

    hashing = kinds.add_parser("hash", parents=[common], help="create and verify, beside libtorrent and plain hashlib")
    hashing.add_argument("--size", type=int, default=1024, metavar="MIB", help="of the file; default: 1024")
    hashing.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds; default: 5")
    hashing.add_argument(
        "--sparse",
        type=whole_number(0, MAX_NUMBER),
        default=100,
        metavar="GIB",
        help="file to measure memory with; default: 100; 0: none",
    )
    hashing.set_defaults(run=_measure("run_hash"))

    manifest = kinds.add_parser("manifest", parents=[common], help="read a very large manifest, beside libtorrent")
    manifest.add_argument("--files", type=int, default=50_000, metavar="N", help="default: 50000")
    manifest.add_argument("--pieces", type=int, default=19, metavar="N", help="pieces in each file; default: 19")
    manifest.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds; default: 5")
    manifest.set_defaults(run=_measure("run_manifest"))

    picker = kinds.add_parser("picker", parents=[common], help="choose pieces, of few and of very many")
    picker.add_argument(
        "--pieces",
        type=whole_number(MIN_PIECES, MAX_NUMBER),
        nargs="+",
        default=[1_000, 10_000, 100_000],
        metavar="N",
        help="default: 1000 10000 100000",
    )
    picker.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds; default: 5")
    picker.set_defaults(run=_measure("run_picker"))

    transfer = kinds.add_parser("transfer", parents=[common], help="download over loopback, beside libtorrent")
    transfer.add_argument("--size", type=int, default=1024, metavar="MIB", help="of the file; default: 1024")
    transfer.add_argument(
        "--files",
        type=whole_number(0, MAX_NUMBER),
        default=0,
        metavar="N",
        help="many small files instead, 1 to 40 KiB each",
    )
    transfer.add_argument("--seeds", type=int, default=1, metavar="N", help="default: 1")
    transfer.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds; default: 5")
    transfer.add_argument("--tls", action="store_true", help="members only, encrypted, beside our own without it")
    transfer.set_defaults(run=_measure("run_transfer"))

    start = kinds.add_parser("start", parents=[common], help="until a window's session shares again, and has closed")
    for option, count, of in (
        ("--pieces", 100_000, "of the one seed"),
        ("--transfers", 5_000, "small seeds"),
        ("--files", 10_000, "small ones, of a seed, and of a torrent that is added and removed"),
    ):
        start.add_argument(
            option, type=whole_number(0, MAX_NUMBER), default=count, metavar="N", help=f"{of}; default: {count}"
        )
    start.add_argument("--rounds", type=int, default=5, metavar="N", help="counted rounds; default: 5")
    start.set_defaults(run=_measure("run_start"))

    tracker = kinds.add_parser("tracker", parents=[common], help="load a tracker with thousands of peers")
    tracker.add_argument("--peers", type=int, default=2000, metavar="N", help="default: 2000")
    tracker.add_argument("--swarms", type=int, default=20, metavar="N", help="that they are in; default: 20")
    tracker.add_argument("--seconds", type=float, default=10, metavar="S", help="of each measurement; default: 10")
    tracker.set_defaults(run=_measure("run_tracker"))

    swarm = kinds.add_parser("swarm", parents=[common], help="from one slow seed to many at once, beside libtorrent")
    swarm.add_argument("--size", type=float, default=100.0, metavar="MB", help="of the file; default: 100")
    swarm.add_argument("--peers", type=int, default=8, metavar="N", help="beside the seed; default: 8")
    swarm.add_argument("--rate", type=float, default=10.0, metavar="MIB", help="each sends a second; default: 10")
    swarm.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    swarm.set_defaults(run=_measure("run_swarm"))

    simulate = kinds.add_parser("simulate", parents=[common], help="a large swarm in simulated time, beside the bound")
    simulate.add_argument("--peers", type=whole_number(1, MAX_NUMBER), default=100, metavar="N", help="default: 100")
    simulate.add_argument("--pieces", type=whole_number(1, MAX_NUMBER), default=100, metavar="N", help="default: 100")
    simulate.add_argument(
        "--seed", type=whole_number(0, MAX_NUMBER), default=1, metavar="N", help="of chance, not a peer; default: 1"
    )
    simulate.add_argument("--scenario", choices=SCENARIOS, metavar="NAME", help=f"{', '.join(SCENARIOS)}; default: all")
    simulate.set_defaults(run=_measure("run_simulate"))

    gui = kinds.add_parser("gui", parents=[common], help="the window: its start, redrawing, and stalls")
    gui.add_argument("--size", type=int, default=1024, metavar="MIB", help="of the downloaded file; default: 1024")
    gui.add_argument("--rounds", type=int, default=3, metavar="N", help="downloads of each kind; default: 3")
    gui.add_argument("--starts", type=int, default=5, metavar="N", help="default: 5")
    gui.set_defaults(run=_measure("run_gui"))


def _measure(name: str) -> Callable[[argparse.Namespace, Output], int]:
    """Return what measures and prints; loaded when it is wanted."""

    def run(arguments: argparse.Namespace, output: Output) -> int:

        from swarmshare.cli import bench_report

        status: int = getattr(bench_report, name)(arguments, output)
        return status

    return run
