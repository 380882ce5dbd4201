"""The rows in sight of a long table: a few slots of drawn cells that move to where they are needed."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from swarmshare.gui.table.paint import PaintedCell, Style
from swarmshare.gui.theme import palette

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Hashable, Sequence

    from swarmshare.gui.table.selection import Selection
    from swarmshare.gui.viewmodel.cells import Column

T = TypeVar("T")

_NOWHERE = -1
_RING = "ring"


class _Slot(Generic[T]):
    """The canvas items of one drawn row, used again for another."""

    def __init__(self, canvas: tkinter.Canvas, number: int, columns: int, style: Style) -> None:
        self.tag = f"row{number}"
        self.index = _NOWHERE
        self.item: T | None = None
        self.look: tuple[bool, bool, bool] | None = None
        top = -2 * style.row
        self.top = top
        self.back = canvas.create_rectangle(0, top, 1, top + style.row, width=0, tags=(self.tag,))
        self.cells = [PaintedCell(canvas, self.tag) for _ in range(columns)]


class Rows(Generic[T]):
    """Draws on a canvas whose scroll region is as high as all rows together."""

    def __init__(self, canvas: tkinter.Canvas, selection: Selection) -> None:
        self._canvas, self._selection = canvas, selection
        self.style = Style(canvas)
        self._columns: list[Column[T]] = []
        self._edges: list[int] = []
        self._slots: list[_Slot[T]] = []
        self._items: Sequence[T] = ()
        self._keys: Sequence[Hashable] = ()
        self._hovered = _NOWHERE
        self.least_width = 0
        """Of all columns, where none takes more room than it needs."""

    @property
    def edges(self) -> list[int]:
        """Where each column ends, in pixels."""
        return self._edges

    def is_styled(self) -> bool:
        """Whether the theme and the fonts are those that it was drawn with."""
        return self.style.colours is palette() and self.style.line == self.style.font.metrics("linespace")

    def restyle(self) -> None:
        """Another theme, or other fonts: look all of it up again."""
        self.style = Style(self._canvas)

    def lay_out(self, columns: Sequence[Column[T]], digits: dict[str, int], stretch: bool) -> None:
        """Begin anew, with these columns; with ``stretch``, the first one takes the room that is left."""
        style = self.style
        widths = [digits[column.name] * style.digit + 2 * style.pad for column in columns]
        self.least_width = sum(widths)
        if stretch:
            widths[0] += max(0, self._canvas.winfo_width() - self.least_width)
        self._columns, self._edges = list(columns), list(accumulate(widths))
        self._canvas.delete("all")
        self._slots.clear()
        self._region()

    def show(self, items: Sequence[T], keys: Sequence[Hashable]) -> None:
        """Replace the rows; the cells of those that stay are kept."""
        before = len(self._items)
        self._items, self._keys = items, keys
        if len(items) != before:
            self._region()

    def _region(self) -> None:
        width = self._edges[-1] if self._edges else 0
        height = len(self._items) * self.style.row
        self._canvas.configure(
            scrollregion=(0, 0, width, max(height, 1)),
            yscrollincrement=self.style.row,
            xscrollincrement=self.style.digit,
        )
        if height <= self._canvas.winfo_height():
            self._canvas.yview_moveto(0)
        if width <= self._canvas.winfo_width():
            self._canvas.xview_moveto(0)

    def paint(self) -> None:
        """Draw the rows in sight that changed."""
        canvas, row = self._canvas, self.style.row
        height = canvas.winfo_height()
        if not self._columns or height <= 1:
            return
        canvas.delete(_RING)
        self._paint_rows(canvas, row, height)
        if self._selection.focus not in self._selection.index and canvas.focus_get() is canvas:
            left, top = canvas.canvasx(0), canvas.canvasy(0)  # no row shows where the keyboard is
            right, bottom = left + canvas.winfo_width() - 1, top + height - 1
            canvas.create_rectangle(left, top, right, bottom, outline=self.style.colours.accent, tags=_RING)

    def _paint_rows(self, canvas: tkinter.Canvas, row: int, height: int) -> None:
        first = max(0, int(canvas.canvasy(0)) // row)
        last = min(len(self._items), int(canvas.canvasy(height)) // row + 1)
        while len(self._slots) < min(height // row + 2, len(self._items)):
            self._slots.append(_Slot(canvas, len(self._slots), len(self._columns), self.style))
        if not self._slots:
            return
        seen = set()
        for index in range(first, last):
            slot = self._slots[index % len(self._slots)]
            if slot.index in seen:
                continue  # a window that grows at this moment: its next event paints again
            self._fill(slot, index)
            seen.add(index)
        for slot in self._slots:
            if slot.index not in seen and slot.index != _NOWHERE:
                self._move(slot, -2 * row)
                slot.index = _NOWHERE

    def _move(self, slot: _Slot[T], top: int) -> None:
        if slot.top != top:
            self._canvas.move(slot.tag, 0, top - slot.top)
            slot.top = top

    def _fill(self, slot: _Slot[T], index: int) -> None:
        item, key, style = self._items[index], self._keys[index], self.style
        self._move(slot, index * style.row)
        look = key in self._selection.keys, key == self._selection.focus, index == self._hovered
        if slot.look != look:
            self._dress(slot, look)
        if slot.item is not item:
            left = 0
            for cell, column, right in zip(slot.cells, self._columns, self._edges, strict=True):
                width = max(right - left - 2 * style.pad, 1)
                cell.show(column.show(item), left + style.pad, slot.top, width, right=column.right, style=style)
                left = right
        slot.index, slot.item = index, item

    def _dress(self, slot: _Slot[T], look: tuple[bool, bool, bool]) -> None:
        chosen, focused, hovered = look
        colours, canvas = self.style.colours, self._canvas
        fill = colours.selected if chosen else colours.raised if hovered else colours.background
        ring = colours.accent if focused and canvas.focus_get() is canvas else fill
        wide = max(self._edges[-1], canvas.winfo_width()) - 1
        canvas.coords(slot.back, 0, slot.top, wide, slot.top + self.style.row - 1)
        canvas.itemconfigure(slot.back, fill=fill, outline=ring, width=1)
        slot.look = look

    def undress(self) -> None:
        """Forget how rows look: the focus of the keyboard has come or gone, or the canvas is wider."""
        for slot in self._slots:
            slot.look = None

    def forget(self) -> None:
        """Ask for all cells again: what they show depends on more than their items."""
        for slot in self._slots:
            slot.item = None

    def hover(self, event: tkinter.Event[Any] | None) -> None:
        """Note where the mouse is; None: it is gone."""
        hovered = _NOWHERE if event is None else self.at(event.y)
        if hovered != self._hovered:
            self._hovered = hovered
            self.paint()

    def at(self, y: int) -> int:
        """Return the row at a height of the window; -1 for none."""
        index = int(self._canvas.canvasy(y)) // self.style.row
        return index if 0 <= index < len(self._items) else _NOWHERE

    def see(self, index: int) -> None:
        """Scroll as little as needed to have a row in sight."""
        row, height = self.style.row, self._canvas.winfo_height()
        top = int(self._canvas.canvasy(0))
        total = len(self._items) * row
        if index * row < top:
            self._canvas.yview_moveto(index * row / total)
        elif (index + 1) * row > top + height:
            self._canvas.yview_moveto(((index + 1) * row - height + row - 1) // row * row / total)
