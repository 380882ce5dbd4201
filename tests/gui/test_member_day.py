"""A member's whole day at the window without a mouse, at a tracker and beside a machine that are an organiser's."""

from __future__ import annotations

import signal
import tkinter
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

import pytest
from gui.day import (
    NAMES,
    content,
    dialog,
    film,
    find_and_download,
    go_to_entry,
    open_account,
    share,
    watch,
    withdraw,
)
from gui.person import Person
from gui.real_window import opened, words_in
from integration.group import Machine, same
from tracker.trackers import PASSWORD, Server

from swarmshare.errors import TrackerError
from swarmshare.gui.dialogs.own_account import DevicesDialog, PasswordDialog
from swarmshare.gui.words import _, use_language
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.sign_ins import SignIn, SignIns
from swarmshare.tracker_client.account_api import AccountApi
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NEW_PASSWORD = "another horse battery"


class Group(NamedTuple):
    """Where the member is invited to."""

    tracker: str
    organiser: str
    """Olga's token."""
    film: Path
    """What Olga's machine shares."""

    def invite(self) -> str:
        """Return the link of an invitation."""
        with Connection(self.tracker, self.organiser) as connection:
            return f"{self.tracker}/join/{AccountApi(connection).invite().code}"


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    folder = tmp_path_factory.mktemp("group")
    server = Server(folder / "tracker")
    with Connection(server.url) as connection:
        setup = server.events["setup"]["setup_token"]
        token = TrackerApi(connection).register("Olga", PASSWORD, "test", setup_token=setup).token
    with ExitStack() as stack:
        machine = Machine(folder / "olga", stack, server.url)
        SignIns(folder / "olga" / "home").save(SignIn(server.url, "Olga", token))
        shared = content(folder / "olga", "Film", 9_000_000)
        machine.start("publish", shared, "--seed", "--limit-up", "3MiB").wait_for("published")
        yield Group(server.url, token, shared)
    assert server.end(signal.SIGTERM)[0] == 130


@pytest.mark.parametrize(
    ("screen", "language", "user"), [("small_screen", "en", "ben"), ("fine_screen", "pt_BR", "bia")]
)
def test_a_member_s_day(
    screen: str,
    language: str,
    user: str,
    group: Group,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    display = request.getfixturevalue(screen)
    monkeypatch.setenv("DISPLAY", display)
    use_language(language)
    holiday = content(tmp_path, "Holiday", 1_000_000)
    with opened(tmp_path / user) as window:
        names = NAMES | {user, "Olga", group.tracker, str(tmp_path), str(group.film), "swarmshare on", "the lost phone"}
        person = Person(window, display, tmp_path / "album", names)
        accept(person, user, group.invite(), tmp_path / "there")
        find_and_download(person)
        watch(person)
        person.until(lambda: film(window).state is TorrentState.SEEDING, "complete")
        assert same(group.film, tmp_path / "there" / "Film")
        share(person, holiday)
        look_but_do_not_touch(person)
        withdraw(person, "Holiday")
        account(person, user, group)
        assert not person.wrong, "\n".join(person.wrong)


def accept(person: Person, user: str, link: str, folder: Path) -> None:
    window = person.window
    page = window.welcome
    assert page is not None
    person.fill_in(
        (page.tracker, link.partition("/join/")[0]),
        (page.user, user),
        (page.password, PASSWORD),
        (page.again, PASSWORD),
        (page.invitation, "invite_no"),
    )
    person.press("Return")
    person.until(lambda: page.complaint, "a wrong invitation")
    person.look("01-wrong-invitation")
    person.fill_in((page.invitation, link), (page.folder.entry, str(folder)))
    person.look("02-invited")
    person.press("Return")
    person.until(lambda: window.welcome is None, "an account")


def look_but_do_not_touch(person: Person) -> None:
    """See that what others published is not offered to be withdrawn."""
    go_to_entry(person, "Film")
    person.press("Shift-F10")
    person.look("60-entry-of-another")
    menu = person.focus
    assert isinstance(menu, tkinter.Menu)
    label = _("Withdraw from the catalogue...")
    assert menu.entrycget(label, "state") == "disabled"
    person.press("Escape")


def account(person: Person, user: str, group: Group) -> None:
    tab = open_account(person)
    person.look("90-account")
    assert not tab.invite.winfo_viewable(), "only organisers invite"
    assert not tab.members.winfo_viewable(), "only organisers suspend"
    sign_out_a_device(person, tab.devices, user, group)
    change_password(person, tab.password)
    with Connection(group.tracker) as connection:
        assert TrackerApi(connection).sign_in(user, NEW_PASSWORD, "the new phone").user == user
    person.push(tab.sign_out)
    person.until(lambda: tab.sentences[0] == _("Nobody is signed in."))
    person.look("97-signed-out")
    person.press("Escape")
    assert not tab.winfo_exists()
    page = person.window.welcome
    assert page is not None
    assert str(person.focus).startswith(f"{page}."), "the page where one signs in again"


def sign_out_a_device(person: Person, button: tkinter.Misc, user: str, group: Group) -> None:
    with Connection(group.tracker) as connection:
        lost = TrackerApi(connection).sign_in(user, PASSWORD, "the lost phone").token
    person.push(button)
    devices = dialog(person, DevicesDialog)
    person.until(lambda: "the lost phone" in words_in(devices.table.body))
    person.press("Home")  # the newest is first
    person.look("91-devices")
    person.push(devices.button)
    person.until(lambda: "the lost phone" not in words_in(devices.table.body), "signed out")
    person.look("92-signed-out-there")
    with Connection(group.tracker, lost) as connection, pytest.raises(TrackerError):
        TrackerApi(connection).account()
    person.press("Escape")
    assert person.focus is button


def change_password(person: Person, button: tkinter.Misc) -> None:
    person.push(button)
    asking = dialog(person, PasswordDialog)
    person.look("93-password")
    person.fill_in((asking.old, "not it"), (asking.new, NEW_PASSWORD), (asking.again, NEW_PASSWORD))
    person.press("Return")
    person.until(lambda: asking.complaint, "a wrong password")
    person.look("94-wrong-password")
    person.fill_in((asking.old, PASSWORD))
    person.press("Return")
    person.until(lambda: not asking.winfo_exists(), "changed")
    person.look("95-changed")
    assert person.focus is button
