"""Options that several verbs have, and how their values are read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.app.config import read_rate

if TYPE_CHECKING:
    from swarmshare.engine.address import Address


LISTEN_HELP: Final = (
    "where peers can dial us, repeat at will; port 0: any; * for all addresses; default: for the machines of this "
    "network where a tracker is reached by others, too, else for this machine only"
)


def add_sharing_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of every verb that shares: where to listen, whom to dial, how fast."""
    parser.add_argument(
        "--listen",
        type=address,
        action="append",
        metavar="HOST:PORT",
        help=LISTEN_HELP,
    )
    parser.add_argument(
        "--peer", type=address, action="append", default=[], metavar="HOST:PORT", help="dial it; repeat at will"
    )
    for way in ("up", "down"):
        parser.add_argument(
            f"--limit-{way}", type=rate, metavar="RATE", help="such as 5MiB (a second), all torrents together"
        )
    parser.add_argument("--max-peers", type=count, metavar="N", help="of each torrent; default: 50")


def sharing_flags(arguments: argparse.Namespace) -> dict[str, object]:
    """The settings that the options give, by name; None for those that were not given."""
    return {
        "listen": tuple(arguments.listen) if arguments.listen else None,
        "max_peers": arguments.max_peers,
        "limit_up": arguments.limit_up,
        "limit_down": arguments.limit_down,
    }


def add_tracker_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--tracker``, which chooses among the trackers that one is signed in at, and ``--ca``."""
    parser.add_argument("--tracker", metavar="URL", help="default: the one that you are signed in at")
    add_ca_argument(parser)


def add_ca_argument(parser: argparse.ArgumentParser) -> None:
    """Whom to believe about who a tracker is, for a verb that talks to one; ``run_command`` sees to it."""
    parser.add_argument(
        "--ca",
        type=lambda text: Path(text).absolute(),
        metavar="FILE",
        help="believe this authority's certificate (PEM), too; default: the setting ca",
    )


def address(text: str) -> Address:
    """``HOST:PORT``, with ``[HOST]:PORT`` for IPv6."""
    host, _, port = text.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isascii() or not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def rate(text: str) -> float:
    """Bytes a second, such as ``5MiB``."""
    try:
        return read_rate(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
