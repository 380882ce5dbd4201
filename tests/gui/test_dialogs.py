"""Small dialogs, each alone: what they ask, which commands they submit, and that they leave nothing behind."""

from __future__ import annotations

import gc
import tkinter
import weakref
from dataclasses import replace
from pathlib import Path
from tkinter.font import Font
from typing import TYPE_CHECKING, Any

import pytest
from gui.keyboard import click, press, settle, texts, type_into, until
from gui.shells import PERSON, WrittenShell, snapshot, transfer
from gui.sight import not_in_portuguese, words_on
from manifest.makers import encoded, folder_doc

from swarmshare.app.config import Settings
from swarmshare.app.naming import NameTakenError
from swarmshare.gui.banner import AT_ONCE, Banners
from swarmshare.gui.dialogs.choosing import choose_file, choose_folder
from swarmshare.gui.dialogs.leaving import ask_to_leave
from swarmshare.gui.dialogs.limits import ask_limits
from swarmshare.gui.dialogs.opening import OtherNameDialog, offer_other_name, open_torrent_dialog
from swarmshare.gui.dialogs.removing import ask_to_remove
from swarmshare.gui.dialogs.settings import open_settings
from swarmshare.gui.dialogs.share import JobDialog, open_share_dialog
from swarmshare.gui.words import use_language
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    import ttkbootstrap

    from swarmshare.gui.dialogs.dialog import Dialog
    from swarmshare.gui.preferences import Preferences

MANIFEST = parse_manifest(encoded(folder_doc({b"a": 5})))


@pytest.fixture
def shell(root: ttkbootstrap.Window, preferences: Preferences) -> WrittenShell:
    root.geometry("900x640")
    settle(root)
    return WrittenShell(root, preferences, snapshot(transfers=(transfer(),), person=PERSON))


def test_removing_keeps_the_files_unless_one_ticks(shell: WrittenShell) -> None:
    dialog = ask_to_remove(shell, [transfer(only_here=3)])
    assert dialog is not None
    assert "Remove Holiday.zip?" in texts(dialog)
    assert any(text.startswith("3 pieces are on this computer only") for text in texts(dialog))
    press(dialog.remove, "Return")
    assert shell.last()[:3] == ("remove", ([transfer().info_hash],), {"delete_data": False})
    dialog = ask_to_remove(shell, [transfer(only_here=12_345)])
    assert dialog is not None
    assert any(text.startswith("12,345 pieces are") for text in texts(dialog))
    press(dialog, "Escape")
    dialog = ask_to_remove(shell, [transfer("a"), transfer("b")])
    assert dialog is not None
    click(dialog.files)
    click(dialog.remove)
    assert shell.last().kwargs == {"delete_data": True}
    assert len(shell.last().args[0]) == 2
    assert not dialog.winfo_exists()
    assert ask_to_remove(shell, []) is None


def test_escape_changes_nothing(shell: WrittenShell) -> None:
    for opened in (ask_to_remove(shell, [transfer()]), ask_limits(shell, [transfer().info_hash]), open_settings(shell)):
        assert opened is not None
        press(opened, "Escape")
        assert not opened.winfo_exists()
    assert not shell.commands


def test_limits(shell: WrittenShell) -> None:
    one = transfer(limit_up=512 * 1024.0)
    shell.snapshot = snapshot(transfers=(one,))
    dialog = ask_limits(shell, [one.info_hash])
    assert dialog.up.entry.get() == "512"
    type_into(dialog.down.entry, "fast")
    press(dialog.down.entry, "Return")
    assert dialog.complaint == "fast is not a number of KiB/s, such as 500."
    type_into(dialog.down.entry, "1,500")
    press(dialog.down.entry, "Return")
    assert shell.last()[:2] == ("limit", ([one.info_hash], 512 * 1024.0, 1500 * 1024.0))
    use_language("pt_BR")
    dialog = ask_limits(shell, [one.info_hash])
    type_into(dialog.down.entry, "1.500,5")
    type_into(dialog.up.entry, "")
    click(dialog.accept)
    assert shell.last().args[1:] == (None, 1500.5 * 1024)


def test_opening(shell: WrittenShell, tmp_path: Path) -> None:
    dialog = open_torrent_dialog(shell)
    click(dialog.accept)
    assert dialog.complaint == "Choose a file, or paste a link."
    type_into(dialog.what.entry, "magnet:?xt=urn:btmh:1220")
    type_into(dialog.folder.entry, "here")
    press(dialog.folder.entry, "Return")
    assert dialog.complaint == "Say into which folder the files go."
    type_into(dialog.folder.entry, str(tmp_path))
    click(dialog.accept)
    assert shell.last()[:2] == ("open_magnet", ("magnet:?xt=urn:btmh:1220", tmp_path))
    assert dialog.accept.instate(["disabled"])
    shell.last().refuse("Nobody here knows it.")
    assert dialog.complaint == "Nobody here knows it."
    type_into(dialog.what.entry, str(tmp_path / "x.torrent"))
    click(dialog.accept)
    assert shell.last()[:2] == ("open_file", (tmp_path / "x.torrent", tmp_path))
    shell.last().answer("ab")
    assert not dialog.winfo_exists()
    shell.last().refuse("Too late.")
    assert shell.said == [("Too late.", "danger")]


def test_another_name_is_offered(shell: WrittenShell, tmp_path: Path) -> None:
    taken = NameTakenError(MANIFEST, tmp_path, tmp_path / "top" / "a", "top (2)")
    opening = open_torrent_dialog(shell)
    type_into(opening.what.entry, str(tmp_path / "x.torrent"))
    type_into(opening.folder.entry, str(tmp_path))
    click(opening.accept)
    shell.last().answer(taken)
    assert not opening.winfo_exists()
    dialog = next(child for child in shell.root.winfo_children() if isinstance(child, OtherNameDialog))
    assert dialog.entry.get() == "top (2)"
    type_into(dialog.entry, "  ")
    count = len(shell.commands)
    click(dialog.accept)
    assert len(shell.commands) == count
    type_into(dialog.entry, "mine")
    click(dialog.accept)
    assert shell.last()[:2] == ("download_as", (MANIFEST, tmp_path, "mine"))
    shell.last().answer(taken)
    assert dialog.complaint == "Something else has that name, too."
    press(dialog.entry, "Return")
    shell.last().refuse("No.")
    assert dialog.complaint == "No."
    click(dialog.accept)
    shell.last().answer("ab")
    assert not dialog.winfo_exists()
    shell.last().refuse("Too late.")
    assert shell.said == [("Too late.", "danger")]
    shell.last().answer("ab")


@pytest.mark.parametrize("choose", [choose_folder, choose_file])
def test_the_chooser_speaks_the_language(
    root: ttkbootstrap.Window, tmp_path: Path, choose: Callable[..., Path | None]
) -> None:
    use_language("pt_BR")
    seen: set[str] = set()

    def look() -> None:
        (chooser,) = (child for child in root.winfo_children() if child.winfo_class() == "Toplevel")
        seen.update(words_on(chooser))
        chooser.destroy()

    root.after(300, look)
    assert choose(root, start=str(tmp_path)) is None
    assert "Cancelar" in seen
    assert not not_in_portuguese(seen, [str(tmp_path)])


def test_leaving_asks_only_when_somebody_still_needs_this_machine(shell: WrittenShell) -> None:
    left: list[bool] = []

    def leave() -> None:
        left.append(True)

    assert ask_to_leave(shell, leave) is None
    assert left == [True]
    shell.snapshot = snapshot(transfers=(transfer(only_here=2),))
    dialog = ask_to_leave(shell, leave)
    assert dialog is not None
    assert "2 pieces of Holiday.zip are only on this computer. Close anyway?" in texts(dialog)
    press(dialog.stay, "Return")
    assert not dialog.winfo_exists()
    assert left == [True]
    dialog = ask_to_leave(shell, leave)
    assert dialog is not None
    click(dialog.leave)
    assert left == [True, True]
    shell.snapshot = snapshot(transfers=tuple(transfer(f"{number}", only_here=1) for number in range(8)))
    dialog = ask_to_leave(shell, leave)
    assert dialog is not None
    assert "Others still need this computer. Close anyway?" in texts(dialog)
    assert "... and 3 more" in texts(dialog)


def test_banners_are_few(root: ttkbootstrap.Window) -> None:
    banners = Banners(root)
    banners.pack(fill="x")
    settle(root)
    empty = banners.winfo_height()
    for number in range(AT_ONCE + 2):
        banners.say(f"sentence {number}", "danger")
    banners.say("sentence 3", "warning")
    assert banners.texts == ["sentence 2", "sentence 4", "sentence 3"]
    settle(root)
    assert banners.winfo_height() > empty
    for _ in range(AT_ONCE):
        cross = next(
            child for child in banners.winfo_children()[0].winfo_children() if child.winfo_class() == "TButton"
        )
        click(cross)
    assert banners.texts == []
    settle(root)
    assert banners.winfo_height() == empty == 1


def _all_dialogs(shell: WrittenShell) -> list[Callable[[], Dialog | None]]:
    return [
        lambda: ask_to_remove(shell, [transfer()]),
        lambda: ask_limits(shell, [transfer().info_hash]),
        lambda: open_torrent_dialog(shell),
        lambda: offer_other_name(shell, NameTakenError(MANIFEST, Path("/x"), Path("/x/y"), "y (2)")),
        lambda: open_share_dialog(shell, Path("/x")),
        lambda: JobDialog(shell, 1),
        lambda: open_settings(shell),
        lambda: ask_to_leave(shell, bool),
    ]


def test_200_dialogs_leave_nothing(shell: WrittenShell) -> None:
    """What calls Tk when it ends must not wait for the garbage collector, which may run on the engine's thread."""
    shell.snapshot = replace(snapshot(transfers=(transfer(only_here=1),), person=PERSON), settings=Settings())
    kinds = _all_dialogs(shell)

    def count() -> tuple[int, int, int]:
        tcl = shell.root.tk
        commands = len(tcl.splitlist(tcl.call("info", "commands")))
        images = len(tcl.splitlist(tcl.call("image", "names")))
        return commands, images, len(shell.root.winfo_children())

    def open_and_close(times: int) -> list[weakref.ref[Any]]:
        gone = []
        for number in range(times):
            dialog = kinds[number % len(kinds)]()
            assert dialog is not None
            gone.append(weakref.ref(dialog))
            settle(shell.root)
            dialog.destroy()
        settle(shell.root)
        return gone

    def mortal() -> int:
        return sum(isinstance(thing, (tkinter.Variable, tkinter.Image, Font)) for thing in gc.get_objects())

    open_and_close(2 * len(kinds))
    gc.collect()
    before, mortal_before = count(), mortal()
    gc.disable()
    try:
        gone = open_and_close(200)
        assert mortal() == mortal_before
    finally:
        gc.enable()
    shell.commands.clear()

    def are_gone() -> bool:
        gc.collect()
        return all(reference() is None for reference in gone)

    until(shell.root, are_gone)  # the last look at a snapshot is still due
    assert all(now <= then for now, then in zip(count(), before, strict=True))
