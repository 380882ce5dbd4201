"""Files that another program writes to while they are served: nothing wrong leaves, and what is right still does."""

from __future__ import annotations

import mmap
import os
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import PIECE, content, data_of, fill, get, mend, number_of

from swarmshare.errors import StorageError
from swarmshare.storage import file_record

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage


def write_in_place(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(PIECE + 10)
        file.write(b"123")


def write_and_set_the_time_back(path: Path) -> None:
    status = path.stat()
    write_in_place(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def write_by_map(path: Path) -> None:
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[PIECE + 10 : PIECE + 13] = b"123"


@pytest.fixture
def shared(storage: TorrentStorage, folder: Path, manifest: Manifest) -> Path:
    """A file with pieces 0 to 5 that is served, and nobody has written to for a long time."""
    fill(folder / "top")
    for path in (folder / "top").rglob("*"):
        os.utime(path, ns=(1, 1))
    storage.scan()
    storage.file_states()
    return folder / "top/a/deep/large"


@pytest.mark.parametrize("touch", [write_in_place, write_and_set_the_time_back, write_by_map])
@pytest.mark.parametrize("is_open", [False, True])
def test_nothing_wrong_is_given_away_and_the_rest_still_is(
    storage: TorrentStorage, shared: Path, manifest: Manifest, touch: Any, is_open: bool
) -> None:
    number = number_of(manifest, "a/deep/large")
    if is_open:
        get(storage, 1)
    touch(shared)
    for _ in range(2):
        with pytest.raises(StorageError, match="large: changed by another program") as caught:
            get(storage, 1)
        assert caught.value.hint
    assert storage.lost_files() == {number}
    for piece in (0, 2, 3, 4, 5):
        assert get(storage, piece) == data_of(manifest, piece), "before it was scanned"
    assert storage.scan(only_files=[number]) == {0, 2, 3, 4, 5}
    with pytest.raises(StorageError):
        get(storage, 1)
    with pytest.raises(StorageError, match="large: was changed by another program after it was complete") as caught:
        storage.write(manifest.layout.index(1), data_of(manifest, 1))
    assert "recheck" in caught.value.advice
    mend(storage, shared, number)
    storage.write(manifest.layout.index(1), data_of(manifest, 1))
    assert get(storage, 1) == data_of(manifest, 1)


def test_a_change_in_the_same_tick_of_the_clock(
    storage: TorrentStorage, shared: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was changed a moment before we looked may have been changed again, and its time says nothing."""
    monkeypatch.setattr(file_record, "CERTAIN_AFTER", 10**15)
    storage.file_states()
    assert get(storage, 1) == data_of(manifest, 1)
    fstat, stat = os.fstat, os.stat
    before = stat(shared)
    write_in_place(shared)

    def coarse(status: os.stat_result) -> os.stat_result:
        return before if status.st_ino == before.st_ino else status

    monkeypatch.setattr(os, "fstat", lambda fd: coarse(fstat(fd)))
    monkeypatch.setattr(os, "stat", lambda *arguments, **options: coarse(stat(*arguments, **options)))
    with pytest.raises(StorageError, match="changed by another program"):
        get(storage, 1)


def test_what_was_verified_on_its_way_out_is_not_verified_again(
    storage: TorrentStorage, shared: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_record, "CERTAIN_AFTER", -(10**15))  # a change of whatever time is long ago
    os.chmod(shared, 0o600)  # it may have been more than that
    assert get(storage, 1) == data_of(manifest, 1)
    monkeypatch.setattr(storage.hashes, "verify_leaves", None)
    assert get(storage, 1) == data_of(manifest, 1)
    with pytest.raises(TypeError):
        get(storage, 2)


@pytest.mark.parametrize(("begin", "length"), [(0, 1), (5, PIECE - 5), (2**14 - 1, 2), (2**14, 2**14)])
def test_a_part_of_a_piece_is_verified_with_the_rest(
    storage: TorrentStorage, shared: Path, manifest: Manifest, begin: int, length: int
) -> None:
    os.chmod(shared, 0o600)
    piece = manifest.layout.index(2)
    assert storage.read(piece, begin, length) == data_of(manifest, 2)[begin : begin + length]
    write_and_set_the_time_back(shared)
    with pytest.raises(StorageError):
        storage.read(manifest.layout.index(1), begin, length)


def test_a_file_that_was_replaced_while_it_is_open(storage: TorrentStorage, shared: Path, manifest: Manifest) -> None:
    get(storage, 1)
    other = shared.with_name("other")
    other.write_bytes(content("a/deep/large"))
    other.rename(shared)
    with pytest.raises(StorageError, match="replaced by another file"):
        get(storage, 1)
    assert storage.lost_files() == {number_of(manifest, "a/deep/large")}
