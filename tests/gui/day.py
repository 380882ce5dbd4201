"""What a person does at a window in any day, by keyboard alone."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, TypeVar

from gui.keyboard import everything
from gui.real_window import transfer, words_in

from swarmshare.gui.dialogs.account_tab import AccountTab
from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.dialogs.settings import SettingsDialog
from swarmshare.gui.dialogs.share import JobDialog, ShareDialog
from swarmshare.gui.dialogs.withdrawing import WithdrawingDialog
from swarmshare.gui.words import _
from swarmshare.languages import LANGUAGES
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    from pathlib import Path

    from gui.person import Person

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.window import MainWindow

NAMES = {"Holiday", "Film", "film.bin", "notes.txt", "http", "fast", *LANGUAGES.values()}
"""What is not in any language."""

D = TypeVar("D", bound=Dialog)


def film(window: MainWindow) -> TransferSnapshot:
    found = transfer(window, "Film")
    assert found is not None
    return found


def dialog(person: Person, kind: type[D]) -> D:
    """The dialog of a kind, once it is there; another one may have brought it up."""
    root = person.window.root

    def there() -> list[D]:
        return [child for child in everything(root) if isinstance(child, kind) and child.winfo_viewable()]

    person.until(there, kind.__name__)
    return there()[0]


def content(folder: Path, name: str, size: int) -> Path:
    (folder / name).mkdir(parents=True)
    (folder / name / "film.bin").write_bytes(random.Random(name).randbytes(size))
    (folder / name / "notes.txt").write_bytes(b"x" * 70_000)
    return folder / name


def open_account(person: Person) -> AccountTab:
    """Go to the last tab of the settings."""
    person.press("Control-comma")
    settings = dialog(person, SettingsDialog)
    person.press(*["Control-Tab"] * (len(settings.tabs.tabs()) - 1))
    return next(child for child in settings.tabs.winfo_children() if isinstance(child, AccountTab))


def share(person: Person, path: Path) -> None:
    before = person.focus
    person.press("Control-n")
    share = dialog(person, ShareDialog)
    person.look("20-share")
    person.press("Return")
    assert share.complaint
    person.look("21-share-what")
    person.fill_in((share.what.entry, str(path)), (share.comment, "a b"))
    person.press("Return")
    person.until(lambda: not share.winfo_exists(), "checked")
    person.until(lambda: (found := transfer(person.window, path.name)) and found.state is TorrentState.SEEDING)
    person.until(lambda: not any(isinstance(child, JobDialog) for child in person.window.root.winfo_children()))
    person.look("22-shared")
    assert person.focus is before


def find_and_download(person: Person) -> None:
    window = person.window
    table = window.catalogue.table
    person.press("Control-Key-1")
    person.until(lambda: "Film" in words_in(table.body), "the other's entry")
    person.look("30-catalogue")
    person.press("Control-f")
    person.write("fil")
    person.until(lambda: [entry.name for entry in table.items] == ["Film"], "found")
    person.look("31-found")
    person.tab_to(table.body)
    person.press("Down")
    person.look("32-chosen")
    person.press("Right")
    assert table.body.canvasx(0) > 0, "the columns that are out of sight"
    person.look("33-sideways")
    person.press("Left")
    assert table.body.canvasx(0) == 0
    person.press("Return")
    person.until(lambda: transfer(window, "Film"), "downloading")


def watch(person: Person) -> None:
    window = person.window
    person.press("Control-f")
    person.press("Escape")
    person.press("Control-Key-2")
    table = window.transfers.table
    person.press("Home")
    person.until(lambda: table.selected and table.selected[0].name == "Film")
    person.until(lambda: film(window).bytes_done > 500_000)
    person.look("40-pieces")
    for name in ("41-swarm", "42-files", "43-speed", "44-log"):
        person.press("Control-Tab")
        person.look(name)
    person.press("Control-Tab")


def go_to_entry(person: Person, name: str) -> None:
    """Select an entry of the catalogue."""
    table = person.window.catalogue.table
    person.press("Control-Key-1")
    person.until(lambda: name in words_in(table.body), name)
    person.press("Home")
    person.until(lambda: table.selected)
    while table.selected[0].name != name:  # the newest is first, but several may be of the same second
        before = table.selected[0]
        person.press("Down")
        assert table.selected[0] != before, f"{name} is not there"


def withdraw(person: Person, name: str) -> None:
    table = person.window.catalogue.table
    go_to_entry(person, name)
    person.press("Shift-F10")
    person.look("80-entry-menu")
    person.choose(_("Withdraw from the catalogue..."))
    dialog(person, WithdrawingDialog)
    person.look("81-withdrawing")
    person.press("Return")
    person.until(lambda: name not in words_in(table.body), "withdrawn")
    assert person.focus is table.body
    person.look("82-withdrawn")
