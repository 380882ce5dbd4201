"""Adding a transfer: from a .torrent file or a magnet link, and by another name where its own is taken."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeAlias

import ttkbootstrap as ttk

from swarmshare.app.naming import NameTakenError
from swarmshare.common.text import clean
from swarmshare.gui.dialogs.choosing import FolderField, PathField, choose_file, torrent_kinds
from swarmshare.gui.dialogs.dialog import Dialog, Form
from swarmshare.gui.words import _
from swarmshare.manifest.magnet import is_magnet

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from swarmshare.gui.shell import Shell

P = ParamSpec("P")

Added: TypeAlias = str | NameTakenError
"""The info hash of a transfer that was added, or the error that says that its name is taken."""


def or_taken(add: Callable[P, Awaitable[str]]) -> Callable[P, Awaitable[Added]]:
    """Have ``add`` return :class:`NameTakenError` instead of raising it, so that another name can be offered."""

    @wraps(add)
    async def added(*args: P.args, **kwargs: P.kwargs) -> Added:
        try:
            return await add(*args, **kwargs)
        except NameTakenError as taken:
            return taken.with_traceback(None)  # its frames would keep everything that was alive when it was raised

    return added


def open_torrent_dialog(shell: Shell, path: Path | None = None) -> OpenDialog:
    """Ask which file or link to open, and into which folder it goes; ``path`` is filled in."""
    return OpenDialog(shell, path)


def offer_other_name(shell: Shell, added: Added) -> OtherNameDialog | None:
    """Ask for another name if ``added`` says that the name is taken; return the dialog, or None."""
    return OtherNameDialog(shell, added) if isinstance(added, NameTakenError) else None


class _AddDialog(Dialog):
    """Stays until the transfer is added, so that a mistake can be corrected."""

    def __init__(self, shell: Shell, title: str) -> None:
        super().__init__(shell.root, title)
        self._shell = shell

    def _add_buttons(self, label: str, accept: Callable[[], None]) -> None:
        self.accept = self.add_button(label, accept, style="primary", default=True)
        self.add_cancel()

    def _busy(self, busy: bool) -> None:
        self.complain("")
        self.accept.configure(state="disabled" if busy else "normal")

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self._busy(False)
            self.complain(sentence)
        else:
            self._shell.say(sentence, "danger")


class OpenDialog(_AddDialog):
    """Asks for a .torrent file or a magnet link, and for a folder."""

    def __init__(self, shell: Shell, path: Path | None = None) -> None:
        super().__init__(shell, _("Open"))
        self.heading(_("Open a .torrent file or a magnet link"), icon="folder2-open")
        form = Form(self.body)
        self.what = PathField(form.frame, path)
        self.what.offer(_("Choose..."), lambda window: choose_file(window, torrent_kinds()))
        settings = shell.snapshot.settings if shell.snapshot else None
        self.folder = FolderField(form.frame, settings.folder if settings else None)
        form.row(_("File or link"), self.what, _("Of BitTorrent v2 or hybrid; those of v1 alone are not understood."))
        form.row(_("Download into"), self.folder)
        self._add_buttons(_("Open"), self._accept)
        self.show(self.what.entry)

    def _accept(self) -> None:
        text, folder = self.what.entry.get().strip(), self.folder.path
        if not text:
            self.complain(_("Choose a file, or paste a link."))
        elif folder is None or not folder.is_absolute():
            self.complain(_("Say into which folder the files go."))
        else:
            self._busy(True)
            submit, done = self._shell.submit_or, self._opened
            if is_magnet(text):
                submit(self._failed, done, lambda session: or_taken(session.open_magnet), text, folder)
            else:
                path = self.what.path or Path()
                submit(self._failed, done, lambda session: or_taken(session.open_file), path, folder)

    def _opened(self, added: Added) -> None:
        if self.winfo_exists():
            self.destroy()
        offer_other_name(self._shell, added)


class OtherNameDialog(_AddDialog):
    """Suggests a name that is free for what could not be added by its own."""

    def __init__(self, shell: Shell, taken: NameTakenError) -> None:
        name = clean(taken.manifest.name)
        super().__init__(shell, _("Another name"))
        self._taken = taken
        self.heading(_("Download {name} under another name?").format(name=name), icon="exclamation-triangle")
        text = _("{path} is there already with other content, and it is left alone.")
        self.sentence(text.format(path=clean(str(taken.path))))
        form = Form(self.body)
        self.entry = ttk.Entry(form.frame)
        self.entry.insert(0, taken.free_name)
        form.row(_("Name"), self.entry)
        self._add_buttons(_("Download"), self._accept)
        self.show(self.entry)

    def _accept(self) -> None:
        if name := self.entry.get().strip():
            self._busy(True)
            manifest, folder = self._taken.manifest, self._taken.folder
            self._shell.submit_or(
                self._failed, self._started, lambda session: or_taken(session.download_as), manifest, folder, name
            )

    def _started(self, added: Added) -> None:
        if isinstance(added, NameTakenError):
            self._failed(_("Something else has that name, too."))
        elif self.winfo_exists():
            self.destroy()
