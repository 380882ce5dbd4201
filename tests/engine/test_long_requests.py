"""Requests of several leaves between two of our own: sent from the system's memory, and as safe as short ones."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, banned, until
from waiting import TIMEOUT

from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.peer_session import PeerSession
from swarmshare.engine.transport import Transport, split
from swarmshare.schema.alerts import PieceFailed
from swarmshare.storage import file_part, file_record
from swarmshare.storage.file_part import FilePart
from swarmshare.swarm.pipeline import RequestPipeline
from swarmshare.wire.connection import PeerConnection

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from swarmshare.manifest.layout import Block
    from swarmshare.wire.connection import Output

PIECE = 2**18
LENGTHS = {"a": 20 * PIECE + 70_000, "b": 5}


def write(path: Path, at: int) -> None:
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"123")


def joined(parts: list[Output]) -> bytes:
    return b"".join(part for part in parts if isinstance(part, (bytes, memoryview)))


@pytest.fixture
def requested(monkeypatch: pytest.MonkeyPatch) -> list[Block]:
    """Requests are as long as the peer takes, whatever its rate; gives those that were sent."""
    monkeypatch.setattr(RequestPipeline, "longest", lambda pipeline, now: pipeline.peer_longest)
    monkeypatch.setattr(file_record, "CERTAIN_AFTER", -1)
    asked: list[Block] = []
    request = PeerConnection.request

    def note(connection: PeerConnection, blocks: Collection[Block]) -> None:
        asked.extend(blocks)
        request(connection, blocks)

    monkeypatch.setattr(PeerConnection, "request", note)
    return asked


@pytest.fixture
def sending_threads(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the threads in which parts of files are sent."""
    names: set[str] = set()
    send = FilePart.send

    def note(part: FilePart, connection: int) -> int:
        names.add(threading.current_thread().name)
        return send(part, connection)

    monkeypatch.setattr(FilePart, "send", note)
    return names


@pytest.mark.skipif(not file_part.CAN_SEND, reason="the system has no sendfile")
async def test_a_file_goes_from_the_systems_memory_and_never_on_the_loops_thread(
    tmp_path: Path, requested: list[Block], sending_threads: set[str]
) -> None:
    async with Swarm(tmp_path, LENGTHS, PIECE) as swarm:
        seed, _ = await swarm.seed("seed")
        _, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
        assert swarm.is_whole("leech")
        assert max(block.length for block in requested) == PIECE
        assert sending_threads
        assert threading.current_thread().name not in sending_threads, "a disk that is slow must not hold up the others"


async def test_what_cannot_send_files_reads_them(
    tmp_path: Path, requested: list[Block], sending_threads: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Transport, "can_send_files", False)
    async with Swarm(tmp_path, LENGTHS, PIECE) as swarm:
        seed, _ = await swarm.seed("seed")
        _, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
        assert swarm.is_whole("leech")
        assert max(block.length for block in requested) == PIECE
        assert not sending_threads


async def test_a_file_that_was_changed_is_noticed_before_it_is_sent(
    tmp_path: Path, requested: list[Block], sending_threads: set[str]
) -> None:
    async with Swarm(tmp_path, LENGTHS, PIECE) as swarm:
        seed, seeding = await swarm.seed("seed")
        write(swarm.folder / "seed/top/a", 3 * PIECE + 5)
        engine, leech = await swarm.leech("leech", seed)
        count = swarm.manifest.layout.piece_count
        with trio.fail_after(TIMEOUT):
            await until(lambda: leech.picker.held.held == count - 1 == seeding.picker.held.held)
        assert not any(isinstance(alert, PieceFailed) for alert in engine.alerts)


async def test_a_file_that_changes_while_it_is_sent_ends_the_connection(
    tmp_path: Path, requested: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "seed/top/a"
    ended: list[PeerSession] = []
    send, close = FilePart.send, PeerSession.close
    changed = False

    def change_first(part: FilePart, connection: int) -> int:
        nonlocal changed
        if not changed:
            changed = True
            write(path, 7 * PIECE + 5)
        return send(part, connection)

    def note(session: PeerSession) -> None:
        ended.append(session)
        close(session)

    monkeypatch.setattr(FilePart, "send", change_first)
    monkeypatch.setattr(PeerSession, "close", note)
    async with Swarm(tmp_path, LENGTHS, PIECE) as swarm:
        seed, seeding = await swarm.seed("seed")
        engine, leech = await swarm.leech("leech", seed)
        count = swarm.manifest.layout.piece_count
        with trio.fail_after(TIMEOUT):
            await until(lambda: leech.picker.held.held == count - 1 == seeding.picker.held.held)
        assert ended
        assert not any(isinstance(alert, PieceFailed) for alert in engine.alerts), "nothing wrong has left"


async def test_of_several_who_send_long_blocks_the_liar_is_named(tmp_path: Path, requested: list[Block]) -> None:
    async with Swarm(tmp_path, LENGTHS, 4 * PIECE) as swarm:
        engines = [await swarm.seed(name) for name in ("one", "two")]
        liar, lying = await swarm.seed("liar")
        read = lying.uploads.read

        async def lie(piece: int, begin: int, length: int) -> memoryview | None:
            data = await read(piece, begin, length)
            return None if data is None else memoryview(bytes(data[:-1]) + bytes((data[-1] ^ 1,)))

        lying.uploads.read = lie  # type: ignore[method-assign]
        lying.uploads.cached = lambda block: None  # type: ignore[method-assign]
        lying.disk.storage.lend = lambda *_: None  # type: ignore[method-assign]
        engine = await swarm.engine()
        addresses = tuple(address(one) for one, _ in [*engines, (liar, lying)])
        leech = engine.add(swarm.manifest, TorrentConfig(folder=tmp_path / "leech", peers=addresses))
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
        assert swarm.is_whole("leech")
        assert any(isinstance(alert, PieceFailed) for alert in engine.alerts)
        assert banned(engine) <= set(liar.addresses)


def test_parts_are_cut_for_a_limit() -> None:
    parts = [b"head", memoryview(b"0123456789"), b"", b"end"]
    assert [joined(batch) for batch in split(list(parts), 6)] == [b"head01", b"234567", b"89end"]
    assert [joined(batch) for batch in split([b"abc", b"def"], 3)] == [b"abc", b"def"]
    assert list(split([], 3)) == []


async def test_a_limit_lets_no_long_block_pass_at_once(
    tmp_path: Path, requested: list[Block], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    send = Transport.send

    async def note(transport: Transport, parts: list[object], on_progress: object) -> None:
        sizes.append(sum(map(len, parts)))  # type: ignore[arg-type]
        await send(transport, parts, on_progress)  # type: ignore[arg-type]

    monkeypatch.setattr(Transport, "send", note)
    async with Swarm(tmp_path, {"a": 4 * PIECE}, 4 * PIECE) as swarm:
        seed, _ = await swarm.seed("seed", limit_up=1e9)
        _, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
    assert max(block.length for block in requested) > 2**18
    assert max(sizes) <= 2**18
