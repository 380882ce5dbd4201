"""Another name for a download whose place something else has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ttkbootstrap as ttk

from swarmshare.app.naming import NameTakenError
from swarmshare.common.text import clean
from swarmshare.gui.dialogs.dialog import Dialog, Form
from swarmshare.gui.files import download_as
from swarmshare.gui.words import _

if TYPE_CHECKING:
    from swarmshare.gui.shell import Shell


def offer_other_name(shell: Shell, saved: str | NameTakenError) -> OtherNameDialog | None:
    """Ask for another name if that is what beginning a download brought; None when it has begun."""
    return OtherNameDialog(shell, saved) if isinstance(saved, NameTakenError) else None


class OtherNameDialog(Dialog):
    """It begins with a name that is free, and stays until one is."""

    def __init__(self, shell: Shell, taken: NameTakenError) -> None:
        name = clean(taken.manifest.name)
        super().__init__(shell.root, _("Another name"))
        self._shell, self._taken = shell, taken
        self.heading(_("Download {name} under another name?").format(name=name), icon="exclamation-triangle")
        text = _("{path} is there already with other content, and it is left alone.")
        self.sentence(text.format(path=clean(str(taken.path))))
        form = Form(self.body)
        self.entry = ttk.Entry(form.frame)
        self.entry.insert(0, taken.free_name)
        form.row(_("Name"), self.entry)
        self.accept = self.add_button(_("Download"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.entry)

    def _accept(self) -> None:
        if name := self.entry.get().strip():
            self._busy(True)
            self._shell.submit_or(self._failed, self._started, download_as, self._taken, name)

    def _busy(self, busy: bool) -> None:
        self.complain("")
        self.accept.configure(state="disabled" if busy else "normal")

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self._busy(False)
            self.complain(sentence)
        else:
            self._shell.say(sentence, "danger")

    def _started(self, saved: str | NameTakenError) -> None:
        if isinstance(saved, NameTakenError):
            self._failed(_("Something else has that name, too."))
        elif self.winfo_exists():
            self.destroy()
