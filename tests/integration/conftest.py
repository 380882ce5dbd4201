"""A group, and something to share."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from integration.group import Group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with ExitStack() as stack:
        yield Group(tmp_path, stack)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    folder = tmp_path / "Holiday"
    (folder / "sub").mkdir(parents=True)
    rng = random.Random(1)
    (folder / "film.bin").write_bytes(rng.randbytes(12_000_000))
    (folder / "sub" / "photo.jpg").write_bytes(rng.randbytes(300_000))
    (folder / "empty").touch()
    return folder
