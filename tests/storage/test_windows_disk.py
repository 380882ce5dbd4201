"""Names that Windows does not take, on a disk with its rules under another system."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest
from storage.windows_rules import windows_disk  # noqa: F401

from swarmshare.manifest.build import Description
from swarmshare.storage import disk_names
from swarmshare.storage.create import create_manifest
from swarmshare.storage.deleting import delete_files
from swarmshare.storage.disk_names import local_names
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.preparing import MAX_NOTICES
from swarmshare.storage.verify import verify_data

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there they are never taken")

SAFE = {
    "Season 1: Pilot?/a:b.txt": "Season 1_ Pilot_/a_b.txt",
    "aux.txt": "_ux.txt",
    "dots.": "dots",
    "plain/file": "plain/file",
}


def content(name: str) -> bytes:
    return name.encode() * 1000


def made(folder: Path, names: list[str]) -> Manifest:
    for name in names:
        (folder / "top" / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / "top" / name).write_bytes(content(name))
    return create_manifest(make_plan(folder / "top"), Description(), piece_length=2**14)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return made(tmp_path_factory.mktemp("made"), list(SAFE))


def fill(storage: TorrentStorage) -> None:
    layout = storage.manifest.layout
    for number, file in enumerate(storage.manifest.files):
        for piece in layout.file_pieces(number):
            span = layout.span(layout.index(piece))
            data = content("/".join(file.path))[span.offset : span.offset + span.length]
            storage.write(layout.index(piece), data)
        storage.finish(number)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_the_safe_names_are_used_and_told(manifest: Manifest, windows_disk: Path) -> None:  # noqa: F811
    storage = TorrentStorage(manifest, windows_disk)
    prepared = storage.prepare()
    assert not prepared.blocked
    told = [str(notice) for notice in prepared.notices]
    assert len(told) == 3
    assert told[0] == (
        f"{windows_disk}/top/Season 1: Pilot?/a:b.txt: it is called 'top/Season 1_ Pilot_/a_b.txt' here: "
        "disks with the rules of Windows do not take its name"
    )
    fill(storage)
    assert tree(windows_disk) == sorted(f"top/{name}" for name in SAFE.values())
    assert storage.prepare() == ([], {}), "it is told once"
    storage.close()


def test_they_are_found_again(manifest: Manifest, windows_disk: Path) -> None:  # noqa: F811
    storage = TorrentStorage(manifest, windows_disk)
    storage.prepare()
    half = TorrentStorage(manifest, windows_disk)
    half.prepare()
    piece = manifest.layout.index(0)
    half.write(piece, content("Season 1: Pilot?/a:b.txt")[:16384])
    half.close()
    again = TorrentStorage(manifest, windows_disk)
    assert again.scan() == {0}, "by the name of a part, too"
    fill(again)
    again.close()
    assert TorrentStorage(manifest, windows_disk).scan() == set(range(manifest.layout.piece_count))
    assert verify_data(manifest, windows_disk).bad == ()
    delete_files(manifest, windows_disk, range(len(manifest.files)))
    assert tree(windows_disk) == []


def test_a_folder_that_came_from_such_a_disk_is_used_as_it_is(manifest: Manifest, tmp_path: Path) -> None:
    for name, safe in SAFE.items():
        (tmp_path / "top" / safe).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "top" / safe).write_bytes(content(name))
    storage = TorrentStorage(manifest, tmp_path)
    assert storage.scan() == set(range(manifest.layout.piece_count))
    assert verify_data(manifest, tmp_path).bad == ()
    storage.close()


def test_elsewhere_names_are_kept(manifest: Manifest, tmp_path: Path) -> None:
    storage = TorrentStorage(manifest, tmp_path)
    assert storage.prepare() == ([], {})
    fill(storage)
    assert tree(tmp_path) == sorted(f"top/{name}" for name in SAFE)
    (tmp_path / "top" / "_ux.txt").write_bytes(b"somebody's")
    assert local_names(manifest, tmp_path) == manifest.local_paths(windows=False), "what has its own name keeps it"
    storage.close()


def test_not_every_name_is_tried_and_told(tmp_path: Path, windows_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(disk_names, "MAX_TRIED", 1)
    manifest = made(tmp_path / "made", [f"file: {number}" for number in range(20)])
    prepared = TorrentStorage(manifest, windows_disk).prepare()
    assert (len(prepared.notices), prepared.blocked) == (MAX_NOTICES, {})
    assert os.listdir(windows_disk) == ["top"], "nothing is left of the trial"


def test_a_disk_that_cannot_be_tried(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then each file finds out for itself, and those that are refused stop no other."""
    mkdir = os.mkdir

    def refuse_trial(path: str, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        if str(path).endswith(".tmp"):
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if ":" in str(path):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        mkdir(path, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "mkdir", refuse_trial)
    storage = TorrentStorage(manifest, tmp_path)
    prepared = storage.prepare()
    assert prepared.notices == []
    assert ["/".join(manifest.files[number].path) for number in prepared.blocked] == ["Season 1: Pilot?/a:b.txt"]
    (error,) = prepared.blocked.values()
    assert str(error) == f"{tmp_path}/top/Season 1: Pilot?: invalid argument"
    storage.close()
