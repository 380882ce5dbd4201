"""``swarmshare list``, ``swarm`` and ``withdraw``: what a group shares, who takes part in it, and an end to that."""

from __future__ import annotations

from collections import Counter
from time import monotonic, sleep
from typing import TYPE_CHECKING, Final

from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.confirm import add_yes, confirm
from swarmshare.cli.find import DIGITS, HELP, METAVAR, find_entry
from swarmshare.cli.render import plural, size

if TYPE_CHECKING:
    import argparse

    from rich.console import Console

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.tracker_client.api import Entry, Member, Swarm, TrackerApi

EVERY: Final = 1.0
"""Seconds between two looks at a swarm."""
_MANY: Final = 255
"""Holders of a piece that are not told apart from more."""


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the three verbs to the command line."""
    listing = verbs.add_parser(
        "list", parents=[common], help="what the group shares", description="List what a tracker's catalogue has."
    )
    listing.add_argument("--search", default="", metavar="WORDS", help="only what has all of these in name or comment")
    listing.set_defaults(run=run_list)
    swarm = verbs.add_parser(
        "swarm",
        parents=[common],
        help="who shares one of these, and how much of it each has",
        description="Show who takes part in sharing an entry of a tracker's catalogue.",
    )
    swarm.add_argument("what", metavar=METAVAR, help=HELP)
    swarm.set_defaults(run=run_swarm)
    swarm.add_argument("--once", action="store_true", help="on a terminal, too: print it once, and end")
    withdraw = verbs.add_parser(
        "withdraw",
        parents=[common],
        help="take an entry out of the catalogue",
        description="Take what you published out of the catalogue; an organiser may take out anything. Its swarm ends. "
        "Files that somebody has downloaded stay where they are.",
    )
    withdraw.add_argument("what", metavar=METAVAR, help=HELP)
    add_yes(withdraw)
    withdraw.set_defaults(run=run_withdraw)
    for parser in (listing, swarm, withdraw):
        add_tracker_argument(parser)


def run_list(arguments: argparse.Namespace, output: Output) -> int:
    """List the entries of the catalogue, the newest first."""
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    count = total = 0
    with open_tracker(sign_in.tracker, sign_in.token) as (tracker, api):
        for entry in api.entries(arguments.search):
            count, total = count + 1, total + entry.total_length
            output.event("entry", **entry._asdict())
            output.line(entry.name)
            output.line(f"  {_in_words(entry)}")
            output.line(f"  {entry.info_hash}")
    output.line(f"{plural(count, 'entry', 'entries')}, {size(total)}" if count else "Nothing is shared here yet.")
    output.event("catalogue", tracker=tracker, entries=count, total_bytes=total)
    return 0


def run_swarm(arguments: argparse.Namespace, output: Output) -> int:
    """Show the members of one swarm, and how safe its content is: live on a terminal, else once."""
    import base64

    from swarmshare.app.signed_in import open_tracker, signed_in_at
    from swarmshare.cli.display import live_console  # with rich: it takes longer to load than all else here

    sign_in = signed_in_at(arguments.tracker)
    entry = find_entry(arguments.what, sign_in)
    console = None if arguments.json or arguments.once else live_console()
    if console is not None:
        with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
            return _watch(api, entry, console)
    with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        swarm = api.swarm(entry.info_hash)
    output.line(entry.name)
    output.line(f"  {size(entry.total_length)} by {entry.publisher}, {plural(entry.piece_count, 'piece')}")
    output.line(f"  {plural(swarm.seeds, 'seed')}, {plural(swarm.leeches, 'leech', 'leeches')}; {_safety(swarm)}")
    for member in swarm.members:
        output.event("member", **member._asdict())
        output.line(f"  {_describe(member)}")
    fields = {**swarm._asdict(), "availability": base64.b64encode(swarm.availability).decode()}
    output.event("swarm", info_hash=entry.info_hash, name=entry.name, **{**fields, "members": len(swarm.members)})
    return 0


def run_withdraw(arguments: argparse.Namespace, output: Output) -> int:
    """Withdraw one entry from the catalogue, once somebody has said yes."""
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    entry = find_entry(arguments.what, sign_in)
    what = f"{entry.name!r} ({size(entry.total_length)} by {entry.publisher}, {entry.info_hash[:DIGITS]})"
    confirm(arguments, f"Withdraw {what} from {sign_in.tracker}?")
    with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        api.withdraw(entry.info_hash)
    output.event("withdrawn", tracker=sign_in.tracker, info_hash=entry.info_hash, name=entry.name)
    output.line(f"Withdrawn: {what}")
    return 0


def _watch(api: TrackerApi, entry: Entry, console: Console) -> int:
    """Show a swarm until Ctrl-C."""
    from rich.live import Live

    from swarmshare.cli.swarm_view import render_swarm
    from swarmshare.swarm.stalls import StallDetector

    stalls = StallDetector()
    with Live(console=console, auto_refresh=False, vertical_overflow="crop", screen=False) as live:
        while True:
            swarm = api.pieces(entry.info_hash)
            size_of = console.size.width, console.size.height
            live.update(render_swarm(entry, swarm, _safety(swarm), stalls, monotonic(), size_of), refresh=True)
            sleep(EVERY)


def _in_words(entry: Entry) -> str:
    private = ", private" if entry.private else ""
    there = f"{plural(entry.seeds, 'seed')}, {plural(entry.peers - entry.seeds, 'leech', 'leeches')}"
    state = f"{there}, {_copies(entry.copies)}" if entry.peers else "nobody is sharing it now"
    return f"{size(entry.total_length)} by {entry.publisher}{private}: {state}"


def _copies(copies: int) -> str:
    if not copies:
        return "not all of it is there"
    return f"every piece on {_machines(copies)}" + (" or more" if copies < _MANY else "")


def _machines(count: int) -> str:
    return "255 machines or more" if count >= _MANY else plural(count, "machine")


def _safety(swarm: Swarm) -> str:
    from swarmshare.cli.torrent_text import how_sure

    if not swarm.copies:
        missing = swarm.availability.count(0)
        return f"{plural(missing, 'piece')} held by nobody that the tracker knows of"
    rarest = Counter(swarm.availability)[swarm.copies]
    sure = how_sure(swarm.copies, sum(not (member.left or member.live) for member in swarm.members))
    return f"{_copies(swarm.copies)}{sure} ({plural(rarest, 'piece')} on no more than that)"


def _describe(member: Member) -> str:
    where = " and ".join(f"[{a}]:{member.port}" if ":" in a else f"{a}:{member.port}" for a in member.addresses)
    who = member.user or "somebody"
    rates = f", down {size(member.rate_down)}/s, up {size(member.rate_up)}/s" if member.live else ", by announce"
    return f"{member.share:>4.0%}  {who} at {where}{rates}"
