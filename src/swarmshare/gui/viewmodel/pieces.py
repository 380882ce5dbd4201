"""The piece map as one image, and what is at a place of it. Nothing here looks at one piece at a time. Pure.

A piece's *kind* is one byte: where it is on its way to us, and on how many other machines it is. Kinds become colours
by a palette, and neighbours that share a cell are mixed; what is rare and matters, such as a piece in flight, is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache
from math import ceil, sqrt
from typing import TYPE_CHECKING, Final, NamedTuple

from PIL import Image

from swarmshare.common.bits import has_piece
from swarmshare.common.pieces import PieceState
from swarmshare.common.text import clean
from swarmshare.gui.words import _, ngettext, number, size

if TYPE_CHECKING:
    from swarmshare.gui.theme import Palette
    from swarmshare.schema.snapshot import TorrentSnapshot

NOBODY, UNWANTED = 16, 17
"""Kinds of missing pieces: no other machine has it, or it was not asked for."""
MAX_COPIES: Final = 3
"""Other machines that are told apart: as many, or more."""
LARGEST, SMALLEST = 18, 4
"""Pixels of a cell, with its gap."""
MAX_HOLDERS: Final = 6
"""Who are named."""

_COPIES: Final = [
    bytes(min(others + seeds, MAX_COPIES) << 2 for others in range(256)) for seeds in range(MAX_COPIES + 1)
]


def _only(kinds: tuple[int, ...]) -> bytes:
    return bytes(255 if byte in kinds else 0 for byte in range(256))


_OF_STATE: Final = [tuple(state | copies << 2 for copies in range(MAX_COPIES + 1)) for state in range(4)]
_PROMINENT: Final = tuple(
    map(_only, ((NOBODY,), (PieceState.HELD,), _OF_STATE[PieceState.VERIFYING], _OF_STATE[PieceState.IN_FLIGHT]))
)
"""For each of four sorts of kinds that are not to be mixed with others, a table that makes them 255, all else 0."""
_SKIP: Final = bytes.maketrans(
    bytes([NOBODY, *(PieceState.MISSING | copies << 2 for copies in range(MAX_COPIES + 1))]),
    bytes([UNWANTED] * (MAX_COPIES + 2)),
)
_LOSE: Final = bytes.maketrans(bytes([PieceState.MISSING]), bytes([NOBODY]))
_NOT_KNOWN: Final = bytes.maketrans(
    bytes([NOBODY, PieceState.HELD]), bytes([PieceState.MISSING, PieceState.HELD | 2 << 2])
)
"""Of what nothing is known nothing is claimed: neither that nobody has it, nor in the colour of what is only here."""


class Known(Enum):
    """What is known of other machines' pieces."""

    NOW = auto()
    BEFORE = auto()
    """Of a paused transfer: as it was when it was paused."""
    NOTHING = auto()
    """Of a paused transfer that has not run since the program started."""


_FADED: Final = 0.3, 0.45, 0.7, 0.95
"""How dark pieces are that are not known now, by how many others had them; what nobody had is between two of them."""


def known_of(torrent: TorrentSnapshot, *, paused: bool) -> Known:
    """Return what ``torrent`` knows of others."""
    if not paused:
        return Known.NOW
    return Known.BEFORE if torrent.seeds or any(torrent.availability) else Known.NOTHING


def faded(palette: Palette) -> Palette:
    """Return the same in grey, for what is not known now."""

    def grey(colour: str) -> str:
        red, green, blue = _rgb(colour)
        return "#" + f"{round(0.299 * red + 0.587 * green + 0.114 * blue):02x}" * 3

    missing, text = grey(palette.missing), grey(palette.text)
    one, two, three, four = (mixed(missing, text, part) for part in _FADED)
    return replace(palette, held=(one, two, three, four), missing=missing)


def kinds_of(torrent: TorrentSnapshot, known: Known = Known.NOW) -> bytes:
    """Return the kind of each piece, one byte a piece."""
    copies = torrent.availability.translate(_COPIES[min(torrent.seeds, MAX_COPIES)])
    count = len(torrent.piece_states)
    kinds = bytearray((int.from_bytes(torrent.piece_states) | int.from_bytes(copies)).to_bytes(count).translate(_LOSE))
    if known is Known.NOTHING:
        kinds = kinds.translate(_NOT_KNOWN)
    layout = torrent.manifest.layout
    for file in torrent.skipped:
        pieces = layout.file_pieces(file)
        kinds[pieces.start : pieces.stop] = kinds[pieces.start : pieces.stop].translate(_SKIP)
    return bytes(kinds)


class Grid(NamedTuple):
    """Cells in rows, each of them one piece or several neighbours."""

    pieces: int
    columns: int
    rows: int
    cells: int
    """Those of the last row may be fewer."""
    side: int
    """Pixels of a cell, with its gap."""

    def cell_at(self, x: int, y: int) -> int | None:
        """Return the cell below a pixel."""
        column, row = x // self.side, y // self.side
        cell = row * self.columns + column
        return cell if x >= 0 and y >= 0 and column < self.columns and cell < self.cells else None

    def pieces_of(self, cell: int) -> range:
        """Return the pieces that share a cell."""
        return range(cell * self.pieces // self.cells, max((cell + 1) * self.pieces // self.cells, 1))


def grid_for(pieces: int, width: int, height: int, scale: float = 1.0) -> Grid:
    """Return the largest cells that let all ``pieces`` have one each in that many pixels; else the smallest, shared."""
    largest, smallest = round(LARGEST * scale), round(SMALLEST * scale)
    side = max(smallest, min(largest, int(sqrt(max(width * height, 1) / max(pieces, 1)))))
    while side > smallest and (width // side) * (height // side) < pieces:
        side -= 1
    columns, rows = max(width // side, 1), max(height // side, 1)
    cells = max(min(pieces, columns * rows), 1)
    return Grid(pieces, columns, ceil(cells / columns), cells, side)


def map_image(kinds: bytes, grid: Grid, palette: Palette) -> Image.Image:
    """``grid.columns * grid.side`` pixels wide, and as high as its rows."""
    background = _rgb(palette.background)
    line = Image.frombytes("P", (len(kinds), 1), kinds)
    line.putpalette(_colours(palette))
    line = line.convert("RGB")
    if grid.cells != grid.pieces:
        line = line.resize((grid.cells, 1), Image.Resampling.BOX)
        colours = nobody_colour(palette), palette.held[0], palette.verifying, palette.in_flight
        for colour, mask in zip(colours, _prominent(kinds, grid.cells), strict=True):
            line.paste(_rgb(colour), mask=mask)
    data = line.tobytes() + bytes(background) * (grid.columns * grid.rows - grid.cells)
    image = Image.frombytes("RGB", (grid.columns, grid.rows), data)
    image = image.resize((grid.columns * grid.side, grid.rows), Image.Resampling.NEAREST)
    image.paste(background, mask=_gaps(image.width, image.height, grid.side))
    image = image.resize((image.width, grid.rows * grid.side), Image.Resampling.NEAREST)
    for bottom in range(grid.side, image.height + 1, grid.side):
        image.paste(background, (0, bottom - _gap(grid.side), image.width, bottom))
    return image


def _prominent(kinds: bytes, cells: int) -> list[Image.Image]:
    """For each of :data:`_PROMINENT`, a mask of the cells that have such a piece."""
    size = len(kinds), 1
    bands = [Image.frombytes("L", size, kinds.translate(table)) for table in _PROMINENT]
    if len(kinds) > _ROUNDED * cells:
        means = [band.convert("F").resize((cells, 1), Image.Resampling.BOX) for band in bands]
        return [mean.point(lambda value: value * 1e6).convert("L") for mean in means]
    # Four bands at once cost hardly more than one; CMYK only means that there are four.
    return [
        band.point(_ANYTHING) for band in Image.merge("CMYK", bands).resize((cells, 1), Image.Resampling.BOX).split()
    ]


_ANYTHING: Final = [0, *[255] * 255]
_ROUNDED: Final = 200
"""With more pieces in a cell, the mean of one among them would be rounded away."""


def _gap(side: int) -> int:
    """Return how many pixels are between cells."""
    return 2 if side >= 9 else 1


@lru_cache(maxsize=8)
def _gaps(width: int, height: int, side: int) -> Image.Image:
    """Return a mask of what is between columns."""
    mask = Image.new("L", (width, height))
    for right in range(side, width + 1, side):
        mask.paste(255, (right - _gap(side), 0, right, height))
    return mask


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def mixed(first: str, second: str, part: float) -> str:
    """Return a colour between two: ``part`` of the second."""
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in zip(_rgb(first), _rgb(second), strict=True))


def nobody_colour(palette: Palette) -> str:
    """Of a missing piece that no other machine has."""
    return mixed(palette.missing, palette.text, 0.55)


def unwanted_colour(palette: Palette) -> str:
    """Of a piece that was not asked for."""
    return mixed(palette.missing, palette.background, 0.65)


@lru_cache(maxsize=4)
def _colours(palette: Palette) -> bytes:
    table = [palette.missing] * 256
    for copies in range(MAX_COPIES + 1):
        table[PieceState.IN_FLIGHT | copies << 2] = palette.in_flight
        table[PieceState.VERIFYING | copies << 2] = palette.verifying
        table[PieceState.HELD | copies << 2] = palette.held[copies]
    table[NOBODY], table[UNWANTED] = nobody_colour(palette), unwanted_colour(palette)
    return bytes(part for colour in table for part in _rgb(colour))


# ------------------------------------------------------------------ in words


@dataclass(frozen=True, slots=True)
class Key:
    """One entry of the legend."""

    colour: str
    text: str


def legend(palette: Palette, *, unwanted: bool, known: Known = Known.NOW) -> list[Key]:
    """Return what the colours of ``palette`` mean."""
    skipped = [Key(unwanted_colour(palette), _("not wanted"))] if unwanted else []
    missing = Key(palette.missing, _("missing"))
    if known is Known.NOTHING:
        return [missing, Key(palette.held[2], _("here; who else has it is not known while paused")), *skipped]
    if known is Known.BEFORE:
        return [
            missing,
            Key(nobody_colour(palette), _("nobody had it")),
            Key(palette.held[0], _("only here when it was paused")),
            Key(palette.held[1], _("on 1 other")),
            Key(palette.held[2], _("on 2 others")),
            Key(palette.held[3], _("on 3 or more")),
            *skipped,
        ]
    return [
        missing,
        Key(nobody_colour(palette), _("nobody has it")),
        Key(palette.in_flight, _("in flight")),
        Key(palette.verifying, _("verifying")),
        Key(palette.held[0], _("only here")),
        Key(palette.held[1], _("on 1 other")),
        Key(palette.held[2], _("on 2 others")),
        Key(palette.held[3], _("on 3 or more")),
        *skipped,
    ]


def described(torrent: TorrentSnapshot, pieces: range, known: Known = Known.NOW) -> list[str]:
    """Return what is to be said of one piece, or of several that share a cell: a line each."""
    layout, files = torrent.manifest.layout, torrent.manifest.files
    first, last = layout.span(layout.index(pieces[0])), layout.span(layout.index(pieces[-1]))
    total = number(layout.piece_count)
    if len(pieces) == 1:
        lines = [_("Piece {n} of {total}, {size}").format(n=number(pieces[0]), total=total, size=size(first.length))]
        lines.append(_in_words(torrent, pieces[0], known))
    else:
        span = _("Pieces {first} to {last} of {total}")
        lines = [span.format(first=number(pieces[0]), last=number(pieces[-1]), total=total)]
        held = torrent.piece_states[pieces.start : pieces.stop].count(PieceState.HELD)
        copies = min(torrent.availability[pieces.start : pieces.stop]) + torrent.seeds
        lines.append(_("{held} of {n} are here").format(held=number(held), n=number(len(pieces))))
        lines.append(_others(copies, known))
    name = clean("/".join(files[first.file].path))
    more = last.file - first.file
    if more:
        name = ngettext("{name} and {n} more file", "{name} and {n} more files", more).format(name=name, n=number(more))
    lines.append(name)
    if len(pieces) == 1 and (names := _holders(torrent, pieces[0])):
        lines.append(_("Held by {names}").format(names=names))
    return lines


def _in_words(torrent: TorrentSnapshot, piece: int, known: Known) -> str:
    state = PieceState(torrent.piece_states[piece])
    words = {
        PieceState.MISSING: _("missing"),
        PieceState.IN_FLIGHT: _("in flight"),
        PieceState.VERIFYING: _("verifying"),
        PieceState.HELD: _("here"),
    }[state]
    return f"{words}, {_others(torrent.availability[piece] + torrent.seeds, known)}"


def _others(copies: int, known: Known) -> str:
    if known is Known.NOTHING:
        return _("who else has it is not known while paused")
    if not copies:
        where = _("on no other machine")
    else:
        where = ngettext("on {n} other machine", "on {n} other machines", copies).format(n=number(copies))
    return _("{where} when it was paused").format(where=where) if known is Known.BEFORE else where


def _holders(torrent: TorrentSnapshot, piece: int) -> str:
    def has(bits: bytes | None) -> bool:
        return bits is not None and has_piece(bits, piece)

    names = [clean(peer.user or peer.address) for peer in torrent.peers if has(peer.bits)]
    names += [
        clean(member.user or member.addresses[0])
        for member in torrent.members
        if not member.connected and (member.user or member.addresses) and (member.complete or has(member.bits))
    ]
    names = list(dict.fromkeys(names))
    return ", ".join(names[:MAX_HOLDERS]) + (", \u2026" if len(names) > MAX_HOLDERS else "")
