"""The network in memory that other tests rely on: its clock, its delays, and what is cut off."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
import trio

if TYPE_CHECKING:
    from engine.network import Network
    from trio.testing import MockClock

WHERE = "10.0.7.1", 6881


async def tell(stream: trio.SocketStream) -> None:
    async with stream:
        for _ in range(2):
            await stream.send_all(bytes(500))


async def test_the_clock_waits_for_threads(network: Network, autojump_clock: MockClock) -> None:
    """Or a disk that takes a moment would look like one that takes hours."""
    with trio.move_on_after(10) as scope:
        await trio.to_thread.run_sync(time.sleep, 0.05)
    assert not scope.cancelled_caught
    assert trio.current_time() == 0
    await trio.sleep(10)
    assert trio.current_time() == 10


async def test_bytes_take_their_time(network: Network, autojump_clock: MockClock) -> None:
    network.uplink("10.0.7.1", delay=0.25, rate=1000.0)
    async with trio.open_nursery() as nursery:
        listener = (await trio.open_tcp_listeners(WHERE[1], host=WHERE[0]))[0]
        nursery.start_soon(trio.serve_listeners, tell, [listener])
        async with await trio.open_tcp_stream(*WHERE) as stream:
            assert trio.current_time() == pytest.approx(0.25)
            assert await stream.receive_some() == bytes(500)
            assert trio.current_time() == pytest.approx(0.25 + 0.5 + 0.25)
            assert await stream.receive_some() == bytes(500)
            assert trio.current_time() == pytest.approx(0.25 + 1.0 + 0.25)
            assert await stream.receive_some() == b""
        with pytest.raises(OSError, match="failed"):
            await trio.open_tcp_stream("10.0.8.1", 1)
        network.dead.add("10.0.7.1")
        with pytest.raises(trio.TooSlowError), trio.fail_after(600):
            await trio.open_tcp_stream(*WHERE)
        nursery.cancel_scope.cancel()
    assert [address for _, address in network.dials] == [WHERE, ("10.0.8.1", 1), WHERE]
