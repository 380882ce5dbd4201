"""The tab with the graph of the last minutes."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING, Literal

import ttkbootstrap
from PIL import ImageTk

from swarmshare.gui.details.graph import graph_image
from swarmshare.gui.theme import palette, pixels
from swarmshare.gui.viewmodel.speeds import WINDOW, scale_of
from swarmshare.gui.words import _, rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.gui.viewmodel.speeds import Sample


class SpeedTab(ttkbootstrap.Frame):
    """Down and up, of one transfer or of all."""

    def __init__(self, parent: tkinter.Misc) -> None:
        gap = pixels(parent, 8)
        super().__init__(parent, padding=(2 * gap, gap))
        self._canvas = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, height=pixels(self, 60))
        self._canvas.pack(fill="both", expand=True)
        self._photo: ImageTk.PhotoImage | None = None
        self._last: tuple[Sequence[Sample], float] = ((), 0.0)
        self._canvas.bind("<Configure>", lambda _event: self.show(*self._last))
        self.bind("<<ThemeChanged>>", lambda _event: self.show(*self._last))

    def show(self, samples: Sequence[Sample], now: float) -> None:
        """Draw what there is until ``now``."""
        self._last = samples, now
        canvas, colours = self._canvas, palette()
        canvas.configure(background=colours.background)
        canvas.delete("all")
        left, line = pixels(self, 90), pixels(self, 20)
        width, height = canvas.winfo_width() - left, canvas.winfo_height() - 2 * line - line // 2
        if width < 10 or height < 10:
            return
        top, steps = scale_of(max((max(sample.down, sample.up) for sample in samples), default=0.0))
        image = graph_image(samples, now, top, steps, width, height, colours)
        self._photo = ImageTk.PhotoImage(image, master=self)
        canvas.create_image(left, line + line // 2, image=str(self._photo), anchor="nw")
        last = samples[-1] if samples else None
        x = left
        for name, colour, value in (
            (_("Down"), colours.down, last.down if last else 0.0),
            (_("Up"), colours.up, last.up if last else 0.0),
        ):
            canvas.create_rectangle(x, line // 2 - 2, x + line, line // 2 + 2, fill=colour, width=0)
            words = canvas.create_text(
                x + line + 6, line // 2, text=f"{name}  {rate(value)}", anchor="w", fill=colours.text
            )
            x = canvas.bbox(words)[2] + line
        for step in range(steps + 1):
            if height / steps >= line or step in (0, steps):
                y = line + line // 2 + height - height * step / steps
                text = rate(top * step / steps) if step else "0"
                canvas.create_text(left - 8, y, text=text, anchor="e", fill=colours.muted)
        minutes = round(WINDOW / 60)
        free = canvas.winfo_width() + line
        for minute in range(minutes + 1):
            text = _("now") if not minute else _("{n} min ago").format(n=minute)
            side: Literal["e", "w", "center"] = "e" if not minute else "w" if minute == minutes else "center"
            at = left + width - width * minute / minutes
            words = canvas.create_text(
                at, canvas.winfo_height() - line // 2, text=text, anchor=side, fill=colours.muted
            )
            if canvas.bbox(words)[2] < free:
                free = canvas.bbox(words)[0]
            else:
                canvas.delete(words)  # it would be over the one before
