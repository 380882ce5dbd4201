"""Work that goes on until it is done, or until somebody interrupts it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import trio

from swarmshare.engine.unwrap import lone_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def run_until_signal(work: Callable[[], Awaitable[None]]) -> None:
    """Run ``work`` in trio. Ctrl-C and SIGTERM cancel it; when it has stopped cleanly, KeyboardInterrupt is raised."""
    if trio.run(_until_signal, work):
        raise KeyboardInterrupt


async def _until_signal(work: Callable[[], Awaitable[None]]) -> bool:
    """Whether a signal ended it."""
    interrupted = False
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals, lone_exception():
        async with trio.open_nursery() as nursery:

            async def listen() -> None:
                nonlocal interrupted
                async for _ in signals:
                    interrupted = True
                    nursery.cancel_scope.cancel()

            nursery.start_soon(listen)
            await work()
            nursery.cancel_scope.cancel()
    return interrupted
