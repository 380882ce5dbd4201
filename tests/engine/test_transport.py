"""What carries the bytes of a connection, and that nothing of a connection goes around it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address
from waiting import TIMEOUT

from swarmshare.engine import handshaking
from swarmshare.engine.config import new_peer_id
from swarmshare.engine.metadata import fetch_info
from swarmshare.engine.transport import Transport
from swarmshare.errors import RemoteProtocolError
from swarmshare.wire.handshake import PREFIX, Handshake

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from swarmshare.wire.connection import Output

FLIPPED = bytes(255 - byte for byte in range(256))


class Flipped(Transport):
    """A transport that flips each bit on its way: whatever goes around it cannot be read by the other side."""

    def receive_into(self, buffers: Sequence[memoryview]) -> int:
        received = left = super().receive_into(buffers)
        for buffer in buffers:
            part = buffer[:left]
            part[:] = bytes(part).translate(FLIPPED)
            left -= len(part)
        return received

    can_send_files = False  # they would go as they are

    async def send(self, parts: list[Output], on_progress: Callable[[], None]) -> None:
        flipped: list[Output] = []
        for part in parts:
            assert isinstance(part, (bytes, memoryview))
            flipped.append(bytes(part).translate(FLIPPED))
        parts.clear()
        await super().send(flipped, on_progress)


async def test_all_of_a_connection_goes_over_its_transport(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A class in one place is enough to encrypt: dialled and accepted connections, and the fetching of metadata."""
    async with Swarm(tmp_path, {"a": 200_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        info_hash = swarm.manifest.info_hash
        opening = Handshake(info_hash.truncated, new_peer_id())
        with trio.fail_after(TIMEOUT):
            transport, theirs, _ = await handshaking.dial(address(seed), [opening])
            with transport:
                assert theirs.info_hash == info_hash.truncated
        monkeypatch.setattr(handshaking, "Transport", Flipped)
        _, leech = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await leech.finished.wait()
            assert await fetch_info(info_hash, address(seed), new_peer_id()) == swarm.manifest.info
            async with await trio.open_tcp_stream(*address(seed)) as stream:
                await stream.send_all(opening.encode())
                with suppress(trio.BrokenResourceError):  # it may close before it has read all
                    assert await stream.receive_some() == b""
        assert swarm.is_whole("leech")


async def test_a_peer_that_hangs_up_or_sends_no_handshake() -> None:
    for answer, rule in ((b"", handshaking.HUNG_UP), (b"HTTP/1.1 400\r\n", "handshake"), (PREFIX[:5], "handshake")):

        async def hang_up(stream: trio.SocketStream, answer: bytes = answer) -> None:
            async with stream:
                await stream.send_all(answer)

        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, hang_up, 0)
            where = listeners[0].socket.getsockname()[:2]
            with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError) as raised:
                await handshaking.dial(("localhost", where[1]), [Handshake(bytes(20), bytes(20))])
            assert raised.value.rule == rule
            nursery.cancel_scope.cancel()
