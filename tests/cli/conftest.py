"""Content that several tests share, and no screen, wherever the tests run."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from cli.processes import call

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """A folder of 6.1 MB beside its manifest, ``top.torrent``."""
    folder = tmp_path / "top"
    folder.mkdir()
    for name, length in (("a.bin", 6_000_000), ("b.bin", 100_000), ("empty", 0)):
        (folder / name).write_bytes(random.Random(name).randbytes(length))
    call(tmp_path, "create", "top")
    return folder
