"""Lines of many transfers: what nothing happens to costs next to nothing, and the disk never knows anything older."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from app.desks import fill, manifest_of, seat

from swarmshare.app import transfer
from swarmshare.app.ledger import Ledger
from swarmshare.app.picture import TransferState
from swarmshare.app.transfer import Work
from swarmshare.app.transfers import SAVE_EVERY
from swarmshare.engine import no_peers
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import StorageError
from swarmshare.schema.snapshot import count_only_here
from swarmshare.storage.begun import Begun, BegunStore, open_begun

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def begun(tmp_path: Path) -> Begun:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 300_000, "b": 1}))
    return Begun(manifest=manifest, folder=tmp_path, added_at=5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[BegunStore]:
    with open_begun(tmp_path / "transfers") as store:
        yield store


async def test_a_line_is_made_anew_only_when_something_changed(begun: Begun, tmp_path: Path) -> None:
    async with open_engine(EngineConfig()) as engine:
        work = Work(begun)
        torrent = engine.add(begun.manifest, TorrentConfig(folder=tmp_path))
        work.start(torrent)
        with trio.fail_after(30):
            await torrent.finished.wait()
        now = trio.current_time()
        assert not work.line(now).no_peers
        now += no_peers.PATIENCE + 1
        line = work.line(now)
        assert line.no_peers
        assert (line.state, line.only_here, line.copies) == (TransferState.SEEDING, 11, 0)
        later = now + 10 * transfer.COUNT_EVERY
        assert work.line(later) is line
        torrent.picker.peer_joined(torrent.picker.held)
        assert work.line(later) is line, "nobody is connected, so it is looked at once a second"
        other = work.line(later + transfer.LOOK_EVERY)
        assert (other.seeds, other.copies, other.only_here) == (1, 1, 0)
        await engine.remove(torrent)


async def test_what_is_at_work_between_two_engines(begun: Begun) -> None:
    work = Work(begun)
    assert work.line(0.0).state is TransferState.CHECKING
    assert work.line(0.0) is work.line(99.0)
    work.begun = replace(begun, paused=True)
    assert work.line(0.0).state is TransferState.PAUSED


@pytest.mark.parametrize(
    ("states", "availability", "count"),
    [("", "", 0), ("03030303", "00000000", 4), ("00010203", "00000000", 1), ("03030303", "0001ff00", 2)],
)
def test_pieces_that_are_only_here(states: str, availability: str, count: int) -> None:
    assert count_only_here(bytes.fromhex(states), bytes.fromhex(availability)) == count


async def test_only_what_changed_is_written(begun: Begun, store: BegunStore, tmp_path: Path) -> None:
    ledger = Ledger(store, tmp_path)
    await ledger.add(begun)
    work = Work(begun)
    path = tmp_path / "transfers" / f"{begun.info_hash}.json"
    path.unlink()
    await ledger.save([work])
    assert not path.exists()
    work.begun = replace(begun, uploaded=7)
    await ledger.save([work])
    assert store.load() == ([work.begun], [])
    await ledger.forget([work])
    work.begun = begun
    await ledger.save([work])
    assert store.load() == ([], []), "what was forgotten is not written again"


async def test_what_the_disk_refuses(begun: Begun, store: BegunStore, tmp_path: Path) -> None:
    ledger = Ledger(store, tmp_path)
    await ledger.add(begun)
    work = Work(replace(begun, uploaded=7))
    path = tmp_path / "transfers" / f"{begun.info_hash}.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        await ledger.save([work])
    await ledger.save_what_can_be([work])
    path.rmdir()
    await ledger.save_what_can_be([work])
    assert store.load() == ([work.begun], [])


async def test_bytes_are_saved_now_and_then(
    begun: Begun, own_home: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = own_home / "transfers" / f"{begun.info_hash}.json"
    async with seat() as ann:
        await ann.desk.open_manifest(begun.manifest.encode(), begun.folder)
        torrent = ann.desk._transfers._works[begun.info_hash].torrent
        assert torrent is not None
        torrent.uploads.count(12_345)
        assert "12345" not in path.read_text()
        with trio.fail_after(100_000 * SAVE_EVERY):
            while "12345" not in path.read_text():  # noqa: ASYNC110  # a thread writes, which knows nothing of our clock
                await trio.sleep(SAVE_EVERY)
