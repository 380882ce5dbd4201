"""``swarmshare demo``: create, show and verify at work on made-up data, every step shown."""

from __future__ import annotations

import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.errors import SwarmShareError

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "demo", parents=[common], help="see it at work on made-up data", description="See it at work on made-up data."
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, output: Output) -> int:
    """Run the real commands as a user would; fails when any of them does not end as it should."""
    with tempfile.TemporaryDirectory(prefix="swarmshare-demo-") as folder:
        here = Path(folder)
        _make_content(here / "Holiday")
        _step(output, here, "A folder becomes a manifest:", 0, "create", "Holiday")
        _step(output, here, "What it says:", 0, "show", "Holiday.torrent")
        _step(output, here, "The data is what the manifest says:", 0, "verify", "Holiday.torrent", ".")
        _flip_a_byte(here / "Holiday" / "videos" / "beach.mp4")
        _step(output, here, "One bit of one file goes wrong, and is found:", 1, "verify", "Holiday.torrent", ".")
    output.line("That was all of it; the demo's folder is gone again.")
    output.event("complete")
    return 0


def _make_content(folder: Path) -> None:
    rng = random.Random(2026)
    for name, length in (("photos/sea.jpg", 700_001), ("photos/town.jpg", 500_000), ("videos/beach.mp4", 9_000_000)):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(rng.randbytes(length))
    (folder / "read me.txt").write_text("Made up by swarmshare demo.\n")


def _flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[1_234_567] ^= 1
    path.write_bytes(data)


def _step(output: Output, folder: Path, title: str, expected_status: int, *arguments: str) -> None:
    output.line(title)
    output.line(f"$ swarmshare {shlex.join(arguments)}")
    done = subprocess.run(
        [sys.executable, "-m", "swarmshare", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    for line in (done.stdout + done.stderr).splitlines():
        output.line(line)
    output.line()
    output.event("step", title=title, arguments=arguments, status=done.returncode)
    if done.returncode != expected_status:
        raise SwarmShareError(f"demo: exit status {done.returncode} where {expected_status} was due")
