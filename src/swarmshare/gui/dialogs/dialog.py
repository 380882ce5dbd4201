"""What all dialogs have in common: they belong to the window, go with Escape, and their buttons stand at the bottom."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from swarmshare.gui.theme import pixels, sized_font
from swarmshare.gui.words import _

if TYPE_CHECKING:
    from collections.abc import Callable

WIDTH = 560
"""Pixels, at 96 dots an inch."""


class Dialog(ttk.Toplevel):
    """One question to whoever sits there. It takes all input of the program, and nobody waits for it.

    A dialog puts its widgets into ``body``, its buttons below with :meth:`add_button`, then calls :meth:`show`.
    """

    def __init__(self, parent: tkinter.Misc, title: str) -> None:
        super().__init__(title, master=parent, resizable=(True, False))
        self.withdraw()
        self._parent = parent.winfo_toplevel()
        self._before = self._parent.focus_lastfor()
        self.gap = pixels(self, 8)
        outer = ttk.Frame(self, padding=3 * self.gap, bootstyle="bordered")
        outer.pack(fill="both", expand=True)
        self.body = ttk.Frame(outer)
        self.body.pack(fill="both", expand=True)
        self._problem = ttk.Label(outer, bootstyle="danger", wraplength=pixels(self, WIDTH), justify="left")
        self._buttons = ttk.Frame(outer)
        self._buttons.pack(fill="x", pady=(3 * self.gap, 0))
        self._default: ttk.Button | None = None
        self.bind("<Escape>", self._on_escape)
        self.bind("<Return>", self._on_return)
        self.bind("<KP_Enter>", self._on_return)
        self.protocol("WM_DELETE_WINDOW", self.cancel)

    def heading(self, text: str, *, icon: str = "", style: str = "primary") -> ttk.Label:
        """Return a line of larger letters."""
        row = ttk.Frame(self.body)
        row.pack(fill="x", pady=(0, 2 * self.gap))
        if icon:
            ttk.Label(row, icon=icon, icon_size=24, bootstyle=style).pack(
                side="left", padx=(0, 2 * self.gap), anchor="n"
            )
        label = ttk.Label(
            row, text=text, font=sized_font(3, bold=True), wraplength=pixels(self, WIDTH - 60), justify="left"
        )
        label.pack(side="left", fill="x", expand=True)
        return label

    def sentence(self, text: str) -> ttk.Label:
        """Add a paragraph of text."""
        label = ttk.Label(self.body, text=text, wraplength=pixels(self, WIDTH), justify="left")
        label.pack(fill="x", pady=(0, self.gap))
        return label

    def add_button(
        self, text: str, command: Callable[[], object], *, style: str = "", default: bool = False
    ) -> ttk.Button:
        """One more button, left of those that are there. The default one is what Return presses."""
        button = ttk.Button(self._buttons, text=text, command=command, bootstyle=style or "neutral")
        button.pack(side="right", padx=(self.gap, 0), ipadx=self.gap)
        if default:
            self._default = button
        return button

    def add_cancel(self, text: str | None = None) -> ttk.Button:
        """Return the button that does what Escape does."""
        return self.add_button(text or _("Cancel"), self.cancel)

    def complain(self, text: str) -> None:
        """Say above the buttons what cannot be done, and why; nothing when the text is empty."""
        self._problem.configure(text=text)
        if text:
            self._problem.pack(fill="x", pady=(2 * self.gap, 0), before=self._buttons)
        else:
            self._problem.pack_forget()

    @property
    def complaint(self) -> str:
        """What it says at present."""
        return str(self._problem.cget("text"))

    def show(self, focus: tkinter.Misc | None = None) -> None:
        """Bring it up, in the middle of its window."""
        self.update_idletasks()
        width, height = max(self.winfo_reqwidth(), pixels(self, WIDTH)), self.winfo_reqheight()
        parent = self._parent
        if parent.winfo_viewable():
            left = parent.winfo_rootx() + (parent.winfo_width() - width) // 2
            top = parent.winfo_rooty() + (parent.winfo_height() - height) // 3
            self.transient(parent)
        else:
            left, top = (self.winfo_screenwidth() - width) // 2, (self.winfo_screenheight() - height) // 3
        self.minsize(width, height)
        left = min(left, self.winfo_screenwidth() - width)  # a window may be partly outside
        top = min(top, self.winfo_screenheight() - height)
        self.geometry(f"+{max(left, 0)}+{max(top, 0)}")
        self.deiconify()
        self.wait_visibility()
        self.grab_set()
        (focus or self._default or self).focus_set()

    def cancel(self) -> None:
        """Do what Escape and the window's cross stand for."""
        self.destroy()

    def destroy(self) -> None:
        """Close it; the keyboard is for what had it before."""
        before = self._before
        if before is None or not before.winfo_exists() or not before.winfo_viewable():
            before = self._parent  # another page may be in sight by now: the window knows what is to have it
        if before.winfo_exists() and before.winfo_viewable():
            self.grab_release()
            if isinstance(self._parent, Dialog):
                self._parent.grab_set()  # one that was brought up by another gives it all input back
            before.focus_set()  # now: without a window manager, the keyboard would be nobody's in a moment
        super().destroy()

    def _on_escape(self, _event: tkinter.Event[tkinter.Misc]) -> None:
        self.cancel()

    def _on_return(self, event: tkinter.Event[tkinter.Misc]) -> None:
        if self._default is not None and not isinstance(event.widget, (ttk.Button, tkinter.Text)):
            self._default.invoke()


class Form:
    """Labelled fields in two columns."""

    def __init__(self, parent: tkinter.Misc) -> None:
        self.frame = ttk.Frame(parent)
        self.frame.pack(fill="x")
        self.frame.columnconfigure(1, weight=1)
        self._gap = pixels(parent, 8)
        self._rows = 0

    def row(self, label: str, widget: tkinter.Widget, hint: str = "") -> tuple[tkinter.Widget, ...]:
        """Put ``widget``, a child of ``frame``, behind its label; everything of the row is returned."""
        title = ttk.Label(self.frame, text=label)
        title.grid(row=self._rows, column=0, sticky="nw", padx=(0, 2 * self._gap), pady=self._gap)
        widget.grid(row=self._rows, column=1, sticky="ew", pady=self._gap // 2)
        self._rows += 1
        if not hint:
            return title, widget
        most = pixels(self.frame, 420)
        small = ttk.Label(self.frame, text=hint, bootstyle="secondary", justify="left", wraplength=most)
        small.bind("<Configure>", lambda event: small.configure(wraplength=min(event.width, most)))
        small.grid(row=self._rows, column=1, sticky="ew", pady=(0, self._gap // 2))
        self._rows += 1
        return title, widget, small


class Check(ttk.Checkbutton):
    """A box to tick, that knows by itself whether it is."""

    def __init__(
        self, parent: tkinter.Misc, text: str, *, on: bool = False, command: Callable[[], object] | None = None
    ):
        self._variable = tkinter.BooleanVar(parent, on)
        super().__init__(parent, text=text, variable=self._variable, command=command or (lambda: None))

    def destroy(self) -> None:
        """Let the variable go at once: found by the garbage collector later, perhaps on another thread, it calls Tk."""
        super().destroy()
        self.__dict__.pop("_variable", None)

    @property
    def on(self) -> bool:
        """Whether the box is ticked."""
        return self._variable.get()

    @on.setter
    def on(self, value: bool) -> None:
        self._variable.set(value)


def field(parent: tkinter.Misc, text: str = "", *, secret: bool = False, width: int = 24) -> ttk.Entry:
    """Return a line to type in."""
    entry = ttk.Entry(parent, width=width, show="\u2022" if secret else "")
    entry.insert(0, text)
    return entry


def rewrite(entry: ttk.Entry, text: str) -> None:
    """Put another text into a field."""
    entry.delete(0, "end")
    entry.insert(0, text)
