"""Tasks of a torrent that are there only while they have something to do.

Of thousands of torrents that nobody asks for, each task would cost at the start, at the end, and memory between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    import trio


class OnDemand:
    """Runs ``work`` in a task from a :meth:`wake` on, until it returns; at most once at the same time.

    ``work`` returns when there is nothing left to do, and waits for nothing between finding that out and its return:
    so what comes after it wakes it again.
    """

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run nothing yet: what is woken before :meth:`start_in` starts then."""
        self._work = work
        self._nursery: trio.Nursery | None = None
        self._is_wanted = self._is_running = False

    def start_in(self, nursery: trio.Nursery) -> None:
        """Run the task in ``nursery`` from now on, whenever it is woken."""
        self._nursery = nursery
        if self._is_wanted:
            self.wake()

    def wake(self) -> None:
        """Run the task, unless it runs already, or the nursery has ended: then nothing is run any more."""
        self._is_wanted = True
        if self._nursery is None or self._is_running:
            return
        try:
            self._nursery.start_soon(self._run)
        except RuntimeError:  # a peer may still say something while its torrent ends; trio tells of it in no other way
            self._nursery = None
        else:
            self._is_running = True

    async def _run(self) -> None:
        try:
            await self._work()
        finally:
            self._is_wanted = self._is_running = False
