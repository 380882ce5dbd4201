"""Where cyclic garbage is collected: on Tk's thread alone.

Widgets are in cycles, and what hangs on them, such as variables and images, calls Tk when it ends. Python collects on
whichever thread happens to allocate; were that the engine's, it would have to wait until Tk's loop takes the call.
"""

from __future__ import annotations

import gc
import tkinter
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY: Final = 100
"""Milliseconds between two checks of how much there is."""


@contextmanager
def swept_here(root: tkinter.Misc) -> Iterator[None]:
    """Collect on this thread alone, between two events of its loop, as long as the context lasts."""
    due = ""

    def sweep() -> None:
        nonlocal due
        counts, enough = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > enough[generation]:
                gc.collect(generation)
                break
        due = root.after(EVERY, sweep)

    gc.collect()
    gc.freeze()  # the program itself stays: it need not be looked through again and again
    gc.disable()
    due = root.after(EVERY, sweep)
    try:
        yield
    finally:
        with suppress(tkinter.TclError):  # the window is gone, and what was due with it
            root.after_cancel(due)
        gc.enable()
        gc.unfreeze()
