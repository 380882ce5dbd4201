"""A program of its own: shows a window, and drags files from it to a place on the screen, with the mouse.

    python dragging.py X Y FILE...

The mouse is moved through the X server's XTEST extension, so every program sees real events.
"""

from __future__ import annotations

import ctypes
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

STEPS = 8


def main() -> None:
    x, y, *files = sys.argv[1:]
    dnd: Any = import_module("tkinterdnd2.TkinterDnD")
    root = dnd.Tk()
    # A Tk that drags hands out lists of numbers, where all others hand out text.
    root.tk.eval("proc ::tkdnd::xdnd::getFormatForType {type} {return UTF8_STRING}")
    root.geometry("80x60+1190+730")
    root.overrideredirect(True)
    root.tk.call("tkdnd::drag_source", "register", ".", "DND_Files", 1)
    handler = root.register(lambda: ("copy", "DND_Files", tuple(Path(file).as_uri() for file in files)))
    root.tk.call("bind", ".", "<<DragInitCmd>>", handler)
    root.tk.call("bind", ".", "<<DragEndCmd>>", root.register(lambda: root.after(100, root.destroy)))
    server = ctypes.CDLL("libX11.so.6")
    server.XOpenDisplay.restype = ctypes.c_void_p
    xtest = ctypes.CDLL("libXtst.so.6")
    screen = ctypes.c_void_p(server.XOpenDisplay(None))

    def move(step: int) -> None:
        begin, end = (1220, 760), (int(x), int(y))
        place = [round(a + (b - a) * step / STEPS) for a, b in zip(begin, end, strict=True)]
        xtest.XTestFakeMotionEvent(screen, -1, *place, ctypes.c_ulong(0))
        if step == 0:
            xtest.XTestFakeButtonEvent(screen, 1, 1, ctypes.c_ulong(0))
        server.XFlush(screen)
        if step < STEPS:
            root.after(30, move, step + 1)
        else:
            root.after(300, release)

    def release() -> None:
        xtest.XTestFakeButtonEvent(screen, 1, 0, ctypes.c_ulong(0))
        server.XFlush(screen)

    root.after(250, move, 0)
    root.after(20_000, root.destroy)
    root.mainloop()


if __name__ == "__main__":
    main()
