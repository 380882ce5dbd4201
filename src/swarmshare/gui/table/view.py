"""A table of any length: only what is in sight is drawn. Rows are items of any kind, which columns know to show."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import ttkbootstrap

from swarmshare.gui.table.header import Header, Layout
from swarmshare.gui.table.rows import Rows
from swarmshare.gui.table.selection import Selection
from swarmshare.gui.theme import pixels
from swarmshare.gui.viewmodel.cells import arranged

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.viewmodel.cells import Column

T = TypeVar("T")


class TableView(ttkbootstrap.Frame, Generic[T]):
    """Shows items; several can be selected, with the mouse or with the keyboard alone."""

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
        """``name``: what its layout is remembered by. ``key`` tells items apart, however they change.

        ``sort`` as for :class:`~swarmshare.gui.table.header.Layout`.
        """
        super().__init__(parent)
        self.key_of = key
        self._given: Sequence[T] = ()
        self._items: list[T] = []
        self.selection = Selection()
        self.on_select: Callable[[], object] = _nothing
        self.on_open: Callable[[T], object] = _nothing
        """A double click, or Return."""
        self.on_delete: Callable[[], object] = _nothing
        self.on_menu: Callable[[tkinter.Menu], object] | None = None
        """Fills the context menu of the selected rows."""
        self.on_branch: Callable[[T, str], object] = _nothing
        """``fold`` or ``tick`` of a :class:`~swarmshare.gui.viewmodel.cells.Branch`."""
        self._layout = Layout(name, columns, preferences, sort)
        self.body = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=1)
        self.rows: Rows[T] = Rows(self.body, self.selection)
        self.header = Header(self, self._layout, lambda: self.rows.style, self._relaid)
        self._empty = ttkbootstrap.Label(self.body, anchor="center", justify="center", bootstyle="secondary")
        self._vertical = ttkbootstrap.Scrollbar(self, command=self.body.yview, bootstyle="round")
        self._horizontal = ttkbootstrap.Scrollbar(self, orient="horizontal", command=self.sideways, bootstyle="round")
        self.columnconfigure(0, weight=1)
        self.rowconfigure(1, weight=1)
        self.header.grid(row=0, column=0, sticky="ew")
        self.body.grid(row=1, column=0, sticky="nsew")
        self.body.configure(yscrollcommand=self._scrolled, xscrollcommand=self._horizontal.set)
        self._size = (0, 0)
        self.body.bind("<Configure>", self._resized)
        self.bind("<Configure>", lambda _event: self._fit_bars())
        self.bind("<<ThemeChanged>>", self._restyled)

    # ------------------------------------------------------------------ what it shows

    def show(self, items: Sequence[T], nothing: str = "") -> None:
        """Show these items; ``nothing`` is the sentence for when there are none."""
        self._empty.configure(text=nothing, wraplength=max(self.body.winfo_width() - pixels(self, 40), 0))
        if items or not nothing:
            self._empty.place_forget()
        else:
            self._empty.place(relx=0.5, rely=0.4, anchor="center")
        if items is self._given or (len(items) == len(self._given) and tuple(items) == tuple(self._given)):
            return
        self._given = items
        self._arrange()

    def _arrange(self) -> None:
        self._items = arranged(self._given, self._layout.sorted_by, descending=self._layout.descending)
        keys = [self.key_of(item) for item in self._items]
        lost = self.selection.rows(keys)
        self.rows.show(self._items, keys)
        self._fit_bars()
        self.rows.paint()
        if lost:
            self.on_select()

    def refresh(self) -> None:
        """Draw every cell in sight again."""
        self.rows.forget()
        self.rows.paint()

    @property
    def first_column(self) -> Column[T]:
        """The column at the left."""
        return self._layout.shown[0]

    @property
    def items(self) -> Sequence[T]:
        """From the top, as they are shown."""
        return self._items

    @property
    def selected(self) -> list[T]:
        """The selected items, from the top."""
        index = self.selection.index
        return [self._items[index[key]] for key in self.selection.in_order()]

    def select(self, key: Hashable) -> None:
        """Select one row alone, if it is there, and have it in sight."""
        if key in self.selection.index:
            self.selection.choose(key)
            self.chosen()

    def column_menu(self, menu: tkinter.Menu) -> None:
        """Fill ``menu`` with the columns that can be shown."""
        self.header.column_menu(menu)

    # ------------------------------------------------------------------ how it looks

    def _relaid(self) -> None:
        """Draw everything anew: columns, widths or the order of rows changed."""
        self.rows.lay_out(self._layout.shown, self._layout.digits, stretch=not self._layout.dragged)
        self._arrange()
        self.header.draw(self.rows.edges)

    def _restyled(self, _event: tkinter.Event[Any]) -> None:
        if self.rows.is_styled():
            return  # only some style of another widget has changed
        self.rows.restyle()
        self.body.configure(background=self.rows.style.colours.background)
        if self._size != (0, 0):
            self._relaid()

    def _resized(self, event: tkinter.Event[Any]) -> None:
        width, self._size = self._size[0], (event.width, event.height)
        if event.width != width:
            self.body.configure(background=self.rows.style.colours.background)
            self._relaid()
        else:
            self.rows.show(self._items, [self.key_of(item) for item in self._items])
            self.rows.paint()

    def _fit_bars(self) -> None:
        """Show a scroll bar only when there is something to scroll, which the other one may be a reason for."""
        row, width = self.rows.style.row, self.winfo_width()
        height = self.winfo_height() - row  # without the head
        across = down = False
        for _each in range(2):
            down = len(self._items) * row > height - across * self._horizontal.winfo_reqheight()
            across = self.rows.least_width > width - down * self._vertical.winfo_reqwidth()
        for bar, needed, place in (
            (self._vertical, down, {"row": 1, "column": 1, "sticky": "ns"}),
            (self._horizontal, across, {"row": 2, "column": 0, "sticky": "ew"}),
        ):
            if needed != bool(bar.winfo_manager()):
                bar.grid(**place) if needed else bar.grid_remove()

    def _scrolled(self, first: float, last: float) -> None:
        self._vertical.set(first, last)
        self.rows.paint()

    def sideways(self, *arguments: Any) -> None:
        """Scroll to the left or right, as a scroll bar says it."""
        self.body.xview(*arguments)
        self.header.xview_moveto(self.body.xview()[0])
        self.rows.paint()

    def chosen(self) -> None:
        """Follow a changed selection: scroll to its focus, draw, and call ``on_select``."""
        focus = self.selection.index.get(self.selection.focus)
        if focus is not None:
            self.rows.see(focus)
        self.rows.paint()
        self.on_select()


def _nothing(*_arguments: object) -> None:
    """Do nothing: the default of the callbacks."""
