"""A table of rows, operated by mouse and keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import ttkbootstrap

from swarmshare.gui.table.paint import branch_part
from swarmshare.gui.table.view import TableView
from swarmshare.gui.viewmodel.cells import Branch

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable, Hashable, Sequence

    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.viewmodel.cells import Column


T = TypeVar("T")

_SHIFT, _CONTROL = 0x1, 0x4
_WHEEL: Final = 3
"""Rows of one notch."""
_SIDEWAYS: Final = 4
"""Digits of one notch."""


class Table(TableView[T]):
    """A table that a person operates: it selects, opens, ticks and folds rows, and brings up their menu."""

    def __init__(
        self,
        parent: tkinter.Misc,
        name: str,
        columns: Sequence[Column[T]],
        key: Callable[[T], Hashable],
        preferences: Preferences,
        *,
        sort: str = "",
    ) -> None:
        """Make a :class:`~swarmshare.gui.table.view.TableView` of the same arguments, and bind keys and mouse to it."""
        super().__init__(parent, name, columns, key, preferences, sort=sort)
        self._bind_input(self.body)

    def _bind_input(self, body: tkinter.Canvas) -> None:
        for turn, rows in (("<ButtonPress-4>", -_WHEEL), ("<ButtonPress-5>", _WHEEL)):
            body.bind(turn, lambda _event, rows=rows: body.yview_scroll(rows, "units"))  # type: ignore[misc]
        body.bind("<MouseWheel>", lambda event: body.yview_scroll(-_WHEEL if event.delta > 0 else _WHEEL, "units"))
        for turn, digits in (("<Shift-ButtonPress-4>", -_SIDEWAYS), ("<Shift-ButtonPress-5>", _SIDEWAYS)):
            body.bind(turn, lambda _event, digits=digits: self.sideways("scroll", digits, "units"))  # type: ignore[misc]
        body.bind("<Motion>", self.rows.hover)
        body.bind("<Leave>", lambda _event: self.rows.hover(None))
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
            body.bind(f"<{name}>", lambda event, sign=sign: self._step(event, sign * (len(self.items) or 1)))  # type: ignore[misc]
        for key in ("<Control-a>", "<Control-A>"):
            body.bind(key, self._all)
        body.bind("<Return>", self._open)
        body.bind("<KP_Enter>", self._open)
        body.bind("<Delete>", lambda _event: self.on_delete())
        body.bind("<space>", self._space)
        body.bind("<Left>", lambda _event: self._scroll_or_fold(-1))
        body.bind("<Right>", lambda _event: self._scroll_or_fold(1))
        for key in ("<Menu>" if body.tk.call("tk", "windowingsystem") == "x11" else "<App>", "<Shift-F10>"):
            body.bind(key, self._menu_key)

    def _click(self, event: tkinter.Event[Any]) -> None:
        self.body.focus_set()
        at = self.rows.at(event.y)
        if at < 0:
            self.selection.keys.clear()
            self.chosen()
            return
        state = cast("int", event.state)
        if (part := self._branch_part(at, event.x)) != "name":
            self.on_branch(self.items[at], part)
            return
        self.selection.choose(self.key_of(self.items[at]), toggle=bool(state & _CONTROL), extend=bool(state & _SHIFT))
        self.chosen()

    def _branch_part(self, at: int, x: int) -> str:
        column = self.first_column
        cell = column.show(self.items[at])
        style = self.rows.style
        inside = int(self.body.canvasx(x)) - style.pad
        if isinstance(cell, Branch) and inside < self.rows.edges[0] - style.pad:
            return branch_part(cell, inside, style)
        return "name"

    def _double(self, event: tkinter.Event[Any]) -> None:
        at = self.rows.at(event.y)
        if at < 0:
            return
        if (part := self._branch_part(at, event.x)) != "name":
            self.on_branch(self.items[at], part)
        else:
            self.on_open(self.items[at])

    def _context(self, event: tkinter.Event[Any]) -> None:
        self.body.focus_set()
        at = self.rows.at(event.y)
        if at >= 0 and (key := self.key_of(self.items[at])) not in self.selection.keys:
            self.selection.choose(key)
            self.chosen()
        self._pop_up(event.x_root, event.y_root)

    def _menu_key(self, _event: tkinter.Event[Any]) -> str:
        at = self.selection.index.get(self.selection.focus)
        y = 0 if at is None else (at + 1) * self.rows.style.row - int(self.body.canvasy(0))
        y = max(0, min(self.body.winfo_height(), y))
        self._pop_up(self.body.winfo_rootx() + 2 * self.rows.style.pad, self.body.winfo_rooty() + y)
        return "break"

    def _pop_up(self, x: int, y: int) -> None:
        if self.on_menu is None or not self.selection.keys:
            return
        menu = ttkbootstrap.Menu(self, tearoff=False)
        self.on_menu(menu)
        menu.bind("<Unmap>", lambda _event: self.body.after_idle(menu.destroy))
        menu.tk_popup(x, y)

    def _focused(self, _event: tkinter.Event[Any]) -> None:
        self.rows.undress()
        self.rows.paint()

    def _page(self) -> int:
        return max(1, self.body.winfo_height() // self.rows.style.row - 1)

    def _step(self, event: tkinter.Event[Any], by: int) -> str:
        state = cast("int", event.state)
        self.selection.step(by, extend=bool(state & _SHIFT), keep=bool(state & _CONTROL))
        self.chosen()
        return "break"

    def _all(self, _event: tkinter.Event[Any]) -> str:
        self.selection.choose_all()
        self.chosen()
        return "break"

    def _focused_item(self) -> T | None:
        at = self.selection.index.get(self.selection.focus)
        return None if at is None else self.items[at]

    def _open(self, _event: tkinter.Event[Any]) -> None:
        if (item := self._focused_item()) is not None:
            self.on_open(item)

    def _space(self, event: tkinter.Event[Any]) -> str:
        item = self._focused_item()
        if item is not None and isinstance(self.first_column.show(item), Branch):
            self.on_branch(item, "tick")
        elif item is not None:
            self.selection.choose(self.key_of(item), toggle=bool(cast("int", event.state) & _CONTROL))
            self.chosen()
        return "break"

    def _scroll_or_fold(self, direction: int) -> None:
        """Fold a branch to the left, unfold it to the right; where there is nothing to fold, scroll."""
        item = self._focused_item()
        cell = self.first_column.show(item) if item is not None else None
        if item is not None and isinstance(cell, Branch) and cell.opened is (direction < 0):
            self.on_branch(item, "fold")
        else:
            self.sideways("scroll", direction * _SIDEWAYS, "units")
