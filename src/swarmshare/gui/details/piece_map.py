"""The tab with the piece map: one image, its legend, and a tip that tells what is below the mouse."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING, Any, Final, Literal

import ttkbootstrap
from PIL import ImageTk

from swarmshare.gui.status import LightLabel
from swarmshare.gui.theme import palette, pixels
from swarmshare.gui.viewmodel.lists import headline
from swarmshare.gui.viewmodel.pieces import (
    Grid,
    Known,
    described,
    faded,
    grid_for,
    kinds_of,
    known_of,
    legend,
    map_image,
)
from swarmshare.gui.words import _, number, size
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.theme import Palette
    from swarmshare.schema.snapshot import TorrentSnapshot

_TIP: Final = "tip"
_STEPS: Final = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}


class PieceMap(tkinter.Canvas):
    """All pieces of one torrent. The arrow keys go from cell to cell, as the mouse does."""

    def __init__(self, parent: tkinter.Misc) -> None:
        super().__init__(parent, highlightthickness=1, borderwidth=0, takefocus=1, height=pixels(parent, 60))
        self.torrent: TorrentSnapshot | None = None
        self._known = Known.NOW
        self.grid_of_cells: Grid | None = None
        self._drawn: tuple[object, ...] = ()
        self._photo: ImageTk.PhotoImage | None = None
        self._image = self.create_image(0, 0, anchor="nw")
        self._cell: int | None = None
        """What the tip is about."""
        self._colour()
        self.bind("<Configure>", lambda _event: self._draw())
        self.bind("<Motion>", self._hover)
        self.bind("<Leave>", lambda _event: self._point(None))
        self.bind("<FocusOut>", lambda _event: self._point(None))
        self.bind("<ButtonPress-1>", lambda _event: self.focus_set())
        self.bind("<<ThemeChanged>>", lambda _event: self._colour())
        for key, (right, down) in _STEPS.items():
            self.bind(f"<{key}>", lambda _event, right=right, down=down: self._step(right, down))  # type: ignore[misc]

    @property
    def tip(self) -> str:
        """What it says of the cell that is pointed at."""
        return str(self.itemcget("words", "text")) if self.find_withtag("words") else ""

    def show(self, torrent: TorrentSnapshot | None, known: Known = Known.NOW) -> None:
        """Draw it, if anything in it is new; what is not known now is grey."""
        self.torrent, self._known = torrent, known
        self._draw()

    def _colour(self) -> None:
        colours = palette()
        self.configure(
            background=colours.background, highlightcolor=colours.accent, highlightbackground=colours.background
        )
        self._draw()

    def _draw(self) -> None:
        torrent, width, height = self.torrent, self.winfo_width() - 2, self.winfo_height() - 2
        if torrent is None or not torrent.piece_states or width < 1 or height < 1:
            self.itemconfigure(self._image, image="")
            self._drawn, self._photo, self.grid_of_cells = (), None, None
            self._point(None)
            return
        colours = palette() if self._known is Known.NOW else faded(palette())
        news = (
            self._known,
            torrent.piece_states,
            torrent.availability,
            torrent.seeds,
            torrent.skipped,
            width,
            height,
            colours,
        )
        if news == self._drawn:
            return
        self._drawn = news
        grid = grid_for(len(torrent.piece_states), width, height, pixels(self, 100) / 100)
        image = map_image(kinds_of(torrent, self._known), grid, colours)
        if self._photo is not None and (self._photo.width(), self._photo.height()) == image.size:
            self._photo.paste(image)
        else:
            self._photo = ImageTk.PhotoImage(image, master=self)
            self.itemconfigure(self._image, image=str(self._photo))
        self.grid_of_cells = grid
        if self._cell is not None:
            cell, self._cell = self._cell, None
            self._point(cell if cell < grid.cells else None)

    def _hover(self, event: tkinter.Event[Any]) -> None:
        self._point(self.grid_of_cells.cell_at(event.x - 1, event.y - 1) if self.grid_of_cells else None)

    def _step(self, right: int, down: int) -> str:
        grid = self.grid_of_cells
        if grid is not None:
            cell = 0 if self._cell is None else self._cell + right + down * grid.columns
            self._point(max(0, min(grid.cells - 1, cell)))
        return "break"

    def _point(self, cell: int | None) -> None:
        if cell == self._cell:
            return
        self._cell = cell
        self.delete(_TIP)
        torrent, grid = self.torrent, self.grid_of_cells
        if cell is None or torrent is None or grid is None:
            return
        colours, pad = palette(), pixels(self, 8)
        x, y = cell % grid.columns * grid.side + 1, cell // grid.columns * grid.side + 1
        self.create_rectangle(x - 1, y - 1, x + grid.side - 1, y + grid.side - 1, outline=colours.text, tags=_TIP)
        text = "\n".join(described(torrent, grid.pieces_of(cell), self._known))
        words = self.create_text(
            0, 0, text=text, anchor="nw", fill=colours.text, width=pixels(self, 420), tags=(_TIP, "words")
        )
        _left, _top, wide, high = self.bbox(words)
        left = max(min(x + grid.side + pad, self.winfo_width() - wide - 3 * pad), pad)
        top = y + grid.side + pad
        if top + high + 2 * pad > self.winfo_height():
            top = max(y - high - 3 * pad, 0)
        self.coords(words, left + pad, top + pad)
        box = self.create_rectangle(
            left,
            top,
            left + wide + 2 * pad,
            top + high + 2 * pad,
            fill=colours.raised,
            outline=colours.border,
            tags=_TIP,
        )
        self.tag_lower(box, words)


class PiecesTab(ttkbootstrap.Frame):
    """The map, with a sentence above and the legend below."""

    def __init__(self, parent: tkinter.Misc) -> None:
        gap = pixels(parent, 8)
        super().__init__(parent, padding=(2 * gap, gap))
        top = ttkbootstrap.Frame(self)
        top.pack(fill="x", pady=(0, gap))
        self.light = LightLabel(top)
        self.light.pack(side="left")
        self._count = ttkbootstrap.Label(top, bootstyle="secondary")
        top.bind("<Configure>", lambda _event: self._fit())
        self._legend = tkinter.Canvas(self, highlightthickness=0, borderwidth=0, height=pixels(self, 20))
        self._legend.pack(side="bottom", fill="x", pady=(gap, 0))
        self.map = PieceMap(self)
        self.map.pack(fill="both", expand=True)
        self._drawn: tuple[object, ...] = ()
        self._unwanted = False
        self._known = Known.NOW
        self._legend.bind("<Configure>", lambda _event: self._draw_legend())

    def show(self, torrent: TorrentSnapshot | None, transfer: TransferSnapshot | None) -> None:
        """Show the pieces of one transfer; None: of none."""
        paused = transfer is not None and transfer.state is TorrentState.PAUSED
        self._known = known_of(torrent, paused=paused) if torrent is not None else Known.NOW
        self.map.show(torrent, self._known)
        self.light.show(headline(transfer) if transfer is not None else None)
        if torrent is None:
            self._count.configure(text="")
            self._fit()
            return
        text = _("{done} of {total} pieces of {size} each").format(
            done=number(torrent.pieces_done),
            total=number(len(torrent.piece_states)),
            size=size(torrent.manifest.piece_length),
        )
        if str(self._count.cget("text")) != text:
            self._count.configure(text=text)
        self._fit()
        self._unwanted = bool(torrent.skipped)
        self._draw_legend()

    def _fit(self) -> None:
        """Put the count behind the sentence, or below it where there is no room for both."""
        together = self.light.winfo_reqwidth() + self._count.winfo_reqwidth() <= self.light.master.winfo_width()
        side: Literal["right", "bottom"] = "right" if together else "bottom"
        if not self._count.winfo_manager() or self._count.pack_info()["side"] != side:
            self.light.pack_forget()
            self._count.pack(side=side, anchor="w")
            self.light.pack(side="left")

    def _draw_legend(self) -> None:
        canvas, colours = self._legend, palette() if self._known is Known.NOW else faded(palette())
        news: tuple[Palette, int, bool, Known] = colours, canvas.winfo_width(), self._unwanted, self._known
        if news == self._drawn:
            return
        self._drawn = news
        canvas.delete("all")
        canvas.configure(background=colours.background)
        side, gap, line = pixels(self, 12), pixels(self, 6), pixels(self, 20)
        x = y = 0
        for key in legend(colours, unwanted=self._unwanted, known=self._known):
            words = canvas.create_text(0, 0, text=key.text, anchor="w", fill=colours.muted)
            left, _top, right, _bottom = canvas.bbox(words)
            wide = side + gap + right - left
            if x and x + wide > canvas.winfo_width():
                x, y = 0, y + line
            canvas.coords(words, x + side + gap, y + line // 2)
            top = y + (line - side) // 2
            canvas.create_rectangle(x, top, x + side, top + side, fill=key.colour, outline=colours.border)
            x += wide + 3 * gap
        canvas.configure(height=y + line)
