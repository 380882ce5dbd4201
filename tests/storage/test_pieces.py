"""The files of a torrent: nothing but what was verified, nowhere but in the folder."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest import naive_merkle
from manifest.makers import encoded, folder_doc, good_doc

from swarmshare.errors import CancelledError, StorageError
from swarmshare.manifest.build import Description
from swarmshare.manifest.merkle import leaf_hashes, merkle_root
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage import hashing, pieces
from swarmshare.storage.create import create_manifest
from swarmshare.storage.pieces import DiskFullError, TorrentStorage, bad_blocks, piece_is_right
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.progress import Progress

BLOCK = 2**14
PIECE = 2 * BLOCK
LENGTHS = {"a/deep/large": 5 * PIECE + 100, "a/whole": 2 * PIECE, "empty": 0, "exact": PIECE, "small": 5}
ROOT = os.geteuid() == 0


@cache
def content(name: str) -> bytes:
    return bytes((i * 31 + (i >> 8) * 7 + len(name)) % 256 for i in range(LENGTHS[name]))


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    top = tmp_path_factory.mktemp("made") / "top"
    fill(top)
    return create_manifest(make_plan(top), Description(), piece_length=PIECE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where things are downloaded to; not there yet."""
    return tmp_path / "downloads"


@pytest.fixture
def storage(manifest: Manifest, folder: Path) -> Iterator[TorrentStorage]:
    opened = TorrentStorage(manifest, folder)
    yield opened
    opened.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no test may change: see ``untouched``."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(content("small"))
    (folder / "large").write_bytes(bytes(LENGTHS["a/deep/large"]))
    return folder


@pytest.fixture
def untouched(outside: Path) -> Iterator[None]:
    def look() -> dict[str, bytes]:
        return {name: (outside / name).read_bytes() for name in os.listdir(outside)}

    before = look()
    yield
    assert look() == before, "something outside the folder was touched"


def fill(top: Path) -> None:
    for name in LENGTHS:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content(name))


def number_of(manifest: Manifest, name: str) -> int:
    return ["/".join(file.path) for file in manifest.files].index(name)


def pieces_of(manifest: Manifest, name: str) -> range:
    return manifest.layout.file_pieces(number_of(manifest, name))


def data_of(manifest: Manifest, piece: int) -> bytes:
    span = manifest.layout.span(manifest.layout.index(piece))
    return content("/".join(manifest.files[span.file].path))[span.offset : span.offset + span.length]


def put(storage: TorrentStorage, numbers: Iterable[int]) -> None:
    for number in numbers:
        storage.write(storage.manifest.layout.index(number), data_of(storage.manifest, number))


def get(storage: TorrentStorage, number: int) -> bytes:
    piece = storage.manifest.layout.index(number)
    return storage.read(piece, 0, storage.manifest.layout.span(piece).length)


def tree(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def without_layers(manifest: Manifest) -> Manifest:
    return parse_manifest(manifest.encode().replace(b"12:piece layers", b"12:piece Layers"))


# Writing, reading, finishing


def test_from_nothing_to_whole(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    storage.prepare()
    assert tree(folder) == {"top/empty": 0}
    everything = set(range(manifest.layout.piece_count))
    put(storage, sorted(everything, reverse=True))
    assert tree(folder) == {"top/empty": 0} | {f"top/{name}.part": n for name, n in LENGTHS.items() if n}
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
    assert not folder.exists()


def test_what_is_not_there_cannot_be_read(storage: TorrentStorage, manifest: Manifest) -> None:
    with pytest.raises(StorageError, match="large: not there"):
        get(storage, 0)
    put(storage, [0])
    with pytest.raises(StorageError, match="shorter than it was"):
        get(storage, 3)


def test_short_writes_are_continued(storage: TorrentStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: pwrite(fd, data[:1000], at))
    put(storage, [0, 1, 5])
    assert storage.scan() == {0, 1, 5}


def test_no_more_files_are_open_than_allowed(
    storage: TorrentStorage, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MAX_OPEN", 2)
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(2):
        put(storage, range(manifest.layout.piece_count))
        for number in range(manifest.layout.piece_count):
            assert get(storage, number) == data_of(manifest, number)
        assert len(os.listdir("/proc/self/fd")) == before + 2
    storage.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert get(storage, 0) == data_of(manifest, 0), "opened again"


def test_many_threads_and_few_open_files(
    storage: TorrentStorage, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "MAX_OPEN", 1)
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
    monkeypatch.setattr(pieces, "_HAS_DIR_FD", False)
    monkeypatch.setattr(pieces, "_HAS_PREAD", False)
    test_from_nothing_to_whole(storage, folder, manifest)
    shutil.rmtree(folder / "top")
    folder.joinpath("top").symlink_to(outside)
    with pytest.raises(StorageError, match="leads outside"):
        TorrentStorage(manifest, folder).prepare()
    (folder / "top").unlink()
    (folder / "top").mkdir()
    (folder / "top" / "small.part").symlink_to("elsewhere")
    with pytest.raises(StorageError, match=r"small\.part: a link"):
        put(TorrentStorage(manifest, folder), pieces_of(manifest, "small"))
    monkeypatch.setattr(pieces, "_FILE", 0)  # O_NOFOLLOW is not there either
    (folder / "elsewhere").write_bytes(content("small"))
    (folder / "top" / "small").symlink_to("../elsewhere")
    storage = TorrentStorage(manifest, folder)
    assert storage.scan() == set(pieces_of(manifest, "small"))
    with pytest.raises(StorageError, match="small: a link"):
        put(storage, pieces_of(manifest, "small"))


# Names


def test_a_file_that_is_called_like_another_ones_part(folder: Path) -> None:
    manifest = parse_manifest(encoded(folder_doc({b"a": 5, b"a.part": 6, b"b.PART": 7, b"b": 8})))
    storage = TorrentStorage(manifest, folder)
    storage.prepare()
    for number in range(4):
        span = manifest.layout.span(manifest.layout.index(number))
        storage.write(manifest.layout.index(number), bytes(i % 251 for i in range(span.length)))
    assert len(tree(folder)) == 4
    for number in reversed(range(4)):
        storage.finish(number)
    assert tree(folder) == {"top/a": 5, "top/a.part": 6, "top/b.PART": 7, "top/b": 8}
    storage.close()


@pytest.mark.parametrize("name", ["x" * 255, "\u00e9" * 127, "x" * 251, "x" * 250])
def test_a_long_name_has_a_part_too(folder: Path, name: str) -> None:
    other = name[:-1] + "y"  # the same once it is cut
    manifest = parse_manifest(encoded(folder_doc({name.encode(): 5, other.encode(): 6})))
    storage = TorrentStorage(manifest, folder)
    for number, file in enumerate(manifest.files):
        storage.write(manifest.layout.index(number), bytes(range(file.length)))
    assert all(len(os.fsencode(path.name)) <= 255 and ".part" in path.name for path in (folder / "top").iterdir())
    assert storage.scan() == {0, 1}
    storage.finish(0)
    storage.finish(1)
    assert tree(folder) == {f"top/{name}": 5, f"top/{other}": 6}
    storage.close()


def test_an_existing_file_is_used_in_place(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    fill(folder / "top")
    with open(folder / "top/a/deep/large", "r+b") as file:
        file.seek(PIECE)
        file.write(b"broken")
    assert storage.scan() == set(range(manifest.layout.piece_count)) - {1}
    storage.prepare()
    put(storage, [1])
    storage.finish(number_of(manifest, "a/deep/large"))
    assert tree(folder) == {f"top/{name}": length for name, length in LENGTHS.items()}
    assert (folder / "top/a/deep/large").read_bytes() == content("a/deep/large")


@pytest.mark.parametrize("length", [0, 4, 6])
def test_a_file_of_another_length_is_left_alone(
    storage: TorrentStorage, folder: Path, manifest: Manifest, length: int
) -> None:
    (folder / "top").mkdir(parents=True)
    (folder / "top" / "small").write_bytes(bytes(length))
    with pytest.raises(StorageError, match=f"small: there is such a file already, of {length} bytes instead of 5"):
        storage.prepare()
    assert storage.scan() == set()
    put(storage, pieces_of(manifest, "small"))
    with pytest.raises(StorageError, match="is there already"):
        storage.finish(number_of(manifest, "small"))
    assert (folder / "top" / "small").read_bytes() == bytes(length)


def test_an_empty_file_that_is_not(storage: TorrentStorage, folder: Path) -> None:
    (folder / "top").mkdir(parents=True)
    (folder / "top" / "empty").write_text("something")
    with pytest.raises(StorageError, match="empty: there is such a file already"):
        storage.prepare()
    assert (folder / "top" / "empty").read_text() == "something"


def test_a_name_that_is_taken_meanwhile(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    (piece,) = pieces_of(manifest, "small")
    put(storage, [piece])
    (folder / "top" / "small").write_bytes(b"other")  # even of the right length
    with pytest.raises(StorageError, match="is there already"):
        storage.finish(number_of(manifest, "small"))
    assert (folder / "top" / "small").read_bytes() == b"other"
    storage.close()
    assert get(storage, piece) == content("small"), "what is held is that of the file it was written to"


def test_a_folder_or_a_pipe_where_a_file_should_be(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    (folder / "top" / "small").mkdir(parents=True)
    with pytest.raises(StorageError, match="small: not a regular file"):
        storage.prepare()
    (folder / "top" / "small").rmdir()
    os.mkfifo(folder / "top" / "small.part")
    with pytest.raises(StorageError, match=r"small\.part: not a regular file"):
        storage.prepare()
    with pytest.raises(StorageError, match=r"small\.part: file exists"):
        put(storage, pieces_of(manifest, "small"))
    assert storage.scan() == set()


def test_a_file_where_a_folder_should_be(storage: TorrentStorage, folder: Path) -> None:
    folder.mkdir()
    (folder / "top").write_text("a file")
    with pytest.raises(StorageError, match="top: not a directory"):
        storage.prepare()
    (folder / "top").unlink()
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(StorageError, match="downloads: file exists"):
        storage.prepare()


def test_links_of_the_manifest_are_not_made(folder: Path) -> None:
    doc = good_doc()
    doc[b"info"][b"file tree"][b"link"] = {b"": {b"attr": b"l", b"symlink path": [b"a.bin"]}}
    storage = TorrentStorage(parse_manifest(encoded(doc)), folder)
    storage.prepare()
    assert os.listdir(folder / "top") == []
    assert storage.scan() == set()
    assert storage.file_states() == [None] * 3


# A lone file


@pytest.fixture
def lone(tmp_path: Path) -> Manifest:
    made = tmp_path / "made" / "top"
    made.mkdir(parents=True)
    (made / "small").write_bytes(content("small"))
    return create_manifest(make_plan(made), Description(), piece_length=PIECE)


def test_a_lone_file_lands_without_a_folder(lone: Manifest, folder: Path) -> None:
    storage = TorrentStorage(lone, folder)
    storage.prepare()
    storage.write(lone.layout.index(0), content("small"))
    assert tree(folder) == {"small.part": 5}
    storage.finish(0)
    assert tree(folder) == {"small": 5}
    assert storage.scan() == {0}
    storage.close()


def test_a_lone_file_is_found_in_its_folder_too(lone: Manifest, folder: Path) -> None:
    (folder / "top").mkdir(parents=True)
    (folder / "top" / "small").write_bytes(b"wrong")
    storage = TorrentStorage(lone, folder)
    storage.prepare()
    assert storage.scan() == set()
    storage.write(lone.layout.index(0), content("small"))
    assert storage.scan() == {0}
    assert storage.read(lone.layout.index(0), 0, 5) == content("small")
    storage.finish(0)
    assert tree(folder) == {"top/small": 5}, "in place"
    storage.close()


# Links


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("position", ["top", "top/a", "top/a/deep"])
@pytest.mark.parametrize("target", ["outside", "inside", "nowhere", "itself"])
def test_a_folder_that_is_a_link(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, position: str, target: str
) -> None:
    link = folder / position
    link.parent.mkdir(parents=True)
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
        with pytest.raises(StorageError) as caught:
            attempt()
        assert str(link) in str(caught.value)
        assert "link" in str(caught.value)
    assert storage.scan() == set()
    assert os.listdir(folder / "inside") == []


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", ["large", "large.part"])
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
@pytest.mark.parametrize("name", ["small", "small.part"])
def test_a_hard_link_is_not_written_to(
    storage: TorrentStorage, folder: Path, manifest: Manifest, outside: Path, name: str
) -> None:
    (folder / "top").mkdir(parents=True)
    os.link(outside / "secret", folder / "top" / name)
    (piece,) = pieces_of(manifest, "small")
    assert storage.scan() == {piece}
    with pytest.raises(StorageError, match="hard link"):
        put(storage, [piece])


# What somebody else did to the files


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, 2 * PIECE + 7, LENGTHS["a/deep/large"], 20 * PIECE])
def test_a_part_of_any_length(storage: TorrentStorage, folder: Path, manifest: Manifest, length: int) -> None:
    part = folder / "top/a/deep/large.part"
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
    (piece,), part = pieces_of(manifest, "small"), folder / "top" / "small.part"
    put(storage, [piece])
    part.rename(folder / "kept")  # so that its inode is not given to the next
    if replaced:
        part.write_bytes(b"other")
    if evicted:
        storage.close()
    with pytest.raises(StorageError, match=r"small\.part: (changed|not the file|no such file)"):
        storage.finish(number_of(manifest, "small"))
    assert part.exists() == replaced
    assert storage.scan() == set()
    put(storage, [piece])
    assert storage.scan() == {piece}, "a scan takes things as they are now"
    assert get(storage, piece) == content("small")


def test_a_scan_takes_things_as_they_are_now(storage: TorrentStorage, folder: Path) -> None:
    put(storage, [0, 1])
    (folder / "top/a/deep/large.part").unlink()
    assert storage.scan() == set()
    put(storage, [1])
    assert storage.scan() == {1}


def test_a_file_that_became_shorter_is_not_finished(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    put(storage, pieces_of(manifest, "a/whole"))
    os.truncate(folder / "top/a/whole.part", PIECE)
    with pytest.raises(StorageError, match="changed while it was downloaded"):
        storage.finish(number_of(manifest, "a/whole"))
    assert not (folder / "top/a/whole").exists()


def test_states_are_those_of_what_we_wrote(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    assert storage.file_states() == [None] * 5
    put(storage, [0, *pieces_of(manifest, "small")])
    states = storage.file_states()
    number, small = number_of(manifest, "a/deep/large"), number_of(manifest, "small")
    part = (folder / "top/a/deep/large.part").stat()
    assert states[number] == ("top/a/deep/large.part", PIECE, part.st_mtime_ns)
    assert storage.file_states() == states
    put(storage, [1])
    assert storage.file_states()[number] != states[number]
    storage.finish(small)
    assert storage.file_states()[small] == ("top/small", 5, (folder / "top/small").stat().st_mtime_ns)
    os.utime(folder / "top/small", ns=(1, 1))
    for _ in range(2):
        assert storage.file_states()[small] is None, "somebody wrote to it: not to be trusted until a scan"
    storage.scan(only_files=[small])
    assert storage.file_states()[small] == ("top/small", 5, 1)
    (folder / "top/small").unlink()
    assert storage.file_states()[small] is None


def test_a_replaced_file_has_no_state(storage: TorrentStorage, folder: Path, manifest: Manifest) -> None:
    (piece,), number = pieces_of(manifest, "small"), number_of(manifest, "small")
    put(storage, [piece])
    storage.close()
    (folder / "top/small.part").rename(folder / "kept")
    (folder / "top/small.part").write_bytes(b"other")
    assert storage.file_states()[number] is None


def test_what_cannot_be_flushed_has_no_state(
    storage: TorrentStorage, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, [0])

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    number = number_of(manifest, "a/deep/large")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        assert storage.file_states()[number] is None
    assert storage.file_states()[number] is None, "the system may have dropped what it could not write"


def test_finish_flushes_before_it_renames(
    storage: TorrentStorage, folder: Path, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(storage, pieces_of(manifest, "small"))
    steps: list[str] = []
    fsync, rename = os.fsync, os.rename

    def note_fsync(fd: int) -> None:
        steps.append(f"fsync {Path(os.readlink(f'/proc/self/fd/{fd}')).name}")
        fsync(fd)

    def note_rename(*args: Any, **options: Any) -> None:
        steps.append("rename")
        rename(*args, **options)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "rename", note_rename)
    storage.finish(number_of(manifest, "small"))
    assert steps == ["fsync small.part", "rename", "fsync top"]


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


# Trees


def test_a_piece_is_right_or_it_is_not(manifest: Manifest) -> None:
    for number in range(manifest.layout.piece_count):
        piece, data = manifest.layout.index(number), data_of(manifest, number)
        assert piece_is_right(manifest, piece, data)
        assert piece_is_right(manifest, piece, memoryview(bytearray(data)))
        assert not piece_is_right(manifest, piece, data[:-1])
        assert not piece_is_right(manifest, piece, data + b"\0")
        assert not piece_is_right(manifest, piece, data[:-1] + bytes([data[-1] ^ 1]))
        assert not piece_is_right(manifest, piece, b"")


def test_a_manifest_whose_hashes_are_of_longer_or_shorter_pieces(folder: Path) -> None:
    data = bytes(i % 251 for i in range(4 * BLOCK))
    doc = folder_doc({b"x": 5})
    doc[b"info"][b"file tree"][b"x"][b""][b"pieces root"] = merkle_root(leaf_hashes(data))
    manifest = parse_manifest(encoded(doc))
    assert not piece_is_right(manifest, manifest.layout.index(0), data), "it is not 5 bytes"

    layer = leaf_hashes(data[: 2 * BLOCK])  # of blocks, where each piece has two
    doc = folder_doc({b"x": 4 * BLOCK}, piece_length=PIECE)
    doc[b"info"][b"file tree"][b"x"][b""][b"pieces root"] = root = merkle_root(layer, 1)
    manifest = parse_manifest(encoded({**doc, b"piece layers": {root: layer}}))
    folder.mkdir()
    (folder / "x.part").write_bytes(data[:BLOCK])
    assert TorrentStorage(manifest, folder).scan() == set(), "half a piece is none"


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 9])
def test_the_hash_of_a_piece_by_a_plain_tree(folder: Path, blocks: int) -> None:
    length = blocks * BLOCK - 5
    manifest = parse_manifest(encoded(folder_doc({b"x": length}, piece_length=4 * BLOCK)))
    data = bytes(i % 251 for i in range(length))
    storage = TorrentStorage(manifest, folder)
    layer = naive_merkle.piece_layer(data, 4 * BLOCK) if blocks > 4 else [naive_merkle.full_tree(data)[-1][0]]
    for number, node in enumerate(layer):
        piece = manifest.layout.index(number)
        assert storage.expected_hash(piece) == node
        assert storage.check(piece, data[number * 4 * BLOCK :][: 4 * BLOCK])


def test_bad_blocks() -> None:
    good = bytes(i % 251 for i in range(3 * BLOCK + 9))
    leaves = leaf_hashes(good)
    assert bad_blocks(leaves, good) == []
    assert bad_blocks(leaves + bytes(32), good) == [], "padded to a power of two"
    data = bytearray(good)
    data[BLOCK - 1] ^= 1
    data[-1] ^= 1
    assert bad_blocks(leaves, data) == [0, 3 * BLOCK]
    for short in (leaves[:-1], leaves[:-32], b""):
        with pytest.raises(ValueError, match="4 blocks"):
            bad_blocks(short, good)


def test_layers_that_come_later(manifest: Manifest, folder: Path) -> None:
    bare = without_layers(manifest)
    storage = TorrentStorage(bare, folder)
    piece = bare.layout.index(0)
    with pytest.raises(ValueError, match="the piece layer of 'a/deep/large' is missing"):
        storage.check(piece, data_of(manifest, 0))
    with pytest.raises(ValueError, match="is missing"):
        storage.expected_hash(piece)
    with pytest.raises(ValueError, match="is missing"):
        piece_is_right(bare, piece, data_of(manifest, 0))
    assert storage.check(bare.layout.index(pieces_of(bare, "small")[0]), content("small"))
    for root, layer in manifest.piece_layers.items():
        for wrong in (b"", layer[:-32], layer + layer[:32], layer[32:] + layer[:32], bytes(len(layer))):
            with pytest.raises(ValueError, match="piece layer"):
                storage.set_piece_layer(root, wrong)
        storage.set_piece_layer(root, layer)
    assert storage.check(piece, data_of(manifest, 0))
    assert storage.expected_hash(piece) == next(iter(manifest.piece_hashes(f) for f in manifest.files))[:32]  # type: ignore[index]
    small = manifest.files[number_of(manifest, "small")].pieces_root
    assert small is not None
    for root in (small, bytes(32)):
        with pytest.raises(ValueError, match="no file"):
            storage.set_piece_layer(root, bytes(32))


def test_a_file_without_its_layer_is_one_claim(manifest: Manifest, folder: Path) -> None:
    fill(folder / "top")
    with open(folder / "top/a/whole", "r+b") as file:
        file.write(b"broken")
    storage = TorrentStorage(without_layers(manifest), folder)
    assert storage.scan() == set(range(manifest.layout.piece_count)) - set(pieces_of(manifest, "a/whole"))
    assert storage.check(manifest.layout.index(0), data_of(manifest, 0)), "its layer is known now"
    with pytest.raises(ValueError, match="is missing"):
        storage.expected_hash(manifest.layout.index(pieces_of(manifest, "a/whole")[0]))


# Room and rights


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 128 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not ROOT or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root and mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    yield disk
    # Lazily: an exception that is not yet collected may hold the file that it was about.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


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
    with pytest.raises(DiskFullError, match=r"large\.part: the disk is full: 32,768 bytes are needed") as caught:  # noqa: PT012
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
        with pytest.raises(StorageError, match=r"large\.part: input/output error"):
            attempt()


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
        f"{folder}/top/exact.part: permission denied",
        f"{folder}/top/small: permission denied",
        "done",
    ]
