"""The piece map: its image, what it tells, and its tip under the mouse."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from cli.snapshots import MIB, manifest_of, peer, torrent
from gui.hand_made import transfer
from gui.keyboard import settle
from gui.sight import words_on
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.bits import bits_of_runs
from swarmshare.gui.details.piece_map import PieceMap, PiecesTab
from swarmshare.gui.theme import palette, use_theme
from swarmshare.gui.viewmodel import pieces
from swarmshare.gui.viewmodel.pieces import (
    NOBODY,
    UNWANTED,
    Grid,
    Known,
    described,
    faded,
    grid_for,
    kinds_of,
    known_of,
    legend,
    map_image,
    mixed,
)
from swarmshare.schema.snapshot import MemberSnapshot, TorrentState

if TYPE_CHECKING:
    import ttkbootstrap
    from PIL.Image import Image

    from swarmshare.gui.preferences import Preferences
    from swarmshare.schema.snapshot import TorrentSnapshot

MISSING, IN_FLIGHT, VERIFYING, HELD = range(4)
TWO_FILES = manifest_of({"a": 3 * MIB, "b": 2 * MIB + 5})


def held(count: int) -> bytes:
    return bits_of_runs([range(count)], 6)


def test_kinds_say_where_a_piece_is_and_on_how_many_machines() -> None:
    snapshot = torrent(TWO_FILES, bytes([3, 3, 0, 0, 1, 2]), availability=bytes([0, 9, 2, 0, 1, 0]))
    assert kinds_of(snapshot) == bytes([HELD, HELD | 3 << 2, 2 << 2, NOBODY, IN_FLIGHT | 1 << 2, VERIFYING])
    with_seed = replace(snapshot, seeds=1)
    assert kinds_of(with_seed) == bytes(
        [HELD | 1 << 2, HELD | 3 << 2, 3 << 2, 1 << 2, IN_FLIGHT | 2 << 2, VERIFYING | 1 << 2]
    )
    half = replace(snapshot, skipped=frozenset({0}))
    assert kinds_of(half)[:3] == bytes([HELD, HELD | 3 << 2, UNWANTED])


@given(st.integers(1, 300_000), st.integers(1, 2000), st.integers(1, 900))
def test_every_piece_has_its_cell(count: int, width: int, height: int) -> None:
    grid = grid_for(count, width, height)
    assert grid.columns * grid.rows >= grid.cells
    assert grid.columns * (grid.rows - 1) < grid.cells
    assert grid.pieces_of(0).start == 0
    assert grid.pieces_of(grid.cells - 1).stop == count
    middle = grid.cells // 2
    assert len(grid.pieces_of(middle)) >= 1
    assert middle == 0 or grid.pieces_of(middle - 1).stop == grid.pieces_of(middle).start
    if width >= pieces.SMALLEST and height >= pieces.SMALLEST:
        assert grid.columns * grid.side <= width
        assert grid.rows * grid.side <= height


def test_a_cell_is_found_below_the_mouse() -> None:
    grid = Grid(pieces=10, columns=4, rows=3, cells=10, side=18)
    assert [grid.cell_at(x, y) for x, y in ((0, 0), (17, 17), (18, 0), (0, 18), (35, 53))] == [0, 0, 1, 4, 9]
    assert [grid.cell_at(x, y) for x, y in ((36, 36), (72, 0), (0, 54), (-1, 0))] == [None] * 4


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5))


def pixel_of(image: Image, grid: Grid, cell: int) -> object:
    return image.getpixel((cell % grid.columns * grid.side, cell // grid.columns * grid.side))


def test_a_piece_a_cell_in_its_own_colour(root: ttkbootstrap.Window) -> None:
    colours = palette()
    snapshot = torrent(TWO_FILES, bytes([3, 3, 0, 0, 1, 2]), availability=bytes([0, 2, 2, 0, 1, 0]))
    grid = grid_for(6, 60, 40)
    image = map_image(kinds_of(snapshot), grid, colours)
    assert image.size == (grid.columns * grid.side, grid.rows * grid.side)
    nobody = pieces.nobody_colour(colours)
    expected = [colours.held[0], colours.held[2], colours.missing, nobody, colours.in_flight, colours.verifying]
    assert [pixel_of(image, grid, cell) for cell in range(6)] == list(map(rgb, expected))
    assert image.getpixel((grid.side - 1, 0)) == rgb(colours.background), "a gap between cells"
    assert image.getpixel((0, grid.side - 1)) == rgb(colours.background)


def test_neighbours_are_mixed_but_what_matters_is_seen(root: ttkbootstrap.Window) -> None:
    colours = palette()
    count = 1000
    kinds = bytearray([HELD | 3 << 2]) * count
    grid = Grid(count, 10, 1, 10, 4)
    kinds[150:200] = bytes([1 << 2]) * 50
    for piece, kind in ((250, IN_FLIGHT), (350, VERIFYING | 1 << 2), (450, NOBODY), (550, HELD)):
        kinds[piece] = kind
    image = map_image(bytes(kinds), grid, colours)
    cells = [pixel_of(image, grid, cell) for cell in range(10)]
    assert cells[0] == rgb(colours.held[3])
    assert cells[1] == pytest.approx(rgb(mixed(colours.held[3], colours.missing, 0.5)), abs=2)
    assert cells[2:6] == [
        rgb(colours.in_flight),
        rgb(colours.verifying),
        rgb(pieces.nobody_colour(colours)),
        rgb(colours.held[0]),
    ]


def test_one_piece_among_very_many_is_seen(root: ttkbootstrap.Window) -> None:
    kinds = bytearray([HELD | 3 << 2]) * 100_000
    kinds[60_500] = IN_FLIGHT
    grid = Grid(100_000, 10, 1, 10, 4)
    image = map_image(bytes(kinds), grid, palette())
    assert pixel_of(image, grid, 6) == rgb(palette().in_flight)
    assert pixel_of(image, grid, 5) == rgb(palette().held[3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_kinds_differ_in_brightness_too(root: ttkbootstrap.Window, preferences: Preferences, theme: str) -> None:
    use_theme(root, preferences, theme)
    keys = [rgb(key.colour) for key in legend(palette(), unwanted=False)]
    brightness = [0.299 * red + 0.587 * green + 0.114 * blue for red, green, blue in keys]
    missing, nobody, in_flight, verifying, *copies = brightness
    assert min(abs(missing - other) for other in (nobody, verifying, *copies)) > 12
    assert abs(in_flight - verifying) > 40
    steps = [abs(a - b) for a, b in pairwise(copies)]
    assert min(steps) > 25
    use_theme(root, preferences, "light")


def test_a_paused_transfer_claims_nothing_that_is_not_known(root: ttkbootstrap.Window) -> None:
    there, gone = bytes([3, 3, 0, 0, 0, 0]), bytes([2, 0, 1, 0, 0, 0])
    unknown = torrent(TWO_FILES, there)
    assert [known_of(unknown, paused=paused) for paused in (False, True)] == [Known.NOW, Known.NOTHING]
    kinds = kinds_of(unknown, Known.NOTHING)
    assert NOBODY not in kinds
    assert HELD not in kinds, "that is the colour of what is only here"
    said = "who else has it is not known while paused"
    assert described(unknown, range(1), Known.NOTHING)[1] == f"here, {said}"
    assert described(unknown, range(1, 3), Known.NOTHING)[2] == said
    assert [key.text for key in legend(palette(), unwanted=False, known=Known.NOTHING)] == ["missing", f"here; {said}"]
    last = torrent(TWO_FILES, there, availability=gone)
    assert known_of(last, paused=True) is Known.BEFORE
    assert kinds_of(last, Known.BEFORE) == kinds_of(last)
    assert described(last, range(1), Known.BEFORE)[1] == "here, on 2 other machines when it was paused"
    for colour in (*faded(palette()).held, faded(palette()).missing):
        assert len(set(rgb(colour))) == 1, "grey"
    tab = PiecesTab(root)
    tab.pack(fill="both", expand=True)
    tab.show(unknown, transfer(state=TorrentState.PAUSED, copies=0))
    settle(root)
    words = words_on(root)
    assert f"here; {said}" in words
    assert "only here" not in words


def test_what_is_said_of_a_piece() -> None:
    snapshot = torrent(
        TWO_FILES,
        bytes([3, 3, 0, 0, 1, 2]),
        availability=bytes([2, 0, 1, 0, 0, 0]),
        peers=(replace(peer("10.0.0.1:1", bits=held(1)), user="rui"), peer("10.0.0.2:2", bits=held(1))),
        members=(MemberSnapshot("bia", ("10.0.0.3:3",), True, False, held(3), False),),
    )
    assert described(snapshot, range(1)) == [
        "Piece 0 of 6, 1 MiB",
        "here, on 2 other machines",
        "a",
        "Held by rui, 10.0.0.2:2, bia",
    ]
    assert described(snapshot, range(5, 6)) == ["Piece 5 of 6, 5 B", "verifying, on no other machine", "b"]
    assert described(snapshot, range(1, 5)) == [
        "Pieces 1 to 4 of 6",
        "1 of 4 are here",
        "on no other machine",
        "a and 1 more file",
    ]


# ------------------------------------------------------------------ the widget


def new_map(root: ttkbootstrap.Window, snapshot: TorrentSnapshot) -> PieceMap:
    root.geometry("400x200")
    shown = PieceMap(root)
    shown.pack(fill="both", expand=True)
    settle(root)
    shown.show(snapshot)
    settle(root)
    return shown


def image_of(shown: PieceMap) -> str:
    return str(shown.itemcget(shown.find_all()[0], "image"))


def test_the_tip_follows_the_mouse_and_the_arrow_keys(root: ttkbootstrap.Window) -> None:
    shown = new_map(root, torrent(TWO_FILES, bytes([3, 0, 0, 0, 0, 0])))
    assert shown.tip == ""
    side = shown.grid_of_cells.side if shown.grid_of_cells else 0
    shown.event_generate("<Motion>", x=side + 5, y=5)
    assert shown.tip.startswith("Piece 1 of 6")
    shown.show(torrent(TWO_FILES, bytes([3, 3, 0, 0, 0, 0]), availability=bytes(6)))
    assert "here" in shown.tip, "it changes with its piece"
    shown.event_generate("<Leave>")
    assert shown.tip == ""
    shown.focus_force()
    settle(root)
    for key, piece in (("Right", 0), ("Right", 1), ("Left", 0), ("Left", 0)):
        shown.event_generate(f"<{key}>")
        assert shown.tip.startswith(f"Piece {piece} of 6")


def test_it_is_drawn_again_only_for_news(root: ttkbootstrap.Window, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []

    def draw(*arguments: Any) -> Image:
        drawn.append(arguments)
        return map_image(*arguments)

    monkeypatch.setattr("swarmshare.gui.details.piece_map.map_image", draw)
    shown = new_map(root, torrent(TWO_FILES))
    image = image_of(shown)
    count = len(drawn)
    shown.show(replace(torrent(TWO_FILES), rate_down=5.0))
    assert len(drawn) == count
    shown.show(torrent(TWO_FILES, bytes([1, 0, 0, 0, 0, 0])))
    assert len(drawn) == count + 1
    assert image_of(shown) == image, "the same image has other pixels"
    shown.show(None)
    assert image_of(shown) == ""


def test_the_tab_says_how_things_stand(root: ttkbootstrap.Window) -> None:
    root.geometry("900x300")
    tab = PiecesTab(root)
    tab.pack(fill="both", expand=True)
    tab.show(torrent(TWO_FILES, bytes([3, 3, 0, 0, 0, 0])), transfer(name="x", shared=True, copies=0, only_here=2))
    settle(root)
    assert tab.light.verdict.sentence == "2 pieces of x are only on this computer"
    labels = [child.cget("text") for frame in tab.winfo_children() for child in frame.winfo_children()]
    assert "2 of 6 pieces of 1 MiB each" in labels
    tab.show(None, None)
    settle(root)
    assert tab.light.verdict.sentence == ""
