"""Members, machines and the password of one's account, in dialogs that the settings bring up."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest
from gui.keyboard import click, press, settle, type_into
from gui.real_window import words_in
from gui.shells import PERSON as ANA
from gui.shells import WrittenShell, snapshot

from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.dialogs.members import MembersDialog, SuspendingDialog
from swarmshare.gui.dialogs.own_account import DevicesDialog, PasswordDialog
from swarmshare.tracker_client.account_api import Person, Token

if TYPE_CHECKING:
    import tkinter

    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences

D = TypeVar("D", bound=Dialog)

MEMBERS = [Person(1, "ana", "organiser", 1_700_000_000, False), Person(2, "ben", "member", 1_700_000_100, False)]


@pytest.fixture
def shell(root: ttkbootstrap.Window, preferences: Preferences) -> WrittenShell:
    root.geometry("900x640")
    settle(root)
    return WrittenShell(root, preferences, snapshot(person=ANA))


def above(dialog: tkinter.Misc, kind: type[D]) -> D:
    """The dialog that another one has brought up."""
    return next(child for child in dialog.winfo_children() if isinstance(child, kind))


def test_a_member_is_suspended_after_a_question_and_let_in_again_at_once(shell: WrittenShell) -> None:
    dialog = MembersDialog(shell.root, shell)
    assert shell.last().method == "members"
    assert dialog.button.instate(["disabled"]), "nothing is listed yet"
    shell.last().answer(MEMBERS)
    settle(dialog)
    assert "ben" in words_in(dialog.table.body)
    assert dialog.button.instate(["disabled"]), "nobody shuts oneself out"
    press(dialog.table.body, "Down")
    press(dialog.table.body, "Return")
    question = above(dialog, SuspendingDialog)
    press(question, "Escape")
    assert shell.last().method == "members", "not without a yes"
    assert dialog.grab_current() is dialog, "the dialog below has all input again"
    click(dialog.button)
    click(above(dialog, SuspendingDialog).suspend)
    assert shell.last()[:2] == ("suspend", (2, True))
    shell.last().answer(MEMBERS[1]._replace(suspended=True))
    assert shell.last().method == "members", "it asks how things are then"
    shell.last().answer([MEMBERS[0], MEMBERS[1]._replace(suspended=True)])
    settle(dialog)
    assert "Suspended" in words_in(dialog.table.body)
    assert str(dialog.button.cget("text")) == "Let in again"
    click(dialog.button)
    assert shell.last()[:2] == ("suspend", (2, False))
    shell.last().refuse("The tracker does not answer.")
    assert dialog.complaint == "The tracker does not answer."


def test_only_another_machine_is_signed_out_from_here(shell: WrittenShell) -> None:
    dialog = DevicesDialog(shell.root, shell)
    here = Token(7, "swarmshare on here", 1_700_000_000, 1_800_000_000, True)
    shell.last().answer([here, Token(5, "", 1_700_000_000, 1_800_000_000, False)])
    settle(dialog)
    assert dialog.button.instate(["disabled"])
    assert "without a name" in words_in(dialog.table.body)
    press(dialog.table.body, "Down")
    click(dialog.button)
    assert shell.last()[:2] == ("sign_device_out", (5,))
    shell.last().answer()
    assert shell.last().method == "devices"
    press(dialog, "Escape")
    shell.last().answer([here])  # too late, and nobody minds
    shell.commands[0].refuse("gone")


def test_a_password_is_typed_right_before_the_tracker_is_asked(shell: WrittenShell) -> None:
    dialog = PasswordDialog(shell.root, shell)
    press(dialog.old, "Return")
    assert dialog.complaint == "Type the password until now, and a new one."
    for field, text in ((dialog.old, "correct horse"), (dialog.new, "battery staple"), (dialog.again, "battery")):
        type_into(field, text)
    click(dialog.accept)
    assert dialog.complaint == "The two passwords are not the same."
    assert not shell.commands
    type_into(dialog.again, "battery staple")
    click(dialog.accept)
    assert shell.last()[:2] == ("change_password", ("correct horse", "battery staple"))
    assert dialog.accept.instate(["disabled"])
    shell.last().refuse("The name or the password is wrong.")
    assert dialog.complaint == "The name or the password is wrong."
    click(dialog.accept)
    shell.last().answer()
    assert not dialog.winfo_exists()
    assert shell.said == [("The password is changed. This machine stays signed in.", "success")]
    shell.last().refuse("Too late.")
    assert shell.said[-1] == ("Too late.", "danger")
