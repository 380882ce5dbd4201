"""Opening a .torrent file or a magnet link that came from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.gui.dialogs.choosing import FolderField, PathField, choose_file, torrent_kinds
from swarmshare.gui.dialogs.dialog import Dialog, Form
from swarmshare.gui.dialogs.other_name import offer_other_name
from swarmshare.gui.files import open_file, open_magnet
from swarmshare.gui.words import _
from swarmshare.manifest.magnet import is_magnet

if TYPE_CHECKING:
    from swarmshare.app.naming import NameTakenError
    from swarmshare.gui.shell import Shell


def open_torrent_dialog(shell: Shell, path: Path | None = None) -> OpenDialog:
    """Ask what to open, and where it goes."""
    return OpenDialog(shell, path)


class OpenDialog(Dialog):
    """Stays until it has worked, so that a mistake can be mended."""

    def __init__(self, shell: Shell, path: Path | None = None) -> None:
        super().__init__(shell.root, _("Open"))
        self._shell = shell
        self.heading(_("Open a .torrent file or a magnet link"), icon="folder2-open")
        form = Form(self.body)
        self.what = PathField(form.frame, path)
        self.what.offer(_("Choose..."), lambda window: choose_file(window, torrent_kinds()))
        settings = shell.snapshot.settings if shell.snapshot else None
        self.folder = FolderField(form.frame, settings.folder if settings else None)
        form.row(_("File or link"), self.what, _("Of BitTorrent v2 or hybrid; those of v1 alone are not understood."))
        form.row(_("Download into"), self.folder)
        self.accept = self.add_button(_("Open"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.what.entry)

    def _accept(self) -> None:
        text, folder = self.what.entry.get().strip(), self.folder.path
        if not text:
            self.complain(_("Choose a file, or paste a link."))
        elif folder is None or not folder.is_absolute():
            self.complain(_("Say into which folder the files go."))
        else:
            self._busy(True)
            if is_magnet(text):
                self._shell.submit_or(self._failed, self._opened, open_magnet, text, folder)
            else:
                self._shell.submit_or(self._failed, self._opened, open_file, self.what.path or Path(), folder)

    def _busy(self, busy: bool) -> None:
        self.complain("")
        self.accept.configure(state="disabled" if busy else "normal")

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self._busy(False)
            self.complain(sentence)
        else:
            self._shell.say(sentence, "danger")

    def _opened(self, saved: str | NameTakenError) -> None:
        if self.winfo_exists():
            self.destroy()
        offer_other_name(self._shell, saved)
