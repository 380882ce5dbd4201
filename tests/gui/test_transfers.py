"""The page with the transfers, in the whole window."""

from __future__ import annotations

import tkinter
from collections import Counter
from tkinter import ttk
from typing import TYPE_CHECKING

import pytest
from gui.hand_made import info_hash, snapshot, transfer
from gui.keyboard import click, settle, type_into
from gui.windows import Looking, window_over

from swarmshare.app.facts import JobFailed, Problem, Shared
from swarmshare.app.snapshot import JobSnapshot
from swarmshare.errors import StorageError
from swarmshare.gui.dialogs.leaving import LeavingDialog
from swarmshare.gui.dialogs.removing import RemovingDialog
from swarmshare.gui.theme import use_theme
from swarmshare.schema.alerts import TorrentRecovered, TorrentWaiting
from swarmshare.schema.snapshot import TorrentState
from swarmshare.texts import Text, system_says

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.gui.preferences import Preferences

THREE = (
    transfer(1, name="alpha", state=TorrentState.SEEDING, shared=True, copies=0, only_here=2),
    transfer(2, name="beta", state=TorrentState.PAUSED),
    transfer(3, name="gamma"),
)


@pytest.fixture
def looking(display: str, preferences: Preferences) -> Iterator[Looking]:
    with window_over(preferences, snapshot(*THREE)) as looking:
        yield looking


def names(looking: Looking) -> list[str]:
    return [item.name for item in looking.window.transfers.table.items]


def press(looking: Looking, key: str) -> None:
    body = looking.window.transfers.table.body
    body.focus_force()
    settle(body)
    body.event_generate(f"<{key}>")
    settle(looking.window.root)


def test_the_newest_is_selected_and_looked_at(looking: Looking) -> None:
    assert names(looking) == ["gamma", "beta", "alpha"]
    assert looking.commands("look_at") == [(info_hash(3),)]
    press(looking, "Down")
    assert looking.commands("look_at")[-1] == (info_hash(2),)
    looking.see(snapshot(*THREE[2:]))
    assert looking.commands("look_at")[-1] == (None,), "it is gone"


@pytest.mark.parametrize(
    ("key", "command", "hashes"),
    [
        ("Control-p", "pause", [info_hash(3), info_hash(1)]),
        ("Control-r", "resume", [info_hash(2)]),
    ],
)
def test_keys_pause_and_resume_what_can_be(looking: Looking, key: str, command: str, hashes: list[str]) -> None:
    press(looking, "Control-a")
    press(looking, key)
    assert looking.commands(command) == [(hashes,)]


def test_buttons_act_on_what_is_selected(looking: Looking) -> None:
    buttons = looking.window.toolbar.buttons
    assert {name: str(button.cget("state")) for name, button in buttons.items()} == {
        "share": "normal", "open": "normal", "resume": "disabled", "pause": "normal", "remove": "normal",
    }  # fmt: skip
    click(buttons["pause"])
    assert looking.commands("pause") == [([info_hash(3)],)]
    click(buttons["resume"])
    assert looking.commands("resume") == []
    press(looking, "Down")
    looking.see(snapshot(*THREE))
    click(buttons["resume"])
    assert looking.commands("resume") == [([info_hash(2)],)]


def test_delete_asks(looking: Looking) -> None:
    press(looking, "Delete")
    dialog = next(child for child in looking.window.root.winfo_children() if isinstance(child, RemovingDialog))
    assert looking.commands("remove") == []
    dialog.remove.invoke()
    assert looking.commands("remove") == [([info_hash(3)],)]


def test_the_menu_has_it_all(looking: Looking) -> None:
    menu = tkinter.Menu(looking.window.root, tearoff=False)
    looking.window.transfers.actions.fill_menu(menu)
    entries = {
        menu.entrycget(index, "label"): index
        for index in range((menu.index("end") or 0) + 1)
        if menu.type(index) == "command"
    }
    assert list(entries) == [
        "Pause", "Resume", "Open folder", "Save .torrent file...", "Copy magnet link", "Copy info hash",
        "Copy announce URL", "Limits...", "Download in order",
        "Force re-check", "Remove...",
    ]  # fmt: skip
    assert menu.entrycget(entries["Resume"], "state") == "disabled"
    menu.invoke(entries["Force re-check"])
    menu.invoke(entries["Download in order"])
    assert looking.commands("recheck") == [([info_hash(3)],)]
    assert looking.commands("sequential") == [([info_hash(3)], True)]
    menu.invoke(entries["Copy info hash"])
    assert looking.window.root.clipboard_get() == info_hash(3)
    menu.invoke(entries["Copy magnet link"])
    assert looking.commands("magnets") == [([info_hash(3)],)]


def test_opening_a_folder_waits_for_nothing(looking: Looking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    press(looking, "Return")
    assert looking.window.banners.texts == ["No program here can open it. It is at /downloads"]


def test_the_side_bar_chooses_and_counts(looking: Looking) -> None:
    ring, *_jobs = looking.window.side_bar.winfo_children()
    (tree,) = (child for child in ring.winfo_children() if isinstance(child, ttk.Treeview))
    assert [str(tree.set(name, "count")).strip() for name in tree.get_children()] == ["", "3", "1", "1", "1", ""]
    looking.window.turn_to("paused")
    settle(looking.window.root)
    assert names(looking) == ["beta"]
    looking.window.turn_to("all")
    settle(looking.window.root)
    assert len(names(looking)) == 3


def test_typing_searches(looking: Looking) -> None:
    type_into(looking.window.toolbar.entry, "ALPH")
    assert names(looking) == ["alpha"]
    looking.window.toolbar.entry.event_generate("<Escape>")
    assert len(names(looking)) == 3


def test_the_status_bar_says_whether_one_may_leave(looking: Looking) -> None:
    status = looking.window.status
    assert status.light.verdict.sentence == "2 pieces of alpha are only on this computer"
    looking.see(snapshot(transfer(1, name="alpha", state=TorrentState.SEEDING, shared=True, copies=2, rate_up=2048.0)))
    assert status.light.verdict.sentence == "Every piece is on 2 other machines: safe to close"
    texts = [str(child.cget("text")).strip() for child in status.winfo_children()]
    assert texts[1:] == ["2 KiB/s", "2 MiB/s", "127.0.0.1:6881", "ana at 127.0.0.1:6969"]
    looking.see(snapshot(person=None, transfers=THREE, listen_problem="port 1 is taken", tracker_problem="it is away"))
    assert looking.window.banners.texts == ["Port 1 is taken.", "It is away."]
    looking.see(snapshot(person=None, transfers=THREE, listen_problem="port 1 is taken", tracker_problem="it is away"))
    assert len(looking.window.banners.texts) == 2, "a problem is said once"


def test_facts_become_sentences(looking: Looking, tmp_path: Path) -> None:
    looking.thread.happened = [
        Shared(1, info_hash(9), "Holiday"),
        JobFailed(2, tmp_path, "it is empty"),
        JobFailed(3, tmp_path, ""),
        TorrentWaiting(bytes.fromhex(info_hash(3)), "disk-full", "the disk is full"),
    ]
    looking.see()
    assert looking.window.banners.texts == [
        "Holiday is shared",
        f"{tmp_path} could not be shared: It is empty.",
        "gamma: The disk is full.",
    ]
    looking.thread.happened = [Problem("one file is broken")]
    looking.see()
    assert looking.window.banners.texts[-1] == "one file is broken"


def test_a_sentence_goes_when_it_is_not_true_any_more(looking: Looking, tmp_path: Path) -> None:
    looking.thread.happened = [JobFailed(2, tmp_path, f"{tmp_path}: it is empty")]
    looking.see()
    assert looking.window.banners.texts == [f"{tmp_path} could not be shared: It is empty."], "the path is named once"
    looking.thread.happened = [Shared(3, info_hash(9), "Holiday", path=tmp_path)]
    looking.see()
    assert looking.window.banners.texts == ["Holiday is shared"]
    gamma = bytes.fromhex(info_hash(3))
    looking.thread.happened = [TorrentWaiting(gamma, "disk-full", "the disk is full")]
    looking.see()
    assert looking.window.banners.texts[-1] == "gamma: The disk is full."
    looking.thread.happened = [TorrentRecovered(gamma)]
    looking.see()
    assert looking.window.banners.texts == ["Holiday is shared"]
    looking.see(snapshot(*THREE, listen_problem="port 1 is taken", tracker_problem="it is away"))
    looking.see(snapshot(*THREE, listen_problem="port 2 is taken"))
    assert looking.window.banners.texts == ["Holiday is shared", "Port 2 is taken."]
    looking.see(snapshot(*THREE))
    assert looking.window.banners.texts == ["Holiday is shared"]


def test_a_command_that_fails_is_a_sentence_and_so_is_a_surprise(looking: Looking) -> None:
    press(looking, "Control-p")
    *_, future = looking.thread.commands[-1]
    future.set_exception(StorageError("/srv", system_says("it is read-only"), hint=Text("hint.other-folder")))
    looking.see()
    assert looking.window.banners.texts == ["/srv: it is read-only. Choose another folder."]
    looking.window.submit(lambda _result: 1 / 0, lambda session: session.group.invite)
    looking.thread.commands[-1][-1].set_result(None)
    looking.see()
    assert "ZeroDivisionError" in looking.window.banners.texts[-1]
    assert isinstance(looking.surprises.pop(), ZeroDivisionError)
    looking.see(snapshot(THREE[0]))
    assert names(looking) == ["alpha"], "the window goes on"


def test_jobs_are_in_the_side_bar_until_they_are_done(looking: Looking, tmp_path: Path) -> None:
    job = JobSnapshot(7, tmp_path / "Holiday", 50, 100, 10.0, 5.0)
    looking.see(snapshot(*THREE, jobs=(job,)))
    cards = [child for child in looking.window.side_bar.winfo_children() if child.winfo_class() == "TFrame"]
    assert len(cards) == 1
    stop = next(child for child in cards[0].winfo_children()[0].winfo_children() if child.winfo_class() == "TButton")
    click(stop)
    assert looking.commands("cancel") == [(7,)]
    looking.see(snapshot(*THREE))
    assert not cards[0].winfo_exists()


def test_the_end_of_the_thread_is_said(looking: Looking) -> None:
    looking.thread.failure = StorageError("/home", system_says("another window is open"))
    looking.thread.closed.set()
    looking.see()
    assert looking.window.banners.texts == ["The engine has ended: /home: another window is open."]


def test_size_page_and_divider_are_remembered(display: str, preferences: Preferences) -> None:
    with window_over(preferences, snapshot(*THREE)) as looking:
        window = looking.window
        window.root.geometry("1000x600")
        settle(window.root)
        window.turn_to("paused")
        window.remember()
    again = type(preferences)(preferences.path)
    assert again.get("window.size", [0, 0]) == [1000, 600]
    assert again.get("window.page", "") == "paused"
    assert 0.2 < again.get("transfers.sash", 0.0) < 0.7


def test_a_window_with_nothing_new_rests(looking: Looking, preferences: Preferences) -> None:
    root = looking.window.root
    drawn: list[str] = []
    root.bind_all("<<ThemeChanged>>", lambda event: drawn.append(str(event.widget)), "+")
    for theme in ("dark", "light"):
        use_theme(root, preferences, theme)
        settle(root)  # it would never return, if a widget that is told of a change changed something
    assert max(Counter(drawn).values()) < 20
    drawn.clear()
    settle(root)
    assert drawn == []


def test_ctrl_c_in_the_terminal_asks_what_ctrl_q_asks(looking: Looking) -> None:
    def dialogs() -> list[LeavingDialog]:
        return [child for child in looking.window.root.winfo_children() if isinstance(child, LeavingDialog)]

    looking.window.interrupt()
    (dialog,) = dialogs()
    assert not looking.window.interrupted
    click(dialog.stay)
    assert not dialogs()
    looking.window.interrupt()
    assert len(dialogs()) == 1, "it is another time"
    looking.window.interrupt()
    assert looking.window.interrupted, "once more means now"
    dialogs()[0].destroy()
