"""Every page and dialog on the smallest screen and on one of many dots, in each language: nothing is cut, nothing is
left in English, and wherever Tab leads, one sees where the keyboard is.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui import shells
from gui.hand_made import entry, snapshot, transfer
from gui.person import Person
from gui.test_details import HOLIDAY
from gui.windows import Looking, window_over
from manifest.makers import encoded, folder_doc

from swarmshare.app.config import Settings
from swarmshare.app.naming import NameTakenError
from swarmshare.app.snapshot import JobSnapshot, LocalTrackerSnapshot
from swarmshare.gui.dialogs.leaving import ask_to_leave
from swarmshare.gui.dialogs.limits import ask_limits
from swarmshare.gui.dialogs.members import MembersDialog
from swarmshare.gui.dialogs.opening import offer_other_name, open_torrent_dialog
from swarmshare.gui.dialogs.own_account import DevicesDialog, PasswordDialog
from swarmshare.gui.dialogs.removing import ask_to_remove
from swarmshare.gui.dialogs.settings import open_settings
from swarmshare.gui.dialogs.share import JobDialog, open_share_dialog
from swarmshare.gui.dialogs.withdrawing import ask_to_withdraw
from swarmshare.gui.words import use_language
from swarmshare.languages import LANGUAGES
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.dialogs.dialog import Dialog
    from swarmshare.gui.preferences import Preferences

LONG = "The recording of the whole afternoon, second camera, before the cut.mkv"
TAKEN = NameTakenError(parse_manifest(encoded(folder_doc({b"a": 5}))), Path("/x"), Path("/x/top/a"), "top (2)")
LOCAL = LocalTrackerSnapshot("http://192.168.1.5:6969", "http://127.0.0.1:6969", "", "")
NAMES = {
    *("ana", "ben", "file", "http", "Downloads", "downloads", "root", "home", "top", LONG, *LANGUAGES.values()),
    *("photos", "read me.txt", "videos", "Holiday"),
    *(word for peer in HOLIDAY.peers for word in (peer.client, peer.user)),
}
SCREENS = pytest.mark.parametrize("screen", ["small_screen", "fine_screen"])
EACH = pytest.mark.parametrize("language", LANGUAGES)


def everything_running() -> ClientSnapshot:
    states = list(TorrentState)
    transfers = [
        transfer(number, state=state, name=LONG if number == 3 else f"file {number}", unserved=number == 2)
        for number, state in enumerate(states, 2)
    ]
    one = transfer(1, info_hash=HOLIDAY.manifest.info_hash.full.hex(), name="Holiday", added_at=2_000_000_000)
    return snapshot(
        one,
        *transfers,
        transfer(20, state=TorrentState.SEEDING, name=LONG, only_here=12_345, bytes_done=100 << 20, rate_up=2e6),
        looked_at=HOLIDAY,
        catalogue=(entry(1), entry(2, name=LONG, comment=LONG, copies=0), entry(3, publisher="ben")),
        jobs=(JobSnapshot(1, Path("/home") / LONG, 5 << 30, 9 << 30, 1e8, 40.0),),
        local_tracker=LOCAL,
        settings=Settings(folder=Path("/home/ana/Downloads"), quiet_hours="08:00-18:00"),
        addresses=("192.168.100.100:51413",),
    )


def open_at(screen: str, language: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    display: str = request.getfixturevalue(screen)
    monkeypatch.setenv("DISPLAY", display)
    use_language(language)
    return display


def at_work(looking: Looking) -> list[tuple[str, Callable[[], Dialog | None]]]:
    window = looking.window
    assert window.snapshot is not None
    transfers = window.snapshot.transfers
    return [
        ("remove", lambda: ask_to_remove(window, [transfers[-1]])),
        ("limits", lambda: ask_limits(window, [transfers[0].info_hash])),
        ("open", lambda: open_torrent_dialog(window)),
        ("other-name", lambda: offer_other_name(window, TAKEN)),
        ("share", lambda: open_share_dialog(window, Path("/x"))),
        ("job", lambda: JobDialog(window, 1)),
        ("withdraw", lambda: ask_to_withdraw(window, window.snapshot.catalogue if window.snapshot else ())),
        ("leave", lambda: ask_to_leave(window, bool)),
        ("settings", lambda: open_settings(window)),
        ("password", lambda: PasswordDialog(window.root, window)),
        ("devices", lambda: DevicesDialog(window.root, window)),
        ("members", lambda: MembersDialog(window.root, window)),
    ]


@SCREENS
@EACH
def test_pages(
    screen: str, language: str, preferences: Preferences, tmp_path: Path,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    display = open_at(screen, language, request, monkeypatch)
    with window_over(preferences, everything_running()) as looking:
        person = Person(looking.window, display, tmp_path, NAMES)
        person.look("all")
        person.go_round()
        for tab in ("swarm", "files", "speed", "log"):
            person.press("Control-Tab")
            person.look(tab)
            person.go_round()
        person.press("Control-Key-1")
        person.look("catalogue")
        person.go_round()
        person.press("F10")
        person.look("menu")
        person.press("Escape")
        wrong = replace(everything_running(), tracker_problem=PROBLEM, listen_problem="c d")
        looking.see(wrong)
        person.names |= {PROBLEM, f"{PROBLEM}.", "c d"}
        person.look("with-problems")
        looking.see(replace(wrong, person=None))
        person.look("signed-out-beside-transfers")
        looking.see(snapshot(person=None))
        person.look("welcome")
        person.go_round()
    assert not person.wrong, "\n".join(person.wrong)


PROBLEM = "http://192.168.100.100:6969: cannot be reached: connection refused. Does it run? Is the port the right one"


@SCREENS
@EACH
def test_dialogs(
    screen: str, language: str, preferences: Preferences, tmp_path: Path,
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    display = open_at(screen, language, request, monkeypatch)
    with window_over(preferences, everything_running()) as looking:
        person = Person(looking.window, display, tmp_path, NAMES)
        before = person.focus
        for name, show in at_work(looking):
            dialog = show()
            assert dialog is not None
            person.is_given(dialog)
            dialog.complain(name)
            person.names.add(name)
            person.look(name)
            person.go_round()
            if name == "settings":
                for tab in ("network", "window", "account"):
                    person.press("Control-Tab")
                    person.look(tab)
                    person.go_round()
            person.press("Escape")
            assert not dialog.winfo_exists()
            assert looking.window.root.focus_lastfor() is before
            person.is_given(looking.window.root)
        looking.see(replace(everything_running(), person=replace(shells.PERSON, role="member"), local_tracker=None))
        dialog = open_settings(looking.window)
        assert dialog is not None
        person.is_given(dialog)
        person.press(*["Control-Tab"] * 3)
        person.look("member")
    assert not person.wrong, "\n".join(person.wrong)
