"""What a killed process left is removed, and folders that are made survive a power cut."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from swarmshare.app.compose import resume_folder
from swarmshare.storage.files import LEFTOVER_AGE, make_folder, remove_leftovers, temporary_name
from swarmshare.storage.opening import parent_of


def aged(path: Path, seconds: float) -> Path:
    path.write_bytes(b"half written")
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))
    return path


def test_the_start_removes_what_is_ours_and_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path))
    folder = resume_folder()
    old = aged(folder / temporary_name(), LEFTOVER_AGE + 60)
    young = aged(folder / temporary_name(), LEFTOVER_AGE - 60)
    others = [aged(folder / name, 10 * LEFTOVER_AGE) for name in ("x.tmp", ".backup.tmp", f"{'a' * 64}.resume")]
    link = folder / temporary_name()
    link.symlink_to(others[0])
    (folder / temporary_name()).mkdir()
    before = set(folder.iterdir())
    assert resume_folder() == folder
    assert set(folder.iterdir()) == before - {old}
    assert young.exists()


def test_a_folder_that_is_not_there_has_no_leftovers(tmp_path: Path) -> None:
    remove_leftovers(tmp_path / "nowhere")


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The inodes of what was flushed."""
    found: list[int] = []
    fsync = os.fsync

    def note(fd: int) -> None:
        found.append(os.fstat(fd).st_ino)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", note)
    return found


@pytest.mark.skipif(not hasattr(os, "O_DIRECTORY"), reason="this system flushes no folders")
def test_the_parents_of_new_folders_are_flushed(tmp_path: Path, flushed: list[int]) -> None:
    make_folder(tmp_path / "a" / "b" / "c", mode=0o700)
    parents = [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert flushed == [folder.stat().st_ino for folder in parents]
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c").stat().st_mode) == 0o700
    flushed.clear()
    make_folder(tmp_path / "a" / "b" / "c")
    assert flushed == []
    with parent_of(tmp_path / "a", ("x", "y", "file"), make=True):
        pass
    assert flushed == [(tmp_path / "a").stat().st_ino, (tmp_path / "a" / "x").stat().st_ino]


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(OSError, match=r"File exists|Not a directory"):
            make_folder(path)
    with pytest.raises(FileNotFoundError):
        make_folder(Path("/proc/there/below"))
