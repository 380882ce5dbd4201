"""Where the files of a torrent land, and what is there already."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from manifest.makers import encoded, folder_doc
from storage.makers import LENGTHS, PART, PIECE, content, fill, get, mend, number_of, pieces_of, put, tree

from swarmshare.errors import StorageError
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.paths import part_paths, resolve_inside
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


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
    storage.scan()
    with open(folder / "top/a/deep/large", "r+b") as file:
        file.seek(PIECE)
        file.write(b"broken")
    assert storage.scan() == set(range(manifest.layout.piece_count)) - {1}
    mend(storage, folder / "top/a/deep/large", number_of(manifest, "a/deep/large"))
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
    os.mkfifo(folder / "top" / f"small{PART}")
    ((number, error),) = storage.prepare().blocked.items()
    assert number == number_of(manifest, "small"), "and the others are made"
    assert str(error).endswith(f"small{PART}: not a regular file")
    with pytest.raises(StorageError, match=r"small\.\w+\.part: file exists"):
        put(storage, pieces_of(manifest, "small"))
    assert storage.scan() == set()


def test_a_file_where_a_folder_should_be(storage: TorrentStorage, folder: Path) -> None:
    (folder / "top").write_text("a file")
    with pytest.raises(StorageError, match="top: not a directory"):
        storage.prepare()
    (folder / "top").unlink()
    folder.rmdir()
    folder.write_text("a file")
    with pytest.raises(StorageError, match="downloads: file exists"):
        storage.prepare()


def test_a_name_that_the_system_refuses(folder: Path) -> None:
    with pytest.raises(StorageError, match="x: file name too long") as caught:
        resolve_inside(folder / ("x" * 300), folder)
    assert "shorter" in (caught.value.hint or "")


# A lone file


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
    assert tree(folder) == {part_paths(lone)[0][0]: 5}
    storage.finish(0)
    assert tree(folder) == {"small": 5}
    assert storage.scan() == {0}
    storage.close()


def test_a_lone_file_is_found_in_its_folder_too(lone: Manifest, folder: Path) -> None:
    (folder / "top").mkdir(parents=True)
    (folder / "top" / "small").write_bytes(content("small"))
    storage = TorrentStorage(lone, folder)
    assert storage.scan() == {0}
    (folder / "top" / "small").write_bytes(b"wrong")
    assert storage.lost_files() == {0}
    assert storage.scan() == set()
    mend(storage, folder / "top" / "small", 0)
    storage.prepare()
    storage.write(lone.layout.index(0), content("small"))
    assert storage.scan() == {0}
    assert storage.read(lone.layout.index(0), 0, 5) == content("small")
    storage.finish(0)
    assert tree(folder) == {"top/small": 5}, "in place"
    storage.close()
