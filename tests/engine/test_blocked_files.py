"""One file that the disk refuses stops no other."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, until
from waiting import TIMEOUT

from swarmshare.common.pieces import Priority
from swarmshare.engine import disk
from swarmshare.schema.alerts import FileNotice, TorrentWaiting
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.faults import named
from swarmshare.storage.paths import part_paths

if TYPE_CHECKING:
    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.layout import PieceIndex
    from swarmshare.storage.opening import KeptFolder


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "RETRY_AFTER", 0.05)


def notices(engine: Engine) -> list[str]:
    return [alert.message for alert in engine.alerts if isinstance(alert, FileNotice)]


async def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000, "c": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        part = tmp_path / "leech" / Path(*part_paths(swarm.manifest)[1])
        part.mkdir(parents=True)
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.disk.unfinished == {1})
            assert [str(part) in message for message in notices(engine)] == [True]
            await until(lambda: torrent.disk.problem is not None)
            assert torrent.disk.problem is not None
            assert torrent.disk.problem.needs_person, "now that there is nothing else to do, it is told"
            assert torrent.state is TorrentState.WAITING
            assert not torrent.is_complete
            assert torrent.picker.held.held == swarm.manifest.layout.piece_count - len(
                swarm.manifest.layout.file_pieces(1)
            )
            part.rmdir()
            await torrent.finished.wait()
        assert swarm.is_whole("leech")


async def test_a_file_that_becomes_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT, beyond 4 GiB: it can be made, and not be written to."""
    monkeypatch.setattr(disk, "BLOCKED_FOR", 0.3)
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000, "c": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech("leech", seed)
        write, too_large = torrent.disk.storage.write, [True]
        tried = 0

        def refuse(piece: PieceIndex, data: bytes, kept: KeptFolder) -> None:
            nonlocal tried
            if too_large and swarm.manifest.layout.span(piece).file == 0:
                tried += 1
                raise named(tmp_path / "leech" / "top" / "a", OSError(errno.EFBIG, os.strerror(errno.EFBIG)))
            write(piece, data, kept)

        monkeypatch.setattr(torrent.disk.storage, "write", refuse)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.disk.unfinished == {0})
            await until(lambda: torrent.disk.problem is not None)
            assert "disk that takes larger files" in str(torrent.disk.problem and torrent.disk.problem.advice)
            assert tried <= len(swarm.manifest.layout.file_pieces(0)) * 3, "not fetched again and again"
            too_large.clear()
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert len(notices(engine)) <= 1
        assert not any(
            alert for alert in engine.alerts if isinstance(alert, TorrentWaiting) and "top/a" not in alert.message
        )


async def test_a_file_that_nobody_wants_any_more_is_in_nobodys_way(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 300_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        part = tmp_path / "leech" / Path(*part_paths(swarm.manifest)[1])
        part.mkdir(parents=True)
        _, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.disk.problem is not None)
            torrent.want(1, Priority.SKIP)
            await torrent.finished.wait()
            await until(lambda: torrent.disk.problem is None)
        assert torrent.disk.blocked == {}
