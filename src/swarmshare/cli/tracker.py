"""``swarmshare tracker``: the group's server, until it is interrupted."""

from __future__ import annotations

import re
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from swarmshare.cli.arguments import address, whole_number, wrong_value
from swarmshare.cli.tracker_identity import add_actions
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.tracker.config import TrackerConfig
    from swarmshare.tracker.server import Ready

DEFAULT: Final = ("127.0.0.1", 6969)
"""This machine only, until somebody says otherwise; the port is where trackers usually are."""

NEAR: Final = "near"
"""For the local network, unless the Internet can see this machine."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "tracker",
        parents=[common],
        help="run the group's server",
        description="Run the group's server until interrupted. Its first start prints how to become its organiser.",
    )
    parser.add_argument(
        "--listen",
        type=address,
        action="append",
        metavar="HOST:PORT",
        help="*:6969 for every machine of the network; near:6969 likewise, but for this machine only where the "
        "Internet can see it; port 0: any; repeat at will; default: 127.0.0.1:6969",
    )
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="of its database and its identity; made if it is not there"
    )
    parser.add_argument("--database", metavar="URL", help="another database, as SQLAlchemy writes it (PostgreSQL)")
    parser.add_argument(
        "--registration",
        choices=["open", "invited", "closed"],
        default="invited",
        help="who may make an account, until the organiser sets it; default: invited",
    )
    parser.add_argument(
        "--open-swarms", action="store_true", help="let other clients announce what is not in the catalogue, too"
    )
    parser.add_argument("--public-url", type=_url, metavar="URL", help="where people reach it, behind a proxy")
    parser.add_argument(
        "--host", type=_name, action="append", default=[], metavar="NAME", help="a further name that it goes by"
    )
    parser.add_argument(
        "--proxies",
        type=whole_number(0, 10),
        default=0,
        metavar="N",
        help="that stand in front of it; default: 0",
    )
    parser.add_argument(
        "--until-eof", action="store_true", help="stop when standard input ends, too: for a program that started it"
    )
    parser.set_defaults(run=run)
    add_actions(parser.add_subparsers(metavar="identity"), common)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Run a tracker in this process until interrupted."""
    from swarmshare.app.running import telling_status
    from swarmshare.storage.home import swarmshare_home
    from swarmshare.tracker.config import Registration, TrackerConfig
    from swarmshare.tracker.own_addresses import host_for_neighbours
    from swarmshare.tracker.server import serve  # it takes longer to load than most verbs take to run

    config = TrackerConfig(
        data=arguments.data or swarmshare_home() / "tracker",
        database=arguments.database,
        public_url=arguments.public_url,
        hosts=frozenset(arguments.host),
        trusted_proxies=arguments.proxies,
        registration=Registration(arguments.registration),
        open_swarms=arguments.open_swarms,
    )
    listen = [(host_for_neighbours() if host == NEAR else host, port) for host, port in arguments.listen or [DEFAULT]]
    leash = sys.stdin.fileno() if arguments.until_eof else None
    with _alone(config), telling_status("tracker") as status:

        def on_ready(ready: Ready) -> None:
            status.tell(addresses=ready.addresses, tracker=ready.url)
            _tell(ready, output)

        serve(config, listen, on_ready, leash)
    raise KeyboardInterrupt


@contextmanager
def _alone(config: TrackerConfig) -> Iterator[None]:
    """Hold the database for us alone: each tracker remembers what it read, and would not see what another changes."""
    from swarmshare.storage.lock import locked
    from swarmshare.tracker.domain.database import sqlite_file

    file = sqlite_file(config.database, config.data)
    if config.database is None:
        with suppress(OSError):
            config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file is None or not file.parent.is_dir():  # on another machine, or nowhere, which is told when it is opened
        yield
        return
    message, hint = Text("cli.database-taken"), Text("hint.stop-tracker")
    with locked(file.with_name(f"{file.name}.lock"), file, message, hint):
        yield


def _tell(ready: Ready, output: Output) -> None:
    output.line(f"Tracker at {ready.url}")
    if ready.group_link is not None:
        output.line(f"Group link, for other machines: {ready.group_link}")
    if ready.setup_token is not None:
        link = f"{ready.url}/setup/{ready.setup_token}"
        output.line("It has no organiser yet. Make the account here; the link works once:")
        output.line(f"  {link}")
        output.line("or from any machine:")
        output.line(f"  swarmshare register --tracker {ready.url} --user NAME --setup-token {ready.setup_token}")
        output.event("setup", url=link, setup_token=ready.setup_token)
    for listening in ready.addresses:
        output.line(f"Listening on {listening}")
        output.event("listening", address=listening, url=ready.url, group_link=ready.group_link)


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in {"http", "https"} and parts.hostname and parts.path in {"", "/"} and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or parts.fragment or parts.username:
        raise wrong_value(Text("cli.tracker-url", text=repr(text)))
    return text.rstrip("/")


def _name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}", text):
        raise wrong_value(Text("cli.machine-name", text=repr(text)))
    return text
