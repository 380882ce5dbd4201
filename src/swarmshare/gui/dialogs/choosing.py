"""Choosing files and folders, in the program's own looks; a field to type in stands beside it everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable


def choose_folder(parent: tkinter.Misc, start: str = "") -> Path | None:
    """Return a folder that is there, or None."""
    _translate_chooser(parent)
    chosen = ttk.Querybox.get_directory(parent=parent, initialdir=_start(start), title=_("Choose a folder"))
    return Path(chosen) if chosen else None


def choose_file(parent: tkinter.Misc, kinds: tuple[tuple[str, str], ...] = (), start: str = "") -> Path | None:
    """Return a file that is there, or None."""
    _translate_chooser(parent)
    chosen = ttk.Querybox.get_open_filename(
        parent=parent,
        initialdir=_start(start),
        title=_("Choose a file"),
        filetypes=(*kinds, (_("All files"), "*")),
    )
    return Path(chosen) if chosen else None


def choose_new_file(parent: tkinter.Misc, name: str, kinds: tuple[tuple[str, str], ...]) -> Path | None:
    """Where to save something, or None."""
    _translate_chooser(parent)
    chosen = ttk.Querybox.get_save_filename(
        parent=parent, initialdir=_start(""), initialfile=name, title=_("Save as"), filetypes=kinds
    )
    return Path(chosen) if chosen else None


def _translate_chooser(window: tkinter.Misc) -> None:
    """Teach ttkbootstrap's chooser our words: it has few, in the system's language and not in the chosen one."""
    locale = window.tk.call("::msgcat::mclocale")
    for english, ours in (
        ("Directory:", _("Directory:")),
        ("Name", _("Name")),
        ("Size", _("Size")),
        ("Modified", _("Modified")),
        ("Selection:", _("Selection:")),
        ("File name:", _("File name:")),
        ("Files of type:", _("Files of type:")),
        ("Show hidden files", _("Show hidden files")),
        ("File already exists. Overwrite?", _("File already exists. Overwrite?")),
        ("OK", _("OK")),
        ("Cancel", _("Cancel")),
        ("Yes", _("Yes")),
        ("No", _("No")),
    ):
        window.tk.call("::msgcat::mcset", locale, english, ours)


def torrent_kinds() -> tuple[tuple[str, str], ...]:
    """Return what a chooser of manifests shows first."""
    return ((_("Torrents"), "*.torrent"),)


class PathField(ttk.Frame):
    """A path to type in, with buttons that choose one."""

    def __init__(self, parent: tkinter.Misc, path: Path | None) -> None:
        super().__init__(parent)
        self.entry = ttk.Entry(self, width=30)
        if path is not None:
            self.entry.insert(0, str(path))
        self.entry.pack(side="left", fill="x", expand=True)

    def offer(self, text: str, choose: Callable[[tkinter.Misc], Path | None]) -> ttk.Button:
        """Add a button that chooses a path."""
        button = ttk.Button(self, text=text, command=lambda: self._put(choose(self.winfo_toplevel())))
        button.pack(side="left", padx=(6, 0))
        return button

    @property
    def path(self) -> Path | None:
        """What is there at present; None while nothing is."""
        text = self.entry.get().strip()
        return Path(text).expanduser() if text else None

    def _put(self, path: Path | None) -> None:
        if path is not None:
            self.entry.delete(0, "end")
            self.entry.insert(0, str(path))
            self.entry.xview_moveto(1)
            self.entry.event_generate("<<Chosen>>")


class FolderField(PathField):
    """A field for a folder, with a button that chooses one."""

    def __init__(self, parent: tkinter.Misc, path: Path | None) -> None:
        super().__init__(parent, path)
        self.offer(_("Choose..."), lambda window: choose_folder(window, self.entry.get()))


def _start(text: str) -> str:
    path = Path(text).expanduser() if text else Path.home()
    return str(path if path.is_dir() else path.parent if path.parent.is_dir() else Path.home())
