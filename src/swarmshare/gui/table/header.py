"""The head of a table: titles to sort by, edges to drag, and a menu of columns."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, TypeVar

import ttkbootstrap

from swarmshare.gui.theme import palette
from swarmshare.gui.words import _

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.table.paint import Style
    from swarmshare.gui.viewmodel.cells import Column

T = TypeVar("T")

_GRIP: Final = 5
"""Pixels on each side of an edge that drag it."""
_LEAST: Final = 4
"""Digits in the narrowest column."""
_MANY_DIGITS: Final = 200


class Layout(Generic[T]):
    """Which columns are shown, in which order, how wide, and by which one rows are sorted; remembered by name."""

    def __init__(self, name: str, columns: Sequence[Column[T]], preferences: Preferences, sort: str) -> None:
        """``sort`` is what rows are sorted by at first.

        That is a column's name, after a minus when the greatest comes first. Empty: rows stay in the order in which
        they are given.
        """
        self._name, self._preferences = f"table.{name}", preferences
        self.columns = {column.name: column for column in columns}
        order = [known for known in preferences.get(f"{self._name}.order", [""]) if known in self.columns]
        self.order = [*dict.fromkeys(order), *(known for known in self.columns if known not in order)]
        usual = [column.name for column in columns if column.hidden]
        hidden = preferences.get(f"{self._name}.hidden", usual or [""])
        self.hidden = {column for column in hidden if column in self.columns} - {columns[0].name}
        widths = preferences.get(f"{self._name}.widths", {"": 1})
        self.digits = {
            column.name: max(_LEAST, min(_MANY_DIGITS, int(widths.get(column.name, column.width))))
            for column in columns
        }
        self.dragged = bool(preferences.get(f"{self._name}.dragged", False))
        """Whether somebody has chosen the widths; else the first column takes the room that is left."""
        chosen = preferences.get(f"{self._name}.sort", sort)
        self.sortable = bool(sort)
        self.sort = chosen if self.sortable and chosen.removeprefix("-") in self.columns else sort

    @property
    def shown(self) -> list[Column[T]]:
        """The columns that are shown, from the left."""
        return [self.columns[name] for name in self.order if name not in self.hidden]

    @property
    def sorted_by(self) -> Column[T] | None:
        """The column that rows are sorted by; None: in the order that they come in."""
        return self.columns.get(self.sort.removeprefix("-"))

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")

    def sort_by(self, column: Column[T]) -> None:
        """Sort by it, or the other way round when that is so already."""
        self.sort = f"-{column.name}" if self.sort == column.name else column.name

    def toggle(self, name: str) -> None:
        """Show or hide a column; the first one of all always stays."""
        self.hidden ^= {name}

    def move(self, name: str, before: str | None) -> None:
        """Put a column before another one, or at the end."""
        self.order.remove(name)
        self.order.insert(self.order.index(before) if before is not None else len(self.order), name)

    def remember(self) -> None:
        """Write the layout to the preferences."""
        self._preferences.set(f"{self._name}.order", self.order)
        self._preferences.set(f"{self._name}.hidden", sorted(self.hidden) or [""])
        self._preferences.set(f"{self._name}.widths", self.digits)
        self._preferences.set(f"{self._name}.dragged", self.dragged)
        self._preferences.set(f"{self._name}.sort", self.sort)


class Header(tkinter.Canvas, Generic[T]):
    """The titles of the columns, above a table."""

    def __init__(
        self, parent: tkinter.Misc, layout: Layout[T], style: Callable[[], Style], changed: Callable[[], object]
    ) -> None:
        """Call ``changed`` when another layout was chosen."""
        super().__init__(parent, highlightthickness=0, borderwidth=0, takefocus=0, height=1)
        self._layout, self._style, self._changed = layout, style, changed
        self._edges: list[int] = []
        """Where each shown column ends."""
        self._dragged: tuple[str, str, int] | None = None
        """``edge`` or ``title``, the column's name, and where the drag began."""
        self._moved = False
        self.bind("<Motion>", self._hover)
        self.bind("<ButtonPress-1>", self._press)
        self.bind("<B1-Motion>", self._drag)
        self.bind("<ButtonRelease-1>", self._release)
        self.bind("<ButtonPress-3>", self._menu)

    def draw(self, edges: list[int]) -> None:
        """Draw the titles, with columns that end at ``edges``."""
        style, colours = self._style(), palette()
        self._edges = edges
        self.delete("all")
        height = style.row
        wide = max(edges[-1], self.winfo_width())
        self.configure(height=height, background=colours.raised, scrollregion=(0, 0, wide, height))
        left = 0
        for column, right in zip(self._layout.shown, edges, strict=True):
            room = right - left - 2 * style.pad
            sorted_so = column is self._layout.sorted_by
            text = style.fit(column.title, room - (style.icon if sorted_so else 0))
            x = right - style.pad if column.right else left + style.pad
            side: Literal["e", "w"] = "e" if column.right else "w"
            fill = colours.text if sorted_so else colours.muted
            title = self.create_text(x, height // 2, text=text, fill=fill, font=style.font, anchor=side)
            if sorted_so:
                name = "caret-down-fill" if self._layout.descending else "caret-up-fill"
                box = self.bbox(title)
                at = box[0] - 3 if column.right else box[2] + 3
                self.create_image(at, height // 2, image=style.image(name, "primary"), anchor=side)
            self.create_line(right - 1, height // 4, right - 1, height - height // 4, fill=colours.border)
            left = right
        self.create_line(0, height - 1, wide, height - 1, fill=colours.border)

    def column_menu(self, menu: tkinter.Menu) -> None:
        """Fill ``menu`` with what can be shown."""
        first = next(iter(self._layout.columns))
        for name, column in self._layout.columns.items():
            if name != first:
                shown = tkinter.BooleanVar(menu, name not in self._layout.hidden)
                menu.add_checkbutton(label=column.title, variable=shown, command=lambda name=name: self._toggle(name))  # type: ignore[misc]
                setattr(menu, f"shown_{name}", shown)  # a variable ends with its last reference

    def _toggle(self, name: str) -> None:
        self._layout.toggle(name)
        self._done()

    def _done(self) -> None:
        self._layout.remember()
        self._changed()

    def _at(self, event: tkinter.Event[Any]) -> tuple[str, Column[T]] | None:
        x, shown = self.canvasx(event.x), self._layout.shown
        for column, edge in zip(shown, self._edges, strict=True):
            if abs(x - edge) <= _GRIP:
                return "edge", column
            if x < edge:
                return "title", column
        return None

    def _hover(self, event: tkinter.Event[Any]) -> None:
        at = self._at(event)
        self.configure(cursor="sb_h_double_arrow" if at and at[0] == "edge" else "")

    def _press(self, event: tkinter.Event[Any]) -> None:
        at = self._at(event)
        self._dragged = (at[0], at[1].name, event.x) if at else None
        self._moved = False

    def _drag(self, event: tkinter.Event[Any]) -> None:
        if self._dragged is None:
            return
        what, name, start = self._dragged
        self._moved = self._moved or abs(event.x - start) > 2 * _GRIP or what == "edge"
        if what == "edge":
            shown = [column.name for column in self._layout.shown]
            at = shown.index(name)
            left = self._edges[at - 1] if at else 0
            digits = self._digits(self.canvasx(event.x) - left)
            if self._layout.digits[name] != digits:
                self._keep_widths()
                self._layout.digits[name] = digits
                self._changed()
        elif self._moved:
            self.configure(cursor="fleur")

    def _keep_widths(self) -> None:
        """From now on columns are as wide as they were made."""
        if not self._layout.dragged:
            self._layout.dragged = True
            self._layout.digits[self._layout.shown[0].name] = self._digits(self._edges[0])

    def _digits(self, width: float) -> int:
        style = self._style()
        return max(_LEAST, min(_MANY_DIGITS, round((width - 2 * style.pad) / style.digit)))

    def _release(self, event: tkinter.Event[Any]) -> None:
        if self._dragged is None:
            return
        what, name, _start = self._dragged
        self._dragged = None
        self.configure(cursor="")
        if what == "title" and not self._moved:
            column = self._layout.columns[name]
            if self._layout.sortable and column.key is not None:
                self._layout.sort_by(column)
        elif what == "title":
            at = self._at(event)
            before = at[1].name if at else None
            if before != name:
                self._layout.move(name, before)
        self._done()

    def _menu(self, event: tkinter.Event[Any]) -> None:
        menu = ttkbootstrap.Menu(self, tearoff=False)
        self.column_menu(menu)
        menu.add_separator()
        menu.add_command(label=_("Usual columns"), command=self._usual)
        menu.bind("<Unmap>", lambda _event: self.after_idle(menu.destroy))
        menu.tk_popup(event.x_root, event.y_root)

    def _usual(self) -> None:
        columns = self._layout.columns
        self._layout.order[:] = columns
        self._layout.hidden = {name for name, column in columns.items() if column.hidden}
        self._layout.digits.update({name: column.width for name, column in columns.items()})
        self._layout.dragged = False
        self._done()
