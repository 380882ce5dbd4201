"""The first page: what it asks, which commands it submits, and how it speaks of mistakes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import click, press, settle, texts, type_into, until
from gui.shells import WrittenShell, snapshot

from swarmshare.app.config import Settings
from swarmshare.app.snapshot import LocalTrackerSnapshot
from swarmshare.gui.welcome import ANYWHERE, ONLY_HERE, Answers, WelcomePage

if TYPE_CHECKING:
    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences

LOCAL = LocalTrackerSnapshot("http://192.168.1.5:6969", "http://127.0.0.1:6969", "setup_1", "")


@pytest.fixture
def shell(root: ttkbootstrap.Window, preferences: Preferences) -> WrittenShell:
    root.geometry("1000x800")
    return WrittenShell(root, preferences, snapshot(settings=Settings(listen=ANYWHERE)))


@pytest.fixture
def page(root: ttkbootstrap.Window, shell: WrittenShell) -> WelcomePage:
    page = WelcomePage(root, shell)
    page.pack(fill="both", expand=True)
    settle(root)
    return page


def test_an_invitation_is_filled_in(root: ttkbootstrap.Window, shell: WrittenShell) -> None:
    page = WelcomePage(root, shell, "setup_2")
    page.pack(fill="both", expand=True)
    settle(root)
    shell.last().answer(["http://10.0.0.1:6969"])
    type_into(page.user, "ann")
    type_into(page.password, "correct horse")
    type_into(page.again, "correct horse")
    click(page.enter)
    assert shell.last().args[0][:6] == ("http://10.0.0.1:6969", "ann", "correct horse", True, None, "setup_2")


def test_registering(page: WelcomePage, shell: WrittenShell) -> None:
    assert shell.last().method == "known_trackers"
    shell.last().answer(["http://10.0.0.1:6969", "http://10.0.0.2:6969"])
    assert page.tracker.get() == "http://10.0.0.1:6969"
    click(page.enter)
    assert page.complaint == "Type a name: others see it beside what you share."
    type_into(page.user, "ben")
    press(page.user, "Return")
    assert page.complaint == "Type a password."
    type_into(page.password, "correct horse")
    type_into(page.again, "correct hors")
    click(page.enter)
    assert page.complaint == "The two passwords are not the same."
    type_into(page.again, "correct horse")
    type_into(page.invitation, "invite_1")
    type_into(page.folder.entry, "/srv/here")
    click(page.enter)
    command = shell.last()
    assert command.method == "enter"
    settings: dict[str, object] = {"folder": Path("/srv/here")}
    assert command.args == (Answers("http://10.0.0.1:6969", "ben", "correct horse", True, "invite_1", None, settings),)
    assert page.enter.instate(["disabled"])
    command.refuse("This name is taken.")
    assert page.complaint == "This name is taken."
    assert page.enter.instate(["!disabled"])
    click(page.make_account)
    type_into(page.invitation, "setup_2")
    click(page.enter)
    assert shell.last().args[0][4:6] == (None, "setup_2")


@pytest.mark.parametrize("field", ["tracker", "invitation"])
def test_the_link_of_an_invitation_is_taken_wherever_it_is_pasted(
    page: WelcomePage, shell: WrittenShell, field: str
) -> None:
    shell.last().answer(["http://10.0.0.1:6969"])
    type_into(getattr(page, field), "http://192.168.1.5:6969/join/invite_1")
    for entry, text in ((page.user, "ben"), (page.password, "correct horse"), (page.again, "correct horse")):
        type_into(entry, text)
    click(page.enter)
    assert shell.last().args[0][:5] == ("http://192.168.1.5:6969", "ben", "correct horse", True, "invite_1")


def test_what_the_settings_say_of_other_computers_is_shown_and_only_a_change_is_kept(
    root: ttkbootstrap.Window, shell: WrittenShell
) -> None:
    shell.snapshot = snapshot(settings=Settings(listen=ONLY_HERE), earlier_user="ana")
    page = WelcomePage(root, shell)
    page.pack(fill="both", expand=True)
    settle(root)
    assert not page.everybody.on
    assert (page.user.get(), str(page.enter.cget("text"))) == ("ana", "Sign in"), "who was signed in has an account"
    assert str(root.tk.call("focus")) == str(page.password)
    type_into(page.tracker, "10.0.0.1")
    type_into(page.password, "secret word")
    click(page.enter)
    assert "listen" not in shell.last().args[0].settings
    shell.last().refuse("No.")
    click(page.everybody)
    click(page.enter)
    assert shell.last().args[0].settings["listen"] == ANYWHERE


def test_signing_in(page: WelcomePage, shell: WrittenShell) -> None:
    click(page.have_account)
    assert not page.again.winfo_viewable()
    assert not page.invitation.winfo_viewable()
    click(page.enter)
    assert page.complaint == "Type the tracker's address, or start one on this machine."
    type_into(page.tracker, "10.0.0.1")
    type_into(page.user, "ana")
    type_into(page.password, "secret word")
    click(page.everybody)
    type_into(page.folder.entry, "Downloads")
    click(page.enter)
    assert page.complaint == "Say into which folder downloads go."
    type_into(page.folder.entry, "/d")
    press(page.password, "Return")
    settings = {"folder": Path("/d"), "listen": ONLY_HERE}
    answers = Answers("10.0.0.1", "ana", "secret word", False, None, None, settings)
    assert shell.last()[:2] == ("enter", (answers,))
    shell.last().answer(None)


def test_a_tracker_on_this_machine(page: WelcomePage, shell: WrittenShell) -> None:
    click(page.start_tracker)
    assert shell.last().method == "start_tracker"
    assert page.start_tracker.instate(["disabled"])
    shell.last().refuse("Port 6969 is taken.")
    assert page.note == "Port 6969 is taken."
    click(page.start_tracker)
    assert shell.last().method == "start_tracker"
    shell.snapshot = snapshot(local_tracker=LocalTrackerSnapshot("", "", "", ""))
    until(page, lambda: page.note == "The tracker starts...")
    shell.snapshot = snapshot(local_tracker=LocalTrackerSnapshot("", "", "", "It ended: no room."))
    until(page, lambda: page.note == "It ended: no room.")
    assert page.start_tracker.instate(["!disabled"])
    assert str(page.start_tracker.cget("text")) == "Start a tracker on this machine"
    shell.snapshot = snapshot(local_tracker=LOCAL)
    until(page, lambda: page.tracker.get() == LOCAL.own_url)
    click(page.start_tracker)
    assert shell.last().method == "stop_tracker"
    shell.snapshot = snapshot()
    until(page, lambda: page.note == "Nobody in your group has one yet? Then this computer can be it.")
    shell.snapshot = snapshot(local_tracker=LOCAL)
    until(page, lambda: page.note == "The tracker runs. Give this address to the others: http://192.168.1.5:6969")
    shell.snapshot = snapshot(local_tracker=replace(LOCAL, url=LOCAL.own_url))
    until(page, lambda: "only this machine reaches it" in page.note)
    shell.snapshot = snapshot(local_tracker=LOCAL)
    until(page, lambda: "Give this address to the others" in page.note)
    assert page.tracker.get() == LOCAL.own_url
    settle(page)
    assert not page.invitation.winfo_viewable()
    for entry, text in ((page.user, "olga"), (page.password, "long enough"), (page.again, "long enough")):
        type_into(entry, text)
    click(page.enter)
    assert shell.last().args[0].setup_token == "setup_1"


def test_the_settings_folder_is_offered(page: WelcomePage, shell: WrittenShell) -> None:
    assert page.folder.path == Path.home() / "Downloads"
    shell.snapshot = snapshot(settings=Settings(folder=Path("/srv/d")))
    until(page, lambda: page.folder.path == Path("/srv/d") or page.winfo_ismapped())


def test_all_of_it_fits(page: WelcomePage, root: ttkbootstrap.Window) -> None:
    root.geometry("900x640")
    settle(root)
    card = page.winfo_children()[0]
    assert card.winfo_rooty() >= root.winfo_rooty()
    assert card.winfo_rooty() + card.winfo_height() <= root.winfo_rooty() + root.winfo_height()
    assert "Start a tracker on this machine" in texts(page)
