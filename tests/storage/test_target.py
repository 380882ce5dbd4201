"""Whether a file can be written is known without writing it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest

from swarmshare.errors import StorageError
from swarmshare.storage.target import check_target


def test_a_folder_that_may_not_be_written_to(as_nobody: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o555)

        def attempt() -> str:
            try:
                check_target(Path(folder) / "x.torrent")
            except StorageError as error:
                return error.advice
            return "it could be written"

        assert as_nobody(attempt) == f"{folder}/x.torrent: permission denied. Choose another file to write to."
        Path(folder).chmod(0o000)
        assert "permission denied" in as_nobody(attempt), "and not that there is no such folder"


def test_a_file_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="not a directory"):
        check_target(tmp_path / "file" / "x.torrent")
    check_target(tmp_path / "file")
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]
