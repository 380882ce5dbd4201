"""Painting cells on a canvas: what is drawn once is changed afterwards, never drawn anew."""

from __future__ import annotations

import tkinter
from functools import lru_cache
from tkinter import font
from typing import TYPE_CHECKING, Final, Literal

import ttkbootstrap
from PIL import Image, ImageTk

from swarmshare.gui.theme import palette, pixels
from swarmshare.gui.viewmodel.cells import Bar, Branch, Label, Strip

if TYPE_CHECKING:
    from swarmshare.gui.viewmodel.cells import Cell, Tone

_ELLIPSIS: Final = "\u2026"
_ICON: Final = 14
"""Pixels of a symbol, at 96 dots an inch."""


class Style:
    """Fonts, sizes and colours, looked up once for each theme."""

    def __init__(self, widget: tkinter.Misc) -> None:
        self.colours = palette()
        colours = self.colours
        self.font = font.nametofont("TkDefaultFont")
        self.bold = font.Font(font=self.font.actual(), weight="bold")  # type: ignore[arg-type]  # a dict will do
        self.line: int = self.font.metrics("linespace")
        self.row: int = self.line + pixels(widget, 11)
        self.digit: int = self.font.measure("0")
        self.pad = pixels(widget, 8)
        self.icon = pixels(widget, _ICON)
        self.bar = pixels(widget, 7)
        self.tones: dict[Tone, str] = {
            "": colours.text,
            "muted": colours.muted,
            "primary": colours.accent,
            "success": colours.green,
            "info": colours.held[1],
            "warning": colours.amber,
            "danger": colours.red,
        }
        self._measure = lru_cache(maxsize=20_000)(self.font.measure)
        self.fit = lru_cache(maxsize=20_000)(self._fit)

    def image(self, name: str, tone: Tone) -> str:
        """One of Bootstrap's symbols in the colour of a tone, as a Tk image that the library keeps."""
        return str(ttkbootstrap.Icon(name, _ICON, self.tones[tone]))

    def _fit(self, text: str, width: int) -> str:
        """``text``, as far as there is room for it."""
        if len(text) * self.digit * 2 <= width or self._measure(text) <= width:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.font.measure(text[:middle] + _ELLIPSIS) <= width:
                low = middle
            else:
                high = middle - 1
        return text[:low].rstrip() + _ELLIPSIS


class PaintedCell:
    """One cell in sight: the canvas items of what it shows now."""

    __slots__ = ("_canvas", "_cell", "_ids", "_photo", "_tag")

    def __init__(self, canvas: tkinter.Canvas, tag: str) -> None:
        """``tag`` is on everything that moves with its row."""
        self._canvas = canvas
        self._tag = tag
        self._cell: Cell | None = None
        self._ids: list[int] = []
        self._photo: ImageTk.PhotoImage | None = None

    def show(self, cell: Cell, left: int, top: int, width: int, *, right: bool, style: Style) -> None:
        """Make it show ``cell``, in a place that never changes for one kind of cell."""
        if cell == self._cell and type(cell) is type(self._cell):
            return
        if type(cell) is not type(self._cell) or isinstance(cell, Branch):
            self._clear()
        middle = top + style.row // 2
        match cell:
            case str():
                self._text(0, cell, left, middle, width, "", right=right, style=style)
            case Label():
                self._label(cell, left, middle, width, right=right, style=style)
            case Bar():
                self._bar(cell, left, middle, width, style)
            case Strip():
                self._strip(cell, left, middle, width, style)
            case Branch():
                self._branch(cell, left, middle, width, style)
        self._cell = cell

    def _clear(self) -> None:
        self._canvas.delete(*self._ids)
        self._ids.clear()
        self._photo = None

    def _text(
        self, at: int, text: str, left: int, middle: int, width: int, tone: Tone, *, right: bool, style: Style
    ) -> None:
        shown, fill = style.fit(text, width), style.tones[tone]
        if at < len(self._ids):
            self._canvas.itemconfigure(self._ids[at], text=shown, fill=fill)
            return
        x = left + width if right else left
        anchor: Literal["e", "w"] = "e" if right else "w"
        text_id = self._canvas.create_text(
            x, middle, text=shown, fill=fill, font=style.font, anchor=anchor, tags=self._tag
        )
        self._ids.append(text_id)

    def _label(self, cell: Label, left: int, middle: int, width: int, *, right: bool, style: Style) -> None:
        before = self._cell
        if isinstance(before, Label) and bool(before.icon) != bool(cell.icon):
            self._clear()
        room = style.icon + style.pad // 2 if cell.icon else 0
        tone = cell.tone if not cell.icon else ""
        self._text(0, cell.text, left + room, middle, width - room, tone, right=right, style=style)
        if cell.icon:
            image = style.image(cell.icon, cell.tone)
            if len(self._ids) > 1:
                self._canvas.itemconfigure(self._ids[1], image=image)
            else:
                self._ids.append(self._canvas.create_image(left, middle, image=image, anchor="w", tags=self._tag))

    def _bar(self, cell: Bar, left: int, middle: int, width: int, style: Style) -> None:
        words = 6 * style.digit
        long = max(width - words, style.digit)
        end = left + round(long * min(max(cell.share, 0.0), 1.0))
        half = style.bar // 2
        fill = style.tones[cell.tone]
        if self._ids:
            text, _trough, done = self._ids
            # Where the row is by now, only the canvas knows.
            _left, top, _right, bottom = self._canvas.coords(done)
            self._canvas.coords(done, left, top, end, bottom)
            self._canvas.itemconfigure(done, fill=fill)
            self._canvas.itemconfigure(text, text=cell.text)
            return
        self._text(0, cell.text, left + width - words, middle, words, "", right=True, style=style)
        for right_end, colour in ((left + long, style.colours.missing), (end, fill)):
            box = left, middle - half, right_end, middle - half + style.bar
            self._ids.append(self._canvas.create_rectangle(*box, fill=colour, width=0, tags=self._tag))

    def _strip(self, cell: Strip, left: int, middle: int, width: int, style: Style) -> None:
        image = strip_image(cell, width, style.line, style.colours.missing, style.colours.held[2])
        if self._photo is not None:
            self._photo.paste(image)
            return
        self._photo = ImageTk.PhotoImage(image, master=self._canvas)
        self._ids.append(self._canvas.create_image(left, middle, image=str(self._photo), anchor="w", tags=self._tag))

    def _branch(self, cell: Branch, left: int, middle: int, width: int, style: Style) -> None:
        at = left + cell.depth * (style.icon + style.pad)
        names: list[tuple[str, Tone]] = []
        if cell.opened is not None:
            names.append(("chevron-down" if cell.opened else "chevron-right", "muted"))
        else:
            at += style.icon + style.pad // 2
        tick = {True: "check-square-fill", False: "square", None: "dash-square-fill"}[cell.ticked]
        names.append((tick, "muted" if cell.ticked is False else "primary"))
        names.append(("folder-fill" if cell.opened is not None else "file-earmark", "muted"))
        for name, tone in names:
            image = style.image(name, tone)
            self._ids.append(self._canvas.create_image(at, middle, image=image, anchor="w", tags=self._tag))
            at += style.icon + style.pad // 2
        tone = "muted" if cell.ticked is False else ""
        text = style.fit(cell.text, max(left + width - at, 0))
        self._ids.append(
            self._canvas.create_text(
                at,
                middle,
                text=text,
                fill=style.tones[tone],
                font=style.font,
                anchor="w",
                tags=self._tag,
            )
        )


def branch_part(cell: Branch, x: int, style: Style) -> str:
    """Return what is at ``x`` from the left end of such a cell: ``fold``, ``tick`` or ``name``."""
    at = x - cell.depth * (style.icon + style.pad)
    step = style.icon + style.pad // 2
    if at < 0:
        return "name"
    return "fold" if at < step and cell.opened is not None else "tick" if step <= at < 2 * step else "name"


def strip_image(strip: Strip, width: int, height: int, missing: str, held: str) -> Image.Image:
    """Pieces from left to right; where several share a column, it is between the colours."""
    if not strip.pieces:
        return Image.new("RGB", (width, height), missing)
    bits = Image.frombytes("1", (strip.pieces, 1), strip.bits)
    line = bits.convert("L").resize((width, 1), Image.Resampling.BOX)
    line.putpalette(_ramp(missing, held))
    return line.convert("RGB").resize((width, height), Image.Resampling.NEAREST)


@lru_cache(maxsize=16)
def _ramp(first: str, last: str) -> bytes:
    ends = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in (first, last)]
    return bytes(round(start + (end - start) * at / 255) for at in range(256) for start, end in zip(*ends, strict=True))
