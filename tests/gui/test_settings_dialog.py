"""Settings: only what was changed is submitted, mistakes stay in the dialog, the account's tab acts at once."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import click, press, settle, type_into, until
from gui.shells import PERSON, WrittenShell, snapshot

from swarmshare.app.config import Settings
from swarmshare.app.snapshot import LocalTrackerSnapshot
from swarmshare.gui import autostart
from swarmshare.gui.dialogs.account_tab import AccountTab
from swarmshare.gui.dialogs.settings import SettingsDialog, open_settings
from swarmshare.gui.theme import is_dark
from swarmshare.tracker.domain.lookup import Role

if TYPE_CHECKING:
    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences

TRANSFERS, NETWORK, WINDOW, ACCOUNT = range(4)


@pytest.fixture
def shell(
    root: ttkbootstrap.Window, preferences: Preferences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> WrittenShell:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    root.geometry("900x640")
    settle(root)
    settings = Settings(folder=Path("/downloads"), limit_up=2048.0, listen=(("*", 6881),))
    return WrittenShell(root, preferences, snapshot(person=PERSON, settings=settings))


def opened(shell: WrittenShell) -> SettingsDialog:
    dialog = open_settings(shell)
    assert dialog is not None
    return dialog


def test_nothing_changed_submits_nothing(shell: WrittenShell) -> None:
    dialog = opened(shell)
    assert (dialog.up.entry.get(), dialog.port.get(), dialog.everybody.on) == ("2", "6881", True)
    press(dialog.folder.entry, "Return")
    assert shell.last()[:2] == ("apply", ({}, None))
    shell.last().answer()
    assert not dialog.winfo_exists()
    shell.snapshot = None
    assert open_settings(shell) is None


def test_limits_and_hours(shell: WrittenShell) -> None:
    dialog = opened(shell)
    type_into(dialog.folder.entry, "/srv/d")
    type_into(dialog.up.entry, "")
    type_into(dialog.down.entry, "100")
    click(dialog.quiet)
    type_into(dialog.end, "18:77")
    click(dialog.accept)
    assert dialog.complaint == "08:00-18:77 are no hours, such as 08:00 to 18:00."
    type_into(dialog.end, "17:30")
    type_into(dialog.quiet_up.entry, "50")
    click(dialog.accept)
    assert shell.last().args[0] == {
        "folder": Path("/srv/d"), "limit_up": None, "limit_down": 102400.0,
        "quiet_hours": "08:00-17:30", "quiet_limit_up": 51200.0,
    }  # fmt: skip
    shell.last().refuse("The disk is full.")
    assert dialog.complaint == "The disk is full."
    type_into(dialog.folder.entry, "d")
    click(dialog.accept)
    assert dialog.complaint.startswith("The download folder must be a whole path")


def test_a_taken_port_is_told_where_it_was_typed(shell: WrittenShell) -> None:
    dialog = opened(shell)
    dialog.tabs.select(NETWORK)
    settle(dialog)
    type_into(dialog.port, "70000")
    click(dialog.accept)
    assert dialog.complaint == "70000 is no port: a number from 0 to 65535."
    type_into(dialog.port, "7000")
    click(dialog.everybody)
    click(dialog.accept)
    assert shell.last().args == ({"listen": (("localhost", 7000),)}, None)
    shell.snapshot = snapshot(listen_problem="Port 7000 is taken.")
    shell.last().answer()
    assert dialog.complaint == "Port 7000 is taken."
    assert dialog.winfo_exists()


def test_the_window_itself(shell: WrittenShell) -> None:
    dialog = opened(shell)
    dialog.tabs.select(WINDOW)
    settle(dialog)
    dialog.theme.current(2)
    dialog.language.current(2)
    for check in (dialog.notifications, dialog.minimise, dialog.autostart):
        click(check)
    click(dialog.accept)
    assert is_dark()
    assert shell.preferences.get("theme", "") == "dark"
    assert shell.preferences.get("language", "") == "pt_BR"
    assert shell.preferences.get("notifications", True) is False
    assert shell.preferences.get("close_minimises", False) is True
    assert shell.last().args == ({}, True)


def test_starting_with_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert not autostart.is_on()
    autostart.switch(True)
    entry = (tmp_path / "autostart" / "swarmshare.desktop").read_text()
    command = entry.partition("Exec=")[2].splitlines()[0]
    assert command.endswith('" -m swarmshare gui')
    assert subprocess.run(f"{command} --help", shell=True, capture_output=True, check=False).returncode == 0
    assert autostart.is_on()
    autostart.switch(False)
    autostart.switch(False)
    assert not autostart.is_on()


def test_the_account(shell: WrittenShell) -> None:
    dialog = opened(shell)
    dialog.tabs.select(ACCOUNT)
    settle(dialog)
    tab = next(child for child in dialog.tabs.winfo_children() if isinstance(child, AccountTab))
    until(dialog, lambda: tab.sentences[0] == "ana is signed in at http://127.0.0.1:6969")
    click(tab.invite)
    assert shell.last().method == "invite"
    shell.last().answer("invite_1")
    assert tab.invitation.get() == dialog.clipboard_get() == "http://127.0.0.1:6969/join/invite_1"
    assert tab.sentences[1] == "Copied. Only this machine reaches this tracker, so the link is for this machine only."
    shell.last().refuse("Only organisers may.")
    assert tab.sentences[1] == "Only organisers may."
    click(tab.start)
    assert shell.last().method == "start_tracker"
    assert not tab.stop.winfo_viewable()
    shell.snapshot = snapshot(local_tracker=LocalTrackerSnapshot("", "", "", "the port is taken"))
    until(dialog, lambda: tab.sentences[2] == "The port is taken.")
    settle(dialog)
    assert [str(button.cget("text")) for button in (tab.start, tab.stop)] == ["Try again", "Do not start it any more"]
    click(tab.stop)
    assert shell.last().method == "stop_tracker"
    shell.snapshot = snapshot(local_tracker=LocalTrackerSnapshot("http://192.168.1.5:1", "http://127.0.0.1:1", "", ""))
    until(dialog, lambda: tab.sentences[2] == "A tracker runs on this machine. Others reach it at http://192.168.1.5:1")
    assert tab.sentences[0] == "Nobody is signed in."
    assert tab.sign_out.instate(["disabled"])
    assert not tab.start.winfo_viewable()
    click(tab.stop)
    assert shell.last().method == "stop_tracker"
    beside = LocalTrackerSnapshot("http://192.168.1.5:6969", PERSON.tracker, "", "", ours=False)
    shell.snapshot = snapshot(local_tracker=beside, person=PERSON)
    until(dialog, lambda: tab.sentences[0] == "ana is signed in at http://192.168.1.5:6969")
    assert tab.sentences[2].splitlines() == [
        "A tracker runs on this machine. Others reach it at http://192.168.1.5:6969",
        "It was started by another program, and ends with it.",
    ]
    settle(dialog)
    assert not tab.start.winfo_viewable()
    assert not tab.stop.winfo_viewable()
    click(tab.copy)
    assert dialog.clipboard_get() == "http://192.168.1.5:6969"
    click(tab.invite)
    shell.last().answer("invite_2")
    assert tab.invitation.get() == dialog.clipboard_get() == "http://192.168.1.5:6969/join/invite_2"
    assert tab.sentences[1].startswith("Copied. Send the link to one person: it works once")
    shell.snapshot = snapshot(local_tracker=replace(beside, url="http://127.0.0.1:6969"), person=PERSON)
    until(dialog, lambda: "only this machine reaches it" in tab.sentences[2])
    shell.snapshot = snapshot(person=replace(PERSON, role=Role.MEMBER))
    until(dialog, lambda: tab.sentences[1] == "Organisers invite people: ask one of them for an invitation.")
    settle(dialog)
    assert not tab.invite.winfo_viewable(), "only organisers invite"
    assert not tab.members.winfo_viewable(), "nor is it for others to shut people out"
    shell.snapshot = snapshot(person=PERSON, tracker_problem="It does not answer.")
    until(dialog, lambda: "It does not answer." in tab.sentences[0])
    click(tab.sign_out)
    assert shell.last().method == "sign_out"
