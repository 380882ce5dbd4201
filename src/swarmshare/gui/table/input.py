"""What the mouse and the keyboard do to a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

import ttkbootstrap

from swarmshare.gui.table.paint import branch_part
from swarmshare.gui.viewmodel.cells import Branch

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.table.table import Table

T = TypeVar("T")

_SHIFT, _CONTROL = 0x1, 0x4
_WHEEL: Final = 3
"""Rows of one notch."""
_SIDEWAYS: Final = 4
"""Digits of one notch."""


class TableInput(Generic[T]):
    """Bound to the body of one table."""

    def __init__(self, table: Table[T]) -> None:
        self._table = table
        self._body = body = table.body
        for turn, rows in (("<ButtonPress-4>", -_WHEEL), ("<ButtonPress-5>", _WHEEL)):
            body.bind(turn, lambda _event, rows=rows: body.yview_scroll(rows, "units"))  # type: ignore[misc]
        body.bind("<MouseWheel>", lambda event: body.yview_scroll(-_WHEEL if event.delta > 0 else _WHEEL, "units"))
        for turn, digits in (("<Shift-ButtonPress-4>", -_SIDEWAYS), ("<Shift-ButtonPress-5>", _SIDEWAYS)):
            body.bind(turn, lambda _event, digits=digits: table.sideways("scroll", digits, "units"))  # type: ignore[misc]
        body.bind("<Motion>", table.rows.hover)
        body.bind("<Leave>", lambda _event: table.rows.hover(None))
        body.bind("<ButtonPress-1>", self._click)
        body.bind("<Double-ButtonPress-1>", self._double)
        body.bind("<ButtonPress-3>", self._context)
        for focus in ("<FocusIn>", "<FocusOut>"):
            body.bind(focus, self._focused)
        for name, by in (("Up", -1), ("Down", 1)):
            body.bind(f"<{name}>", lambda event, by=by: self._step(event, by))  # type: ignore[misc]
        for name, pages in (("Prior", -1), ("Next", 1)):
            body.bind(f"<{name}>", lambda event, pages=pages: self._step(event, pages * self._page()))  # type: ignore[misc]
        for name, sign in (("Home", -1), ("End", 1)):
            body.bind(f"<{name}>", lambda event, sign=sign: self._step(event, sign * (len(table.items) or 1)))  # type: ignore[misc]
        for key in ("<Control-a>", "<Control-A>"):
            body.bind(key, self._all)
        body.bind("<Return>", self._open)
        body.bind("<KP_Enter>", self._open)
        body.bind("<Delete>", lambda _event: table.on_delete())
        body.bind("<space>", self._space)
        body.bind("<Left>", lambda _event: self._sideways(-1))
        body.bind("<Right>", lambda _event: self._sideways(1))
        for key in ("<Menu>" if body.tk.call("tk", "windowingsystem") == "x11" else "<App>", "<Shift-F10>"):
            body.bind(key, self._menu_key)

    def _click(self, event: tkinter.Event[Any]) -> None:
        self._body.focus_set()
        at = self._table.rows.at(event.y)
        if at < 0:
            self._table.selection.keys.clear()
            self._table.chosen()
            return
        state = cast("int", event.state)
        if (part := self._branch_part(at, event.x)) != "name":
            self._table.on_branch(self._table.items[at], part)
            return
        self._table.selection.choose(
            self._table.key_of(self._table.items[at]), toggle=bool(state & _CONTROL), extend=bool(state & _SHIFT)
        )
        self._table.chosen()

    def _branch_part(self, at: int, x: int) -> str:
        column = self._table.first_column
        cell = column.show(self._table.items[at])
        style = self._table.rows.style
        inside = int(self._body.canvasx(x)) - style.pad
        if isinstance(cell, Branch) and inside < self._table.rows.edges[0] - style.pad:
            return branch_part(cell, inside, style)
        return "name"

    def _double(self, event: tkinter.Event[Any]) -> None:
        at = self._table.rows.at(event.y)
        if at < 0:
            return
        if (part := self._branch_part(at, event.x)) != "name":
            self._table.on_branch(self._table.items[at], part)
        else:
            self._table.on_open(self._table.items[at])

    def _context(self, event: tkinter.Event[Any]) -> None:
        self._body.focus_set()
        at = self._table.rows.at(event.y)
        if at >= 0 and (key := self._table.key_of(self._table.items[at])) not in self._table.selection.keys:
            self._table.selection.choose(key)
            self._table.chosen()
        self._pop_up(event.x_root, event.y_root)

    def _menu_key(self, _event: tkinter.Event[Any]) -> str:
        at = self._table.selection.index.get(self._table.selection.focus)
        y = 0 if at is None else (at + 1) * self._table.rows.style.row - int(self._body.canvasy(0))
        y = max(0, min(self._body.winfo_height(), y))
        self._pop_up(self._body.winfo_rootx() + 2 * self._table.rows.style.pad, self._body.winfo_rooty() + y)
        return "break"

    def _pop_up(self, x: int, y: int) -> None:
        if self._table.on_menu is None or not self._table.selection.keys:
            return
        menu = ttkbootstrap.Menu(self._table, tearoff=False)
        self._table.on_menu(menu)
        menu.bind("<Unmap>", lambda _event: self._body.after_idle(menu.destroy))
        menu.tk_popup(x, y)

    def _focused(self, _event: tkinter.Event[Any]) -> None:
        self._table.rows.undress()
        self._table.rows.paint()

    def _page(self) -> int:
        return max(1, self._body.winfo_height() // self._table.rows.style.row - 1)

    def _step(self, event: tkinter.Event[Any], by: int) -> str:
        state = cast("int", event.state)
        self._table.selection.step(by, extend=bool(state & _SHIFT), keep=bool(state & _CONTROL))
        self._table.chosen()
        return "break"

    def _all(self, _event: tkinter.Event[Any]) -> str:
        self._table.selection.choose_all()
        self._table.chosen()
        return "break"

    def _focused_item(self) -> T | None:
        at = self._table.selection.index.get(self._table.selection.focus)
        return None if at is None else self._table.items[at]

    def _open(self, _event: tkinter.Event[Any]) -> None:
        if (item := self._focused_item()) is not None:
            self._table.on_open(item)

    def _space(self, event: tkinter.Event[Any]) -> str:
        item = self._focused_item()
        if item is not None and isinstance(self._table.first_column.show(item), Branch):
            self._table.on_branch(item, "tick")
        elif item is not None:
            self._table.selection.choose(self._table.key_of(item), toggle=bool(cast("int", event.state) & _CONTROL))
            self._table.chosen()
        return "break"

    def _sideways(self, direction: int) -> None:
        """Fold a branch to the left, unfold it to the right; where there is nothing to fold, scroll."""
        item = self._focused_item()
        cell = self._table.first_column.show(item) if item is not None else None
        if item is not None and isinstance(cell, Branch) and cell.opened is (direction < 0):
            self._table.on_branch(item, "fold")
        else:
            self._table.sideways("scroll", direction * _SIDEWAYS, "units")
