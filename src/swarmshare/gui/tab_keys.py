"""Going from tab to tab by the keyboard, from wherever in the window it is, and seeing when the tabs have it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ttkbootstrap

from swarmshare.gui.theme import palette

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable
    from tkinter import ttk

_BACK_ON_X11: Final = "Control-ISO_Left_Tab"
"""What an X server makes of Shift and Tab; other systems do not know the key."""
_TAB: Final = "TNotebook.Tab"


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

    tabs.bind("<<ThemeChanged>>", lambda _event: _show_focus(), add="+")
    _show_focus()
    for key, by in keys.items():
        window.bind(f"<{key}>", lambda _event, by=by: turn(by))  # type: ignore[misc]


def _show_focus() -> None:
    """Have a ring around the title of a tab that has the keyboard; a theme draws it in no colour."""
    style, colour = ttkbootstrap.Style(), palette().accent
    if str(style.lookup(_TAB, "focuscolor")) != colour:  # a change of a style counts as one of the theme
        style.configure(_TAB, focuscolor=colour)
