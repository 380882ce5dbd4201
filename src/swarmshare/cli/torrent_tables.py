"""The files and the peers of a torrent, each as a heading and as many lines as there is room for."""

from __future__ import annotations

from heapq import nsmallest
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from swarmshare.cli.render import plural, size
from swarmshare.cli.terminal_text import Cell, bar, line, row
from swarmshare.cli.torrent_text import percent, rate, share
from swarmshare.common.text import with_user
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from rich.text import Text

    from swarmshare.schema.snapshot import PeerSnapshot, TorrentSnapshot

PERCENT: Final = 4
"""Cells of ``100%``."""
RATE: Final = 12
"""Cells of ``1023.9 KiB/s``."""

_SIZE = 10
_INDENT = Cell("", 2)
_LEAST_NAME = 12


def file_lines(torrent: TorrentSnapshot, width: int, room: int) -> list[Text]:
    """Return a heading and at most ``room`` lines of the wanted files: partial ones, empty ones, whole ones."""
    saved: list[int] = []
    new: list[int] = []
    whole: list[int] = []
    entries, done = torrent.manifest.files, torrent.files_done
    for number, (entry, have) in enumerate(zip(entries, done, strict=True)):
        if number not in torrent.skipped:
            (whole if have >= entry.length else saved if have else new).append(number)
    total = len(saved) + len(new) + len(whole)
    heading = f"{plural(total, 'file')}, {len(whole):,} done"
    if torrent.skipped:
        heading += f", {len(torrent.skipped):,} not wanted"
    lines = [line(heading, width, "bold")]

    name = width - (2 + 2 + PERCENT + 2 + _SIZE)
    bar_width = min(name // 3, 40) if name >= 2 * _LEAST_NAME else 0
    name -= bar_width + 2 if bar_width else 0
    shown = list(islice(chain(saved, new, whole), room if total <= room else room - 1))
    for number in shown:
        entry, part = entries[number], share(done[number], entries[number].length)
        text = row(_INDENT, Cell("/".join(entry.path), max(name, 1)), gap=0)
        if bar_width:
            text.append("  ").append_text(bar(part, bar_width, "green" if part == 1 else "cyan"))
        text.append(f"  {percent(part):>{PERCENT}}  {size(entry.length):>{_SIZE}}")
        lines.append(text)
    if total > len(shown):
        lines.append(line(f"  ... and {total - len(shown):,} more", width, "dim"))
    return lines


def peer_lines(torrent: TorrentSnapshot, width: int, room: int) -> list[Text]:
    """Return a heading and at most ``room`` lines of the fastest peers, in lines of ``width`` cells."""
    peers = torrent.peers
    shown = nsmallest(room if len(peers) <= room else room - 1, peers, key=_slowness)
    heading = plural(len(peers), "peer")
    name = width - (2 + PERCENT + 2 + RATE + 2 + RATE)
    if name < _LEAST_NAME:
        return [line(heading, width, "bold"), *(line(f"  {_who(peer)}", width) for peer in shown)]
    address = max(2 + max(len(_who(peer)) for peer in shown), len(heading))
    program = name - 2 - address
    if program < _LEAST_NAME:
        address, program = name, 0
    lines = [
        row(
            Cell(heading, address, "bold"),
            Cell("program", program, "dim"),
            Cell("has", PERCENT, "dim", right=True),
            Cell("from it", RATE, "dim", right=True),
            Cell("to it", RATE, "dim", right=True),
        )
    ]
    for peer in shown:
        has = percent(share(peer.pieces, torrent.manifest.layout.piece_count))
        lines.append(
            row(
                Cell(f"  {_who(peer)}", address),
                Cell(peer.client or "unknown", program),
                Cell(has, PERCENT, right=True),
                Cell(_from(peer, torrent), RATE, right=True),
                Cell(_to(peer), RATE, right=True),
            )
        )
    if len(peers) > len(shown):
        lines.append(line(f"  ... and {len(peers) - len(shown):,} more", width, "dim"))
    return lines


def _slowness(peer: PeerSnapshot) -> tuple[float, str]:
    return -(peer.rate_down + peer.rate_up), peer.address


def _from(peer: PeerSnapshot, torrent: TorrentSnapshot) -> str:
    """Return the rate, or in words why there is none."""
    if peer.rate_down >= 1:
        return rate(peer.rate_down)
    if torrent.state is TorrentState.SEEDING:
        return "-"
    return "chokes us" if peer.choking_us else "idle"


def _to(peer: PeerSnapshot) -> str:
    if peer.rate_up >= 1:
        return rate(peer.rate_up)
    return "waits" if peer.interested else "-"


def _who(peer: PeerSnapshot) -> str:
    """Return its address, with the user that it is proven to be."""
    return with_user(peer.user if peer.proven else "", peer.address)
