"""What a terminal shows of a running engine: from one snapshot to lines that fit a width and a height.

Pure: the same snapshot gives the same lines. Colours are the terminal's own, fit for light and dark ones, and none says
anything that a word or a glyph does not say too.
"""

from __future__ import annotations

import textwrap
from itertools import chain
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.console import Group
from rich.text import Text

from swarmshare.cli.piece_map import legend, lost_count, piece_kinds, piece_map
from swarmshare.cli.render import TRIED_AGAIN, for_people, plural, sentence, size
from swarmshare.cli.terminal_text import Cell, bar, line, row
from swarmshare.cli.torrent_tables import PERCENT, RATE, file_lines, peer_lines
from swarmshare.cli.torrent_text import changed, connected, named, percent, rate, safety, share, time_left
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmshare.schema.snapshot import EngineSnapshot, TorrentSnapshot

STYLES: Final = {
    TorrentState.WAITING: "bold red",
    TorrentState.PAUSED: "yellow",
    TorrentState.CHECKING: "cyan",
    TorrentState.DOWNLOADING: "cyan",
    TorrentState.SEEDING: "green",
}
"""How the word for a state looks; what most needs to be seen comes first."""
FOOTER: Final = "Ctrl-C stops; the same command goes on from there."
HEAD: Final = 3
"""Lines of a torrent that has more than one: title, bar, figures."""
REASON_LINES: Final = 3
"""Lines for why a torrent is waiting, or nobody is connected."""
TABLE_WIDTH: Final = 110
"""Cells beyond which an eye loses the row between its columns."""
LEAST_BAR: Final = 8
"""Cells of the bar below which there are fewer words beside it."""
ROOMY: Final = 12
"""From this height on, the piece map may have two lines."""


def render_engine(snapshot: EngineSnapshot, width: int, height: int) -> Group:
    """All torrents, in at most ``height`` lines of fewer than ``width`` cells."""
    # The last column stays free: writing to it makes some terminals begin a new line.
    width = max(width - 1, 1)
    return _group(_torrents(snapshot.torrents, width, max(height, 1)), width)


def render_end(snapshot: EngineSnapshot, width: int) -> Group:
    """Return what stays on the screen when it is over: how far each torrent came."""
    width = max(width - 1, 1)
    return _group(chain.from_iterable(_ending(torrent, width) for torrent in snapshot.torrents), width)


def _group(lines: Iterable[Text], width: int) -> Group:
    """Return the lines, cut where the terminal is too narrow for their columns."""
    cut = list(lines)
    for text in cut:
        text.truncate(width, overflow="crop")
    return Group(*cut)


def _torrents(torrents: tuple[TorrentSnapshot, ...], width: int, height: int) -> list[Text]:
    if len(torrents) * (HEAD + 1) - 1 > height:
        return _list(torrents, width, height)
    lines: list[Text] = []
    for number, torrent in enumerate(torrents):
        if number:
            lines.append(Text())
        others = len(torrents) - number
        lines += _torrent(torrent, width, (height - len(lines) - (others - 1)) // others)
    if len(lines) + 2 <= height:
        lines += [Text(), line(FOOTER, width, "dim")]
    return lines


def _list(torrents: tuple[TorrentSnapshot, ...], width: int, height: int) -> list[Text]:
    """Return the torrents on one line each, those that most need to be seen first if not all fit."""
    if len(torrents) <= height:
        return [_one_line(torrent, width) for torrent in torrents]
    states = list(STYLES)
    shown = sorted(torrents, key=lambda torrent: states.index(torrent.state))[: height - 1]
    more = f"... and {plural(len(torrents) - len(shown), 'more torrent')}"
    return [*(_one_line(torrent, width) for torrent in shown), line(more, width, "dim")]


def _one_line(torrent: TorrentSnapshot, width: int) -> Text:
    state = torrent.state
    speed = torrent.rate_up if state is TorrentState.SEEDING else torrent.rate_down
    cells = [Cell(percent(_part(torrent)), PERCENT, right=True), Cell(state.value, 11, STYLES[state])]
    cells += [Cell(rate(speed), RATE, right=True)] if width >= 60 else []
    name = width - sum(2 + cell.width for cell in cells)
    return row(Cell(named(torrent.manifest), max(name, 1), "bold"), *cells)


def _torrent(torrent: TorrentSnapshot, width: int, height: int) -> list[Text]:
    lines = [_head(torrent, width, torrent.state.value), _total(torrent, width)]
    if torrent.state is TorrentState.WAITING:
        lines += _reason(torrent, width)
    if torrent.state is not TorrentState.CHECKING:
        lines.append(_figures(torrent, width))
        if news := safety(torrent):
            lines.append(line(news, width, "green" if torrent.copies_elsewhere else "bold yellow"))
        if news := changed(torrent):
            lines.append(line(for_people(news), width, "bold yellow"))
        if torrent.tracker_problem:
            lines.append(line(for_people(torrent.tracker_problem), width, "yellow"))
        if torrent.no_peers is not None:
            lines += _wrapped(torrent.no_peers.message, width, "yellow")
        lines += _map(torrent, width, height - len(lines))
    del lines[height:]
    return lines + _tables(torrent, width, height - len(lines))


def _ending(torrent: TorrentSnapshot, width: int) -> list[Text]:
    words = {
        TorrentState.CHECKING: "stopped while checking",
        TorrentState.SEEDING: "complete",
    }
    moved = f"{size(torrent.downloaded)} downloaded, {size(torrent.uploaded)} uploaded"
    head = _head(torrent, width, words.get(torrent.state, "stopped"))
    return [head, _total(torrent, width), line(moved, width)]


def _head(torrent: TorrentSnapshot, width: int, state: str) -> Text:
    room = max(width - len(state) - 2, 1)
    return row(Cell(named(torrent.manifest), room, "bold"), Cell(state, len(state), STYLES[torrent.state]))


def _part(torrent: TorrentSnapshot) -> float:
    if torrent.state is TorrentState.CHECKING:
        return torrent.checked
    return share(torrent.bytes_done, torrent.bytes_total)


def _total(torrent: TorrentSnapshot, width: int) -> Text:
    part = _part(torrent)
    if torrent.state is TorrentState.CHECKING:
        amount = f" of {size(torrent.manifest.total_length)} looked at"
    else:
        amount = f"  {size(torrent.bytes_done)} of {size(torrent.bytes_total)}"
    text = _longest_fit((f"  {percent(part, 1)}{amount}", f"  {percent(part, 1)}"), width - LEAST_BAR)
    return bar(part, max(width - len(text), 0), STYLES[torrent.state]).append(text)


def _figures(torrent: TorrentSnapshot, width: int) -> Text:
    down, up = f"{rate(torrent.rate_down)} down", f"{rate(torrent.rate_up)} up"
    if torrent.state is TorrentState.SEEDING:
        choices = [f"{up}, {size(torrent.uploaded)} so far", up]
    else:
        left = time_left(torrent)
        choices = [", ".join(filter(None, parts)) for parts in ((down, up, left), (down, left), (down,))]
    figures, peers = _longest_fit(choices, width), connected(torrent)
    room = width - len(peers) - 2
    if room < len(figures):
        return line(figures, width)
    stuck = not torrent.peers and torrent.state is TorrentState.DOWNLOADING
    return row(Cell(figures, room), Cell(peers, len(peers), "bold red" if stuck else ""))


def _longest_fit(texts: Sequence[str], width: int) -> str:
    """Return the first that fits, else the last."""
    return next((text for text in texts if len(text) <= width), texts[-1])


def _reason(torrent: TorrentSnapshot, width: int) -> list[Text]:
    """Why it is waiting, and what to do."""
    return [*_wrapped(sentence(torrent.error), width, "red"), line(for_people(TRIED_AGAIN), width)]


def _wrapped(text: str, width: int, style: str) -> list[Text]:
    """Return a sentence, in a few lines."""
    text = for_people(text)
    room = width if cell_len(text) == len(text) else width // 2
    lines = textwrap.wrap(text, max(room, len("...")), max_lines=REASON_LINES, placeholder="...")
    return [line(each, width, style) for each in lines]


def _map(torrent: TorrentSnapshot, width: int, height: int) -> list[Text]:
    if height < 2:
        return []
    kinds = piece_kinds(torrent)
    lines = piece_map(kinds, width, 1 if height < ROOMY else 2)
    count = f"{torrent.pieces_done:,} of {len(kinds):,}"
    words = legend(lost=lost_count(kinds), unwanted=bool(torrent.skipped))
    if words.cell_len > width:
        return [*lines, line(f"{count} pieces", width)]
    text = _longest_fit((f"{count} pieces   ", f"{count}   ", ""), width - words.cell_len)
    return [*lines, Text(text, no_wrap=True).append_text(words)]


def _tables(torrent: TorrentSnapshot, width: int, height: int) -> list[Text]:
    """Files and peers share what is left; each leaves to the other what it does not need."""
    width = min(width, TABLE_WIDTH)
    files, peers = len(torrent.manifest.files) - len(torrent.skipped), len(torrent.peers)
    if files == 1 or torrent.state in {TorrentState.CHECKING, TorrentState.SEEDING}:
        files = 0  # the bar above says it all
    # Each has an empty line, a heading, and two lines at the least; where that is too much, peers give way.
    if peers and height < (8 if files else 4):
        peers = 0
    room = height - 2 * (bool(files) + bool(peers))
    if room < 2:
        return []
    for_peers = min(peers, max(room // 2, room - files))
    lines: list[Text] = []
    if files:
        lines += [Text(), *file_lines(torrent, width, min(files, room - for_peers))]
    if peers:
        lines += [Text(), *peer_lines(torrent, width, for_peers)]
    return lines
