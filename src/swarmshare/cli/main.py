"""The ``swarmshare`` command: reads the command line, runs a verb, and turns whatever happens into an exit status."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from swarmshare import __version__
from swarmshare.cli import bench, create, demo, show, verify
from swarmshare.cli.render import Output
from swarmshare.errors import SwarmShareError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

DONE, FAILED, INTERRUPTED = 0, 1, 130

OVERVIEW: Final = f"""\
SwarmShare {__version__}: share big files between the machines of a group, by BitTorrent v2.

This version makes, reads and checks manifests (.torrent files) that any BitTorrent v2 client accepts:

  swarmshare create PATH           hash a file or a folder on all cores and write its manifest
  swarmshare show FILE|MAGNET      what a manifest or a magnet link says
  swarmshare verify FILE DIR       check data against a manifest, down to the bytes that are wrong
  swarmshare demo                  see all three at work on made-up data
  swarmshare bench hash            how fast this machine hashes, beside libtorrent

Each takes --help, and --json for programs. Sharing over the network comes with the next versions.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 130 interrupted (2, wrong usage, is a SystemExit)."""
    arguments = _parser().parse_args(argv)
    if arguments.verb is None:
        sys.stdout.write(OVERVIEW)
        return DONE
    output = Output(as_json=arguments.json)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status: int = arguments.run(arguments, output)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("swarmshare: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has left (`| head`). Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except SwarmShareError as error:
        if arguments.debug:
            raise
        output.error(error)
        return FAILED
    except Exception as error:
        if arguments.debug:
            raise
        bug = SwarmShareError(f"{type(error).__name__}: {error}", hint="This is a bug: please report it with --debug.")
        output.error(bug)
        return FAILED


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="print one JSON object a line, for programs")
    common.add_argument("--debug", action="store_true", help="show where in the program an error came from")
    parser = argparse.ArgumentParser(prog="swarmshare", description="Share big files between the machines of a group.")
    parser.add_argument("--version", action="version", version=f"swarmshare {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB")
    for module in (create, show, verify, demo, bench):
        module.add_parser(verbs, common)
    return parser
