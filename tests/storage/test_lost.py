"""Files of which held pieces are lost: removed, replaced, shortened or changed by another program while we use them."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import LENGTHS, PART, PIECE, content, data_of, fill, get, number_of, pieces_of, put, tree

from swarmshare.errors import StorageError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.opening import OpenFiles
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


LARGE = f"top/a/deep/large{PART}"


def remove(path: Path) -> None:
    """Whatever it is, out of the way; what was a file is kept elsewhere, so that its inode is not given to another."""
    if path.is_symlink() or not path.is_dir():
        path.rename(path.parents[3] / f"kept {len(list(path.parents[3].glob('kept*')))}")
    else:
        shutil.rmtree(path)


def replace_by_file(part: Path) -> None:
    other = part.with_name("other")
    other.write_bytes(bytes(3 * PIECE))
    shutil.copystat(part, other)
    other.rename(part)


def replace_by_folder(part: Path) -> None:
    remove(part)
    part.mkdir()


def replace_by_link(part: Path) -> None:
    kept = part.with_name("moved")
    part.rename(kept)
    part.symlink_to(kept)


def replace_by_pipe(part: Path) -> None:
    remove(part)
    os.mkfifo(part)


def overwrite(part: Path) -> None:
    """In place, and as long as it was; the time is set, for clocks that tick slowly."""
    with open(part, "r+b") as file:
        file.write(b"broken")
    os.utime(part, ns=(1, 1))


LOSSES: Any = {
    "its folder is removed": (lambda part: shutil.rmtree(part.parents[3]), set()),
    "a folder on the way is removed": (lambda part: shutil.rmtree(part.parent), set()),
    "it is removed": (lambda part: part.unlink(), set()),
    "another file": (replace_by_file, set()),
    "a folder": (replace_by_folder, set()),
    "a link": (replace_by_link, {0, 1, 2}),
    "a pipe": (replace_by_pipe, set()),
    "cut off": (lambda part: os.truncate(part, PIECE + 1), {0}),
    "emptied": (lambda part: os.truncate(part, 0), set()),
    "overwritten": (overwrite, {1, 2}),
}
"""What happens to a file that has pieces 0 to 2, and which of them are still right then."""


def by_write(storage: TorrentStorage, number: int) -> None:
    with pytest.raises(StorageError) as caught:
        put(storage, [3])
    assert "downloads" in str(caught.value)
    assert caught.value.hint


def by_finish(storage: TorrentStorage, number: int) -> None:
    with pytest.raises(StorageError, match="downloads") as caught:
        storage.finish(number)
    assert caught.value.hint


def by_state(storage: TorrentStorage, number: int) -> None:
    assert storage.file_states()[number] is None


def by_looking(storage: TorrentStorage, number: int) -> None:
    assert storage.lost_files() == {number}


@pytest.mark.parametrize("evicted", [False, True])
@pytest.mark.parametrize("noticed", [by_write, by_finish, by_state, by_looking])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_noticed_told_and_made_good(
    storage: TorrentStorage, folder: Path, manifest: Manifest, loss: str, noticed: Any, evicted: bool
) -> None:
    number = number_of(manifest, "a/deep/large")
    disaster, left = LOSSES[loss]
    storage.prepare()
    put(storage, [0, 1, 2])
    assert storage.file_states()[number] is not None
    assert storage.lost_files() == set()
    if evicted:
        storage.close()
    disaster(folder / LARGE)
    if noticed is by_write and loss == "overwritten":
        put(storage, [3])  # which is right; only others are not
        left = left | {3}
    else:
        noticed(storage, number)
        if noticed is by_write and loss == "a link" and not evicted:
            left = left | {3}  # written to where the link now leads, though that was no success
    for _ in range(2):
        assert storage.lost_files() == {number}
        by_state(storage, number)
        by_finish(storage, number)
    # Even when a piece could be written, nothing makes it good but a scan.
    if loss not in ("a folder", "a link", "a pipe"):
        storage.prepare([number])
    assert storage.lost_files() == {number}
    assert storage.scan(only_files=[number]) == left
    assert storage.lost_files() == set()
    if loss in ("a folder", "a link", "a pipe"):
        with pytest.raises(StorageError, match=r"large\.\w+\.part") as caught:
            storage.prepare([number])
        assert caught.value.hint
        assert storage.lost_files() == set(), "nothing that was found is lost"
        remove(folder / LARGE)
        storage.scan(only_files=[number])
    storage.prepare()
    put(storage, range(6))
    storage.finish(number)
    assert storage.lost_files() == set()
    assert (folder / "top/a/deep/large").read_bytes() == content("a/deep/large")


def test_nothing_is_written_to_a_file_without_a_name(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    """One that is open takes what is written and loses it."""
    put(storage, [0])
    for _ in range(2):
        (folder / LARGE).unlink(missing_ok=True)
        with pytest.raises(StorageError, match=r"large\.\w+\.part: no such file"):
            put(storage, [1])
    assert storage.scan() == set()


def test_a_folder_that_goes_away_is_not_made_anew_unasked(
    storage: TorrentStorage, folder: Path, manifest: Manifest
) -> None:
    storage.prepare()
    put(storage, [0])
    shutil.rmtree(folder)
    for piece in range(manifest.layout.piece_count):
        with pytest.raises(StorageError, match=r"downloads.*no such file") as caught:
            put(storage, [piece])
        assert caught.value.hint
    assert not folder.exists()
    storage.prepare()
    assert tree(folder) == {"top/empty": 0}
    with pytest.raises(StorageError, match=r"large\.\w+\.part: no such file"):
        put(storage, [1])  # piece 0 is still held by whoever uses us
    assert storage.lost_files() == {number_of(manifest, "a/deep/large")}
    assert storage.scan(only_files=storage.lost_files()) == set()
    put(storage, range(manifest.layout.piece_count))
    for number in range(len(manifest.files)):
        storage.finish(number)
    assert tree(folder) == {f"top/{name}": length for name, length in LENGTHS.items()}


def test_a_folder_that_comes_back(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    number = number_of(manifest, "a/deep/large")
    storage.prepare()
    put(storage, [0, 1])
    away = folder.rename(folder.with_name("away"))
    with pytest.raises(StorageError, match="no such file"):
        put(storage, [2])
    assert storage.lost_files() == {number}
    away.rename(folder)
    assert storage.lost_files() == {number}, "who knows what became of it there"
    put(storage, [2])
    assert storage.scan(only_files=storage.lost_files()) == {0, 1, 2}
    assert storage.lost_files() == set()


def test_what_was_never_there_is_not_lost(storage: TorrentStorage, folder: Path) -> None:
    assert storage.lost_files() == set()
    storage.prepare()
    storage.scan()
    shutil.rmtree(folder)
    assert storage.lost_files() == set()
    fill(folder / "top")
    assert storage.lost_files() == set(), "something more is there"


def test_what_appears_is_new_until_it_is_scanned(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    everything = set(range(manifest.layout.piece_count))
    assert storage.scan() == everything
    assert storage.new_files() == set()
    (folder / "top").rename(folder / "elsewhere")
    assert storage.scan(only_files=storage.lost_files()) == set()
    assert storage.new_files() == set()
    (folder / "elsewhere").rename(folder / "top")
    new = storage.new_files()
    assert new == {number for number, file in enumerate(manifest.files) if file.length}
    assert storage.file_states() == [None] * len(manifest.files), "nobody knows yet what is in them"
    with pytest.raises(StorageError, match="may have lost"):
        storage.finish(min(new))
    assert storage.scan(only_files=new) == everything
    assert storage.new_files() == set()
    assert sum(state is not None for state in storage.file_states()) == len(new)


def test_what_can_be_looked_at_again_is_new(manifest: Manifest, nobodys_folder: Path, as_nobody: Any) -> None:
    raw = manifest.encode()
    fill(nobodys_folder / "top")

    def attempt() -> list[Any]:
        storage = TorrentStorage(parse_manifest(raw), nobodys_folder)
        nobodys_folder.chmod(0)
        told = [storage.scan(), storage.new_files()]
        nobodys_folder.chmod(0o700)
        return [*told, storage.scan(only_files=storage.new_files())]

    assert as_nobody(attempt) == [set(), set(), set(range(manifest.layout.piece_count))]


def test_whole_files_are_lost_too(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    storage.scan()
    assert storage.lost_files() == set()
    small, whole = number_of(manifest, "small"), number_of(manifest, "a/whole")
    (folder / "top/small").unlink()
    (folder / "top/a/whole").rename(folder / "kept")  # so that its inode is not given to the next
    (folder / "top/a/other").write_bytes(bytes(2 * PIECE))
    (folder / "top/a/other").rename(folder / "top/a/whole")
    assert storage.lost_files() == {small, whole}
    for number in (small, whole):
        with pytest.raises(StorageError, match=r"no such file|replaced by another file"):
            storage.finish(number)
    everything = set(range(manifest.layout.piece_count))
    lost = {*pieces_of(manifest, "small"), *pieces_of(manifest, "a/whole")}
    assert storage.scan(only_files=[small, whole]) == set()
    with pytest.raises(StorageError, match="whole: is there already with other content"):
        storage.prepare([small, whole])
    (folder / "top/a/whole").unlink()
    assert storage.lost_files() == {whole}
    assert storage.scan(only_files=[whole]) == set()
    storage.prepare([small, whole])
    put(storage, lost)
    storage.finish(small)
    storage.finish(whole)
    assert storage.scan() == everything


def test_a_whole_file_that_is_replaced_by_a_folder(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    storage.scan()
    (folder / "top/small").unlink()
    (folder / "top/small").mkdir()
    assert storage.lost_files() == {number_of(manifest, "small")}
    with pytest.raises(StorageError, match="small: not a regular file") as caught:
        storage.prepare()
    assert caught.value.hint


def test_an_empty_file_that_is_replaced(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    number = number_of(manifest, "empty")
    storage.prepare([number])
    storage.finish(number)
    (folder / "top/empty").rename(folder / "kept")
    (folder / "top/empty").touch()
    storage.prepare([number])
    (folder / "top/empty").unlink()
    storage.prepare([number])
    assert tree(folder) == {"kept": 0, "top/empty": 0}
    assert storage.lost_files() == set(), "there was nothing in it to lose"


def test_a_name_that_is_taken_while_the_part_is_there(
    storage: TorrentStorage, folder: Path, manifest: Manifest
) -> None:
    put(storage, pieces_of(manifest, "small"))
    (folder / "top/small").write_bytes(b"other")
    with pytest.raises(StorageError, match="small: is there already, and it is left alone") as caught:
        storage.prepare()
    assert caught.value.hint
    assert storage.lost_files() == set()


def test_a_change_between_a_flush_and_a_write_is_noticed(
    storage: TorrentStorage, folder: Path, manifest: Manifest
) -> None:
    number = number_of(manifest, "a/deep/large")
    put(storage, [0])
    storage.file_states()
    overwrite(folder / LARGE)
    put(storage, [1])
    assert storage.lost_files() == {number}
    assert storage.scan(only_files=[number]) == {1}


def test_a_file_that_is_not_read_to_its_end_is_lost(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    number = number_of(manifest, "a/deep/large")
    put(storage, [0, 1])
    os.truncate(folder / LARGE, PIECE + 5)
    with pytest.raises(StorageError, match=r"large\.\w+\.part: shorter than it was"):
        get(storage, 1)
    with open(folder / LARGE, "ab") as file:
        file.write(bytes(PIECE))
    assert storage.lost_files() == {number}
    assert storage.scan(only_files=[number]) == {0}


@pytest.mark.parametrize("use", [put, lambda storage, pieces: [get(storage, piece) for piece in pieces]])
def test_a_folder_that_is_moved_and_linked_to(
    storage: TorrentStorage, folder: Path, manifest: Manifest, use: Any
) -> None:
    """The files are the same by inode, and yet there is a link now: to be read, after a scan, and not to be written."""
    number = number_of(manifest, "a/deep/large")
    put(storage, [0])
    storage.close()
    (folder / "top/a").rename(folder / "elsewhere")
    (folder / "top/a").symlink_to("../elsewhere")
    with pytest.raises(StorageError, match="top/a: a link"):
        use(storage, [0])
    assert storage.lost_files() == {number}
    assert storage.scan(only_files=[number]) == {0}
    assert get(storage, 0) == data_of(manifest, 0)
    with pytest.raises(StorageError, match="top/a: a link"):
        put(storage, [1])
    assert storage.lost_files() == set(), "that it cannot be written is no reason to hash it again and again"


def test_what_cannot_be_looked_at_is_not_lost(manifest: Manifest, nobodys_folder: Path, as_nobody: Any) -> None:
    raw = manifest.encode()

    def attempt() -> list[Any]:
        storage = TorrentStorage(parse_manifest(raw), nobodys_folder)
        number = number_of(manifest, "a/deep/large")
        put(storage, [0])
        told: list[Any] = [storage.file_states()[number] is not None]
        put(storage, [1])
        storage.close()
        nobodys_folder.chmod(0)
        told += [storage.file_states()[number], storage.lost_files()]
        try:
            put(storage, [2])
        except StorageError as error:
            told += [str(error), bool(error.hint)]
        nobodys_folder.chmod(0o700)
        return [*told, storage.lost_files(), storage.scan(), storage.file_states()[number]]

    *told, state = as_nobody(attempt)
    assert told == [True, None, set(), f"{nobodys_folder}: permission denied", True, set(), {0, 1}]
    assert state[:2] == (LARGE, 2 * PIECE)


def test_what_could_not_be_flushed_for_now_is_flushed_later(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = number_of(manifest, "small")
    put(storage, pieces_of(manifest, "small"))
    storage.close()
    os.link(folder / f"top/small{PART}", folder / "second name")
    assert storage.file_states()[number] is None
    (folder / "second name").unlink()
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", flushed.append)
    assert storage.file_states()[number] is not None
    assert len(flushed) == 1


def test_our_own_writes_are_nobody_elses(manifest: Manifest, folder: Path) -> None:
    """Whatever is written, flushed, renamed and looked at at the same time."""
    storage = TorrentStorage(manifest, folder, OpenFiles(2))
    storage.prepare()
    pieces = list(range(manifest.layout.piece_count))
    done = Event()
    lost: list[set[int]] = []

    def watch() -> None:
        while not done.is_set():
            lost.append(storage.lost_files())

    def flush() -> None:
        while not done.is_set():
            storage.file_states()

    with ThreadPoolExecutor(8) as pool:
        watchers = [pool.submit(watch), pool.submit(watch), pool.submit(flush)]
        try:
            for _ in range(10):
                list(pool.map(lambda piece: put(storage, [piece]), pieces * 3))
            list(pool.map(storage.finish, range(len(manifest.files))))
        finally:
            done.set()
        for watcher in watchers:
            watcher.result()
    assert lost
    assert set().union(*lost) == storage.lost_files() == set()
    assert all(
        state is not None for state, file in zip(storage.file_states(), manifest.files, strict=True) if file.length
    )
    assert storage.scan() == set(pieces)


def test_a_flush_in_the_middle_of_a_write(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, [0])
    pwrite = os.pwrite

    def disturb(fd: int, data: memoryview, at: int) -> int:
        os.utime(folder / LARGE, ns=(1, 1))  # as on a network drive, whose own clock counts
        assert storage.file_states()[number_of(manifest, "a/deep/large")] is not None
        return pwrite(fd, data, at)

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", disturb)
        put(storage, [1])
    assert storage.lost_files() == set()
    assert storage.file_states()[number_of(manifest, "a/deep/large")] is not None


def test_a_write_in_the_middle_of_a_flush(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, [0])
    fsync = os.fsync

    def disturb(fd: int) -> None:
        fsync(fd)
        put(storage, [1])

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", disturb)
        storage.file_states()
    os.utime(folder / LARGE, ns=(1, 1))  # when it is flushed, a network drive may set the time that it thinks right
    number = number_of(manifest, "a/deep/large")
    assert storage.lost_files() == set()
    assert storage.file_states()[number] is None, "or somebody wrote to it: the next start is to look"
    assert storage.lost_files() == set()
    storage.scan(only_files=[number])
    assert storage.file_states()[number] is not None


def test_what_was_written_before_a_scan_is_flushed_after_it(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = number_of(manifest, "small")
    put(storage, pieces_of(manifest, "small"))
    storage.scan()
    flushed: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", flushed.append)
        assert storage.file_states()[number] is not None
        assert len(flushed) == 1
    put(storage, pieces_of(manifest, "small"))
    (folder / "kept").write_bytes(content("small"))
    (folder / f"top/small{PART}").unlink()
    os.link(folder / "kept", folder / "top/small")
    assert storage.scan() == set(pieces_of(manifest, "small"))
    assert storage.file_states()[number] is not None, "nothing was written to this one, nor could it be"


def test_what_a_scan_found_must_stay_there(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    put(storage, range(6))
    storage.scan()
    put(storage, [0])
    os.truncate(folder / LARGE, 2 * PIECE)
    assert storage.lost_files() == {number_of(manifest, "a/deep/large")}


def test_a_scan_during_a_flush(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = number_of(manifest, "a/deep/large")
    put(storage, [0])
    fsync = os.fsync

    def disturb(fd: int) -> None:
        fsync(fd)
        (folder / LARGE).unlink()
        storage.scan()

    monkeypatch.setattr(os, "fsync", disturb)
    assert storage.file_states()[number] is None
    assert storage.lost_files() == set(), "the scan has told"
