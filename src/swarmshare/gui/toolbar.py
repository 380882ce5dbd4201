"""The bar at the top: what one does most, the search, and a menu with the rest."""

from __future__ import annotations

import tkinter
from typing import TYPE_CHECKING, Final

import ttkbootstrap

from swarmshare.gui.theme import pixels
from swarmshare.gui.words import _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SHOWN: Final = (
    ("share", "plus-lg", "primary"),
    ("open", "folder2-open", "neutral-ghost"),
    ("", "", ""),
    ("resume", "play-fill", "neutral-ghost"),
    ("pause", "pause-fill", "neutral-ghost"),
    ("remove", "trash3", "neutral-ghost"),
)


class Toolbar(ttkbootstrap.Frame):
    """The tool bar: buttons by the names of their commands."""

    def __init__(
        self,
        parent: tkinter.Misc,
        commands: Mapping[str, Callable[[], object]],
        fill_menu: Callable[[tkinter.Menu], object],
        search: Callable[[str], object],
    ) -> None:
        """``commands`` has what the buttons do; ``search`` is told what is typed.

        ``fill_menu`` fills the menu whenever it opens.
        """
        gap = pixels(parent, 8)
        super().__init__(parent, padding=gap)
        titles = {
            "share": _("Share"),
            "open": _("Open"),
            "resume": _("Resume"),
            "pause": _("Pause"),
            "remove": _("Remove"),
        }
        self.more = ttkbootstrap.Button(
            self, icon="list", icon_only=True, bootstyle="neutral-ghost", command=self.open_menu
        )
        self.more.pack(side="right")  # first: what comes last is what gives way in a narrow window
        ttkbootstrap.ToolTip(self.more, text=_("Menu (F10)"))
        self.buttons: dict[str, ttkbootstrap.Button] = {}
        for name, icon, style in _SHOWN:
            if not name:
                ttkbootstrap.Separator(self, orient="vertical").pack(side="left", fill="y", padx=gap, pady=gap // 2)
                continue
            button = ttkbootstrap.Button(self, text=titles[name], icon=icon, bootstyle=style, command=commands[name])
            button.pack(side="left", padx=(0, gap // 2))
            self.buttons[name] = button
        self._menu = ttkbootstrap.Menu(self, tearoff=False)
        self._menu.configure(postcommand=lambda: self._refill(fill_menu))
        self.text = tkinter.StringVar(self)
        self.text.trace_add("write", lambda *_names: search(self.text.get()))
        searching = ttkbootstrap.Frame(self)
        searching.pack(side="right")
        ttkbootstrap.Label(searching, icon="search", icon_size=14).pack(side="left", padx=gap)
        self.entry = ttkbootstrap.Entry(searching, textvariable=self.text, width=28)
        self.entry.pack(side="left", padx=(0, gap))
        self.entry.bind("<Escape>", lambda _event: self.text.set(""))

    def open_menu(self) -> None:
        """Open the menu below its button."""
        self._menu.update_idletasks()
        x = self.more.winfo_rootx() + self.more.winfo_width()
        self._refill_now()
        self._menu.tk_popup(max(0, x - self._menu.winfo_reqwidth()), self.more.winfo_rooty() + self.more.winfo_height())

    def _refill(self, fill_menu: Callable[[tkinter.Menu], object]) -> None:
        self._menu.delete(0, "end")
        for child in self._menu.winfo_children():
            child.destroy()
        fill_menu(self._menu)

    def _refill_now(self) -> None:
        self._menu.tk.call(str(self._menu.cget("postcommand")))

    def allow(self, name: str, *, usable: bool) -> None:
        """Enable or disable a button."""
        button, state = self.buttons[name], "normal" if usable else "disabled"
        if str(button.cget("state")) != state:
            button.configure(state=state)
