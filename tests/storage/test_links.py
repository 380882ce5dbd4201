"""Links: nothing outside the folder is touched, whatever lies in it."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from storage.makers import PART, data_of, fill, get, number_of, pieces_of, put

from swarmshare.errors import StorageError
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.manifest.manifest import Manifest


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("position", ["top", "top/a", "top/a/deep"])
@pytest.mark.parametrize("target", ["outside", "inside", "nowhere", "itself"])
def test_a_folder_that_is_a_link(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, position: str, target: str
) -> None:
    link = folder / position
    link.parent.mkdir(parents=True, exist_ok=True)
    (folder / "inside").mkdir()
    link.symlink_to(
        {"outside": outside, "inside": folder / "inside", "nowhere": Path("nowhere"), "itself": link}[target]
    )
    number = number_of(manifest, "a/deep/large")
    attempts: list[Callable[[], object]] = [
        lambda: storage.prepare([number]),
        lambda: put(storage, [0]),
        lambda: storage.finish(number),
    ]
    for attempt in attempts:
        with pytest.raises(StorageError, match=rf"{link}(/\S+)?: .*(link|not there)") as caught:
            attempt()
        assert caught.value.hint
    assert not storage.lost_files(), "none of it was ever there"
    assert storage.scan() == set()
    assert os.listdir(folder / "inside") == []


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["large", f"large{PART}"])
@pytest.mark.parametrize("target", ["outside", "nowhere", "nowhere outside", "itself"])
def test_a_file_that_is_a_link(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, name: str, target: str
) -> None:
    link = folder / "top/a/deep" / name
    link.parent.mkdir(parents=True)
    targets = {
        "outside": outside / "large",
        "nowhere": Path("nowhere"),
        "nowhere outside": outside / "new",
        "itself": Path(name),
    }
    link.symlink_to(targets[target])
    number = number_of(manifest, "a/deep/large")
    with pytest.raises(StorageError, match="link") as caught:
        storage.prepare([number])
    assert str(link) in str(caught.value)
    assert storage.scan(only_files=[number]) == set()
    with pytest.raises(StorageError, match=r"link|is there already"):  # noqa: PT012
        put(storage, pieces_of(manifest, "a/deep/large"))
        storage.finish(number)
    assert link.is_symlink(), "and it is still what it was"


def test_links_inside_are_read_and_not_written(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "elsewhere")
    (folder / "top").mkdir()
    (folder / "top" / "a").symlink_to("../elsewhere/a")
    (folder / "top" / "small").symlink_to("../elsewhere/small")
    right = {*pieces_of(manifest, "a/deep/large"), *pieces_of(manifest, "a/whole"), *pieces_of(manifest, "small")}
    assert storage.scan() == right
    for number in right:
        assert get(storage, number) == data_of(manifest, number)
    for number in right:
        with pytest.raises(StorageError, match="a link, and links are not followed"):
            put(storage, [number])
    storage.finish(number_of(manifest, "small"))
    storage.prepare()
    assert (folder / "top" / "small").is_symlink()


@pytest.mark.usefixtures("untouched")
def test_a_link_that_comes_after_the_scan(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path
) -> None:
    fill(folder / "top")
    storage.scan()
    shutil.move(folder / "top/a/deep", folder / "old")
    (folder / "top/a/deep").symlink_to(outside)
    for attempt in (lambda: get(storage, 0), lambda: put(storage, [0])):
        with pytest.raises(StorageError, match="deep: a link"):
            attempt()


def test_a_download_folder_may_be_a_link(manifest: Manifest, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "downloads").symlink_to("disk")
    storage = TorrentStorage(manifest, tmp_path / "downloads")
    put(storage, [0])
    assert storage.scan() == {0}
    storage.close()


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["small", f"small{PART}"])
def test_a_hard_link_is_not_written_to(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, name: str
) -> None:
    (folder / "top").mkdir(parents=True)
    os.link(outside / "secret", folder / "top" / name)
    (piece,) = pieces_of(manifest, "small")
    assert storage.scan() == {piece}
    with pytest.raises(StorageError, match="hard link"):
        put(storage, [piece])
