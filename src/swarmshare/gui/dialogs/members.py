"""The accounts of the group, for organisers: who may come in, and who is shut out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.app.snapshot import ORGANISER
from swarmshare.common.text import clean
from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.dialogs.listing import ListDialog
from swarmshare.gui.viewmodel.cells import Column, Label, natural
from swarmshare.gui.words import _, when
from swarmshare.tracker_client.account_api import Person

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.shell import Shell


def member_columns() -> list[Column[Person]]:
    """In the language that is spoken now."""

    def role(person: Person) -> str:
        return _("Organiser") if person.role == ORGANISER else _("Member")

    def state(person: Person) -> Label:
        return Label(_("Suspended"), "slash-circle", "danger") if person.suspended else Label("")

    return [
        Column("user", _("Name"), 12, lambda p: clean(p.user), lambda p: natural(p.user)),
        Column("role", _("Role"), 11, role, role),
        Column("state", _("State"), 12, state, lambda p: p.suspended),
        Column("since", _("Since"), 16, lambda p: when(p.created_at), lambda p: p.created_at),
    ]


class MembersDialog(ListDialog[Person]):
    """Shuts accounts out after a question, and lets them in again."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(
            parent,
            shell,
            _("Members"),
            member_columns(),
            lambda person: person.number,
            lambda session: session.group.members,
        )

    def label_for(self, item: Person | None) -> str:
        """Return what is the opposite of how it is."""
        return _("Let in again") if item is not None and item.suspended else _("Suspend...")

    def is_usable(self, item: Person) -> bool:
        """Return whether it is somebody else: nobody shuts oneself out by a slip."""
        person = self._shell.snapshot.person if self._shell.snapshot is not None else None
        return person is None or item.user != person.user

    def act(self, item: Person) -> None:
        """Let a suspended account in at once, and ask before another is suspended."""
        if item.suspended:
            self.switch(item, suspended=False)
        else:
            SuspendingDialog(self, item)

    def switch(self, item: Person, *, suspended: bool) -> None:
        """Have the tracker do it."""
        self._shell.submit_or(self.refused, self.refresh, lambda session: session.group.suspend, item.number, suspended)


class SuspendingDialog(Dialog):
    """Says what becomes of an account that is suspended."""

    def __init__(self, members: MembersDialog, person: Person) -> None:
        super().__init__(members, _("Suspend"))
        self._members, self._person = members, person
        self.heading(_("Suspend {user}?").format(user=clean(person.user)), icon="slash-circle", style="danger")
        self.sentence(
            _(
                "All machines of this account are cut off at once, and it cannot sign in. What it shared stays in the "
                "catalogue. You can let it in again here."
            )
        )
        self.suspend = self.add_button(_("Suspend"), self._suspend, style="danger", default=True)
        self.add_cancel()
        self.show()

    def _suspend(self) -> None:
        self.destroy()
        self._members.switch(self._person, suspended=True)
