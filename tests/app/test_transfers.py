"""Lines of many transfers: what nothing happens to costs next to nothing, and the disk never knows anything older."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing
from app.sessions import fill, manifest_of, running_session
from waiting import TIMEOUT

from swarmshare.app.ledger import Ledger
from swarmshare.app.transfer import COUNT_EVERY, LOOK_EVERY, SHOW_LAST, Transfer
from swarmshare.app.transfers import SAVE_EVERY
from swarmshare.engine import no_peers
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import StorageError
from swarmshare.schema.snapshot import TorrentState, count_only_here
from swarmshare.storage.saved_transfers import SavedTransfer, SavedTransfers, open_saved_transfers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.engine.torrent import Torrent

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def saved(tmp_path: Path) -> SavedTransfer:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 300_000, "b": 1}))
    return SavedTransfer(manifest=manifest, folder=tmp_path, added_at=5)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SavedTransfers]:
    with open_saved_transfers(tmp_path / "transfers") as store:
        yield store


async def test_a_line_is_made_anew_only_when_something_changed(saved: SavedTransfer, tmp_path: Path) -> None:
    async with open_engine(EngineConfig()) as engine:
        transfer = Transfer(saved)
        torrent = engine.add(saved.manifest, TorrentConfig(folder=tmp_path))
        transfer.start(torrent)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        now = trio.current_time()
        assert not transfer.line(now).no_peers
        now += no_peers.PATIENCE + 1
        line = transfer.line(now)
        assert line.no_peers
        assert (line.state, line.only_here, line.copies) == (TorrentState.SEEDING, 11, 0)
        later = now + 10 * COUNT_EVERY
        assert transfer.line(later) is line
        torrent.picker.peer_joined(torrent.picker.held)
        assert transfer.line(later) is line, "nobody is connected, so it is looked at once a second"
        other = transfer.line(later + LOOK_EVERY)
        assert (other.seeds, other.copies, other.only_here) == (1, 1, 0)
        await engine.remove(torrent)


async def test_who_had_it_before_a_restart_is_not_forgotten_at_once(saved: SavedTransfer, tmp_path: Path) -> None:
    async with open_engine(EngineConfig()) as engine:
        transfer = Transfer(saved)

        async def run() -> Torrent:
            torrent = engine.add(saved.manifest, TorrentConfig(folder=tmp_path))
            transfer.start(torrent)
            with trio.fail_after(TIMEOUT):
                await torrent.finished.wait()
            return torrent

        async def stop(torrent: Torrent, now: float) -> None:
            transfer.look_last(now)
            await engine.remove(torrent)
            transfer.stop()

        torrent = await run()
        assert (transfer.line(0.0).copies, transfer.line(0.0).only_here) == (0, 11), "nobody ever had it"
        torrent.picker.peer_joined(torrent.picker.held)
        await stop(torrent, 2 * COUNT_EVERY)
        for _each in range(2):  # also when it is started twice, one soon after the other
            torrent = await run()
            line, whole = transfer.line(10.0), transfer.snapshot()
            assert whole is not None
            assert (line.copies, line.only_here, whole.seeds) == (1, 0, 1), "who is there now is not known yet"
            await stop(torrent, 11.0)
        torrent = await run()
        transfer.line(20.0)
        line, whole = transfer.line(20.0 + SHOW_LAST + LOOK_EVERY + COUNT_EVERY), transfer.snapshot()
        assert whole is not None
        assert (line.copies, line.only_here, whole.seeds) == (0, 11, 0), "nobody has come"
        await stop(torrent, 30.0)


async def test_a_running_transfer_between_two_engines(saved: SavedTransfer) -> None:
    transfer = Transfer(saved)
    assert transfer.line(0.0).state is TorrentState.CHECKING
    assert transfer.line(0.0) is transfer.line(99.0)
    transfer.saved = replace(saved, paused=True)
    assert transfer.line(0.0).state is TorrentState.PAUSED


@pytest.mark.parametrize(
    ("states", "availability", "count"),
    [("", "", 0), ("03030303", "00000000", 4), ("00010203", "00000000", 1), ("03030303", "0001ff00", 2)],
)
def test_pieces_that_are_only_here(states: str, availability: str, count: int) -> None:
    assert count_only_here(bytes.fromhex(states), bytes.fromhex(availability)) == count


async def test_only_what_changed_is_written(saved: SavedTransfer, store: SavedTransfers, tmp_path: Path) -> None:
    ledger = Ledger(store, tmp_path)
    await ledger.add(saved)
    transfer = Transfer(saved)
    path = tmp_path / "transfers" / f"{saved.info_hash}.json"
    path.unlink()
    await ledger.save([transfer])
    assert not path.exists()
    transfer.saved = replace(saved, uploaded=7)
    await ledger.save([transfer])
    assert store.load() == ([transfer.saved], [])
    await ledger.forget([transfer])
    transfer.saved = saved
    await ledger.save([transfer])
    assert store.load() == ([], []), "what was forgotten is not written again"


async def test_what_the_disk_refuses(saved: SavedTransfer, store: SavedTransfers, tmp_path: Path) -> None:
    ledger = Ledger(store, tmp_path)
    await ledger.add(saved)
    transfer = Transfer(replace(saved, uploaded=7))
    path = tmp_path / "transfers" / f"{saved.info_hash}.json"
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError):
        await ledger.save([transfer])
    await ledger.save_what_can_be([transfer])
    path.rmdir()
    await ledger.save_what_can_be([transfer])
    assert store.load() == ([transfer.saved], [])


async def test_bytes_are_saved_now_and_then(
    saved: SavedTransfer, own_home: Path, autojump_clock: trio.testing.MockClock
) -> None:
    path = own_home / "transfers" / f"{saved.info_hash}.json"
    async with running_session() as ann:
        await ann.session.open_manifest(saved.manifest.encode(), saved.folder)
        torrent = ann.torrent(saved.info_hash)
        torrent.uploads.count(12_345)
        assert "12345" not in path.read_text()
        with trio.fail_after(100_000 * SAVE_EVERY):
            while "12345" not in path.read_text():  # noqa: ASYNC110  # a thread writes, which knows nothing of our clock
                await trio.sleep(SAVE_EVERY)
