"""Files that are flushed and finished while another program changes them."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import LENGTHS, PART, PIECE, content, get, number_of, pieces_of, put, tree

from swarmshare.errors import StorageError

if TYPE_CHECKING:
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, 2 * PIECE + 7, LENGTHS["a/deep/large"], 20 * PIECE])
def test_a_part_of_any_length(storage: TorrentStorage, folder: Path, manifest: Manifest, length: int) -> None:
    part = folder / f"top/a/deep/large{PART}"
    part.parent.mkdir(parents=True)
    part.write_bytes((content("a/deep/large") + bytes(20 * PIECE))[:length])
    right = {number for number in range(5) if (number + 1) * PIECE <= length}
    right |= {5} if length >= LENGTHS["a/deep/large"] else set()
    assert storage.scan() == right
    put(storage, set(range(6)) - right)
    storage.finish(number_of(manifest, "a/deep/large"))
    assert (folder / "top/a/deep/large").read_bytes() == content("a/deep/large")
    assert storage.file_states()[number_of(manifest, "a/deep/large")] is not None, "it was we who cut it off"


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize("evicted", [False, True])
def test_a_part_that_goes_away_or_is_replaced(
    storage: TorrentStorage, folder: Path, manifest: Manifest, evicted: bool, replaced: bool
) -> None:
    (piece,), part = pieces_of(manifest, "small"), folder / "top" / f"small{PART}"
    put(storage, [piece])
    part.rename(folder / "kept")  # so that its inode is not given to the next
    if replaced:
        part.write_bytes(b"other")
    if evicted:
        storage.close()
    with pytest.raises(StorageError, match=r"small\.\w+\.part: (replaced by another file|no such file)"):
        storage.finish(number_of(manifest, "small"))
    assert part.exists() == replaced
    assert storage.scan() == set()
    put(storage, [piece])
    assert storage.scan() == {piece}, "a scan takes things as they are now"
    assert get(storage, piece) == content("small")


def test_a_scan_takes_things_as_they_are_now(storage: TorrentStorage, folder: Path) -> None:
    put(storage, [0, 1])
    (folder / f"top/a/deep/large{PART}").unlink()
    assert storage.scan() == set()
    put(storage, [1])
    assert storage.scan() == {1}


def test_states_are_those_of_what_we_wrote(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    assert storage.file_states() == [None] * 5
    put(storage, [0, *pieces_of(manifest, "small")])
    states = storage.file_states()
    number, small = number_of(manifest, "a/deep/large"), number_of(manifest, "small")
    part = (folder / f"top/a/deep/large{PART}").stat()
    state = states[number]
    assert state is not None
    assert state[:3] == (f"top/a/deep/large{PART}", PIECE, part.st_mtime_ns)
    assert storage.file_states() == states
    put(storage, [1])
    assert storage.file_states()[number] != states[number]
    storage.finish(small)
    there = (folder / "top/small").stat()
    assert storage.file_states()[small] == ("top/small", 5, there.st_mtime_ns, there.st_ino, True, False)
    os.utime(folder / "top/small", ns=(1, 1))
    for _ in range(2):
        assert storage.file_states()[small] is None, "somebody wrote to it: not to be trusted until a scan"
    storage.scan(only_files=[small])
    assert storage.file_states()[small] == ("top/small", 5, 1, there.st_ino, True, False)
    (folder / "top/small").unlink()
    assert storage.file_states()[small] is None


def test_a_replaced_file_has_no_state(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    (piece,), number = pieces_of(manifest, "small"), number_of(manifest, "small")
    put(storage, [piece])
    storage.close()
    (folder / f"top/small{PART}").rename(folder / "kept")
    (folder / f"top/small{PART}").write_bytes(b"other")
    assert storage.file_states()[number] is None


def test_what_cannot_be_flushed_is_lost(
    storage: TorrentStorage, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may have dropped what it could not write, and it says so only once."""
    put(storage, pieces_of(manifest, "small"))
    put(storage, pieces_of(manifest, "exact"))
    small, exact = number_of(manifest, "small"), number_of(manifest, "exact")

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(StorageError, match=r"exact\.\w+\.part: input/output error"):
            storage.finish(exact)
        assert storage.file_states()[small] is None
    for number in (small, exact):
        assert storage.file_states()[number] is None
        with pytest.raises(StorageError, match="may have lost some of its data"):
            storage.finish(number)
    assert storage.lost_files() == {small, exact}
    storage.scan(only_files=[small, exact])
    assert storage.lost_files() == set()
    storage.finish(small)
    assert storage.file_states()[small] is not None


def test_a_file_that_changes_while_it_is_flushed_is_not_finished(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, pieces_of(manifest, "exact"))
    number, part = number_of(manifest, "exact"), folder / f"top/exact{PART}"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: os.truncate(part, 5))
        with pytest.raises(StorageError, match=r"exact\.\w+\.part: changed by another program"):
            storage.finish(number)
    os.truncate(part, PIECE)
    assert storage.lost_files() == {number}
    assert tree(folder) == {f"top/exact{PART}": PIECE}


def test_finish_flushes_before_it_renames(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, pieces_of(manifest, "small"))
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def note_fsync(fd: int) -> None:
        steps.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{fd}')).name}")
        fsync(fd)

    def note_link(*args: Any, **options: Any) -> None:
        steps.append("rename")
        link(*args, **options)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "link", note_link)
    storage.finish(number_of(manifest, "small"))
    assert steps == [f"fsync small{PART}", "rename", "fsync top"]
