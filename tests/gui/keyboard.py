"""Keys and clicks on a window, as a person makes them, and waiting for what is to be seen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from waiting import TIMEOUT

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

_KEYS = {" ": "space", "\n": "Return", "<": "less", "-": "minus"}


def settle(widget: tkinter.Misc) -> None:
    """Let everything happen that is due."""
    widget.update_idletasks()
    widget.update()


def end(root: tkinter.Tk) -> None:
    """Destroy a window with all that is still due in it.

    It takes the keyboard before. There is no window manager, so a window has it while the pointer is over it; when the
    pointer has left (for a dialog of it, say) and the window ends, Tk keeps a dangling pointer to what had the keyboard
    there, and crashes in the focus_force() of the next window.
    """
    root.focus_force()
    root.update()
    for pending in root.tk.splitlist(root.tk.call("after", "info")):
        root.tk.call("after", "cancel", pending)  # after_cancel wants the widget that began it
    root.destroy()


def until(widget: tkinter.Misc, condition: Callable[[], object], what: str = "") -> None:
    """Run Tk until something is so."""
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline, f"not so: {what or condition}"
        widget.update()
        time.sleep(0.005)  # the processor is for those who work


def click(widget: tkinter.Misc) -> None:
    """Press the middle of a widget with the left button."""
    settle(widget)
    assert widget.winfo_viewable(), f"{widget} is not to be seen"
    x, y = widget.winfo_width() // 2, widget.winfo_height() // 2
    for event in ("<Enter>", "<Motion>", "<ButtonPress-1>", "<ButtonRelease-1>"):
        if widget.winfo_exists():
            widget.event_generate(event, x=x, y=y)
    if widget.winfo_exists():
        settle(widget.winfo_toplevel())


def press(widget: tkinter.Misc, key: str) -> None:
    """Press one key, such as ``Return`` or ``Control-r``, while ``widget`` has the keyboard."""
    widget.focus_force()
    settle(widget)
    widget.event_generate(f"<{key}>" if "-" in key else f"<KeyPress-{key}>")


def type_into(entry: tkinter.Misc, text: str) -> None:
    """Replace what is in a field, key by key."""
    entry.focus_force()
    settle(entry)
    entry.event_generate("<<SelectAll>>")
    entry.event_generate("<KeyPress-Delete>")
    for letter in text:
        entry.event_generate("<KeyPress>", keysym=_KEYS.get(letter) or f"U{ord(letter):04X}")
    settle(entry)


def find(widget: tkinter.Misc, kind: str, text: str) -> tkinter.Misc:
    """The visible widget of a class (``TButton``) that says ``text``."""
    settle(widget)
    found = [
        child
        for child in everything(widget)
        if child.winfo_class() == kind and child.winfo_viewable() and str(child.cget("text")) == text
    ]
    assert found, f"there is no {kind} {text!r}"
    return found[0]


def everything(widget: tkinter.Misc) -> list[tkinter.Misc]:
    """A widget and all in it."""
    return [widget, *(inner for child in widget.winfo_children() for inner in everything(child))]


def texts(widget: tkinter.Misc) -> list[str]:
    """All words that can be read in labels and buttons."""
    settle(widget)
    labels = [child for child in everything(widget) if child.winfo_class() in ("TLabel", "TButton", "TCheckbutton")]
    return [str(label.cget("text")) for label in labels if label.winfo_viewable() and str(label.cget("text"))]
