"""Disks that are full or fail, and folders that we may not write to."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import LENGTHS, PART, PIECE, content, fill, get, number_of, pieces_of, put

from swarmshare.errors import DiskFullError, StorageError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def test_a_disk_that_is_too_small_is_told_before(small_disk: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, small_disk)
    with pytest.raises(DiskFullError, match="disk: the disk is full: 262,249 ") as caught:
        storage.prepare()
    assert (caught.value.code, caught.value.needed) == ("disk-full", sum(LENGTHS.values()))
    assert 0 < caught.value.free <= 128 * 1024
    storage.prepare([number_of(manifest, "exact"), number_of(manifest, "small")])


def test_what_is_there_needs_no_room_and_holes_do(small_disk: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, small_disk)
    number = number_of(manifest, "a/whole")
    put(storage, pieces_of(manifest, "a/whole"))
    filler = small_disk / "filler"
    filler.write_bytes(bytes(32 * 1024))
    storage.prepare([number])
    put(storage, [5])  # the end of a file with a hole before it
    with pytest.raises(DiskFullError):
        storage.prepare([number_of(manifest, "a/deep/large")])
    storage.close()


def test_a_disk_that_is_full_in_the_middle(small_disk: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, small_disk)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(50 * 1024))
    held = set()
    with pytest.raises(DiskFullError, match=r"large\.\w+\.part: the disk is full: 32,768 bytes are needed") as caught:  # noqa: PT012
        for number in range(6):
            put(storage, [number])
            held.add(number)
    assert caught.value.free < PIECE
    assert storage.scan() == held == {0, 1}
    filler.unlink()
    put(storage, [2])
    assert storage.scan() == {0, 1, 2}
    storage.close()


def test_a_full_disk_that_is_gone_too(storage: TorrentStorage, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(storage, [0])

    def fail(*_: object) -> None:
        shutil.rmtree(folder)
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "pwrite", fail)
    with pytest.raises(DiskFullError, match="0 are free"):
        put(storage, [1])


def test_a_failing_disk_is_named(storage: TorrentStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    put(storage, [0])

    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "pwrite", fail)
    monkeypatch.setattr(os, "pread", fail)
    for attempt in (lambda: put(storage, [1]), lambda: get(storage, 0)):
        with pytest.raises(StorageError, match=r"large\.\w+\.part: input/output error"):
            attempt()


def test_a_disk_that_is_full_when_it_is_flushed(
    storage: TorrentStorage, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As network drives do; the system does not say how much was to be written."""
    put(storage, pieces_of(manifest, "small"))

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DiskFullError, match=r"small\.\w+\.part: the disk is full$") as caught:
        storage.finish(number_of(manifest, "small"))
    assert caught.value.needed == 0


def test_without_the_right_to_write_or_read(manifest: Manifest, folder: Path, as_nobody: Any) -> None:
    fill(folder / "top")
    (folder / "top" / "small").chmod(0)
    (folder / "top" / "exact").unlink()
    for path in (folder, *folder.parents):
        if path.owner() == folder.owner() and str(path).startswith("/tmp"):
            path.chmod(path.stat().st_mode & ~0o022 | 0o055)
    for path in (folder / "top").rglob("*"):
        if path.name != "small":
            path.chmod(0o555)
    (folder / "top").chmod(0o555)
    raw = manifest.encode()

    def attempt_all() -> list[str]:
        storage = TorrentStorage(parse_manifest(raw), folder)
        (exact,), (small,) = pieces_of(manifest, "exact"), pieces_of(manifest, "small")
        told = [str(sorted(storage.scan()))]
        attempts: list[Callable[[], object]] = [
            lambda: put(storage, [0]),
            lambda: put(storage, [exact]),
            lambda: get(storage, small),
            lambda: get(storage, 0),
        ]
        for attempt in attempts:
            try:
                attempt()
                told.append("done")
            except StorageError as error:
                told.append(str(error))
        return told

    right = [*pieces_of(manifest, "a/deep/large"), *pieces_of(manifest, "a/whole")]
    assert as_nobody(attempt_all) == [
        str(right),
        f"{folder}/top/a/deep/large: permission denied",
        f"{folder}/top/exact{PART}: permission denied",
        f"{folder}/top/small: permission denied",
        "done",
    ]


def told_of(attempt: Callable[[], object]) -> str:
    """What an attempt that must fail says, and what to do about it."""
    with pytest.raises(StorageError) as caught:
        attempt()
    assert not isinstance(caught.value, DiskFullError)
    return f"{caught.value} ({caught.value.hint})"


def test_a_folder_that_is_read_only_for_a_while(manifest: Manifest, nobodys_folder: Path, as_nobody: Any) -> None:
    raw, top = manifest.encode(), nobodys_folder / "top"
    small, large = number_of(manifest, "small"), number_of(manifest, "a/deep/large")

    def attempt() -> list[Any]:
        storage = TorrentStorage(parse_manifest(raw), nobodys_folder)
        nobodys_folder.chmod(0o500)
        told: list[Any] = [told_of(storage.prepare)]
        nobodys_folder.chmod(0o700)
        storage.prepare()
        put(storage, pieces_of(manifest, "small"))
        top.chmod(0o500)
        (top / "a/deep").chmod(0o500)
        told += [
            told_of(lambda: storage.prepare([large])),
            told_of(lambda: put(storage, [0])),
            told_of(lambda: storage.finish(small)),
        ]
        (top / f"small{PART}").chmod(0o400)
        told.append(told_of(lambda: storage.prepare([small])))
        told += [
            told_of(lambda: put(storage, pieces_of(manifest, "small"))),
            told_of(lambda: storage.finish(small)),
            storage.lost_files(),
        ]
        for path in (top, top / "a/deep", top / f"small{PART}"):
            path.chmod(0o700)
        storage.prepare()
        put(storage, range(manifest.layout.piece_count))
        for number in range(len(manifest.files)):
            storage.finish(number)
        return [*told, storage.lost_files(), len(storage.scan())]

    told = as_nobody(attempt)
    what_to_do = "(Check the permissions there, or choose another folder.)"
    assert told == [
        f"{top}: permission denied {what_to_do}",
        f"{top}/a/deep: cannot be written to {what_to_do}",
        f"{top}/a/deep/large{PART}: permission denied {what_to_do}",
        f"{top}/small: permission denied {what_to_do}",
        f"{top}/small{PART}: cannot be written to {what_to_do}",
        f"{top}/small{PART}: permission denied {what_to_do}",
        f"{top}/small{PART}: permission denied {what_to_do}",
        set(),
        set(),
        manifest.layout.piece_count,
    ]


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def test_a_disk_that_is_read_only_for_a_while(small_disk: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, small_disk / "downloads")
    small = number_of(manifest, "small")
    storage.prepare([small])
    put(storage, pieces_of(manifest, "small"))
    storage.close()
    mount("-o", "remount,ro", str(small_disk))
    try:
        said = r"read-only file system \(Make the disk writable, or choose another folder\.\)$"
        for attempt in (lambda: put(storage, [0]), lambda: storage.finish(small)):
            assert re.search(said, told_of(attempt))
        assert f"small{PART}: cannot be written to (Check" in told_of(lambda: storage.prepare([small]))
        assert storage.lost_files() == set()
        assert get(storage, pieces_of(manifest, "small")[0]) == content("small")
    finally:
        mount("-o", "remount,rw", str(small_disk))
    storage.finish(small)
    put(storage, [0])
    assert storage.scan() == {0, *pieces_of(manifest, "small")}
    storage.close()


def test_a_disk_that_is_pulled_and_comes_back(small_disk: Path, tmp_path: Path, manifest: Manifest) -> None:
    number = number_of(manifest, "a/whole")
    first, second = pieces_of(manifest, "a/whole")
    place = tmp_path / "place"
    place.mkdir()
    mount("--bind", str(small_disk), str(place))
    try:
        storage = TorrentStorage(manifest, place / "downloads")
        storage.prepare([number])
        put(storage, [first])
        storage.file_states()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)
    # What is open takes what is written, wherever it goes.
    assert f"whole{PART}: no such file" in told_of(lambda: put(storage, [second]))
    assert "downloads: no such file" in told_of(lambda: put(storage, [second]))
    assert storage.lost_files() == {number}
    assert storage.file_states() == [None] * 5
    assert os.listdir(place) == []
    mount("--bind", str(small_disk), str(place))
    try:
        put(storage, [second])
        assert storage.scan(only_files=storage.lost_files()) == {first, second}
        assert storage.lost_files() == set()
        storage.close()
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def test_limits_of_the_system_are_no_loss(manifest: Manifest, nobodys_folder: Path, as_nobody: Any) -> None:
    """Files may be only so large (4 GiB on FAT32), and only so many may be open."""
    raw = manifest.encode()
    exact = number_of(manifest, "exact")

    def attempt() -> list[Any]:
        storage = TorrentStorage(parse_manifest(raw), nobodys_folder)
        put(storage, [0, *pieces_of(manifest, "exact")])
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (PIECE, most))
        told: list[Any] = [told_of(lambda: put(storage, [1]))]
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        storage.close()
        allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (0, allowed[1]))
        told += [told_of(lambda: put(storage, [1])), told_of(lambda: get(storage, 0))]
        told += [told_of(lambda: storage.finish(exact)), storage.lost_files()]
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
        put(storage, [1])
        storage.finish(exact)
        return [*told, len(get(storage, 0)), storage.lost_files()]

    part = nobodys_folder / f"top/a/deep/large{PART}"
    too_many = "too many open files (Close other programs, or allow more open files.)"
    told = as_nobody(attempt)
    assert told[0] == f"{part}: file too large (Choose a folder on a disk that takes larger files.)"
    assert [line.endswith(too_many) for line in told[1:4]] == [True] * 3
    assert told[4:] == [set(), PIECE, set()]
