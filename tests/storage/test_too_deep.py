"""A folder that was chosen one level too deep is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmshare.errors import StorageError
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.storage.too_deep import refuse_too_deep

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def made(path: Path) -> Manifest:
    return create_manifest(make_plan(path), Description())


def test_the_folder_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    holiday = tmp_path / "data" / "Holiday"
    (holiday / "sub").mkdir(parents=True)
    (holiday / "sub" / "a").write_bytes(b"a")
    (holiday / "b").write_bytes(b"b")
    manifest = made(holiday)
    refuse_too_deep(manifest, tmp_path / "data")
    with pytest.raises(StorageError) as refused:
        refuse_too_deep(manifest, holiday)
    told = f"{holiday}: this is Holiday itself, in {tmp_path / 'data'}. Give the folder that contains it."
    assert refused.value.advice == told
    monkeypatch.chdir(holiday)
    with pytest.raises(StorageError, match="this is Holiday itself"):
        refuse_too_deep(manifest, tmp_path.__class__())
    (holiday / "Holiday").mkdir()
    refuse_too_deep(manifest, holiday)  # it is there as well, so nothing is sure
    other = tmp_path / "other" / "Holiday"
    other.mkdir(parents=True)
    refuse_too_deep(manifest, other)  # a place for it, of that name


def test_the_file_itself(tmp_path: Path) -> None:
    film = tmp_path / "film.mkv"
    film.write_bytes(b"film")
    refuse_too_deep(made(film), tmp_path)
    with pytest.raises(StorageError, match=r"this is film\.mkv itself"):
        refuse_too_deep(made(film), film)
