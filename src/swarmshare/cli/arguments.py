"""Options that several verbs have, and how their values are read."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from swarmshare.cli.render import for_people
from swarmshare.common.address import read_address
from swarmshare.common.sizes import read_count, read_rate, read_size
from swarmshare.errors import StorageError
from swarmshare.texts import Text, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

LISTEN_HELP: Final = (
    "where peers can dial us, repeat at will; port 0: any; * for all addresses; default: for the machines of this "
    "network where a tracker is reached by others, too, else for this machine only"
)


MAX_NUMBER: Final = 10**9
"""The most that an option takes which says no more than that it is a number."""


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
        "--peer", type=peer_address, action="append", default=[], metavar="HOST:PORT", help="dial it; repeat at will"
    )
    for way in ("up", "down"):
        parser.add_argument(
            f"--limit-{way}", type=rate, metavar="RATE", help="such as 5MiB (a second), all torrents together"
        )
    parser.add_argument("--max-peers", type=peer_count, metavar="N", help="of each torrent; default: 50")


def sharing_flags(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the settings that the options give, by name; None for those that were not given."""
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


def wrong_value(what: Text) -> argparse.ArgumentTypeError:
    """Return the error that the ``type`` of an option raises: it is told of that option, in the user's language."""
    return argparse.ArgumentTypeError(for_people(what))


def require_data_folder(folder: Path) -> None:
    """Raise :class:`StorageError` unless ``folder``, which a user named, is one."""
    if not os.path.isdir(folder):
        what = Text("storage.not-folder") if os.path.lexists(folder) else Text("storage.no-folder")
        raise StorageError(folder, what, hint=Text("hint.data-folder"))


def argument(read: Callable[[str], T]) -> Callable[[str], T]:
    """``read`` as the ``type`` of an option: its :class:`ValueError` is what the user is told."""

    def convert(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise wrong_value(text_of(error)) from None

    return convert


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Return the ``type`` of an option that takes a whole number from ``least`` to ``most``."""
    return argument(lambda text: read_count(text, least, most))


def decimal(text: str) -> float:
    """Return a number from 0 to :data:`MAX_NUMBER`, such as ``2.5``."""
    if re.fullmatch(r"[0-9]{1,10}(\.[0-9]{1,10})?", text) and float(text) <= MAX_NUMBER:
        return float(text)
    raise wrong_value(Text("value.number", value=repr(text), most=MAX_NUMBER))


address = argument(read_address)
peer_address = argument(lambda text: read_address(text, 1))
rate = argument(read_rate)
byte_size = argument(read_size)


def peer_count(text: str) -> int:
    """Return the most peers of a torrent, as the setting takes it."""
    from swarmshare.app.config import MAX_PEERS  # settings take longer to load than all the rest here

    return whole_number(1, MAX_PEERS)(text)
