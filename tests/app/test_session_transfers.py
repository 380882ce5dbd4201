"""Commands to transfers, and what is left of transfers after an end, wanted or not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from app.sessions import RunningSession, fill, huge, manifest_of, running_session
from integration.group import same
from waiting import TIMEOUT

from swarmshare.app import transfer, transfers
from swarmshare.app.client_session import Problem
from swarmshare.common.pieces import Priority
from swarmshare.engine import no_peers
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import Engine, open_engine
from swarmshare.errors import StorageError, SwarmShareError
from swarmshare.manifest.build import Description, build_manifest
from swarmshare.manifest.magnet import Magnet
from swarmshare.manifest.manifest import FileEntry
from swarmshare.schema.alerts import PieceVerified
from swarmshare.schema.snapshot import TorrentState
from swarmshare.texts import system_says

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.manifest.manifest import Manifest

CHILD = Path(__file__).with_name("child_session.py")
FILES = {"a.bin": 4_000_000, "b.bin": 2_000_000, "sub/c.bin": 100_000}
TOTAL = 6_100_000

pytestmark = pytest.mark.usefixtures("own_home")


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return manifest_of(fill(tmp_path / "source" / "top", FILES))


@asynccontextmanager
async def seed(manifest: Manifest, folder: Path, port: int, **config: Any) -> AsyncIterator[Engine]:
    """A seed that dials a session at ``port`` by itself: there is no tracker."""
    async with open_engine(EngineConfig(**config)) as engine:
        engine.add(manifest, TorrentConfig(folder=folder, peers=(("127.0.0.1", port),)))
        yield engine


def port_of(ann: RunningSession) -> int:
    return int(ann.session.snapshot().addresses[0].rpartition(":")[2])


def line(ann: RunningSession) -> TransferSnapshot:
    return ann.transfers["top"]


async def is_seeding(ann: RunningSession) -> None:
    await ann.until(lambda: line(ann).state is TorrentState.SEEDING)


@asynccontextmanager
async def downloading(
    manifest: Manifest, tmp_path: Path, rate: float = 2**21
) -> AsyncIterator[tuple[RunningSession, str]]:
    """A session that has downloaded some of the manifest, and gets more slowly."""
    async with running_session() as ann, seed(manifest, tmp_path / "source", port_of(ann), limit_up=rate):
        info_hash = await ann.session.open_manifest(manifest.encode())
        await ann.until(lambda: 0 < line(ann).bytes_done < TOTAL)
        yield ann, info_hash


async def test_pause_and_resume(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path) as (ann, info_hash):
        assert line(ann).state is TorrentState.DOWNLOADING
        await ann.until(lambda: line(ann).rate_down and line(ann).eta and line(ann).peers == 1 and line(ann).seeds == 1)
        await ann.session.look_at(info_hash)
        assert ann.session.snapshot().looked_at.peers  # type: ignore[union-attr]
        await ann.session.transfers.pause([info_hash, "0" * 64])
        paused = line(ann)
        assert paused.state is TorrentState.PAUSED
        assert (paused.rate_down, paused.peers, paused.eta) == (0, 0, None)
        assert 0 < paused.bytes_done < TOTAL
        looked_at = ann.session.snapshot().looked_at
        assert looked_at is not None
        assert (looked_at.state, looked_at.bytes_done, looked_at.peers) == (TorrentState.PAUSED, paused.bytes_done, ())
        assert looked_at.seeds == 1, "as it was when it was paused"
        assert looked_at.downloaded == paused.downloaded > 0
        assert line(ann) is paused, "nothing happens"
        await ann.session.transfers.resume([info_hash])
        await is_seeding(ann)
        assert same(tmp_path / "source" / "top", tmp_path / "downloads" / "top")
        assert line(ann).downloaded >= TOTAL
        assert not any(isinstance(fact, PieceVerified) for fact in ann.facts), "too many to be told one by one"
        await ann.session.look_at(None)
        assert ann.session.snapshot().looked_at is None


async def test_the_peers_of_a_magnet_are_remembered(manifest: Manifest, tmp_path: Path) -> None:
    """They have more to give than the manifest, and there is no tracker that knows them."""
    async with open_engine(EngineConfig(limit_up=2.0**21)) as engine:
        await engine.add(manifest, TorrentConfig(folder=tmp_path / "source")).ready.wait()
        async with running_session() as ann:
            await ann.session.open_magnet(str(Magnet(info_hash=manifest.info_hash, peers=(engine.addresses[0],))))
            await ann.until(lambda: line(ann).bytes_done)
            await ann.session.transfers.pause([str(manifest.info_hash)])
        engine.limit(None, None)
        async with running_session() as ann:
            await ann.session.transfers.resume([str(manifest.info_hash)])
            await is_seeding(ann)
    assert same(tmp_path / "source" / "top", tmp_path / "downloads" / "top")


async def test_a_transfer_that_nobody_comes_for_says_why(manifest: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(no_peers, "PATIENCE", 0.0)
    async with running_session() as ann:
        await ann.session.open_manifest(manifest.encode())
        await ann.until(lambda: line(ann).no_peers.startswith("there is nobody to ask. "))
        await ann.session.transfers.pause([str(manifest.info_hash)])
        assert line(ann).no_peers == ""


async def test_a_download_that_nobody_serves_says_so(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "UNSERVED_AFTER", 0.0)
    async with running_session() as ann:
        await ann.session.open_manifest(manifest.encode())
        await ann.until(lambda: line(ann).unserved)
        async with seed(manifest, tmp_path / "source", port_of(ann), limit_up=2.0**20):
            await ann.until(lambda: not line(ann).unserved and line(ann).bytes_done)
        await ann.until(lambda: line(ann).unserved)
        await ann.session.transfers.pause([str(manifest.info_hash)])
        assert not line(ann).unserved, "of a paused one that is not known"


async def test_the_next_start_goes_on(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path) as (ann, _):
        done = line(ann).bytes_done
    async with running_session() as ann:
        await ann.until(lambda: line(ann).state is TorrentState.DOWNLOADING)
        assert line(ann).bytes_done >= done
        before = line(ann).downloaded
        assert before >= done
        async with seed(manifest, tmp_path / "source", port_of(ann)):
            await is_seeding(ann)
        assert TOTAL <= line(ann).downloaded < TOTAL + 2**20, "what was there was not downloaded again"


async def test_a_paused_one_is_paused_after_a_start(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path) as (ann, info_hash):
        await ann.session.transfers.want(info_hash, {1: Priority.SKIP, 2: Priority.HIGH, 99: Priority.SKIP})
        await ann.session.transfers.limit([info_hash], 1e6, 2e6)
        await ann.session.transfers.sequential([info_hash], True)
        await ann.session.transfers.pause([info_hash])
        before = line(ann)
        await ann.session.look_at(info_hash)
        looked_at = ann.session.snapshot().looked_at
    async with running_session() as ann:
        after = line(ann)
        assert after == replace(before, copies=0), "who else has it is not known yet"
        assert (after.sequential, after.limit_up, after.limit_down) == (True, 1e6, 2e6)
        assert after.bytes_total == TOTAL - 2_000_000
        await ann.session.look_at(info_hash)
        again = ann.session.snapshot().looked_at
        assert again is not None
        assert looked_at is not None
        assert again.skipped == {1}
        assert (again.piece_states, again.files_done) == (looked_at.piece_states, looked_at.files_done)
        await ann.session.transfers.want(info_hash, {1: Priority.NORMAL})
        assert line(ann).bytes_total == TOTAL
        await ann.session.transfers.resume([info_hash])
        await ann.session.transfers.limit([info_hash], None, None)
        async with seed(manifest, tmp_path / "source", port_of(ann)):
            await is_seeding(ann)


async def test_priorities_of_a_running_transfer(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path) as (ann, info_hash):
        await ann.session.transfers.want(info_hash, {0: Priority.SKIP, 1: Priority.SKIP})
        await is_seeding(ann)
        assert (line(ann).bytes_total, line(ann).bytes_done) == (100_000, 100_000)
        await ann.session.transfers.want(info_hash, {1: Priority.NORMAL})
        await ann.until(lambda: line(ann).bytes_done == line(ann).bytes_total == 2_100_000)


async def test_limits_of_a_running_transfer(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path, rate=2**17) as (ann, info_hash):
        torrent = ann.torrent(info_hash)
        await ann.session.transfers.limit([info_hash], 1000.0, 2000.0)
        assert (len(torrent.limits.up), len(torrent.limits.down)) == (1, 1)
        await ann.session.transfers.sequential([info_hash], True)
        assert torrent.picker.sequential
        assert (line(ann).limit_up, line(ann).limit_down, line(ann).sequential) == (1000.0, 2000.0, True)
        await ann.session.transfers.limit([info_hash], None, None)
        assert (torrent.limits.up, torrent.limits.down) == ([], [])


async def test_removed_and_left_where_it_is(manifest: Manifest, tmp_path: Path, own_home: Path) -> None:
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        await is_seeding(ann)
        await ann.session.transfers.remove([info_hash])
        assert not ann.transfers
        assert same(fill(tmp_path / "again" / "top", FILES), tmp_path / "source" / "top")
        assert [path.name for path in (own_home / "transfers").iterdir()] == ["lock"]
        assert not list((own_home / "resume").iterdir())
    async with running_session() as ann:
        assert not ann.transfers


async def test_removed_with_its_files(manifest: Manifest, tmp_path: Path) -> None:
    async with downloading(manifest, tmp_path) as (ann, info_hash):
        (tmp_path / "downloads" / "top" / "mine.txt").write_text("mine")
        await ann.session.transfers.remove([info_hash], delete_data=True)
        assert not ann.transfers
        left = [path for path in (tmp_path / "downloads").rglob("*") if path.is_file()]
        assert left == [tmp_path / "downloads" / "top" / "mine.txt"]


async def test_what_cannot_be_deleted_is_told(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise StorageError("top", system_says("no right to"))

    monkeypatch.setattr(transfers, "delete_files", refuse)
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        with pytest.raises(StorageError, match="no right to"):
            await ann.session.transfers.remove([info_hash], delete_data=True)
        assert not ann.transfers
        assert await ann.session.open_manifest(manifest.encode(), tmp_path / "source")


async def test_what_is_being_deleted_cannot_be_added(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, go_on = trio.Event(), trio.Event()

    def wait(*_: object) -> None:
        trio.from_thread.run_sync(saved.set)
        trio.from_thread.run(go_on.wait)

    monkeypatch.setattr(transfers, "delete_files", wait)
    async with running_session() as ann, trio.open_nursery() as nursery:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        nursery.start_soon(lambda: ann.session.transfers.remove([info_hash], delete_data=True))
        await saved.wait()
        with pytest.raises(SwarmShareError, match="still being deleted"):
            await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        go_on.set()


@pytest.mark.parametrize("paused", [False, True])
async def test_a_check_finds_what_is_wrong(manifest: Manifest, tmp_path: Path, paused: bool) -> None:
    file = tmp_path / "source" / "top" / "a.bin"
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        await is_seeding(ann)
        if paused:
            await ann.session.transfers.pause([info_hash])
        status = file.stat()
        data = bytearray(file.read_bytes())
        data[1_000_000] ^= 1
        file.write_bytes(data)
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))  # nothing but a check finds it
        await ann.session.transfers.recheck([info_hash])
        wanted = TorrentState.PAUSED if paused else TorrentState.DOWNLOADING
        await ann.until(lambda: line(ann).state is wanted and line(ann).bytes_done == TOTAL - 2**15)


async def test_a_check_that_is_cut_short(tmp_path: Path) -> None:
    huge(tmp_path / "sparse")
    manifest = build_manifest(
        name="sparse",
        in_folder=False,
        files=[FileEntry(("sparse",), 2**36, b"\1" * 32)],
        piece_length=2**26,
        piece_layers={},
        v1_pieces=None,
        about=Description(),
    )
    async with running_session() as ann:
        info_hash = await ann.session.open_manifest(manifest.encode(), tmp_path)
        await ann.until(lambda: ann.transfers["sparse"].checked)
        await ann.session.transfers.pause([info_hash])
        await ann.session.transfers.recheck([info_hash])
        await ann.until(lambda: ann.transfers["sparse"].state is TorrentState.CHECKING)
        await ann.session.transfers.remove([info_hash])
        assert not ann.transfers


async def test_something_is_in_the_way(manifest: Manifest, tmp_path: Path) -> None:
    blocked = tmp_path / "downloads" / "top" / "a.bin"
    blocked.mkdir(parents=True)
    async with running_session() as ann:
        await ann.session.open_manifest(manifest.encode())
        await ann.until(lambda: line(ann).state is TorrentState.WAITING)
        assert str(blocked) in line(ann).problem
        blocked.rmdir()
        await ann.until(lambda: line(ann).state is TorrentState.DOWNLOADING and not line(ann).problem)


async def test_killed_and_gone_on(manifest: Manifest, tmp_path: Path, own_home: Path) -> None:
    with trio.socket.socket() as probe:
        await probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (own_home / "config.toml").write_text(f'listen = "127.0.0.1:{port}"\n')
    path = tmp_path / "top.torrent"
    path.write_bytes(manifest.encode())
    async with seed(manifest, tmp_path / "source", port, limit_up=2**20):
        child = await trio.lowlevel.open_process(
            [sys.executable, str(CHILD), str(path), str(tmp_path / "downloads")], stdout=subprocess.PIPE
        )
        assert child.stdout is not None
        with trio.fail_after(TIMEOUT):
            assert (await child.stdout.receive_some()).startswith(b"some")
        with pytest.raises(StorageError, match="another window of SwarmShare is at work"):
            async with running_session():
                pass
        child.send_signal(signal.SIGKILL)
        await child.wait()
        await child.stdout.aclose()
        async with running_session() as ann:
            assert line(ann).limit_down == 2**20
            await ann.session.transfers.limit([str(manifest.info_hash)], None, None)
            await ann.until(lambda: line(ann).bytes_done)
    async with running_session() as ann, seed(manifest, tmp_path / "source", port):
        await is_seeding(ann)
    assert same(tmp_path / "source" / "top", tmp_path / "downloads" / "top")


async def test_a_broken_file_harms_no_other(manifest: Manifest, tmp_path: Path, own_home: Path) -> None:
    other = manifest_of(fill(tmp_path / "other", FILES))
    async with running_session() as ann:
        await ann.session.open_manifest(manifest.encode(), tmp_path / "source")
        await ann.session.open_manifest(other.encode(), tmp_path)
    broken = own_home / "transfers" / f"{other.info_hash}.json"
    broken.write_text("{")
    async with running_session() as ann:
        assert list(ann.transfers) == ["top"]
        assert str(broken) in (await ann.fact(Problem)).message
        assert broken.read_text() == "{", "it is left to whoever can mend it"
        await ann.session.open_manifest(other.encode(), tmp_path)
    async with running_session() as ann:
        assert ann.transfers.keys() == {"top", "other"}
