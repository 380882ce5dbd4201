"""A table that a person operates: real events, real canvas items."""

from __future__ import annotations

import tkinter
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from gui.keyboard import settle, until

from swarmshare.gui.table.table import Table
from swarmshare.gui.viewmodel.cells import Bar, Branch, Column, Label, Strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.viewmodel.cells import Cell

MANY = 50_000


class Row(NamedTuple):
    number: int
    text: str
    share: float = 0.5


def columns() -> list[Column[Row]]:
    return [
        Column("text", "Text", 20, lambda row: row.text, lambda row: row.text),
        Column("number", "Number", 10, lambda row: f"{row.number:,}", lambda row: row.number, right=True),
        Column("label", "Label", 12, lambda row: Label(f"label {row.number}", "check" if row.number % 2 else "")),
        Column("bar", "Bar", 14, lambda row: Bar(row.share, f"{row.share:.0%}"), lambda row: row.share),
        Column("strip", "Strip", 10, lambda row: Strip(bytes([row.number % 256]), 8), hidden=True),
    ]


def rows(count: int) -> list[Row]:
    return [Row(number, f"row {number:05}") for number in range(count)]


@pytest.fixture
def table(root: ttkbootstrap.Window, preferences: Preferences) -> Table[Row]:
    return new_table(root, preferences)


def new_table(root: ttkbootstrap.Window, preferences: Preferences) -> Table[Row]:
    root.geometry("800x400")
    table: Table[Row] = Table(root, "test", columns(), lambda row: row.number, preferences, sort="text")
    table.pack(fill="both", expand=True)
    settle(root)
    return table


def kind(canvas: tkinter.Canvas, item: int) -> str:
    return str(canvas.type(item))


def texts(canvas: tkinter.Canvas) -> list[str]:
    """What can be read, from the top, and from the left."""
    found = []
    height = canvas.winfo_height()
    for item in canvas.find_all():
        if kind(canvas, item) == "text":
            x, y = canvas.coords(item)
            if canvas.canvasy(0) <= y <= canvas.canvasy(height):
                found.append((y, x, canvas.itemcget(item, "text")))
    return [text for _y, _x, text in sorted(found)]


def first_texts(table: Table[Row]) -> list[str]:
    return [text for text in texts(table.body) if text.startswith("row")]


def click(table: Table[Row], at: int, event: str = "<ButtonPress-1>", x: int = 40, **more: Any) -> None:
    """A click on a row, counted from the top of what is in sight."""
    y = at * table.rows.style.row + table.rows.style.row // 2
    table.body.event_generate(event, x=x, y=y, **more)
    settle(table)


def keys(table: Table[Row], *names: str) -> None:
    table.body.focus_force()
    settle(table)
    for name in names:
        table.body.event_generate(f"<{name}>")
        settle(table)


def numbers(rows: Iterable[Row]) -> list[int]:
    return [row.number for row in rows]


def test_only_what_is_in_sight_is_drawn(table: Table[Row]) -> None:
    asked = []
    shown = table.first_column.show

    def show(row: Row) -> Cell:
        asked.append(row)
        return shown(row)

    object.__setattr__(table.first_column, "show", show)
    table.show(rows(MANY))
    settle(table)
    drawn = len(table.body.find_all())
    assert len(asked) < 40
    assert first_texts(table)[:2] == ["row 00000", "row 00001"]
    keys(table, "End")
    assert first_texts(table)[-1] == f"row {MANY - 1:05}"
    for _ in range(20):
        table.body.event_generate("<ButtonPress-4>")
        settle(table)
    assert first_texts(table)[-1] == f"row {MANY - 61:05}"
    assert len(table.body.find_all()) <= drawn + 20, "slots are used again"
    assert len(asked) < 400


def test_a_changed_row_changes_its_cells_alone(table: Table[Row]) -> None:
    before = rows(10)
    table.show(before)
    settle(table)
    body = table.body
    items = {item: body.itemcget(item, "text") for item in body.find_all() if kind(body, item) == "text"}
    after = list(before)
    after[3] = Row(3, "row 00003", 0.75)
    table.show(after)
    settle(table)
    assert set(items) <= set(table.body.find_all()), "nothing is drawn anew"
    changed = {item for item, text in items.items() if table.body.itemcget(item, "text") != text}
    assert [table.body.itemcget(item, "text") for item in changed] == ["75%"]


def test_rows_come_and_go(table: Table[Row]) -> None:
    table.show(rows(10))
    settle(table)
    table.show(rows(3), "nothing")
    settle(table)
    assert first_texts(table) == ["row 00000", "row 00001", "row 00002"]
    table.show([], "nothing here")
    settle(table)
    assert texts(table.body) == []
    label = next(child for child in table.body.winfo_children() if child.winfo_ismapped())
    assert label.cget("text") == "nothing here"
    table.show(rows(1), "nothing here")
    settle(table)
    assert not label.winfo_ismapped()
    assert first_texts(table) == ["row 00000"]


def test_a_long_text_ends_where_its_column_does(table: Table[Row]) -> None:
    table.show([Row(1, "row " + "wide " * 60)])
    settle(table)
    text = first_texts(table)[0]
    assert text.endswith("\u2026")
    assert table.rows.style.font.measure(text) <= table.rows.edges[0]


def test_a_title_sorts_and_sorts_the_other_way_round(table: Table[Row], preferences: Preferences) -> None:
    table.show([Row(2, "row a"), Row(10, "row c"), Row(1, "row b")])
    settle(table)
    assert first_texts(table) == ["row a", "row b", "row c"]
    x = (table.rows.edges[0] + table.rows.edges[1]) // 2
    for expected in (["row b", "row a", "row c"], ["row c", "row a", "row b"]):
        table.header.event_generate("<ButtonPress-1>", x=x, y=5)
        table.header.event_generate("<ButtonRelease-1>", x=x, y=5)
        settle(table)
        assert first_texts(table) == expected
    assert preferences.get("table.test.sort", "") == "-number"


def test_the_layout_is_remembered(root: ttkbootstrap.Window, preferences: Preferences) -> None:
    table = new_table(root, preferences)
    menu = tkinter.Menu(root, tearoff=False)
    table.column_menu(menu)
    labels = [menu.entrycget(index, "label") for index in range((menu.index("end") or 0) + 1)]
    assert labels == ["Number", "Label", "Bar", "Strip"], "the first column stays"
    menu.invoke(3)
    menu.invoke(1)
    settle(root)
    assert [text for text in texts(table.header) if text] == ["Text", "Number", "Bar", "Strip"]
    header, edge = table.header, table.rows.edges[1]
    header.event_generate("<ButtonPress-1>", x=edge, y=5)
    header.event_generate("<B1-Motion>", x=edge + 80, y=5)
    header.event_generate("<ButtonRelease-1>", x=edge + 80, y=5)
    settle(root)
    assert table.rows.edges[1] == pytest.approx(edge + 80, abs=table.rows.style.digit)
    bar = (table.rows.edges[1] + table.rows.edges[2]) // 2
    header.event_generate("<ButtonPress-1>", x=bar, y=5)
    header.event_generate("<B1-Motion>", x=bar - 60, y=5)
    header.event_generate("<B1-Motion>", x=10, y=5)
    header.event_generate("<ButtonRelease-1>", x=10, y=5)
    settle(root)
    edges = table.rows.edges
    table.destroy()
    preferences.save()
    again = new_table(root, type(preferences)(preferences.path))
    assert [text for text in texts(again.header) if text] == ["Bar", "Text", "Number", "Strip"]
    assert again.rows.edges == edges


BROKEN: list[dict[str, Any]] = [{"order": [1, 2]}, {"widths": {"text": -9, "number": 10**9}}, {"sort": "-nothing"}]


@pytest.mark.parametrize("kept", BROKEN)
def test_a_broken_memory_is_no_problem(
    root: ttkbootstrap.Window, preferences: Preferences, kept: dict[str, Any]
) -> None:
    for name, value in kept.items():
        preferences.set(f"table.test.{name}", value)
    table = new_table(root, preferences)
    table.show(rows(3))
    settle(root)
    assert table.items == rows(3)
    assert len(texts(table.body)) >= 6


def test_selecting_with_the_mouse(table: Table[Row]) -> None:
    told = []
    table.on_select = lambda: told.append(numbers(table.selected))
    table.show(rows(100))
    settle(table)
    click(table, 2)
    click(table, 4, "<ButtonPress-1>", state=0x1)
    click(table, 6, "<ButtonPress-1>", state=0x4)
    click(table, 3, "<ButtonPress-1>", state=0x4)
    assert told == [[2], [2, 3, 4], [2, 3, 4, 6], [2, 4, 6]]
    table.show(rows(3))
    settle(table)
    assert told[-1] == [2]


def test_selecting_with_the_keyboard(table: Table[Row]) -> None:
    table.show(rows(100))
    settle(table)
    keys(table, "Down", "Down", "Shift-Down")
    assert numbers(table.selected) == [1, 2]
    keys(table, "Control-Down", "Control-Down", "Control-space")
    assert numbers(table.selected) == [1, 2, 4]
    keys(table, "Next")
    page = table.selected[0].number
    assert page > 8
    assert f"row {page:05}" in first_texts(table)
    keys(table, "End", "Shift-Home")
    assert len(table.selected) == 100
    keys(table, "Home")
    assert numbers(table.selected) == [0]
    assert first_texts(table)[0] == "row 00000"
    keys(table, "Control-a")
    assert len(table.selected) == 100


def test_opening_deleting_and_the_menu(table: Table[Row]) -> None:
    done: list[object] = []
    table.on_open = lambda row: done.append(("open", row.number))
    table.on_delete = lambda: done.append("delete")
    table.show(rows(9))
    settle(table)
    click(table, 1)
    click(table, 1)
    keys(table, "Down", "Return", "Delete")
    assert done == [("open", 1), ("open", 2), "delete"]

    def fill(menu: tkinter.Menu) -> None:
        menu.add_command(label="Do it", command=lambda: done.append(numbers(table.selected)))
        done.append(menu)

    table.on_menu = fill
    for way in ("mouse", "key"):
        if way == "mouse":
            click(table, 5, "<ButtonPress-3>", rootx=50, rooty=50)
        else:
            keys(table, "Shift-F10")
        menu = done.pop()
        assert isinstance(menu, tkinter.Menu)
        until(table, menu.winfo_viewable, "the menu")
        menu.invoke(0)
        menu.unpost()
        settle(table)
        assert done.pop() == [5], "the right button selects what it points at"
        until(table, partial(_is_gone, menu), "the end of the menu")


def _is_gone(widget: tkinter.Misc) -> bool:
    return not widget.winfo_exists()


def test_a_tree_is_folded_and_ticked(root: ttkbootstrap.Window, preferences: Preferences) -> None:
    root.geometry("600x300")
    done = []
    column: Column[Row] = Column("name", "Name", 30, lambda row: Branch(row.text, 1, row.number == 0, False))
    table: Table[Row] = Table(root, "tree", [column], lambda row: row.number, preferences)
    table.on_branch = lambda row, part: done.append((row.number, part))
    table.pack(fill="both", expand=True)
    table.show(rows(3))
    settle(root)
    style = table.rows.style
    step = style.icon + style.pad // 2
    start = style.pad + style.icon + style.pad
    click(table, 0, x=start + 3)
    click(table, 1, x=start + step + 3)
    click(table, 1, x=start + 4 * step)
    assert done == [(0, "fold"), (1, "tick")]
    assert numbers(table.selected) == [1]
    keys(table, "space", "Up", "Left", "Right")
    assert done[2:] == [(1, "tick"), (0, "fold")], "it is open: the right arrow has nothing to do"


def test_strips_are_images(table: Table[Row]) -> None:
    menu = tkinter.Menu(table, tearoff=False)
    table.column_menu(menu)
    menu.invoke(3)
    table.show(rows(5))
    settle(table)
    canvas = table.body
    images = {canvas.itemcget(item, "image") for item in canvas.find_all() if kind(canvas, item) == "image"}
    assert len(images) == 5 + 1, "one a row, and the symbol of all labels"
    before = len(canvas.find_all())
    table.show([row._replace(number=row.number) for row in reversed(rows(5))])
    settle(table)
    assert len(canvas.find_all()) == before


def test_the_theme_changes_under_it(table: Table[Row], root: ttkbootstrap.Window) -> None:
    table.show(rows(5))
    settle(root)
    before = table.body.cget("background")
    root.style.theme_use("bootstrap-dark")
    settle(root)
    assert table.body.cget("background") != before
    assert first_texts(table)[0] == "row 00000"
    root.style.theme_use("bootstrap-light")
