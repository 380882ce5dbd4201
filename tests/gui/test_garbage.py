"""What calls Tk when it ends, ends on Tk's thread, however much another thread allocates."""

from __future__ import annotations

import gc
import threading
import tkinter
import weakref
from typing import TYPE_CHECKING

from gui.keyboard import until

from swarmshare.gui.garbage import swept_here

if TYPE_CHECKING:
    import ttkbootstrap


class Ring:
    """In a cycle with itself, as widgets are."""

    def __init__(self, root: tkinter.Misc) -> None:
        self.me = self
        self.variable = tkinter.StringVar(root)


def garbage(ends: list[str], root: tkinter.Misc) -> None:
    ring = Ring(root)
    weakref.finalize(ring, lambda: ends.append(threading.current_thread().name))


def test_another_thread_collects_nothing(root: ttkbootstrap.Window) -> None:
    ends: list[str] = []
    stop = threading.Event()

    def allocate() -> None:
        while not stop.is_set():
            kept = [[] for _ in range(5000)]  # type: ignore[var-annotated]
            kept[0].append(kept)

    other = threading.Thread(target=allocate, name="other")
    with swept_here(root):
        other.start()
        try:
            for _ in range(50):
                garbage(ends, root)
            until(root, lambda: len(ends) == 50, "all has ended")
        finally:
            stop.set()
            other.join()
    assert set(ends) == {"MainThread"}
    assert gc.isenabled()
