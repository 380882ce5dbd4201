"""Two who come with one peer id: the one that was first stays as long as its machine answers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, until
from waiting import TIMEOUT

from swarmshare.engine import peer_session
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.engine.engine import Engine


async def come(
    engine: Engine, info_hash: bytes, peer_id: bytes, local: str | None = None
) -> tuple[trio.SocketStream, bool]:
    """Connect with an id; whether we were let in."""
    stream = await trio.open_tcp_stream(*address(engine), local_address=local)
    await stream.send_all(Handshake(info_hash, peer_id, extended=False).encode())
    data = b""
    while len(data) <= HANDSHAKE_LENGTH:
        try:
            part = await stream.receive_some(1000)
        except trio.BrokenResourceError:
            part = b""
        if not part:
            return stream, False
        data += part
    return stream, True


async def test_copying_an_id_drives_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one whose program is silent: its machine answers for it."""
    monkeypatch.setattr(peer_session, "SILENT", 0.0)
    monkeypatch.setattr(peer_session, "PROBE", 2.5)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed")
        info_hash, peer_id = swarm.manifest.info_hash.truncated, b"-XX0000-" + b"v" * 12
        with trio.fail_after(TIMEOUT):
            first, let_in = await come(seed, info_hash, peer_id)
            assert let_in
            (session,) = torrent.sessions
            answers = []

            async def copy() -> None:
                stream, let_in = await come(seed, info_hash, peer_id)
                answers.append(let_in)
                await stream.aclose()

            async with trio.open_nursery() as nursery:
                for _ in range(5):
                    nursery.start_soon(copy)
            assert answers == [False] * 5
            assert torrent.sessions == {session}
            # And it is served still.
            await first.aclose()
            await until(lambda: not torrent.sessions)
            again, let_in = await come(seed, info_hash, peer_id)
            assert let_in
            await again.aclose()


async def test_who_was_heard_of_late_is_not_asked(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            first, _ = await come(seed, swarm.manifest.info_hash.truncated, bytes(20))
            (session,) = torrent.sessions
            assert await session.is_alive()
            assert not session.ended.is_set()
            await first.aclose()


async def test_where_the_old_one_is_dead_the_new_one_is_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two machines this is seen in tests/integration/test_two_machines.py; here nobody needs to be root."""

    async def no(_session: peer_session.PeerSession) -> bool:
        return False

    monkeypatch.setattr(peer_session.PeerSession, "is_alive", no)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            first, _ = await come(seed, swarm.manifest.info_hash.truncated, bytes(20))
            (old,) = torrent.sessions
            second, let_in = await come(seed, swarm.manifest.info_hash.truncated, bytes(20))
            assert let_in
            (new,) = torrent.sessions
            assert new is not old
            assert old.ended.is_set()
            for stream in (first, second):
                await stream.aclose()


@pytest.mark.skipif(sys.platform != "linux", reason="one address only")
async def test_one_that_comes_from_elsewhere_is_let_in_and_the_old_one_goes_when_it_is_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = trio.Event()

    async def until_then(session: peer_session.PeerSession) -> bool:
        return session.host != "127.0.0.1" or not answers.is_set()

    monkeypatch.setattr(peer_session.PeerSession, "is_alive", until_then)
    monkeypatch.setattr(peer_session, "SILENT", 0.01)
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        seed, torrent = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            first, _ = await come(seed, swarm.manifest.info_hash.truncated, bytes(20))
            (old,) = torrent.sessions
            second, let_in = await come(seed, swarm.manifest.info_hash.truncated, bytes(20), "127.0.0.2")
            assert let_in
            assert len(torrent.sessions) == 2, "either may be the copy"
            answers.set()
            await old.ended.wait()
            assert [session.host for session in torrent.sessions] == ["127.0.0.2"]
            for stream in (first, second):
                await stream.aclose()
