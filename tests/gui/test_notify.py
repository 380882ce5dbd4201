"""Notifications: what is news to somebody who looks elsewhere, and nothing else."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import everything, settle, until
from gui.shells import snapshot, transfer

from swarmshare.app.facts import Published
from swarmshare.gui.notify import PROGRAM, Notifier
from swarmshare.schema.alerts import TorrentComplete

if TYPE_CHECKING:
    from pathlib import Path

    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a program of our own writes what the desktop is told."""
    program = tmp_path / PROGRAM
    program.write_text(f'#!/bin/sh\nshift 3\nprintf "%s|" "$@" >> "{tmp_path}/told"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "told"


def test_news(root: ttkbootstrap.Window, preferences: Preferences, told: Path) -> None:
    notifier = Notifier(root, preferences)
    done, own = transfer("Film", shared=False, downloaded=5), transfer("Mine", shared=True)
    old = transfer("Old", shared=False, downloaded=5)
    facts = [TorrentComplete(bytes.fromhex(found.info_hash), fetched=1) for found in (done, own)]
    facts.append(TorrentComplete(bytes.fromhex(old.info_hash)))  # it was complete when the program began
    notifier.hear(facts, snapshot(transfers=(done, own, old)))
    until(root, lambda: told.exists() and told.read_text() == "Download complete|Film|", "told")
    told.unlink()
    notifier.hear([Published("ab", "R&B <b>\u65c5", "ben")], None)
    until(root, lambda: told.exists() and told.read_text().endswith("|R&amp;B &lt;b&gt;\u65c5, by ben|"), "no markup")
    told.unlink()
    notifier.hear([Published("ab", f"n{number}\x07", "ben") for number in range(5)], None)
    wanted = "New in the catalogue|n0\ufffd, by ben\nn1\ufffd, by ben\nn2\ufffd, by ben\n... and 2 more|"
    until(root, lambda: told.exists() and told.read_text() == wanted, "told")

    def ended() -> bool:
        notifier.hear([], None)
        return not notifier._running

    until(root, ended, "ended")
    told.unlink()
    preferences.set("notifications", False)
    notifier.hear([Published("ab", "x", "ben")], None)
    settle(root)
    assert not notifier._running


def test_without_a_desktop_that_notifies(
    root: ttkbootstrap.Window, preferences: Preferences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    notifier = Notifier(root, preferences)
    notifier.hear([Published("ab", "Film", "ben")], None)
    settle(root)
    labels = [str(child.cget("text")) for child in everything(root) if child.winfo_class() == "TLabel"]
    assert "Film, by ben" in labels
