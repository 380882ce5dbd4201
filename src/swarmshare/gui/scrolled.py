"""A page that can be scrolled where the window is too low for it, and stands in the middle where it is not."""

from __future__ import annotations

import tkinter
from typing import Any, Final

import ttkbootstrap as ttk

from swarmshare.gui.theme import palette, pixels

_NOTCH: Final = 48
"""Pixels, at 96 dots an inch, that one notch of the wheel scrolls."""


class Scrolled(ttk.Frame):
    """Put widgets into ``inside``, then call :meth:`follow`."""

    def __init__(self, parent: tkinter.Misc, width: int) -> None:
        """``width`` is that of ``inside``, in pixels, where there is so much room for it."""
        super().__init__(parent)
        self._width = width
        self._canvas = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, takefocus=0)
        self._canvas.configure(yscrollincrement=1)
        self._bar = ttk.Scrollbar(self, command=self._canvas.yview, bootstyle="round")
        self._canvas.configure(yscrollcommand=self._bar.set)
        self._canvas.pack(side="left", fill="both", expand=True)
        self.inside = ttk.Frame(self._canvas)
        self._item = self._canvas.create_window(0, 0, window=self.inside, anchor="n", width=width)
        self._canvas.bind("<Configure>", lambda _event: self._resized())
        self.inside.bind("<Configure>", lambda _event: self._fit())
        self.bind("<<ThemeChanged>>", lambda _event: self._colour())
        self._colour()

    def follow(self) -> None:
        """From now on whatever inside gets the keyboard is scrolled into sight, and the wheel scrolls."""
        pending: list[tkinter.Misc] = [self._canvas]
        while pending:
            widget = pending.pop()
            pending += widget.winfo_children()
            if str(widget.cget("takefocus")):  # Tab stops at whatever has such a binding, labels included
                widget.bind("<FocusIn>", self._show_focused, add="+")
            if widget.winfo_class() != "TCombobox":  # there the wheel chooses
                widget.bind("<ButtonPress-4>", lambda _event: self._scroll(-_NOTCH), add="+")
                widget.bind("<ButtonPress-5>", lambda _event: self._scroll(_NOTCH), add="+")
                widget.bind("<MouseWheel>", lambda event: self._scroll(-_NOTCH if event.delta > 0 else _NOTCH), add="+")

    def _colour(self) -> None:
        self._canvas.configure(background=palette().background)

    def _fit(self) -> None:
        self._canvas.itemconfigure(self._item, width=min(self._width, self._canvas.winfo_width()))
        high, there = self.inside.winfo_reqheight(), self._canvas.winfo_height()
        self._canvas.coords(self._item, self._canvas.winfo_width() // 2, max(0, (there - high) // 2))
        self._canvas.configure(scrollregion=(0, 0, self._canvas.winfo_width(), max(high, there)))
        if high > there > 1:
            self._bar.pack(side="right", fill="y", before=self._canvas)
        else:
            self._bar.pack_forget()

    def _scroll(self, by: int) -> None:
        self._canvas.yview_scroll(pixels(self, by) if by > 0 else -pixels(self, -by), "units")

    def _resized(self) -> None:
        """Begin at the top again: where one had scrolled to is elsewhere now, and at first nobody has scrolled."""
        self._fit()
        self._canvas.yview_moveto(0)
        focus = str(self.tk.call("focus"))
        if focus.startswith(f"{self.inside}."):
            self.update_idletasks()
            self._show(self.nametowidget(focus))

    def _show_focused(self, event: tkinter.Event[Any]) -> None:
        self._show(event.widget)

    def _show(self, widget: tkinter.Misc) -> None:
        if self._canvas.winfo_height() <= 1:
            return  # it is not laid out yet
        top, bottom = self._canvas.winfo_rooty(), self._canvas.winfo_rooty() + self._canvas.winfo_height()
        gap = pixels(self, 8)
        upper = widget.winfo_rooty() - gap
        lower = widget.winfo_rooty() + widget.winfo_height() + gap
        if lower > bottom:
            self._canvas.yview_scroll(lower - bottom, "units")
        elif upper < top:
            self._canvas.yview_scroll(upper - top, "units")
