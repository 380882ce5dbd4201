"""The whole window with a client session of its own, and readers of what it shows."""

from __future__ import annotations

import gc
import tkinter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import end, until
from PIL import ImageGrab

from swarmshare.app.thread import SessionThread
from swarmshare.gui.garbage import swept_here
from swarmshare.gui.preferences import Preferences
from swarmshare.gui.theme import LIGHT
from swarmshare.gui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.app.snapshot import TransferSnapshot


@contextmanager
def opened(home: Path) -> Iterator[MainWindow]:
    """A running window, as ``swarmshare gui`` opens it, whose home is ``home``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SWARMSHARE_HOME", str(home))
        preferences = Preferences()
        preferences.set("theme", LIGHT)
        preferences.set("notifications", False)
        thread = SessionThread()
        window = MainWindow(thread, preferences)
        try:
            with swept_here(window.root):
                window.poller.start()
                try:
                    until(window.root, lambda: window.snapshot is not None, "the session is open")
                    yield window
                finally:
                    thread.close()
                    assert thread.closed.wait(30)
                    assert thread.failure is None
        finally:
            close(window.root)


def close(root: tkinter.Tk) -> None:
    """Take a window away for good, with all that is still due in it."""
    with suppress(tkinter.TclError):  # it may have gone by itself
        end(root)
    tkinter._default_root = None  # type: ignore[attr-defined]  # the next window is the only one again
    gc.collect()  # widgets are in cycles: they must end in this thread


def words_in(canvas: tkinter.Canvas) -> list[str]:
    """All texts that a canvas shows, from the top."""
    items = sorted(texts_in(canvas), key=lambda item: (canvas.coords(item)[1], canvas.coords(item)[0]))
    return [text for item in items if (text := canvas.itemcget(item, "text"))]


def texts_in(canvas: tkinter.Canvas) -> list[int]:
    """The texts of a canvas, without those of rows that are gone: these wait above it to be used again."""
    top = canvas.canvasy(0)
    return [item for item in canvas.find_all() if str(canvas.type(item)) == "text" and canvas.coords(item)[1] >= top]


def click_row(window: MainWindow, table: tkinter.Misc, name: str, *, twice: bool = False) -> None:
    """Click the row of a table that has ``name`` in it."""
    body: tkinter.Canvas = table.body  # type: ignore[attr-defined]
    until(body, lambda: name in words_in(body), f"{name} in the table")
    item = next(item for item in texts_in(body) if body.itemcget(item, "text") == name)
    left, top, _right, bottom = body.bbox(item)
    x, y = int(left - body.canvasx(0)) + 2, int((top + bottom) / 2 - body.canvasy(0))
    for _ in range(2 if twice else 1):
        body.event_generate("<ButtonPress-1>", x=x, y=y)
        body.event_generate("<ButtonRelease-1>", x=x, y=y)
    window.root.update()


def transfer(window: MainWindow, name: str) -> TransferSnapshot | None:
    transfers = window.snapshot.transfers if window.snapshot else ()
    return next((transfer for transfer in transfers if transfer.name == name), None)


def colours_of(widget: tkinter.Misc, display: str) -> dict[tuple[int, ...], int]:
    """How many pixels of each colour are to be seen in a widget, on the real screen."""
    widget.update()
    left, top = widget.winfo_rootx(), widget.winfo_rooty()
    image = ImageGrab.grab((left, top, left + widget.winfo_width(), top + widget.winfo_height()), xdisplay=display)
    return {colour: count for count, colour in image.getcolors(1 << 20) or () if isinstance(colour, tuple)}


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))
