"""``swarmshare status``: what of SwarmShare runs on this machine, for one that has no screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from swarmshare.cli.render import date, duration, plural, size
from swarmshare.common.text import clean
from swarmshare.schema.text_wire import read_text
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "status",
        parents=[common],
        help="what runs on this machine",
        description="Tell which commands of this user share, mirror or track on this machine now, and how they get on.",
    )
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, output: Output) -> int:
    """List the processes of this user and their torrents, the oldest process first."""
    from swarmshare.app.running import running
    from swarmshare.storage.home import swarmshare_home

    processes = running()
    for told in processes:
        output.event("process", **told)
        output.line(f"{told.get('verb')} (process {told.get('pid')}, since {date(told['started_at'])})")
        for address in _list(told, "addresses"):
            output.line(f"  listens on {address}")
        if tracker := told.get("tracker"):
            output.line(f"  tracker: {tracker}")
        for torrent in _list(told, "torrents"):
            output.line(f"  {_in_words(torrent)}")
            for problem in _list(torrent, "texts"):
                output.line(Text("cli.indented", what=read_text(problem["english"], problem)))
        if (more := told.get("torrent_count", 0) - len(_list(told, "torrents"))) > 0:
            output.line(f"  and {more:,} more")
    home = swarmshare_home()
    count = plural(len(processes), "process", "processes")
    output.line(f"{count} of SwarmShare at work here" if processes else f"Nothing of SwarmShare runs here ({home}).")
    output.event("status", home=clean(str(home)), processes=len(processes))
    return 0


def _list(told: dict[str, Any], name: str) -> list[Any]:
    value = told.get(name)
    return value if isinstance(value, list) else []


def _in_words(torrent: dict[str, Any]) -> str:
    done, total = torrent["bytes_done"], torrent["bytes_total"]
    share = f"{done / total:.0%} of {size(total)}" if total else "nothing to fetch"
    text = f"{torrent['name']}: {torrent['state']}, {share}"
    if torrent["state"] in {"paused", "waiting"}:
        return text
    text += (
        f", down {size(torrent['rate_down'])}/s, up {size(torrent['rate_up'])}/s, {plural(torrent['peers'], 'peer')}"
    )
    if torrent["rate_down"] and done < total:
        text += f", {duration((total - done) / torrent['rate_down'])} left"
    return text
