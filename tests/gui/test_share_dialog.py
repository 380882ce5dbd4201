"""Sharing: what one chooses is what is submitted, and the hashing can be seen and stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import click, press, settle, texts, type_into, until
from gui.shells import PERSON, WrittenShell, snapshot

from swarmshare.app.facts import ShareOptions
from swarmshare.app.snapshot import JobSnapshot
from swarmshare.gui.dialogs import share as share_dialog
from swarmshare.gui.dialogs.share import JobDialog, open_share_dialog

if TYPE_CHECKING:
    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences


@pytest.fixture
def shell(root: ttkbootstrap.Window, preferences: Preferences) -> WrittenShell:
    root.geometry("900x640")
    settle(root)
    return WrittenShell(root, preferences, snapshot(person=PERSON))


def test_the_plain_way(shell: WrittenShell) -> None:
    dialog = open_share_dialog(shell, Path("/srv/Holiday"))
    press(dialog.what.entry, "Return")
    assert shell.last()[:2] == ("share", (ShareOptions(Path("/srv/Holiday")),))
    shell.snapshot = snapshot(
        person=PERSON, jobs=(JobSnapshot(7, Path("/srv/Holiday"), 1 << 20, 4 << 20, 1 << 20, 3.0),)
    )
    shell.last().answer(7)
    assert not dialog.winfo_exists()
    job = next(child for child in shell.root.winfo_children() if isinstance(child, JobDialog))
    until(job, lambda: job.figures == "25% \u00b7 1 MiB of 4 MiB \u00b7 1 MiB/s \u00b7 3 s left")
    click(job.hide)
    assert not job.winfo_exists()
    assert shell.last().method == "share"


def test_everything_is_chosen(shell: WrittenShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(share_dialog, "choose_new_file", lambda *_: tmp_path / "x.torrent")
    dialog = open_share_dialog(shell)
    click(dialog.accept)
    assert dialog.complaint == "Choose a file or a folder."
    type_into(dialog.what.entry, "/srv/film.mkv")
    type_into(dialog.comment, "from the sea")
    dialog.piece_size.current(3)
    for check in (dialog.hybrid, dialog.private, dialog.save):
        click(check)
    click(dialog.accept)
    assert shell.last().args == (
        ShareOptions(
            Path("/srv/film.mkv"), piece_length=65536, comment="from the sea", private=True, hybrid=True,
            save_as=tmp_path / "x.torrent",
        ),
    )  # fmt: skip
    assert str(dialog.accept.cget("text")) == "Checking..."
    shell.last().refuse("/srv/film.mkv: no such file or directory")
    assert str(dialog.accept.cget("text")) == "Share"
    assert (dialog.what.entry.get(), dialog.comment.get()) == ("/srv/film.mkv", "from the sea"), "what was typed stays"
    assert dialog.complaint == "/srv/film.mkv: no such file or directory"
    assert dialog.accept.instate(["!disabled"])
    click(dialog.publish)
    click(dialog.save)
    click(dialog.accept)
    assert dialog.complaint == "Tick at least one: the catalogue, or a .torrent file."


def test_whoever_cancels_while_it_is_checked_shares_nothing(shell: WrittenShell) -> None:
    dialog = open_share_dialog(shell, Path("/srv/Holiday"))
    click(dialog.accept)
    command = shell.last()
    press(dialog, "Escape")
    command.answer(4)
    assert shell.last()[:2] == ("cancel", (4,))
    assert not [child for child in shell.root.winfo_children() if isinstance(child, JobDialog)]


def test_without_a_tracker_it_is_saved_only(
    shell: WrittenShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([None, tmp_path / "x.torrent"])
    monkeypatch.setattr(share_dialog, "choose_new_file", lambda *_: next(answers))
    shell.snapshot = snapshot()
    dialog = open_share_dialog(shell, Path("/srv/Holiday"))
    assert any(text.startswith("You are not signed in") for text in texts(dialog))
    click(dialog.accept)
    assert not shell.commands  # somebody thought better of it
    click(dialog.accept)
    command = shell.last().args[0]
    assert (command.publish, command.seed, command.save_as) == (False, False, tmp_path / "x.torrent")


def test_a_job_is_stopped(shell: WrittenShell) -> None:
    job = JobSnapshot(3, Path("/srv/Holiday"), 0, 0, 0.0, None)
    shell.snapshot = snapshot(jobs=(job,))
    dialog = JobDialog(shell, 3)
    until(dialog, lambda: "Hashing Holiday" in texts(dialog))
    click(dialog.stop)
    assert shell.last()[:2] == ("cancel", (3,))
    dialog = JobDialog(shell, 3)
    shell.snapshot = replace(shell.snapshot, jobs=())
    until(shell.root, lambda: not dialog.winfo_exists())
