"""Withdrawing entries from the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.text import clean
from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.words import _, ngettext, number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.gui.shell import Shell
    from swarmshare.tracker_client.api import Entry

NAMED: Final = 3
"""Publishers that the question names, at most."""


def ask_to_withdraw(shell: Shell, entries: Sequence[Entry]) -> WithdrawingDialog | None:
    """Ask whether to take these out of the catalogue; None when there are none."""
    return WithdrawingDialog(shell, entries) if entries else None


class WithdrawingDialog(Dialog):
    """Says whose entries they are when not one's own, and what becomes of the files."""

    def __init__(self, shell: Shell, entries: Sequence[Entry]) -> None:
        super().__init__(shell.root, _("Withdraw"))
        self._shell, self._info_hashes = shell, [entry.info_hash for entry in entries]
        count = len(entries)
        question = (
            _("Withdraw {name} from the catalogue?").format(name=clean(entries[0].name))
            if count == 1
            else ngettext(
                "Withdraw {count} entry from the catalogue?", "Withdraw {count} entries from the catalogue?", count
            ).format(count=number(count))
        )
        self.heading(question, icon="journal-x", style="danger")
        if whose := self._others(entries):
            self.sentence(
                ngettext("It was shared by {users}.", "They were shared by {users}.", count).format(users=whose)
            )
        self.sentence(
            ngettext(
                "The catalogue does not offer it any more. Files that somebody has stay where they are.",
                "The catalogue does not offer them any more. Files that somebody has stay where they are.",
                count,
            )
        )
        self.withdraw_button = self.add_button(_("Withdraw"), self._withdraw, style="danger", default=True)
        self.add_cancel()
        self.show()

    def _others(self, entries: Sequence[Entry]) -> str:
        """Who published them, when that is somebody else than whoever sits here."""
        person = self._shell.snapshot.person if self._shell.snapshot is not None else None
        own = person.user if person is not None else ""
        users = list(dict.fromkeys(clean(entry.publisher) for entry in entries))
        if users == [own]:
            return ""
        return ", ".join(users[:NAMED]) + (", \u2026" if len(users) > NAMED else "")

    def _withdraw(self) -> None:
        self.destroy()
        for info_hash in self._info_hashes:
            self._shell.submit(None, lambda session: session.group.withdraw, info_hash)
