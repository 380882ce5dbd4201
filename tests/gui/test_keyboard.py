"""The window by the keyboard alone, and on a small screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from gui.hand_made import entry, snapshot, transfer
from gui.keyboard import settle
from gui.windows import Looking, window_over

from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.dialogs.removing import RemovingDialog
from swarmshare.gui.dialogs.settings import SettingsDialog
from swarmshare.gui.table.paint import Style
from swarmshare.gui.theme import pixels
from swarmshare.gui.viewmodel.cells import Label
from swarmshare.gui.viewmodel.lists import entry_columns, transfer_columns
from swarmshare.gui.words import use_language
from swarmshare.languages import LANGUAGES
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Iterator

    import ttkbootstrap

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.preferences import Preferences


@pytest.fixture
def looking(display: str, preferences: Preferences) -> Iterator[Looking]:
    shown = snapshot(transfer(1), transfer(2), catalogue=(entry(1), entry(2)))
    with window_over(preferences, shown) as looking:
        looking.window.root.focus_force()  # there is no window manager here
        settle(looking.window.root)
        yield looking


def key(looking: Looking, name: str) -> None:
    """Press a key, wherever the keyboard is."""
    settle(looking.window.root)
    focus = looking.window.root.focus_get()
    assert focus is not None, "nothing has the keyboard"
    focus.event_generate(f"<{name}>")
    settle(looking.window.root)


def dialogs(looking: Looking) -> list[tkinter.Misc]:
    return [child for child in looking.window.root.winfo_children() if isinstance(child, Dialog)]


def test_after_a_dialog_the_keyboard_is_where_it_was(looking: Looking) -> None:
    table = looking.window.transfers.table
    assert looking.window.root.focus_get() is table.body, "the rows have it from the start"
    for _ in range(2):
        key(looking, "Delete")
        assert isinstance(dialogs(looking)[0], RemovingDialog)
        key(looking, "Escape")
        assert not dialogs(looking)
        assert looking.window.root.focus_get() is table.body
    looking.window.toolbar.entry.focus_set()
    key(looking, "Control-comma")
    assert isinstance(dialogs(looking)[0], SettingsDialog)
    key(looking, "Escape")
    assert looking.window.root.focus_get() is looking.window.toolbar.entry


def test_the_keys_of_the_pages_bring_the_keyboard_along(looking: Looking) -> None:
    key(looking, "Control-Key-1")
    assert looking.window.root.focus_get() is looking.window.catalogue.table.body
    key(looking, "Control-Key-2")
    key(looking, "Delete")
    assert isinstance(dialogs(looking)[0], RemovingDialog)


def test_tabs_are_changed_from_wherever_one_is(looking: Looking) -> None:
    details = looking.window.transfers.details
    seen = [details.index("current")]
    for name in ("Control-Tab", "Control-Tab", "Control-Shift-Tab", "Control-ISO_Left_Tab"):
        key(looking, name)
        seen.append(details.index("current"))
        assert looking.window.root.focus_get() is looking.window.transfers.table.body
    assert seen == [0, 1, 2, 1, 0]
    details.select(details.swarm)
    details.swarm.table.body.focus_set()
    key(looking, "Control-Tab")
    assert looking.window.root.focus_get() is details.files.table.body, "what is out of sight has no keyboard"
    key(looking, "Control-Key-1")
    key(looking, "Control-Tab")
    assert details.index("current") == 2, "they are not in sight"
    key(looking, "Control-comma")
    (dialog,) = dialogs(looking)
    assert isinstance(dialog, SettingsDialog)
    key(looking, "Control-Tab")
    assert dialog.tabs.index("current") == 1
    focus = dialog.focus_get()
    assert focus is not None
    assert focus.winfo_viewable()
    assert str(focus).startswith(dialog.tabs.select())


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_fits_a_small_screen(display: str, preferences: Preferences, language: str) -> None:
    use_language(language)
    preferences.set("window.size", [20_000, 20_000])
    with window_over(preferences, snapshot(transfer(1))) as looking:
        root, more = looking.window.root, looking.window.toolbar.more
        assert root.winfo_width() <= root.winfo_screenwidth(), "another screen may have been larger"
        wide, high = root.minsize()
        assert wide <= pixels(root, 800)
        assert high <= pixels(root, 560), "there is a title above it"
        root.geometry(f"{wide}x{high}")
        settle(root)
        assert more.winfo_viewable()
        assert more.winfo_rootx() + more.winfo_width() <= root.winfo_rootx() + root.winfo_width()
        assert looking.window.toolbar.entry.winfo_width() > pixels(root, 20)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_column_has_room_for_its_own_words(root: ttkbootstrap.Window, language: str) -> None:
    use_language(language)
    style = Style(root)
    health = next(column for column in entry_columns({}) if column.name == "health")
    for copies, peers in ((0, 0), (0, 1), (255, 1)):
        label = health.show(entry(1, copies=copies, peers=peers))
        assert isinstance(label, Label)
        assert style.fit(label.text, health.width * style.digit - style.icon) == label.text
    state = next(column for column in transfer_columns() if column.name == "state")
    for shown in (transfer(unserved=True), transfer(unserved=True, bytes_done=0), *map(in_state, TorrentState)):
        label = state.show(shown)
        assert isinstance(label, Label)
        assert style.fit(label.text, state.width * style.digit - style.icon) == label.text


def in_state(state: TorrentState) -> TransferSnapshot:
    return transfer(state=state)
