"""The moment in which a file gets its final name, and what another program may do just then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from storage.makers import PART, PIECE, content, number_of, pieces_of, put

from swarmshare.errors import StorageError, TakenError
from swarmshare.storage.opening import OpenFiles
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from swarmshare.manifest.manifest import Manifest


class Disturbed(OpenFiles):
    """Open files of which each is closed before its file is renamed; something else happens in between."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def drop(self, key: Hashable) -> None:
        super().drop(key)
        self._act()


@pytest.mark.parametrize("what", ["removed", "shortened", "written to"])
def test_a_part_that_changes_after_it_was_flushed_gets_no_name(manifest: Manifest, folder: Path, what: str) -> None:
    part = folder / "top" / f"exact{PART}"

    def act() -> None:
        if what == "removed":
            part.unlink(missing_ok=True)
        elif what == "shortened":
            os.truncate(part, 5)
        else:
            os.utime(part, ns=(1, 1))

    storage = TorrentStorage(manifest, folder, Disturbed(act))
    number = number_of(manifest, "exact")
    put(storage, pieces_of(manifest, "exact"))
    with pytest.raises(StorageError, match="changed by another program"):
        storage.finish(number)
    assert not (folder / "top/exact").exists()
    assert storage.lost_files() == {number}


def test_a_folder_that_cannot_be_made(manifest: Manifest) -> None:
    with pytest.raises(StorageError, match="cannot be made") as caught:
        TorrentStorage(manifest, Path("/proc/swarmshare")).prepare()
    assert caught.value.needs_person


def test_what_another_program_started_is_gone_on_with_unless_it_has_a_second_name(
    manifest: Manifest, folder: Path
) -> None:
    number = number_of(manifest, "a/whole")
    (folder / "top/a").mkdir(parents=True)
    named = folder / "top/a/whole"
    named.write_bytes(content("a/whole")[:PIECE] + bytes(PIECE))
    os.link(named, folder / "second name")
    storage = TorrentStorage(manifest, folder)
    assert storage.scan() == {pieces_of(manifest, "a/whole")[0]}
    assert storage.unfinished({number, 0}) == {number}
    with pytest.raises(TakenError):
        storage.prepare([number])
    (folder / "second name").unlink()
    storage.scan()
    assert storage.taken({number}) == {number}
    assert storage.prepare([number]) == ([], {})
    assert storage.taken({number}) == set()
    assert not named.exists()


def test_whose_name_it_is(manifest: Manifest, folder: Path) -> None:
    number = number_of(manifest, "a/whole")
    storage = TorrentStorage(manifest, folder)
    assert storage.taken({number}) == set(), "not even its folder is there"
    (folder / "top/a").mkdir(parents=True)
    assert storage.taken({number}) == set()
    (folder / "top/a/whole").write_bytes(b"of another length")
    assert storage.taken({number}) == {number}
    (folder / "top/a/whole").write_bytes(content("a/whole"))
    assert storage.taken({number}) == {number}, "it was never found to be right"
    storage.own(number, (folder / "top/a/whole").stat().st_ino)
    assert storage.taken({number}) == set()


def test_a_name_behind_a_link_that_leads_out_is_not_its_own(manifest: Manifest, folder: Path, outside: Path) -> None:
    (folder / "top").mkdir()
    (folder / "top/exact").symlink_to(outside / "large")
    assert TorrentStorage(manifest, folder).taken({number_of(manifest, "exact")}) == {number_of(manifest, "exact")}
