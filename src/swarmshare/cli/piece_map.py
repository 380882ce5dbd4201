"""The piece map: all pieces of a torrent on one or two lines, each character a run of neighbours."""

from __future__ import annotations

from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.text import Text

from swarmshare.common.pieces import PieceState

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.schema.snapshot import TorrentSnapshot

LOST_STYLE: Final = "bold red"
"""Of a run with a piece that we lack and nobody connected holds."""

_LOST, _UNWANTED = 4, 5
"""What a byte of :func:`piece_kinds` may be beside a :class:`PieceState`."""


class Look(Enum):
    """How a run of pieces looks: told apart by glyph alone where there is no colour. Values: glyph, style."""

    HELD = ("\u2588", "green")
    PARTLY = ("\u2584", "green")
    COMING = ("\u2592", "cyan")
    MISSING = ("\u2591", "dim")
    LOST = ("x", LOST_STYLE)
    UNWANTED = ("\u00b7", "dim")

    @property
    def glyph(self) -> str:
        """The character that stands for it, one cell wide."""
        return self.value[0]

    @property
    def style(self) -> str:
        """In the terminal's own colours, so that it suits light and dark ones."""
        return self.value[1]


class MapCell(NamedTuple):
    """One character of the map, which stands for a run of neighbouring pieces."""

    look: Look
    lost: bool
    """Whether one of its pieces is with nobody: it is red then, however it looks."""


def piece_kinds(torrent: TorrentSnapshot) -> bytes:
    """One byte a piece, as ``piece_states``; missing ones that nobody connected has, or that are not wanted, stand out.

    For a million pieces it must take milliseconds: nothing here looks at one piece at a time.
    """
    layout, states = torrent.manifest.layout, torrent.piece_states
    missing = int.from_bytes(states.translate(_only(PieceState.MISSING)))
    kinds = bytearray(states)
    if torrent.peers and not torrent.seeds:  # with nobody there at all, that is what there is to say
        lost = missing & int.from_bytes(torrent.availability.translate(_only(0)))
        kinds = bytearray((int.from_bytes(states) | _LOST * lost).to_bytes(len(states)))
    for file in torrent.skipped:
        pieces = layout.file_pieces(file)
        part = kinds[pieces.start : pieces.stop]
        kinds[pieces.start : pieces.stop] = part.translate(_SKIP)
    return bytes(kinds)


def _only(value: int) -> bytes:
    """Return a translation of ``value`` to 1, and of all else to 0."""
    return bytes(int(byte == value) for byte in range(256))


_SKIP: Final = bytes.maketrans(bytes([PieceState.MISSING, _LOST]), bytes([_UNWANTED, _UNWANTED]))


def lost_count(kinds: bytes) -> int:
    """How many pieces are lacking that nobody connected has."""
    return kinds.count(_LOST)


def runs(kinds: bytes, cells: int) -> Iterator[MapCell]:
    """Yield the pieces in at most ``cells`` runs of the same length, give or take one."""
    cells = min(cells, len(kinds))
    for cell in range(cells):
        run = kinds[cell * len(kinds) // cells : (cell + 1) * len(kinds) // cells]
        yield MapCell(_look(run), _LOST in run)


def _look(run: bytes) -> Look:
    held, coming = run.count(PieceState.HELD), run.count(PieceState.IN_FLIGHT) + run.count(PieceState.VERIFYING)
    if coming > held:
        return Look.COMING
    if held:
        return Look.PARTLY if coming or PieceState.MISSING in run or _LOST in run else Look.HELD
    if _LOST in run:
        return Look.LOST
    return Look.MISSING if PieceState.MISSING in run else Look.UNWANTED


def piece_map(kinds: bytes, width: int, lines: int) -> list[Text]:
    """At most ``lines`` lines of at most ``width`` characters."""
    all_runs = list(runs(kinds, width * lines))
    rows = []
    for start in range(0, len(all_runs), width):
        row = Text(no_wrap=True)
        for (look, lost), same in groupby(all_runs[start : start + width]):
            row.append(look.glyph * len(list(same)), LOST_STYLE if lost else look.style)
        rows.append(row)
    return rows


def legend(*, lost: int, unwanted: bool) -> Text:
    """Return what the glyphs mean, and how many pieces are ``lost``."""
    words = {
        Look.HELD: "held",
        Look.PARTLY: "partly",
        Look.COMING: "coming",
        Look.MISSING: "missing",
        Look.LOST: f"nobody has {lost:,}" if lost else "nobody has it",
    }
    if unwanted:
        words[Look.UNWANTED] = "not wanted"
    text = Text(no_wrap=True)
    for look, word in words.items():
        text.append("  " if text else "").append(look.glyph, look.style)
        text.append(f" {word}", LOST_STYLE if look is Look.LOST and lost else "dim")
    return text
