"""Files: whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmshare.errors import StorageError
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from pathlib import Path


def test_writing_replaces_the_whole(tmp_path: Path) -> None:
    path = tmp_path / "state"
    write_atomic(path, b"first")
    write_atomic(path, b"second")
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["state"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_at_any_step_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "state"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StorageError, match="state: no space left on device"):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["state"]


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        write_atomic(tmp_path / "nowhere" / "state", b"new")


def test_reading_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    assert read_small(tmp_path / "x", 5) == b"12345"
    with pytest.raises(StorageError, match="larger than 4 bytes"):
        read_small(tmp_path / "x", 4)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StorageError, match="not a regular file"):
        read_small(tmp_path / "pipe", 5)
    with pytest.raises(StorageError, match="is a directory"):
        read_small(tmp_path, 5)
