"""Dropping: a real drag from another program, with the real mouse of the X server."""

from __future__ import annotations

import ctypes.util
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import settle, until
from gui.shells import PERSON, WrittenShell, snapshot

from swarmshare.gui.dialogs.opening import OpenDialog
from swarmshare.gui.dialogs.share import ShareDialog
from swarmshare.gui.drop import accept_drops

if TYPE_CHECKING:
    import ttkbootstrap

    from swarmshare.gui.preferences import Preferences

pytestmark = pytest.mark.skipif(
    find_spec("tkinterdnd2") is None or ctypes.util.find_library("Xtst") is None,
    reason="needs the package tkinterdnd2, and a mouse by XTEST",
)


@pytest.fixture
def shell(root: ttkbootstrap.Window, preferences: Preferences) -> WrittenShell:
    root.geometry("900x640+0+0")
    settle(root)
    return WrittenShell(root, preferences, snapshot(person=PERSON))


def drag(root: ttkbootstrap.Window, *files: Path) -> subprocess.Popen[bytes]:
    script = Path(__file__).with_name("dragging.py")
    process = subprocess.Popen([sys.executable, str(script), "300", "300", *map(str, files)])
    until(root, lambda: process.poll() is not None, "the drag is over")
    assert process.returncode == 0
    return process


def test_what_is_dropped_is_shared_or_opened(shell: WrittenShell, root: ttkbootstrap.Window, tmp_path: Path) -> None:
    assert accept_drops(shell)
    folder = tmp_path / "Minhas Férias {1} 100% 日"
    folder.mkdir()
    drag(root, folder)
    until(root, lambda: any(isinstance(child, ShareDialog) for child in root.winfo_children()), "a dialog")
    (dialog,) = (child for child in root.winfo_children() if isinstance(child, ShareDialog))
    assert dialog.what.path == folder
    drag(root, folder)  # a question is open already
    assert len([child for child in root.winfo_children() if isinstance(child, ShareDialog)]) == 1
    dialog.destroy()
    drag(root, tmp_path / "a", tmp_path / "b")
    until(root, lambda: shell.said, "a sentence")
    assert shell.said[0][0].startswith("Several things at once")
    drag(root, tmp_path / "x.torrent")
    until(root, lambda: any(isinstance(child, OpenDialog) for child in root.winfo_children()), "a dialog")
    assert not shell.commands
