"""How a torrent's figures read, on the live display and in plain lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.cli.render import duration, plural, size
from swarmshare.common.text import clean
from swarmshare.schema.snapshot import TorrentState
from swarmshare.texts import Text, advise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.snapshot import TorrentSnapshot

LONG: Final = 100 * 3600
"""Seconds that nobody wants to read to the second."""


def named(manifest: Manifest) -> str:
    """Return what it is called, cleaned; folders end in a slash."""
    return clean(manifest.name) + ("/" if manifest.in_folder else "")


def share(done: int, total: int) -> float:
    """How much is done, from 0 to 1; of nothing, all is done."""
    return done / total if done < total else 1.0


def percent(part: float, digits: int = 0) -> str:
    """Return a part from 0 to 1: rounded down, so that 100% says that really all is done."""
    scale: int = 10**digits
    return "100%" if part >= 1 else f"{int(part * 100 * scale) / scale:.{digits}f}%"


def rate(per_second: float) -> str:
    """Return a rate of ``per_second`` bytes a second, such as ``1.5 MiB/s``."""
    return f"{size(round(per_second))}/s"


def time_left(torrent: TorrentSnapshot) -> str:
    """Return the ETA, as far as there is one: it is empty while nobody can tell."""
    eta = torrent.eta
    if not eta or torrent.state is not TorrentState.DOWNLOADING:
        return ""
    return f"{duration(eta)} left" if eta < LONG else "more than 100 hours left"


def connected(torrent: TorrentSnapshot) -> str:
    """How many peers are connected, and how many of them are seeds."""
    if not torrent.peers:
        return "nobody connected"
    seeds = plural(torrent.seeds, "seed") if torrent.seeds else "no seed"
    return f"{plural(len(torrent.peers), 'peer')} ({seeds})"


def safety(torrent: TorrentSnapshot) -> str:
    """Whether this machine may go, in words; empty unless it seeds, and while it is alone in the swarm."""
    if torrent.state is not TorrentState.SEEDING or not (torrent.members or torrent.peers):
        return ""
    if copies := torrent.copies_elsewhere:
        sure = how_sure(copies, torrent.announced_only)
        return f"every piece is on {plural(copies, 'other machine')}{sure}: safe to close"
    return f"{plural(torrent.only_here, 'piece')} on this machine only: stay"


def files_named(files: Sequence[str]) -> Text:
    """Return the first of ``files``, and how many more there are."""
    first, more = clean(files[0]), len(files) - 1
    if not more:
        return Text("cli.file", name=first)
    return Text("cli.file-and-one", name=first) if more == 1 else Text("cli.file-and-more", name=first, count=more)


def changed(torrent: TorrentSnapshot) -> str:
    """Return what another program did to the files, and what to do about it; empty when all is as it was."""
    if not torrent.changed_files:
        return ""
    return advise(Text("cli.changed", files=files_named(torrent.changed_files)), Text("hint.put-back-or-publish"))


def how_sure(machines: int, announced_only: int) -> str:
    """How many of some machines are known by their own announce alone; empty when none is."""
    own = "its own word" if announced_only == 1 else "their own word"
    if announced_only >= machines:
        return f", by {own}" if announced_only else ""
    return f", {announced_only:,} of them by {own}" if announced_only else ""


def plain_line(torrent: TorrentSnapshot) -> str:
    """How far a torrent has come and how fast, as one line."""
    name, state = named(torrent.manifest), torrent.state
    if state is TorrentState.CHECKING:
        return f"{name}: checking, {percent(torrent.checked)} of {size(torrent.manifest.total_length)}"
    if state is TorrentState.SEEDING:
        sent = f"{size(torrent.uploaded)} sent, {rate(torrent.rate_up)}"
        return f"{name}: {', '.join(filter(None, ('seeding', sent, connected(torrent), safety(torrent))))}"
    done = percent(share(torrent.bytes_done, torrent.bytes_total))
    amount = f"{done}, {size(torrent.bytes_done)} of {size(torrent.bytes_total)}"
    if state is TorrentState.WAITING:
        return f"{name}: waiting at {amount}"
    figures = (amount, rate(torrent.rate_down), connected(torrent), time_left(torrent))
    return f"{name}: {', '.join(filter(None, figures))}"
