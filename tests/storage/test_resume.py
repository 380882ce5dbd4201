"""Resume data: believed only where nothing can have changed."""

from __future__ import annotations

import os
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from manifest.makers import encoded, folder_doc, payload

from swarmshare.errors import StorageError
from swarmshare.manifest.bencoding import decode_document, encode
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.paths import part_paths
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.resume import Resume, load_resume, save_resume

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

BLOCK = 2**14
FILES = {b"a": 6 * BLOCK + 5, b"b": 0, b"c": 3 * BLOCK, b"d": 7}
"""In the order of the tree: pieces 0 to 6, none, 7 to 9, and 10; so five bits to spare."""
HELD = {0, 2, 6, 7, 8, 9}


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return parse_manifest(encoded(folder_doc(FILES)))


@pytest.fixture
def saved(manifest: Manifest, tmp_path: Path) -> Path:
    """Resume data about the pieces in ``HELD``, which are there; of file 3 there is nothing."""
    storage = TorrentStorage(manifest, tmp_path)
    storage.prepare()
    for number in HELD:
        write(storage, number)
    storage.finish(2)
    save_resume(tmp_path / "resume", manifest, bits(HELD), storage.file_states())
    storage.close()
    return tmp_path / "resume"


def part_name(manifest: Manifest) -> str:
    """Of file 0."""
    return part_paths(manifest)[0][-1]


def bits(numbers: Iterable[int]) -> bytes:
    field = bytearray(2)
    for number in numbers:
        field[number // 8] |= 0x80 >> number % 8
    return bytes(field)


def write(storage: TorrentStorage, number: int) -> None:
    piece = storage.manifest.layout.index(number)
    span = storage.manifest.layout.span(piece)
    length = storage.manifest.files[span.file].length
    storage.write(piece, payload(length)[span.offset : span.offset + span.length])


def load(saved: Path, manifest: Manifest) -> Resume:
    return load_resume(saved, manifest, TorrentStorage(manifest, saved.parent))


def forge(saved: Path, change: Callable[[dict[bytes, Any]], object]) -> None:
    """Change what is in it, and make it look whole."""
    root: Any = decode_document(saved.read_bytes()[32:]).root
    change(root)
    body = encode(root)
    saved.write_bytes(sha256(body).digest() + body)


def test_nothing_changed(saved: Path, manifest: Manifest) -> None:
    assert load(saved, manifest) == Resume(HELD, set(), {2})
    assert sorted(os.listdir(saved.parent)) == ["resume", "top"]


def test_nothing_was_ever_held(manifest: Manifest, tmp_path: Path) -> None:
    storage = TorrentStorage(manifest, tmp_path)
    save_resume(tmp_path / "resume", manifest, bits([]), storage.file_states())
    assert load(tmp_path / "resume", manifest) == Resume(set(), set(), set())


def test_there_is_no_resume_data(manifest: Manifest, tmp_path: Path) -> None:
    assert load(tmp_path / "resume", manifest) == Resume(set(), {0, 2, 3}, set())
    (tmp_path / "resume").mkdir()
    assert load(tmp_path / "resume", manifest) == Resume(set(), {0, 2, 3}, set())


def test_any_changed_byte_is_noticed(saved: Path, manifest: Manifest) -> None:
    good = saved.read_bytes()
    for at in range(len(good)):
        for flip in (1, 0x80, 0xFF):
            saved.write_bytes(good[:at] + bytes([good[at] ^ flip]) + good[at + 1 :])
            assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())


def test_any_missing_end_is_noticed(saved: Path, manifest: Manifest) -> None:
    good = saved.read_bytes()
    for length in range(len(good)):
        saved.write_bytes(good[:length])
        assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())
    saved.write_bytes(good + b"\n")
    assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())
    saved.write_bytes(good + bytes(2**20))
    assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_at_all(saved: Path, manifest: Manifest, body: bytes, looks_whole: bool) -> None:
    saved.write_bytes(sha256(body).digest() + body if looks_whole else body)
    assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())


@pytest.mark.parametrize(
    "change",
    [
        lambda root: root.update({b"format": 2}),
        lambda root: root.pop(b"format"),
        lambda root: root.update({b"info hash": bytes(32)}),
        lambda root: root.update({b"pieces": root[b"pieces"] + b"\0"}),
        lambda root: root.update({b"pieces": root[b"pieces"][:-1]}),
        lambda root: root.update({b"pieces": bits({*HELD, 11})}),
        lambda root: root.update({b"pieces": bits({*HELD, 15})}),
        lambda root: root.update({b"pieces": 5}),
        lambda root: root.pop(b"pieces"),
        lambda root: root.update({b"files": root[b"files"][:-1]}),
        lambda root: root.update({b"files": [*root[b"files"], []]}),
        lambda root: root.update({b"files": {}}),
        lambda root: root.pop(b"files"),
    ],
)
def test_another_shape_is_not_believed(saved: Path, manifest: Manifest, change: Any) -> None:
    forge(saved, change)
    assert load(saved, manifest) == Resume(set(), {0, 2, 3}, set())


@pytest.mark.parametrize("file", [[], [1], {}, 5, b"x", [b"x", 5], [3 * BLOCK, 5, 5]])
def test_a_file_of_another_shape_is_checked_again(saved: Path, manifest: Manifest, file: Any) -> None:
    forge(saved, lambda root: root[b"files"].__setitem__(2, file))
    assert load(saved, manifest) == Resume({0, 2, 6}, {2}, set())


def test_another_manifest(saved: Path) -> None:
    other = parse_manifest(encoded(folder_doc({**FILES, b"d": 8})))
    assert load(saved, other) == Resume(set(), {0, 2, 3}, set())


@pytest.mark.parametrize("difference", [-1, 1, 10**9, -(10**9)])
def test_a_file_with_another_time(saved: Path, manifest: Manifest, difference: int) -> None:
    path = saved.parent / "top" / "c"
    time = path.stat().st_mtime_ns + difference
    os.utime(path, ns=(time, time))
    assert load(saved, manifest) == Resume({0, 2, 6}, {2}, set())


@pytest.mark.parametrize("length", [0, 5, 6 * BLOCK, 7 * BLOCK])
def test_a_file_of_another_length(saved: Path, manifest: Manifest, length: int) -> None:
    path = saved.parent / "top" / part_name(manifest)
    time = path.stat().st_mtime_ns
    os.truncate(path, length)
    os.utime(path, ns=(time, time))
    assert load(saved, manifest) == Resume({7, 8, 9}, {0}, {2})


def test_a_file_that_is_gone_or_new(saved: Path, manifest: Manifest) -> None:
    (saved.parent / "top" / "c").unlink()
    assert load(saved, manifest) == Resume({0, 2, 6}, {2}, set())
    (saved.parent / "top" / "d").write_bytes(payload(7))
    assert load(saved, manifest) == Resume({0, 2, 6}, {2, 3}, set())


def test_pieces_of_a_file_without_a_state_are_not_believed(saved: Path, manifest: Manifest) -> None:
    forge(saved, lambda root: root.update({b"pieces": bits({*HELD, 10})}))
    assert load(saved, manifest) == Resume(HELD, {3}, {2})


def test_a_file_that_cannot_be_looked_at(saved: Path, manifest: Manifest) -> None:
    path = saved.parent / "top" / "c"
    path.unlink()
    path.symlink_to("/etc/passwd")
    assert load(saved, manifest) == Resume({0, 2, 6}, {2}, set())


def test_a_crash_after_more_was_written(saved: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, saved.parent)
    os.utime(saved.parent / "top" / part_name(manifest), ns=(1, 1))  # long ago, for clocks that tick slowly
    save_resume(saved, manifest, bits(HELD), storage.file_states())
    write(storage, 1)
    storage.close()
    assert load(saved, manifest) == Resume({7, 8, 9}, {0}, {2})


def test_a_file_that_changed_while_we_seeded_is_not_saved_as_right(saved: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, saved.parent)
    assert load_resume(saved, manifest, storage) == Resume(HELD, set(), {2})
    (saved.parent / "top" / "c").write_bytes(bytes(3 * BLOCK))
    os.utime(saved.parent / "top" / "c", ns=(1, 1))
    save_resume(saved, manifest, bits(HELD), storage.file_states())
    assert load(saved, manifest) == Resume({0, 2, 6}, {2}, set())


def test_a_finished_file_stays_believed(saved: Path, manifest: Manifest) -> None:
    storage = TorrentStorage(manifest, saved.parent)
    held, _, _ = load_resume(saved, manifest, storage)
    for number in (1, 3, 4, 5):
        write(storage, number)
    save_resume(saved, manifest, bits({*held, 1, 3, 4, 5}), storage.file_states())
    storage.finish(0)  # and a crash before the next save
    storage.close()
    assert load(saved, manifest) == Resume({*range(10)}, set(), {0, 2})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.data())
def test_whatever_happens_nothing_wrong_is_held(saved: Path, manifest: Manifest, data: st.DataObject) -> None:
    """Somebody plays with the files and the resume data; what is then held must be right by its hashes."""
    top, good = saved.parent / "top", saved.read_bytes()
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(top.iterdir())}
    try:
        for path in data.draw(st.lists(st.sampled_from(list(before)), max_size=3)):
            content, time = before[path]
            at = data.draw(st.integers(0, max(0, len(content) - 1)))
            path.write_bytes(content[:at] + b"!" + content[at + 1 + data.draw(st.integers(0, 1)) :])
            os.utime(path, ns=(time + 4_000_000, time + 4_000_000))
        mutated = bytearray(good)
        for at in data.draw(st.lists(st.integers(0, len(good) - 1), max_size=2)):
            mutated[at] ^= data.draw(st.integers(0, 255))
        saved.write_bytes(mutated)
        storage = TorrentStorage(manifest, saved.parent)
        held, recheck, named = load_resume(saved, manifest, storage)
        assert held <= storage.scan()
        assert not any(set(manifest.layout.file_pieces(file)) & held for file in recheck)
        assert all(set(manifest.layout.file_pieces(file)) <= held for file in named)
        assert all((top / manifest.files[file].path[-1]).exists() for file in named)
    finally:
        saved.write_bytes(good)
        for path, (content, time) in before.items():
            path.write_bytes(content)
            os.utime(path, ns=(time, time))


def test_saving_where_one_cannot(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such file"):
        save_resume(tmp_path / "nowhere" / "resume", manifest, bits([]), [None] * 4)
