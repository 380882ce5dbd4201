"""An organiser's whole day at the window without a mouse: on a small screen, on one of many dots, in each language."""

from __future__ import annotations

import socket
import tkinter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from gui.day import NAMES, content, dialog, film, find_and_download, open_account, share, watch, withdraw
from gui.keyboard import find
from gui.person import Person
from gui.real_window import opened, transfer, words_in
from integration.group import PASSWORD, Machine, same

from swarmshare.app import group, local_tracker
from swarmshare.gui.dialogs.account_tab import AccountTab
from swarmshare.gui.dialogs.leaving import LeavingDialog
from swarmshare.gui.dialogs.limits import LimitsDialog
from swarmshare.gui.dialogs.members import MembersDialog, SuspendingDialog
from swarmshare.gui.dialogs.opening import OpenDialog
from swarmshare.gui.dialogs.removing import RemovingDialog
from swarmshare.gui.dialogs.settings import SettingsDialog
from swarmshare.gui.words import _, use_language
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.gui.window import MainWindow

pytestmark = pytest.mark.unmeasured


@pytest.mark.parametrize(("screen", "language"), [("small_screen", "en"), ("fine_screen", "pt_BR")])
def test_a_day(
    screen: str, language: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    display = request.getfixturevalue(screen)
    monkeypatch.setenv("DISPLAY", display)
    with socket.socket() as probe:  # a tracker of one's own has one port, and another day may go on beside this one
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for module in (local_tracker, group):
        monkeypatch.setattr(module, "PORT", port)
    use_language(language)
    holiday, other = content(tmp_path, "Holiday", 3_000_000), content(tmp_path, "Film", 9_000_000)
    with ExitStack() as stack:
        window = stack.enter_context(opened(tmp_path / "ana"))
        person = Person(window, display, tmp_path / "album", NAMES | {"ana", "ben", str(tmp_path)})
        ben = first_start(person, tmp_path, stack)
        invite(person, ben)
        share(person, holiday)
        ben.start("publish", other, "--seed", "--limit-up", "2MiB")
        find_and_download(person)
        watch(person)
        copy_links(person)
        pause(person)
        assert same(other, tmp_path / "ana" / "there" / "Film")
        remove(person)
        withdraw(person, "Film")
        suspend(person)
        settings(person)
        leave(person)
        assert not person.wrong, "\n".join(person.wrong)


def first_start(person: Person, folder: Path, stack: ExitStack) -> Machine:
    window = person.window
    page = window.welcome
    assert page is not None
    person.look("01-welcome")
    head = find(page, "TLabel", _("Welcome to SwarmShare"))
    assert head.winfo_rooty() >= page.winfo_rooty(), "it is not scrolled away at first"
    person.push(page.start_tracker)
    person.until(lambda: page.tracker.get(), "its address")
    address = page.tracker.get()
    person.names.add(address)
    person.look("02-tracker")
    person.fill_in((page.user, "ana"), (page.password, PASSWORD), (page.again, "something else"))
    person.press("Return")
    assert page.complaint
    person.look("03-mistake")
    person.fill_in((page.again, PASSWORD), (page.folder.entry, str(folder / "ana" / "there")))
    person.look("04-filled-in")
    person.press("Return")
    person.until(lambda: window.welcome is None, "signed in")
    person.look("05-nothing-yet")
    return Machine(folder / "ben", stack, address)


def invite(person: Person, ben: Machine) -> None:
    before = person.focus
    person.press("Control-comma")
    settings = dialog(person, SettingsDialog)
    person.look("10-settings")
    for name in ("11-network", "12-window", "13-account"):
        person.press("Control-Tab")
        person.look(name)
    account = next(child for child in settings.tabs.winfo_children() if isinstance(child, AccountTab))
    person.push(account.invite)
    person.until(account.invitation.get, "an invitation")
    person.look("14-invited")
    ben.register("ben", "--invite", person.window.root.clipboard_get().rpartition("/")[2])
    person.push(account.copy)
    person.press("Escape")
    assert person.focus is before


def copy_links(person: Person) -> None:
    root = person.window.root
    for label, begin, number in (
        (_("Copy magnet link"), "magnet:?xt=urn:btmh:", 50),
        (_("Copy info hash"), "", 51),
        (_("Copy announce URL"), "http://", 52),
    ):
        root.clipboard_clear()
        root.clipboard_append("old")
        person.press("Shift-F10")
        person.look(f"{number}-menu")
        person.choose(label)
        person.until(lambda: root.clipboard_get() != "old", "copied")
        assert root.clipboard_get().startswith(begin)
        assert person.focus is person.window.transfers.table.body
    person.look("53-copied")
    person.press("F10")
    person.look("54-main-menu")
    person.choose(_("Transfer"))
    person.look("55-transfer-menu")
    person.press("Escape", "Escape")
    person.press("F10")
    person.choose(_("Columns"))
    person.look("56-columns-menu")
    person.press("Escape", "Escape")


def pause(person: Person) -> None:
    window = person.window
    table = window.transfers.table
    person.press("Control-p")
    person.until(lambda: film(window).state is TorrentState.PAUSED, "paused")
    person.look("60-paused")
    person.press("Control-l")
    limits = dialog(person, LimitsDialog)
    person.fill_in((limits.down.entry, "fast"))
    person.press("Return")
    person.look("61-limits")
    person.press("Escape")
    assert person.focus is table.body
    person.press("Control-r")
    person.until(lambda: film(window).state is TorrentState.SEEDING, "complete")
    person.look("62-complete")


def remove(person: Person) -> None:
    window = person.window
    person.press("Control-o")
    dialog(person, OpenDialog)
    person.look("69-opening")
    person.press("Escape")
    person.press("Delete")
    removing = dialog(person, RemovingDialog)
    person.look("70-removing")
    person.push(removing.files)
    person.look("71-with-files")
    person.press("Return")
    person.until(lambda: transfer(window, "Film") is None, "removed")
    person.look("72-removed")
    assert person.focus is window.transfers.table.body


def suspend(person: Person) -> None:
    before = person.focus
    account = open_account(person)
    button = account.members
    person.push(button)
    members = dialog(person, MembersDialog)
    person.until(lambda: {"ana", "ben"} <= set(words_in(members.table.body)), "both are listed")
    person.press("End")
    person.look("85-members")
    person.press("Return")
    suspending = dialog(person, SuspendingDialog)
    person.look("86-suspending")
    person.press("Return")
    assert not suspending.winfo_exists()
    person.until(lambda: _("Suspended") in words_in(members.table.body), "suspended")
    person.look("87-suspended")
    assert person.focus is members.table.body
    person.press("Return")
    person.until(lambda: _("Suspended") not in words_in(members.table.body), "let in again")
    person.press("Escape")
    assert str(person.focus) == str(button)
    person.press("Escape")
    assert person.focus is before


def settings(person: Person) -> None:
    person.press("Control-comma")
    settings = dialog(person, SettingsDialog)
    person.push(settings.quiet)
    person.look("90-quiet-hours")
    person.fill_in((settings.up.entry, "fast"))
    person.press("Return")
    assert settings.complaint
    person.look("91-settings-mistake")
    person.fill_in((settings.up.entry, "900"))
    person.press("Return")
    person.until(lambda: not settings.winfo_exists(), "saved")
    assert person.window.snapshot is not None
    assert person.window.snapshot.settings.limit_up == 900 * 1024


def leave(person: Person) -> None:
    window = person.window
    before = person.focus
    person.press("Control-q")
    leaving = dialog(person, LeavingDialog)
    person.look("95-leaving")
    person.press("Return")
    assert not leaving.winfo_exists(), "Return stays"
    assert person.focus is before
    person.press("Control-q")
    leaving = dialog(person, LeavingDialog)
    person.tab_to(leaving.leave)
    leaving.leave.event_generate("<KeyPress-space>")
    person.until(lambda: is_gone(window), "the window is gone")


def is_gone(window: MainWindow) -> bool:
    try:
        return not window.root.winfo_exists()
    except tkinter.TclError:
        return True
