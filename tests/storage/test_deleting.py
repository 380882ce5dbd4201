"""Deleting what a manifest names, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from swarmshare.errors import StorageError
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.deleting import delete_files
from swarmshare.storage.paths import part_paths
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

FILES = ("a", "sub/b", "sub/deep/c")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The download folder."""
    return tmp_path / "downloads"


@pytest.fixture
def manifest(folder: Path) -> Manifest:
    return make(folder / "top")


def make(top: Path) -> Manifest:
    for name in FILES:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(name)
    return create_manifest(make_plan(top), Description())


def left(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_all_of_it(manifest: Manifest, folder: Path) -> None:
    (folder / "other").write_text("other")
    delete_files(manifest, folder, range(len(FILES)))
    assert left(folder) == {"other"}
    delete_files(manifest, folder, range(len(FILES)))
    (folder / "other").unlink()
    assert folder.is_dir(), "it was there before"


def test_what_is_not_whole_yet(manifest: Manifest, folder: Path) -> None:
    for name, part in zip(FILES, part_paths(manifest), strict=True):
        (folder / "top" / name).rename(folder.joinpath(*part))
    delete_files(manifest, folder, range(len(FILES)))
    assert left(folder) == set()


def test_files_of_others_stay(manifest: Manifest, folder: Path) -> None:
    (folder / "top" / "sub" / "mine").write_text("mine")
    delete_files(manifest, folder, range(len(FILES)))
    assert left(folder) == {"top", "top/sub", "top/sub/mine"}


def test_one_file_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "film").write_text("film")
    manifest = create_manifest(make_plan(folder / "film"), Description())
    (folder / "mine").write_text("mine")
    delete_files(manifest, folder, range(len(FILES)))
    assert left(folder) == {"mine"}


def test_links_are_not_followed(manifest: Manifest, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    make(outside)
    (folder / "top" / "a").unlink()
    (folder / "top" / "a").symlink_to(outside / "a")
    (folder / "top" / "sub").rename(tmp_path / "sub")
    (folder / "top" / "sub").symlink_to(outside / "sub")
    delete_files(manifest, folder, range(len(FILES)))
    assert left(outside) == {"a", "sub", "sub/b", "sub/deep", "sub/deep/c"}
    assert left(folder) == {"top", "top/sub"}, "the link to a file is gone; nothing was reached through the other"


def test_a_top_folder_that_is_a_link(manifest: Manifest, folder: Path, tmp_path: Path) -> None:
    (folder / "top").rename(tmp_path / "elsewhere")
    (folder / "top").symlink_to(tmp_path / "elsewhere")
    delete_files(manifest, folder, range(len(FILES)))
    assert len(left(tmp_path / "elsewhere")) == 5


def test_a_folder_where_a_file_was(manifest: Manifest, folder: Path) -> None:
    (folder / "top" / "a").unlink()
    (folder / "top" / "a").mkdir()
    delete_files(manifest, folder, range(len(FILES)))
    assert left(folder) == {"top", "top/a"}


def test_what_must_not_be_deleted_stops_nothing_else(manifest: Manifest, folder: Path, as_nobody: Any) -> None:
    for path in (folder, folder / "top", folder / "top" / "sub"):
        path.chmod(0o777)
    for parent in folder.parents:
        parent.chmod(parent.stat().st_mode | 0o111)
    (folder / "top" / "sub" / "deep").chmod(0o555)

    def delete() -> tuple[str, str]:
        try:
            delete_files(manifest, folder, range(len(FILES)))
        except StorageError as error:
            return str(error.path), error.advice
        return "", ""

    path, advice = as_nobody(delete)
    assert path == str(folder / "top" / "sub" / "deep" / "c")
    assert "permission denied" in advice
    assert left(folder) == {"top", "top/sub", "top/sub/deep", "top/sub/deep/c"}
