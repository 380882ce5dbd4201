"""Two torrents with the same file names in one folder, and files that belong to something else."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest
from storage.makers import PIECE, mend

from swarmshare.common.bitfield import Bitfield
from swarmshare.errors import StorageError, TakenError
from swarmshare.manifest.build import Description
from swarmshare.storage import scanning
from swarmshare.storage.create import create_manifest
from swarmshare.storage.deleting import delete_files, own_files
from swarmshare.storage.paths import part_paths
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.resume import forget_pieces, load_resume, save_resume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

COMMON = bytes(range(256)) * (PIECE // 256)


def pieces(*fills: int | bytes) -> bytes:
    """A piece each, of one byte over and over, or as it is."""
    return b"".join(fill if isinstance(fill, bytes) else bytes([fill]) * PIECE for fill in fills)


ONE = {"photo": pieces(COMMON, 1, 2), "same": pieces(COMMON), "text": b"version 1"}
TWO = {"photo": pieces(COMMON, 3, 4), "same": pieces(COMMON), "text": b"version 2"}
LONGER = {"photo": pieces(COMMON, 1, 2, 3), "same": pieces(COMMON)}


@pytest.fixture
def make(tmp_path: Path) -> Callable[[dict[str, bytes]], Manifest]:
    """Manifests of folders that are all called "Holiday"."""

    def make(files: dict[str, bytes]) -> Manifest:
        top = tmp_path / f"made {len(list(tmp_path.iterdir()))}" / "Holiday"
        top.mkdir(parents=True)
        write(top, files)
        return create_manifest(make_plan(top), Description(), piece_length=PIECE)

    return make


def write(top: Path, files: dict[str, bytes]) -> None:
    top.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (top / name).write_bytes(data)


def read(top: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in top.iterdir()}


def download(storage: TorrentStorage, files: dict[str, bytes]) -> None:
    """All that it lacks, as an engine does it: raises as soon as it is refused."""
    held = storage.scan()
    layout, entries = storage.manifest.layout, storage.manifest.files
    missing = [n for n in range(len(entries)) if not held.issuperset(layout.file_pieces(n))]
    storage.prepare(missing)
    for number in missing:
        fetch(storage, files, number)
    for number in range(len(entries)):
        storage.finish(number)


def fetch(storage: TorrentStorage, files: dict[str, bytes], number: int) -> None:
    for piece in storage.manifest.layout.file_pieces(number):
        span = storage.manifest.layout.span(storage.manifest.layout.index(piece))
        data = files["/".join(storage.manifest.files[span.file].path)]
        storage.write(storage.manifest.layout.index(piece), data[span.offset : span.offset + span.length])


def whole(storage: TorrentStorage) -> bool:
    return len(storage.scan()) == storage.manifest.layout.piece_count


@pytest.mark.parametrize("second", [TWO, LONGER], ids=["equal sizes", "different sizes"])
def test_one_after_the_other(make: Callable[..., Manifest], folder: Path, second: dict[str, bytes]) -> None:
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(second), folder)
    download(one, ONE)
    with pytest.raises(StorageError, match=r"Holiday/photo: .*left alone") as caught:
        download(two, second)
    assert (caught.value.code, "another folder" in (caught.value.hint or "")) == ("taken", True)
    assert read(folder / "Holiday") == ONE
    assert whole(one)


def test_a_taken_name_keeps_no_other_file_from_its_name(make: Callable[..., Manifest], folder: Path) -> None:
    storage = TorrentStorage(make(ONE), folder)
    storage.prepare()
    for number in range(3):
        fetch(storage, ONE, number)
    (folder / "Holiday/photo").write_bytes(b"mine")
    refused = storage.finish_all(range(3))
    assert {number: type(error) for number, error in refused.items()} == {0: TakenError}
    assert [(folder / "Holiday" / name).read_bytes() for name in ("same", "text")] == [ONE["same"], ONE["text"]]
    assert (folder / "Holiday/photo").read_bytes() == b"mine"
    (folder / "Holiday/photo").unlink()
    assert not storage.finish_all(range(3)), "those that have their names already keep them"
    assert read(folder / "Holiday") == ONE


def test_no_name_is_given_before_the_flush(
    make: Callable[..., Manifest], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = TorrentStorage(make(ONE), folder)
    storage.prepare()
    for number in range(3):
        fetch(storage, ONE, number)
    text, fsync = os.stat(folder / "Holiday" / part_paths(storage.manifest)[2][-1]).st_ino, os.fsync

    def fail_for_text(fd: int) -> None:
        if os.fstat(fd).st_ino == text:
            raise OSError(errno.EIO, "failed")
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail_for_text)
    assert set(storage.finish_all(range(3))) == {2}
    assert (folder / "Holiday/same").read_bytes() == ONE["same"]
    assert not (folder / "Holiday/text").exists()


@pytest.mark.parametrize("second", [TWO, LONGER], ids=["equal sizes", "different sizes"])
def test_at_the_same_time(make: Callable[..., Manifest], folder: Path, second: dict[str, bytes]) -> None:
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(second), folder)
    one.prepare()
    two.prepare()
    for number in range(2):
        fetch(one, ONE, number)
        fetch(two, second, number)
    one.finish(0)
    with pytest.raises(StorageError, match="Holiday/photo: is there already"):
        two.finish(0)
    one.finish(1)
    assert read(folder / "Holiday")["photo"] == ONE["photo"]
    # What it has stays its own, and gets its name as soon as that is free.
    (folder / "Holiday/photo").rename(folder / "elsewhere")
    two.finish(0)
    assert read(folder / "Holiday")["photo"] == second["photo"]


def test_a_part_of_another_torrent_is_not_taken_for_ones_own(make: Callable[..., Manifest], folder: Path) -> None:
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(TWO), folder)
    one.prepare()
    fetch(one, ONE, 0)
    assert two.scan() == set()
    fetch(two, TWO, 0)
    assert one.lost_files() == set()
    one.finish(0)
    assert read(folder / "Holiday")["photo"] == ONE["photo"]


def test_what_is_the_same_in_both_is_shared(make: Callable[..., Manifest], folder: Path) -> None:
    """Such as the data of a v2 and of a hybrid manifest, or the unchanged files of an older version."""
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(TWO), folder)
    download(one, ONE)
    same = two.manifest.layout.file_pieces(1)
    assert set(same) <= two.scan()
    two.prepare([1])
    two.finish(1)
    assert read(folder / "Holiday") == ONE


def test_what_is_the_same_and_came_meanwhile_is_shared(
    make: Callable[..., Manifest], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else two torrents that are downloaded at once could each have a file that the other is refused for."""
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(TWO), folder)
    for storage, files in ((one, ONE), (two, TWO)):
        storage.prepare()
        fetch(storage, files, 0)
        fetch(storage, files, 1)
    one.finish(1)
    two.finish(1)
    two.finish(0)
    assert sorted(os.listdir(folder / "Holiday")) == sorted(["photo", part_paths(one.manifest)[0][-1], "same"])
    hashed: list[object] = []

    def hash_nothing(sources: object, *_: object) -> Iterator[Any]:
        hashed.append(sources)
        return iter(())

    monkeypatch.setattr(scanning, "hash_sources", hash_nothing)
    for _ in range(3):
        with pytest.raises(TakenError):
            one.finish(0)
    assert len(hashed) == 1, "it is not read again and again"


def test_an_unfinished_download_of_another_program_is_gone_on_with(make: Callable[..., Manifest], folder: Path) -> None:
    """All of its room is taken in advance, and what is not there yet is zeros."""
    write(folder / "Holiday", {"photo": pieces(COMMON, 0, 2)})
    two = TorrentStorage(make(ONE), folder)
    assert two.scan() == {0, 2}
    assert os.listdir(folder / "Holiday") == ["photo"], "looking changes nothing"
    two.prepare([0])
    assert os.listdir(folder / "Holiday") != ["photo"], "what is not whole has no name that promises it"
    two.write(two.manifest.layout.index(1), pieces(1))
    two.finish(0)
    assert read(folder / "Holiday") == {"photo": ONE["photo"]}


@pytest.mark.parametrize(
    "data",
    [pieces(0, 0, 0), pieces(COMMON, 5, 0), pieces(COMMON, 0, b"x" + bytes(PIECE - 1))],
    ids=["nothing of ours", "something else", "one byte of something else"],
)
def test_what_might_be_something_else_is_left_alone(make: Callable[..., Manifest], folder: Path, data: bytes) -> None:
    write(folder / "Holiday", {"photo": data})
    storage = TorrentStorage(make(ONE), folder)
    storage.scan()
    with pytest.raises(StorageError, match="Holiday/photo: is there already"):
        storage.prepare([0])
    with pytest.raises(StorageError, match="Holiday/photo: is there already"):
        fetch(storage, ONE, 0)
    assert read(folder / "Holiday") == {"photo": data}


def test_what_is_right_of_it_is_served_all_the_same(make: Callable[..., Manifest], folder: Path) -> None:
    write(folder / "Holiday", {**ONE, "photo": TWO["photo"]})
    storage = TorrentStorage(make(ONE), folder)
    assert storage.scan() == {0, 3, 4}
    assert storage.read(storage.manifest.layout.index(0), 0, PIECE) == COMMON
    assert storage.taken({0, 1, 2}) == {0}


def test_two_torrents_that_could_both_go_on_with_it(make: Callable[..., Manifest], folder: Path) -> None:
    write(folder / "Holiday", {"photo": pieces(COMMON, 0, 0)})
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(TWO), folder)
    assert one.scan() == two.scan() == {0}
    one.prepare([0])
    with pytest.raises(StorageError, match="photo"):
        two.prepare([0])
    assert two.scan() == set()
    two.prepare([0])
    fetch(one, ONE, 0)
    fetch(two, TWO, 0)
    one.finish(0)
    assert read(folder / "Holiday")["photo"] == ONE["photo"]


def test_a_link_or_a_second_name_is_not_gone_on_with(make: Callable[..., Manifest], folder: Path) -> None:
    storage = TorrentStorage(make(ONE), folder)
    (folder / "Holiday").mkdir()
    data = pieces(COMMON, 0, 0)
    (folder / "kept").write_bytes(data)
    for link in (os.symlink, os.link):
        link(folder / "kept", folder / "Holiday/photo")
        assert storage.scan() == {0}
        with pytest.raises(StorageError, match="photo"):
            storage.prepare([0])
        (folder / "Holiday/photo").unlink()
    assert (folder / "kept").read_bytes() == data


# Ones own files


def damage(path: Path) -> None:
    with open(path, "r+b") as file:
        file.seek(PIECE)
        file.write(b"new")
    os.utime(path, ns=(1, 1))


def test_ones_own_file_that_was_edited_is_left_alone_until_it_is_to_be_mended(
    make: Callable[..., Manifest], folder: Path
) -> None:
    """Whether it was downloaded, or found whole."""
    storage = TorrentStorage(make(ONE), folder)
    download(storage, ONE)
    photo = folder / "Holiday/photo"
    for _ in range(2):
        damage(photo)
        edited = photo.read_bytes()
        assert storage.lost_files() == {0}
        assert 1 not in storage.scan()
        assert storage.taken({0}) == set(storage.edited({0})) == {0}
        with pytest.raises(StorageError, match="photo: was changed by another program after it was complete") as caught:
            storage.prepare([0])
        assert caught.value.needs_person
        with pytest.raises(StorageError, match="photo: was changed"):
            fetch(storage, ONE, 0)
        assert photo.read_bytes() == edited
        mend(storage, photo, 0)
        assert storage.edited({0}) == {}
        storage.prepare([0])
        fetch(storage, ONE, 0)
        storage.finish(0)
        assert read(folder / "Holiday") == ONE
        storage = TorrentStorage(storage.manifest, folder)
        assert whole(storage)


def test_an_edited_file_that_is_put_back_or_removed_is_the_torrents_again(
    make: Callable[..., Manifest], folder: Path
) -> None:
    storage = TorrentStorage(make(ONE), folder)
    download(storage, ONE)
    photo = folder / "Holiday/photo"
    damage(photo)
    assert 1 not in storage.scan()
    photo.write_bytes(ONE["photo"])  # the same inode
    os.utime(photo, ns=(2, 2))
    assert storage.lost_files() == {0}
    assert whole(storage)
    storage.prepare([0])
    damage(photo)
    assert 1 not in storage.scan()
    photo.unlink()
    assert storage.lost_files() == {0}
    assert not {0, 1, 2} & storage.scan()
    assert storage.taken({0}) == set()
    download(storage, {"photo": ONE["photo"]})
    assert read(folder / "Holiday") == ONE


def test_zeros_in_an_edited_file_do_not_make_it_an_unfinished_one(make: Callable[..., Manifest], folder: Path) -> None:
    storage = TorrentStorage(make(ONE), folder)
    download(storage, ONE)
    with open(folder / "Holiday/photo", "r+b") as file:
        file.seek(PIECE)
        file.write(bytes(2 * PIECE))
    assert not {1, 2} & storage.scan()
    with pytest.raises(StorageError, match="photo: was changed"):
        storage.prepare([0])
    assert set(read(folder / "Holiday")) == set(ONE)


@pytest.mark.parametrize("how", ["changed", "replaced"])
def test_ones_own_file_is_known_by_resume_data(make: Callable[..., Manifest], folder: Path, how: str) -> None:
    manifest, path = make(ONE), folder.parent / "resume"
    write(folder / "Holiday", ONE)
    first = TorrentStorage(manifest, folder)
    # As a window does it with what was just hashed: nothing was scanned.
    save_resume(path, manifest, Bitfield.full(manifest.layout.piece_count).to_wire(), first.file_states())
    first.close()
    data = pieces(COMMON, 7, 2)
    if how == "changed":
        with open(folder / "Holiday/photo", "r+b") as file:
            file.write(data)
    else:
        (folder / "Holiday/photo").rename(folder / "kept")
        (folder / "Holiday/photo").write_bytes(data)
    os.utime(folder / "Holiday/photo", ns=(1, 1))
    second = TorrentStorage(manifest, folder)
    resume = load_resume(path, manifest, second)
    assert resume.recheck == {0}
    assert second.scan(only_files=resume.recheck) == {0, 2}
    # And so it stays when it is noted before it is mended, or when nobody can tell what is in it.
    save_resume(path, manifest, bytes([0b10111000]), [None, *second.file_states()[1:]])
    save_resume(path, manifest, bytes([0b10111000]), second.file_states())
    third = TorrentStorage(manifest, folder)
    assert load_resume(path, manifest, third).held == {0, 2, 3, 4}
    refused = "photo: was changed by another program" if how == "changed" else "photo: is there already"
    with pytest.raises(StorageError, match=refused):
        third.prepare([0])
    assert read(folder / "Holiday")["photo"] == data
    # Until a person says otherwise, and then until it is whole, however often it is stopped.
    forget_pieces(path, manifest)
    for pause in range(2):
        fourth = TorrentStorage(manifest, folder)
        resume = load_resume(path, manifest, fourth)
        held = resume.held | fourth.scan(only_files=resume.recheck)
        assert held == {0, 2, 3, 4}
        save_resume(path, manifest, bytes([0b10111000]), fourth.file_states())
        if how == "replaced":
            with pytest.raises(StorageError, match=refused):
                fourth.prepare([0])
        elif pause:
            fourth.prepare([0])
            fetch(fourth, ONE, 0)
            fourth.finish(0)
            assert read(folder / "Holiday") == ONE
            save_resume(path, manifest, Bitfield.full(manifest.layout.piece_count).to_wire(), fourth.file_states())
    if how == "changed":
        damage(folder / "Holiday/photo")
        fifth = TorrentStorage(manifest, folder)
        fifth.scan(only_files=load_resume(path, manifest, fifth).recheck)
        with pytest.raises(StorageError, match=refused):
            fifth.prepare([0])


def test_deleting_leaves_what_was_edited(make: Callable[..., Manifest], folder: Path) -> None:
    """Also when that was while nothing looked, so that only the times tell."""
    storage, resume = TorrentStorage(make(ONE), folder), folder.parent / "resume"
    download(storage, ONE)
    bits = Bitfield.full(storage.manifest.layout.piece_count).to_wire()
    save_resume(resume, storage.manifest, bits, storage.file_states())
    damage(folder / "Holiday/photo")
    delete_files(storage.manifest, folder, own_files(storage.manifest, folder, resume))
    assert set(read(folder / "Holiday")) == {"photo"}


def test_a_power_cut_between_two_names(make: Callable[..., Manifest], folder: Path) -> None:
    storage = TorrentStorage(make(ONE), folder)
    storage.prepare()
    fetch(storage, ONE, 0)
    (part,) = (folder / "Holiday").iterdir()
    os.link(part, folder / "Holiday/photo")
    again = TorrentStorage(storage.manifest, folder)
    assert again.scan() == {0, 1, 2}
    again.finish(0)
    assert read(folder / "Holiday") == {"photo": ONE["photo"]}


def test_a_part_beside_a_whole_file_that_somebody_else_brought(make: Callable[..., Manifest], folder: Path) -> None:
    storage = TorrentStorage(make(ONE), folder)
    storage.prepare([0])
    storage.write(storage.manifest.layout.index(0), COMMON)
    (folder / "Holiday/photo").write_bytes(TWO["photo"])
    assert storage.scan() == {0}
    with pytest.raises(StorageError, match="photo: is there already"):
        storage.prepare([0])
    (folder / "Holiday/photo").write_bytes(ONE["photo"])
    assert storage.scan() == {0, 1, 2}
    storage.finish(0)
    assert read(folder / "Holiday") == {"photo": ONE["photo"]}


# Deleting


def test_deleting_leaves_what_belongs_to_something_else(make: Callable[..., Manifest], folder: Path) -> None:
    one, two = TorrentStorage(make(ONE), folder), TorrentStorage(make(TWO), folder)
    download(one, ONE)
    resume = folder.parent / "resume"
    field = Bitfield(two.manifest.layout.piece_count)
    for piece in two.scan():
        field.set(piece)
    with pytest.raises(StorageError, match="left alone"):
        two.prepare()
    save_resume(resume, two.manifest, field.to_wire(), two.file_states())
    delete_files(two.manifest, folder, own_files(two.manifest, folder, resume))
    assert {name: data for name, data in read(folder / "Holiday").items() if name != "same"} == {
        name: data for name, data in ONE.items() if name != "same"
    }


# Changed while it is downloaded


def overwrite(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"broken")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("when", ["before the last piece", "after it", "flushed before", "flushed after"])
def test_a_part_that_others_overwrite_does_not_get_its_name(
    make: Callable[..., Manifest], folder: Path, when: str
) -> None:
    storage = TorrentStorage(make(ONE), folder)
    storage.prepare([0])
    index = storage.manifest.layout.index
    storage.write(index(0), COMMON)
    storage.write(index(1), pieces(1))
    (part,) = (folder / "Holiday").iterdir()
    if when == "flushed before":
        storage.file_states()
    if when != "after it":
        overwrite(part)
    if when == "flushed after":
        storage.file_states()
    storage.write(index(2), pieces(2))
    if when == "after it":
        overwrite(part)
    assert storage.file_states()[0] is None, "resume data must not say that it is right"
    with pytest.raises(StorageError, match=r"lost some of its data|changed by another program"):
        storage.finish(0)
    assert storage.lost_files() == {0}
    assert storage.scan(only_files=[0]) == {1, 2}
    storage.write(index(0), COMMON)
    assert storage.file_states()[0] is not None
    storage.finish(0)
    assert read(folder / "Holiday") == {"photo": ONE["photo"]}
