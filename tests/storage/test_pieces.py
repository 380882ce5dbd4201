"""The files of a torrent: nothing but what was verified, nowhere but in the folder."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from storage.makers import LENGTHS, PART, PIECE, content, data_of, fill, get, number_of, pieces_of, put, tree

from swarmshare.errors import CancelledError, StorageError
from swarmshare.storage import hashing, opening
from swarmshare.storage.opening import OpenFiles, is_limit
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.progress import Progress


def test_from_nothing_to_whole(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    storage.prepare()
    assert tree(folder) == {"top/empty": 0}
    everything = set(range(manifest.layout.piece_count))
    put(storage, sorted(everything, reverse=True))
    assert tree(folder) == {"top/empty": 0} | {f"top/{name}{PART}": n for name, n in LENGTHS.items() if n}
    assert storage.scan() == everything
    for file in range(len(manifest.files)):
        storage.finish(file)
    assert {name: (folder / "top" / name).read_bytes() for name in LENGTHS} == {name: content(name) for name in LENGTHS}
    assert tree(folder) == {f"top/{name}": length for name, length in LENGTHS.items()}, "no .part is left"
    storage.finish(0)  # once more: nothing to do
    for number in everything:
        assert get(storage, number) == data_of(manifest, number)
    again = TorrentStorage(manifest, folder)
    assert again.scan() == everything
    again.prepare()
    assert tree(folder) == {f"top/{name}": length for name, length in LENGTHS.items()}


def test_only_what_is_wanted_is_made(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    storage.prepare([number_of(manifest, "a/whole")])
    assert [str(path.relative_to(folder)) for path in folder.rglob("*")] == ["top", "top/a"]
    assert storage.scan() == set()


def test_the_folder_is_made_when_something_is_wanted(tmp_path: Path, manifest: Manifest) -> None:
    folder = tmp_path / "new" / "downloads"
    storage = TorrentStorage(manifest, folder)
    storage.prepare([])
    assert not folder.parent.exists()
    number = number_of(manifest, "empty")
    with pytest.raises(StorageError, match="downloads: no such file"):
        storage.finish(number)
    storage.prepare([number])
    storage.finish(number)
    assert tree(folder) == {"top/empty": 0}


def test_an_empty_file_needs_no_preparing(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    storage.finish(number_of(manifest, "empty"))
    assert tree(folder) == {"top/empty": 0}


def test_reading_a_part_of_a_piece(storage: TorrentStorage, manifest: Manifest) -> None:
    put(storage, [1])
    piece = manifest.layout.index(1)
    assert storage.read(piece, 100, 50) == data_of(manifest, 1)[100:150]
    for begin, length in ((-1, 5), (0, 0), (0, PIECE + 1), (PIECE, 1)):
        with pytest.raises(ValueError, match="of a piece of"):
            storage.read(piece, begin, length)


def test_data_of_the_wrong_length_is_not_written(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    tail = manifest.layout.index(pieces_of(manifest, "a/deep/large")[-1])
    for data in (b"", bytes(99), bytes(101), bytes(PIECE)):
        with pytest.raises(ValueError, match="for a piece of 100"):
            storage.write(tail, data)
    assert not tree(folder)


def test_what_is_not_there_cannot_be_read_or_finished(
    storage: TorrentStorage, folder: Path, manifest: Manifest
) -> None:
    with pytest.raises(StorageError, match="large: not there"):
        get(storage, 0)
    with pytest.raises(StorageError, match=r"large\.\w+\.part: not there"):
        storage.finish(number_of(manifest, "a/deep/large"))
    assert not tree(folder)
    put(storage, [0])
    with pytest.raises(StorageError, match="shorter than it was"):
        get(storage, 3)


def test_short_writes_are_continued(storage: TorrentStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:1000], at))
    put(storage, [0, 1, 5])
    assert storage.scan() == {0, 1, 5}


def test_no_more_files_are_open_than_allowed(manifest: Manifest, folder: Path) -> None:
    storage = TorrentStorage(manifest, folder, OpenFiles(2))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        put(storage, range(manifest.layout.piece_count))
        for number in range(manifest.layout.piece_count):
            assert get(storage, number) == data_of(manifest, number)
        assert len(os.listdir("/proc/self/fd")) == before + 2
    storage.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert get(storage, 0) == data_of(manifest, 0), "opened again"


def test_two_torrents_share_what_may_be_open(manifest: Manifest, folder: Path) -> None:
    opened = OpenFiles(2)
    first, second = TorrentStorage(manifest, folder, opened), TorrentStorage(manifest, folder / "second", opened)
    (folder / "second").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for storage in (first, second):
        put(storage, range(manifest.layout.piece_count))
        assert len(os.listdir("/proc/self/fd")) == before + 2
    first.close()
    assert len(os.listdir("/proc/self/fd")) == before + 2, "they are the other's"
    second.close()
    assert len(os.listdir("/proc/self/fd")) == before


def test_when_the_system_allows_no_more_what_is_kept_is_closed(
    manifest: Manifest, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = TorrentStorage(manifest, folder)
    put(storage, range(manifest.layout.piece_count))
    wanted, open_ = manifest.layout.piece_count - 1, os.open
    storage.close()
    for piece in set(range(wanted)) - set(manifest.layout.file_pieces(len(manifest.files) - 1)):
        get(storage, piece)
    before = len(os.listdir("/proc/self/fd"))

    def refuse(*arguments: Any, **options: Any) -> int:
        if len(os.listdir("/proc/self/fd")) >= before:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return open_(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        assert get(storage, wanted) == data_of(manifest, wanted)
        patch.setattr(os, "open", lambda *_, **__: refuse_always())
        storage.close()
        with pytest.raises(StorageError, match="too many open files") as caught:
            get(storage, wanted)
    assert is_limit(caught.value)
    assert caught.value.hint


def refuse_always() -> int:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


def test_many_threads_and_few_open_files(manifest: Manifest, folder: Path) -> None:
    storage = TorrentStorage(manifest, folder, OpenFiles(1))
    numbers = list(range(manifest.layout.piece_count))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: put(storage, [number]), numbers * 20))
        read = list(pool.map(lambda number: get(storage, number), numbers * 20))
    assert read == [data_of(manifest, number) for number in numbers] * 20
    assert storage.scan() == set(numbers)


@given(st.data())
def test_any_pieces_in_any_order_are_found_again(manifest: Manifest, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(manifest.layout.piece_count)))
    written = order[: data.draw(st.integers(0, len(order)))]
    with tempfile.TemporaryDirectory() as folder:
        storage = TorrentStorage(manifest, Path(folder))
        storage.prepare()
        put(storage, written)
        for file in range(len(manifest.files)):
            if set(manifest.layout.file_pieces(file)) <= set(written) and data.draw(st.booleans()):
                storage.finish(file)
        assert all(get(storage, number) == data_of(manifest, number) for number in written)
        storage.close()
        assert TorrentStorage(manifest, Path(folder)).scan() == set(written)


def test_a_system_without_openat_and_pread(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_HAS_DIR_FD", False)
    monkeypatch.setattr(opening, "_HAS_PREAD", False)
    test_from_nothing_to_whole(storage, folder, manifest)
    shutil.rmtree(folder / "top")
    folder.joinpath("top").symlink_to(outside)
    with pytest.raises(StorageError, match="leads outside"):
        TorrentStorage(manifest, folder).prepare()
    (folder / "top").unlink()
    (folder / "top").mkdir()
    (folder / "top" / f"small{PART}").symlink_to("elsewhere")
    with pytest.raises(StorageError, match=r"small\.\w+\.part: a link"):
        put(TorrentStorage(manifest, folder), pieces_of(manifest, "small"))
    monkeypatch.setattr(opening, "_FILE", 0)  # O_NOFOLLOW is not there either
    (folder / "elsewhere").write_bytes(content("small"))
    (folder / "top" / "small").symlink_to("../elsewhere")
    storage = TorrentStorage(manifest, folder)
    assert storage.scan() == set(pieces_of(manifest, "small"))
    with pytest.raises(StorageError, match="small: a link"):
        put(storage, pieces_of(manifest, "small"))


# Scanning


# Scanning


def test_one_wrong_byte(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    everything = set(range(manifest.layout.piece_count))
    for number in everything:
        span = manifest.layout.span(manifest.layout.index(number))
        path = folder.joinpath("top", *manifest.files[span.file].path)
        for at in (span.offset, span.offset + span.length - 1):
            data = bytearray(path.read_bytes())
            data[at] ^= 1
            path.write_bytes(data)
            assert storage.scan() == everything - {number}
            data[at] ^= 1
            path.write_bytes(data)


def test_scanning_some_files_with_progress(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    reports: list[Progress] = []
    wanted = [number_of(manifest, "small"), number_of(manifest, "a/whole")]
    assert storage.scan(reports.append, only_files=wanted) == {
        *pieces_of(manifest, "small"), *pieces_of(manifest, "a/whole"),
    }  # fmt: skip
    assert (reports[-1].bytes_done, reports[-1].files_done) == (5 + 2 * PIECE, 2)


def test_cancelling(storage: TorrentStorage, folder: Path) -> None:
    fill(folder / "top")
    cancel = Event()
    cancel.set()
    with pytest.raises(CancelledError):
        storage.scan(cancel=cancel)


@pytest.mark.parametrize("how", ["touched", "removed"])
def test_a_file_that_changes_after_it_was_hashed(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    fill(folder / "top")
    hash_run = hashing._hash_run

    def disturb(source: Any, *rest: Any) -> Any:
        hashed = hash_run(source, *rest)
        if source.path.name == "whole":
            source.path.unlink() if how == "removed" else os.utime(source.path, ns=(1, 1))
        return hashed

    monkeypatch.setattr(hashing, "_hash_run", disturb)
    everything = set(range(manifest.layout.piece_count))
    assert storage.scan() == everything - set(pieces_of(manifest, "a/whole"))
    assert storage.file_states()[number_of(manifest, "a/whole")] is None


def test_a_run_that_cannot_be_read_costs_only_its_pieces(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(folder / "top")
    monkeypatch.setattr(hashing, "JOB_LENGTH", 2 * PIECE)
    read_full = hashing._read_full

    def fail(source: Any, file: Any, chunk: Any) -> None:
        if source.path.name == "large" and file.tell() == 2 * PIECE:
            raise OSError(errno.EIO, "Input/output error")
        read_full(source, file, chunk)

    monkeypatch.setattr(hashing, "_read_full", fail)
    assert storage.scan() == set(range(manifest.layout.piece_count)) - {2, 3}
