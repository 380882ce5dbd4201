"""The window's commands by name, the menu that has them all, and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

import ttkbootstrap

from swarmshare.gui.shell import Shell
from swarmshare.gui.side_bar import CATALOGUE
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.gui.catalogue import CataloguePage
    from swarmshare.gui.toolbar import Toolbar
    from swarmshare.gui.transfers import TransfersPage

_KEYS: Final = {
    "share": "n",
    "open": "o",
    "pause": "p",
    "resume": "r",
    "limits": "l",
    "search": "f",
    "catalogue": "1",
    "transfers": "2",
    "settings": "comma",
    "quit": "q",
}
"""Keys that run commands, with the Control key."""


class Window(Shell, Protocol):
    """What the commands act on: the main window, with more of its parts than a :class:`Shell` shows."""

    toolbar: Toolbar
    transfers: TransfersPage

    @property
    def page(self) -> CataloguePage | TransfersPage:
        """The page that is in sight."""

    def turn_to(self, name: str) -> None:
        """Show the catalogue, or the transfers by a filter."""

    def focus_page(self) -> None:
        """Give the keyboard to what is in sight."""

    def leave(self) -> None:
        """End the program, after a question when other people still need this machine."""


class Menus:
    """The commands by name. Made before the window's other parts, which are looked up when a command runs."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self.commands: dict[str, Callable[[], object]] = {
            "share": self._share,
            "open": self._open,
            "pause": lambda: window.transfers.actions.pause(),
            "resume": lambda: window.transfers.actions.resume(),
            "remove": lambda: window.transfers.actions.remove(),
            "limits": lambda: window.transfers.actions.limits(),
            "search": lambda: window.toolbar.entry.focus_set(),
            "catalogue": lambda: self._turn_to(CATALOGUE),
            "transfers": lambda: self._turn_to("all"),
            "settings": self._settings,
            "quit": window.leave,
        }

    def _turn_to(self, name: str) -> None:
        self._window.turn_to(name)
        self._window.focus_page()

    def bind_keys(self) -> None:
        """Bind the keys; they do nothing while a dialog has the input."""
        root = self._window.root
        for name, key in _KEYS.items():
            for letter in {key, key.upper() if len(key) == 1 else key}:
                root.bind(
                    f"<Control-{letter}>" if len(letter) > 1 or letter.isalpha() else f"<Control-Key-{letter}>",
                    self._key(name),
                )
        root.bind("<F10>", self._open_menu)

    def _key(self, name: str) -> Callable[[tkinter.Event[tkinter.Misc]], str | None]:
        def pressed(event: tkinter.Event[tkinter.Misc]) -> str | None:
            if event.widget.winfo_toplevel() is not self._window.root:
                return None
            self.commands[name]()
            return "break"

        return pressed

    def _open_menu(self, _event: object) -> str:
        self._window.toolbar.open_menu()
        return "break"

    def fill(self, menu: tkinter.Menu) -> None:
        """Fill ``menu`` with all commands, in groups."""

        def item(name: str, label: str) -> None:
            key = _KEYS.get(name, "")
            shown = _("Ctrl+{key}").format(key="," if key == "comma" else key.upper()) if key else ""
            menu.add_command(label=label, command=self.commands[name], accelerator=shown)

        item("share", _("Share a file or folder..."))
        item("open", _("Open a .torrent file or magnet link..."))
        menu.add_separator()
        selected = ttkbootstrap.Menu(menu, tearoff=False)
        page = self._window.page
        page.actions.fill_menu(selected)
        title = _("Transfer") if page is self._window.transfers else _("Entry")
        menu.add_cascade(label=title, menu=selected)
        columns = ttkbootstrap.Menu(menu, tearoff=False)
        self._window.page.table.column_menu(columns)
        menu.add_cascade(label=_("Columns"), menu=columns)
        menu.add_separator()
        item("catalogue", _("Catalogue"))
        item("transfers", _("Transfers"))
        item("search", _("Search"))
        menu.add_separator()
        item("settings", _("Settings..."))
        item("quit", _("Quit"))

    def _share(self) -> None:
        from swarmshare.gui.dialogs.share import open_share_dialog

        open_share_dialog(self._window, None)

    def _open(self) -> None:
        from swarmshare.gui.dialogs.opening import open_torrent_dialog

        open_torrent_dialog(self._window)

    def _settings(self) -> None:
        from swarmshare.gui.dialogs.settings import open_settings

        open_settings(self._window)
