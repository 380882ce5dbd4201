"""Saved transfers: written and read back, and files that are none."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest.makers import encoded, folder_doc

from swarmshare.common.pieces import Priority
from swarmshare.errors import StorageError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.saved_transfers import MAX_COUNT, SavedTransfer, SavedTransfers, open_saved_transfers

if TYPE_CHECKING:
    from collections.abc import Iterator

MANIFEST = parse_manifest(encoded(folder_doc({b"a": 5, b"b": 6, b"c": 7})))
OTHER = parse_manifest(encoded(folder_doc({b"d": 5, b"e": 6})))
SAVED = SavedTransfer(
    manifest=MANIFEST,
    folder=Path("/srv/ünïcode"),
    added_at=1_700_000_000,
    shared=True,
    paused=True,
    sequential=True,
    priorities={0: Priority.SKIP, 2: Priority.HIGH},
    peers=(("192.168.1.5", 6881), ("fe80::1%eth0", 1)),
    limit_up=1.5e6,
    limit_down=None,
    downloaded=5,
    uploaded=2**40,
)
COUNTS = st.integers(0, MAX_COUNT)
RATES = st.none() | st.floats(1, 1e12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "transfers"


@pytest.fixture
def store(folder: Path) -> Iterator[SavedTransfers]:
    with open_saved_transfers(folder) as store:
        yield store


def test_nothing_at_first(store: SavedTransfers) -> None:
    assert store.load() == ([], [])


@given(
    st.builds(
        SavedTransfer,
        manifest=st.just(MANIFEST),
        folder=st.just(Path("/srv")),
        added_at=COUNTS,
        shared=st.booleans(),
        paused=st.booleans(),
        sequential=st.booleans(),
        priorities=st.dictionaries(st.integers(0, 2), st.sampled_from([Priority.SKIP, Priority.HIGH])),
        peers=st.lists(st.tuples(st.text(min_size=1, max_size=20), st.integers(0, 65535)), max_size=3).map(tuple),
        limit_up=RATES,
        limit_down=RATES,
        downloaded=COUNTS,
        uploaded=COUNTS,
    )
)
def test_all_of_it_comes_back(tmp_path_factory: pytest.TempPathFactory, saved: SavedTransfer) -> None:
    with open_saved_transfers(tmp_path_factory.mktemp("transfers")) as store:
        store.add(saved)
        assert store.load() == ([saved], [])


def test_changes_and_the_end(store: SavedTransfers, folder: Path) -> None:
    store.add(SAVED)
    older = SavedTransfer(manifest=OTHER, folder=Path("/srv"), added_at=1)
    store.add(older)
    assert store.load() == ([older, SAVED], [])
    changed = replace(SAVED, paused=False, priorities={1: Priority.NORMAL}, uploaded=7)
    store.save(changed)
    assert store.load() == ([older, replace(changed, priorities={})], [])
    store.forget(SAVED.info_hash)
    store.forget(SAVED.info_hash)
    assert store.load() == ([older], [])
    store.forget(older.info_hash)
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_others_may_not_read_it(store: SavedTransfers, folder: Path) -> None:
    store.add(SAVED)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_one_program_at_a_time(folder: Path) -> None:
    with (
        open_saved_transfers(folder),
        pytest.raises(StorageError, match=f"{folder.parent}: another window of SwarmShare is at work"),
        open_saved_transfers(folder),
    ):
        pass
    with open_saved_transfers(folder):
        pass


def test_a_home_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StorageError) as wrong, open_saved_transfers(tmp_path / "home" / "transfers"):
        pass
    assert "SWARMSHARE_HOME" in (wrong.value.hint or "")


def test_what_a_crash_left_half_written_goes(store: SavedTransfers, folder: Path) -> None:
    (folder / ".0123456789abcdef.tmp").write_text("half")
    (folder / f"{OTHER.info_hash}.torrent").write_bytes(OTHER.encode())  # its .json was never written
    (folder / "notes.json").write_text("not ours")
    assert store.load() == ([], [])
    assert not list(folder.glob(".*"))


WRONG: list[dict[str, Any]] = [
    {"folder": 5}, {"folder": "srv"}, {"folder": "/srv\0"}, {"folder": None},
    {"added_at": -1}, {"added_at": 1.5}, {"added_at": True}, {"added_at": 2**60},
    {"downloaded": "5"}, {"uploaded": None},
    {"shared": 1}, {"paused": None}, {"sequential": "yes"},
    {"skip": [3]}, {"skip": [-1]}, {"skip": [True]}, {"skip": {}}, {"high": ["1"]}, {"high": None},
    {"limit_up": 0}, {"limit_up": -1}, {"limit_up": float("nan")}, {"limit_up": float("inf")}, {"limit_down": True},
    {"limit_down": "5"}, {"limit_down": 10**400},
    {"peers": None}, {"peers": [5]}, {"peers": [["", 1]]}, {"peers": [["x", 65536]]}, {"peers": [["x", True]]},
    {"peers": [["x" * 256, 1]]}, {"peers": [["x", 1]] * 1001},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_a_field_that_cannot_be(store: SavedTransfers, folder: Path, wrong: dict[str, Any]) -> None:
    store.add(SAVED)
    store.add(SavedTransfer(manifest=OTHER, folder=Path("/srv"), added_at=1))
    path = folder / f"{SAVED.info_hash}.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    found, broken = store.load()
    assert [saved.manifest for saved in found] == [OTHER]
    assert [error.path for error in broken] == [path]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"added_at": ' + b"9" * 5000 + b"}"], ids=len
)
def test_what_is_no_state_at_all(store: SavedTransfers, folder: Path, content: bytes) -> None:
    store.add(SAVED)
    (folder / f"{SAVED.info_hash}.json").write_bytes(content)
    found, broken = store.load()
    assert not found
    assert len(broken) == 1


@pytest.mark.parametrize("content", [b"", b"d4:info", OTHER.encode(), None], ids=["empty", "cut", "other", "gone"])
def test_a_manifest_that_is_not_the_one(store: SavedTransfers, folder: Path, content: bytes | None) -> None:
    store.add(SAVED)
    path = folder / f"{SAVED.info_hash}.torrent"
    if content is None:
        path.unlink()
    else:
        path.write_bytes(content)
    found, broken = store.load()
    assert not found
    assert [error.path for error in broken] == [path]


def test_a_pipe_where_a_file_should_be(store: SavedTransfers, folder: Path) -> None:
    store.add(SAVED)
    path = folder / f"{SAVED.info_hash}.json"
    path.unlink()
    os.mkfifo(path)
    assert [error.path for error in store.load()[1]] == [path]
