"""One's own account: its password, and where it is signed in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.common.text import clean
from swarmshare.gui.dialogs.dialog import Dialog, Form, field
from swarmshare.gui.dialogs.listing import ListDialog
from swarmshare.gui.viewmodel.cells import Column, Label
from swarmshare.gui.words import _, when
from swarmshare.tracker_client.account_api import Token

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.shell import Shell


class PasswordDialog(Dialog):
    """Asks for the password until now, and twice for the next; what the tracker does not accept can be mended."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(parent, _("Change the password"))
        self._shell = shell
        form = Form(self.body)
        self.old, self.new, self.again = (field(form.frame, secret=True) for _each in range(3))
        form.row(_("Password until now"), self.old)
        form.row(_("New password"), self.new)
        form.row(_("New password again"), self.again)
        self.sentence(_("All your other machines have to sign in again, with the new password."))
        self.accept = self.add_button(_("Change the password"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.old)

    def _accept(self) -> None:
        if not (self.old.get() and self.new.get()):
            self.complain(_("Type the password until now, and a new one."))
        elif self.new.get() != self.again.get():
            self.complain(_("The two passwords are not the same."))
        else:
            self.complain("")
            self.accept.configure(state="disabled")
            self._shell.submit_or(
                self._failed,
                self._changed,
                lambda session: session.group.change_password,
                self.old.get(),
                self.new.get(),
            )

    def _failed(self, sentence: str) -> None:
        if self.winfo_exists():
            self.accept.configure(state="normal")
            self.complain(sentence)
        else:
            self._shell.say(sentence, "danger")

    def _changed(self, _nothing: None) -> None:
        if self.winfo_exists():
            self.destroy()
        self._shell.say(_("The password is changed. This machine stays signed in."), "success")


def device_columns() -> list[Column[Token]]:
    """In the language that is spoken now."""

    def here(token: Token) -> Label:
        return Label(_("This one"), "check-circle-fill", "success") if token.current else Label("")

    return [
        Column("label", _("Machine"), 22, lambda t: clean(t.label) or _("without a name")),
        Column("here", _("Here"), 12, here),
        Column("since", _("Since"), 16, lambda t: when(t.created_at)),
        Column("until", _("Until"), 16, lambda t: when(t.expires_at), hidden=True),
    ]


class DevicesDialog(ListDialog[Token]):
    """Ends the sign-ins of other machines: of one that was lost, say."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(
            parent,
            shell,
            _("Where you are signed in"),
            device_columns(),
            lambda token: token.number,
            lambda session: session.group.devices,
        )

    def label_for(self, item: Token | None) -> str:
        """Return the same for all of them."""
        return _("Sign it out")

    def is_usable(self, item: Token) -> bool:
        """Return whether it is another machine: this one has a button of its own."""
        return not item.current

    def act(self, item: Token) -> None:
        """Sign it out at once: whoever sits there can sign in again."""
        self._shell.submit_or(self.refused, self.refresh, lambda session: session.group.sign_device_out, item.number)
