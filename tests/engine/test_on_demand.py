"""Tasks that are there only while they have something to do."""

from __future__ import annotations

import trio
import trio.testing

from swarmshare.engine.on_demand import OnDemand


class Worker:
    """Counts down what is to be done, one at a time."""

    def __init__(self) -> None:
        self.left = self.done = self.runs = 0
        self.demand = OnDemand(self._work)

    def submit(self) -> None:
        self.left += 1
        self.demand.wake()

    async def _work(self) -> None:
        self.runs += 1
        while self.left:
            self.left -= 1
            await trio.lowlevel.checkpoint()
            self.done += 1


async def test_it_runs_while_there_is_something_to_do() -> None:
    worker = Worker()
    worker.submit()  # before there is a nursery
    async with trio.open_nursery() as nursery:
        worker.demand.start_in(nursery)
        worker.submit()
        await trio.testing.wait_all_tasks_blocked()
        assert (worker.done, worker.runs) == (2, 1)
        worker.submit()
        await trio.testing.wait_all_tasks_blocked()
        assert (worker.done, worker.runs) == (3, 2)


async def test_what_comes_when_its_nursery_has_ended_is_left() -> None:
    """A session may receive a block at the moment when its torrent is paused."""
    worker = Worker()
    async with trio.open_nursery() as nursery:
        worker.demand.start_in(nursery)
    worker.submit()
    worker.submit()
    assert (worker.done, worker.left) == (0, 2)
