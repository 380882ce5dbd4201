"""Going from tab to tab by the keyboard, wherever in the window it is at work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable
    from tkinter import ttk

_BACK_ON_X11: Final = "Control-ISO_Left_Tab"
"""What an X server makes of Shift and Tab; other systems do not know the key."""


def bind_tab_keys(window: tkinter.Misc, tabs: ttk.Notebook, applies: Callable[[], bool] = lambda: True) -> None:
    """Ctrl+Tab shows the next tab, with Shift the one before, while it ``applies``.

    ``window`` is the top-level one. Ttk's own keys work only while something inside the tabs has the keyboard.
    """
    keys = {"Control-Tab": 1, "Control-Shift-Tab": -1}
    if window.tk.call("tk", "windowingsystem") == "x11":
        keys[_BACK_ON_X11] = -1

    def turn(by: int) -> str | None:
        if not applies():
            return None  # then it is a Tab like any other
        names = tabs.tabs()
        inside = str(window.tk.call("focus")).startswith(str(tabs))
        tabs.select(names[(names.index(tabs.select()) + by) % len(names)])
        if inside:  # what had the keyboard is not in sight any more
            window.update_idletasks()
            tabs.focus_set()
            if (first := tabs.tk_focusNext()) is not None:
                first.focus_set()
        return "break"

    for key, by in keys.items():
        window.bind(f"<{key}>", lambda _event, by=by: turn(by))  # type: ignore[misc]
