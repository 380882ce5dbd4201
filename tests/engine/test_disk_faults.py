"""Folders and files that others take away, change or forbid while a torrent runs: clear errors, engine alive."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, until
from waiting import TIMEOUT

from swarmshare.engine import disk
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.errors import DiskFullError
from swarmshare.schema.alerts import PeerDropped, PieceFailed, PiecesLost, TorrentRecovered, TorrentWaiting
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.paths import part_paths
from swarmshare.storage.resume import forget_pieces

if TYPE_CHECKING:
    from engine.network import Network
    from trio.testing import MockClock

    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.layout import PieceIndex
    from swarmshare.storage.opening import KeptFolder

RATE = 1_500_000.0
"""Bytes a second of a seed: slow enough to do something in the midst of it."""


def paused(engine: Engine) -> list[TorrentWaiting]:
    return [alert for alert in engine.alerts if isinstance(alert, TorrentWaiting)]


async def test_a_folder_that_vanishes_and_does_not_come_back(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """It says so, shares its other torrents on, and goes on once there is a folder of that name again."""
    async with Swarm(tmp_path, {"a": 3_000_000}, network=network) as swarm:
        seed, _ = await swarm.seed("seed", limit_up=RATE)
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.picker.held.held >= 5)
            shutil.rmtree(tmp_path / "leech")
            await until(lambda: paused(engine))
            assert str(tmp_path / "leech") in paused(engine)[0].message
            assert not (tmp_path / "leech").exists(), "a disk that was pulled out is not replaced by another one"
            snapshot = engine.snapshot().torrents[0]
            assert snapshot.state is TorrentState.WAITING
            assert "leech" in snapshot.error
            (tmp_path / "leech").mkdir()
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert any(isinstance(alert, TorrentRecovered) for alert in engine.alerts)
        assert any(isinstance(alert, PiecesLost) for alert in engine.alerts)


def overwrite(path: Path) -> None:
    """In place; the time is set, for clocks that tick slowly."""
    with open(path, "r+b") as file:
        file.write(b"broken")
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("how", ["removed", "replaced", "truncated", "overwritten"])
async def test_a_file_that_changes_in_mid_run(
    tmp_path: Path, how: str, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 1_500_000, "b": 1_500_000}, network=network) as swarm:
        seed, _ = await swarm.seed("seed", limit_up=RATE)
        engine, torrent = await swarm.leech("leech", seed, sequential=True)
        part = tmp_path / "leech" / Path(*part_paths(swarm.manifest)[0])
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.picker.held.held >= 5)
            if how == "removed":
                part.unlink()
            elif how == "replaced":
                (tmp_path / "other").write_bytes(bytes(1_500_000))
                os.replace(tmp_path / "other", part)
            elif how == "truncated":
                os.truncate(part, 70_000)
            else:
                overwrite(part)
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert any(isinstance(alert, PiecesLost) for alert in engine.alerts)


async def test_a_whole_file_that_is_removed_while_it_is_served(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Whoever asks for it is refused, the others are told that it is gone, and it is fetched again."""
    async with Swarm(tmp_path, {"a": 400_000, "b": 400_000}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        (tmp_path / "seed" / "top" / "a").unlink()
        leech, leeching = await swarm.leech("leech", engine)
        late = await swarm.engine()
        with trio.fail_after(TIMEOUT):
            await until(lambda: any(isinstance(alert, PiecesLost) for alert in engine.alerts))
            assert engine.snapshot().torrents[0].state is TorrentState.DOWNLOADING
            await until(lambda: leeching.sessions and all(not peer.has.is_full for peer in leeching.sessions))
            shutil.copytree(swarm.source, tmp_path / "late" / "top")
            late.add(swarm.manifest, TorrentConfig(folder=tmp_path / "late", peers=(address(leech),)))
            await leeching.finished.wait()
            await until(lambda: torrent.is_complete)
        assert swarm.is_whole("leech")
        assert swarm.is_whole("seed")


async def test_a_folder_that_cannot_be_made(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async with Swarm(tmp_path, {"a": 400_000}, network=network) as swarm:
        seed, _ = await swarm.seed("seed")
        (tmp_path / "leech").write_text("in the way")
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: paused(engine))
            assert str(tmp_path / "leech") in paused(engine)[0].message
            (tmp_path / "leech").unlink()
            await torrent.finished.wait()
        assert swarm.is_whole("leech")


@pytest.mark.parametrize("refusals", [1, 2, 5])
async def test_a_disk_that_fails_to_flush_for_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusals: int
) -> None:
    """The task that looks after lost files is not the one that waits for them."""
    monkeypatch.setattr(disk, "RETRY_AFTER", 0.05)
    fsync, calls = os.fsync, itertools.count()

    def fail(fd: int) -> None:
        if stat.S_ISREG(os.fstat(fd).st_mode) and next(calls) < refusals:  # files are flushed by several threads
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(fd)

    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        monkeypatch.setattr(os, "fsync", fail)
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            await until(lambda: torrent.state is TorrentState.SEEDING)
        assert swarm.is_whole("leech")
        assert "check the disk" in paused(engine)[0].message.lower()
        assert any(isinstance(alert, TorrentRecovered) for alert in engine.alerts)


@pytest.mark.parametrize("what", ["seed", "seed/top", "seed/top/a"])
async def test_what_was_taken_away_and_put_back_is_found_without_a_restart(
    tmp_path: Path, what: str, network: Network, autojump_clock: MockClock
) -> None:
    """Nobody has anything else to offer, so it is from the disk that it comes back."""
    async with Swarm(tmp_path, {"a": 400_000, "b": 400_000}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        everything = torrent.picker.held.held
        (tmp_path / what).rename(tmp_path / "elsewhere")
        _, leeching = await swarm.leech("leech", engine)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.state is not TorrentState.SEEDING)
            if what != "seed":  # a folder that is gone may be a disk that is: nothing is made in its place
                await until(lambda: torrent.picker.held.held < everything)
            if (tmp_path / what).is_dir():
                shutil.rmtree(tmp_path / what)  # it was made anew, for what is to be fetched
            (tmp_path / "elsewhere").rename(tmp_path / what)
            await until(lambda: torrent.state is TorrentState.SEEDING)
            await leeching.finished.wait()
        assert torrent.picker.held.held == everything
        assert engine.snapshot().torrents[0].bytes_done == swarm.manifest.total_length
        assert swarm.is_whole("leech")


async def test_what_was_put_back_is_found_after_a_restart(tmp_path: Path) -> None:
    """However soon before it was stopped: what the resume data says of a file is about a file that was looked at."""
    async with Swarm(tmp_path, {"a": 400_000, "b": 400_000}) as swarm:
        config = EngineConfig(resume_folder=tmp_path / "resume")
        seed = TorrentConfig(folder=swarm.copy("seed"))
        async with open_engine(config) as engine:
            torrent = engine.add(swarm.manifest, seed)
            await torrent.finished.wait()
        async with open_engine(config) as engine:
            torrent = engine.add(swarm.manifest, seed)
            (tmp_path / "seed" / "top" / "a").rename(tmp_path / "elsewhere")
            with trio.fail_after(TIMEOUT):
                await torrent.ready.wait()
                await until(lambda: torrent.state is TorrentState.DOWNLOADING)
                (tmp_path / "elsewhere").rename(tmp_path / "seed" / "top" / "a")
        async with open_engine(config) as engine:
            torrent = engine.add(swarm.manifest, seed)
            with trio.fail_after(TIMEOUT):
                await torrent.finished.wait()


@pytest.mark.parametrize("piece", [0, 5])
async def test_a_seeded_file_that_is_touched(
    tmp_path: Path, piece: int, network: Network, autojump_clock: MockClock
) -> None:
    """Three bytes, in place: its owner is told which file, and the others get the rest, from a peer that they trust."""
    async with Swarm(tmp_path, {"a": 700_000, "b": 700_000}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        fd = os.open(tmp_path / "seed" / "top" / "a", os.O_WRONLY)
        os.pwrite(fd, b"123", piece * 2**16 + 7)
        os.close(fd)
        leech, leeching = await swarm.leech("leech", engine)
        count = swarm.manifest.layout.piece_count
        with trio.fail_after(TIMEOUT):
            await until(lambda: leeching.picker.held.held == count - 1)
            assert [session.has.held for session in leeching.sessions] == [count - 1], "it was told (lt_donthave)"
        (lost,) = [alert for alert in engine.alerts if isinstance(alert, PiecesLost)]
        assert (lost.count, lost.files) == (1, ("a",))
        assert engine.snapshot().torrents[0].changed_files == ("a",)
        assert not [alert for alert in leech.alerts if isinstance(alert, (PieceFailed, PeerDropped))]
        shutil.copy2(swarm.source / "a", tmp_path / "seed" / "top" / "a")  # it is put back
        torrent.file_monitor.check_soon()
        with trio.fail_after(TIMEOUT):
            await leeching.finished.wait()
        assert engine.snapshot().torrents[0].changed_files == ()
        assert swarm.is_whole("leech")


def edit(path: Path) -> None:
    with open(path, "r+b") as file:
        file.write(b"edited")


async def test_an_edited_file_is_left_alone_until_it_is_rechecked(tmp_path: Path) -> None:
    """Somebody else has what it was; and yet the edit stays, until its owner wants the shared content again."""
    async with Swarm(tmp_path, {"a": 700_000, "b": 700_000}) as swarm:
        other, _ = await swarm.seed("other")
        home, folder = tmp_path / "resume", swarm.copy("edited")
        path, config = folder / "top" / "a", TorrentConfig(folder=folder, peers=(address(other),))
        async with open_engine(EngineConfig(resume_folder=home)) as engine:
            torrent = engine.add(swarm.manifest, config)
            with trio.fail_after(TIMEOUT):
                await torrent.finished.wait()
            edit(path)
            edited = path.read_bytes()
            torrent.file_monitor.check_soon()
            with trio.fail_after(TIMEOUT):
                await until(lambda: torrent.disk.problem is not None)
            snapshot = engine.snapshot().torrents[0]
            assert snapshot.changed_files == ("a",)
            assert str(path) in snapshot.error
            assert "recheck" in snapshot.error
            assert torrent.picker.held.held == swarm.manifest.layout.piece_count - 1
        async with open_engine(EngineConfig(resume_folder=home)) as engine:
            torrent = engine.add(swarm.manifest, config)
            with trio.fail_after(TIMEOUT):
                await until(lambda: torrent.disk.problem is not None)
        assert path.read_bytes() == edited
        assert not torrent.downloads.received, "it was not even asked for"
        forget_pieces(home / f"{swarm.manifest.info_hash}.resume", swarm.manifest)
        async with open_engine(EngineConfig(resume_folder=home)) as engine:
            torrent = engine.add(swarm.manifest, config)
            with trio.fail_after(TIMEOUT):
                await torrent.finished.wait()
        assert swarm.is_whole("edited")


async def test_an_edited_file_that_is_removed_is_fetched_again(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000}) as swarm:
        other, _ = await swarm.seed("other")
        engine = await swarm.engine()
        torrent = engine.add(swarm.manifest, TorrentConfig(folder=swarm.copy("edited"), peers=(address(other),)))
        path = tmp_path / "edited" / "top" / "a"
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            edit(path)
            torrent.file_monitor.check_soon()
            await until(lambda: torrent.disk.problem is not None)
            path.unlink()
            torrent.file_monitor.check_soon()
            await until(lambda: torrent.is_complete)
        assert swarm.is_whole("edited")


async def test_a_disk_that_is_full_again_and_again_is_a_few_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each piece is refused once, with other numbers each time: as when something takes away what is freed."""
    monkeypatch.setattr(disk, "RETRY_AFTER", 0.01)
    async with Swarm(tmp_path, {"a": 1_500_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech("leech", seed)
        write, refused = torrent.disk.storage.write, set[int]()

        def fail_once(piece: PieceIndex, data: bytes, kept: KeptFolder) -> None:
            if piece not in refused:
                refused.add(piece)
                raise DiskFullError(tmp_path / "leech", len(data), 100 + piece)
            write(piece, data, kept)

        monkeypatch.setattr(torrent.disk.storage, "write", fail_once)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert len(refused) == swarm.manifest.layout.piece_count > 20
        told = [type(alert) for alert in engine.alerts if isinstance(alert, (TorrentWaiting, TorrentRecovered))]
        assert told[:3] == [TorrentWaiting, TorrentRecovered, TorrentWaiting][: len(told)]
        assert len(told) <= 4
        assert len([record for record in caplog.records if "the disk" in record.getMessage()]) == len(told)
        assert torrent.disk.problem is None
        assert swarm.is_whole("leech")


async def test_no_piece_is_counted_twice(tmp_path: Path) -> None:
    """What is done is never more than there is, whoever finds that a piece is held, and how often."""
    async with Swarm(tmp_path, {"a": 400_000}) as swarm:
        engine, torrent = await swarm.seed("seed")
        torrent.disk.count(range(swarm.manifest.layout.piece_count))
        snapshot = engine.snapshot().torrents[0]
        assert (snapshot.bytes_done, snapshot.bytes_total) == (400_001, 400_001)
        torrent.disk.recount([0], torrent.picker.held)
        assert engine.snapshot().torrents[0].bytes_done == 400_001
