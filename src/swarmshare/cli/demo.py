"""``swarmshare demo``: a whole group on this machine, sharing made-up data."""

from __future__ import annotations

import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import whole_number
from swarmshare.cli.render import size
from swarmshare.errors import StorageError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from swarmshare.app.processes import Processes
    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output

SIZE: Final = 200
"""MiB that are shared, by default."""
MAX_SIZE: Final = 2**30
"""MiB that can be asked for: more than a disk has room for where somebody tries a demo."""
_MIB: Final = 2**20


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "demo",
        parents=[common],
        help="see a whole group at work on this machine",
        description="See a tracker and five machines at work: processes of their own on this machine, on made-up data. "
        "Everything is removed afterwards.",
    )
    parser.add_argument(
        "--size",
        type=whole_number(1, MAX_SIZE),
        default=SIZE,
        metavar="MIB",
        help=f"how much they share; default: {SIZE} MiB",
    )
    parser.add_argument("--sabotage", action="store_true", help="let one machine send wrong data: it is found out")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Play all of it; fails when anything is not as it is told."""
    from swarmshare.cli.demo_play import Play
    from swarmshare.cli.demo_view import DemoView

    length = arguments.size * _MIB
    with stage() as (folder, processes):
        if shutil.disk_usage(folder).free < (needed := 6 * length):  # five copies, and room to breathe
            hint = Text("hint.demo-room", size=size(needed))
            raise StorageError(folder, Text("cli.no-room"), hint=hint)
        view = DemoView(output, as_json=arguments.json)
        Play(folder, processes, output, view, length).perform(sabotage=arguments.sabotage)
    return 0


@contextmanager
def stage() -> Iterator[tuple[Path, Processes]]:
    """Give a folder and processes, of which nothing is left afterwards, whatever happens."""
    import tempfile

    from swarmshare.app.processes import Processes

    ends = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = {number: signal.getsignal(number) for number in ends}
    if before.get(signal.SIGHUP) is signal.SIG_DFL:
        signal.signal(signal.SIGHUP, before[signal.SIGTERM])  # a terminal that is closed
    try:
        with tempfile.TemporaryDirectory(prefix="swarmshare-demo-") as folder, Processes() as processes:
            try:
                yield Path(folder), processes
            finally:
                for number in ends:
                    signal.signal(number, signal.SIG_IGN)  # an impatient second Ctrl-C must not spoil the tidying up
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
