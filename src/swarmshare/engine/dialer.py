"""Dialling for one torrent: which of the addresses that a person gave or trackers found, and when."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.swarm.diagnosis import DialResult, Outcome

if TYPE_CHECKING:
    import random
    from collections.abc import Awaitable, Callable, Sequence

    from swarmshare.common.address import Address

REDIAL_AFTER: Final = (1.0, 60.0)
"""Seconds until an address is dialled again: after the first failure, and the most; it doubles, with jitter."""
_SHORT: Final = 10.0
"""A connection that lasts no longer than these seconds was of no use, and counts as a failure."""
_TRIES: Final = 5
"""Failures in a row after which an address that a tracker found is forgotten."""
_MAX_FOUND: Final = 500
"""Addresses found by trackers that are kept; beyond it new ones are dropped."""
_CHECK_INTERVAL: Final = 1.0
"""Seconds between checks of who may be dialled, when nothing happens."""
MAX_RESULTS: Final = 64
"""Addresses whose last dial is remembered; the oldest is forgotten for a new one."""
RECENT: Final = 180.0
"""Seconds for which the result of a dial is worth reporting: longer than the longest pause between two."""
MAX_REPORTED: Final = 100
"""Addresses that an alert names because they hang up or a certificate is in the way, each once; beyond it no more."""


def most_dialled(max_peers: int) -> int:
    """Return how many connections a torrent may have for a tracker's word to be a reason to dial for another.

    Three of five that it may have at all. The rest is for those that come later: if all who came first filled each
    other up, they would be a clique that nobody else gets into, with the only seed in it.
    """
    return -(-3 * max_peers // 5)


class DialLog:
    """The results of one torrent's dials, for the diagnosis of why nobody is connected."""

    def __init__(self) -> None:
        self._results: dict[Address, tuple[DialResult, float]] = {}
        """With the time; the oldest first."""
        self._reported: set[Address] = set()

    def record(self, address: Address, result: DialResult, now: float) -> bool:
        """Remember a result; returns whether to report it, as a peer there refuses us, or we it, for the first time."""
        self._results.pop(address, None)
        self._results[address] = result, now
        if len(self._results) > MAX_RESULTS:
            del self._results[next(iter(self._results))]
        is_told = result.outcome in {Outcome.HUNG_UP, Outcome.CERTIFICATE}
        if not is_told or address in self._reported or len(self._reported) >= MAX_REPORTED:
            return False
        self._reported.add(address)
        return True

    def recent(self, now: float) -> dict[Address, DialResult]:
        """Return the last result of each address that was dialled of late; the latest first."""
        return {address: result for address, (result, at) in reversed(self._results.items()) if now - at <= RECENT}


class _DialHistory:
    """What dialling an address came to so far, and when it is due again."""

    __slots__ = ("due", "failures", "given", "rank")

    def __init__(self, rank: int, *, given: bool) -> None:
        self.due = 0.0
        self.failures = 0
        self.rank = rank
        self.given = given


class Dialer:
    """Dials the known addresses of one torrent, each again with growing pauses while it fails.

    It belongs to the torrent's context, so that whoever hears of peers (a tracker, another peer) can report them.
    """

    def __init__(self, given: Sequence[Address], rng: random.Random) -> None:
        """Prepare to dial; nothing is dialled before :meth:`run`.

        Args:
            given: Addresses that a person gave; they are never forgotten.
            rng: Varies the pauses, so that peers that failed together do not come back together.
        """
        self.log = DialLog()
        """The results of the last dials."""
        self._rng = rng
        self._known = {address: _DialHistory(rank, given=True) for rank, address in enumerate(given)}
        self._busy: set[Address] = set()
        self._news = trio.Event()

    def found(self, addresses: Sequence[Address]) -> None:
        """Add addresses that may be dialled, the most useful first; those that a person gave come before them."""
        for rank, address in enumerate(addresses):
            if (history := self._known.get(address)) is not None:
                history.rank = rank
            elif len(self._known) < _MAX_FOUND:
                self._known[address] = _DialHistory(rank, given=False)
        self._news.set()

    async def run(self, dial: Callable[[Address], Awaitable[DialResult]], may_dial: Callable[[Address], bool]) -> None:
        """Dial whatever is due, each address in a task of its own, until cancelled.

        Args:
            dial: Connects, shares until the connection ends, and returns what became of it; it never raises.
            may_dial: Whether a connection to an address is wanted at all.
        """
        async with trio.open_nursery() as nursery:
            while True:
                for address in self._due(may_dial):
                    self._busy.add(address)
                    nursery.start_soon(self._try, address, dial)
                with trio.move_on_after(_CHECK_INTERVAL if self._known else math.inf):
                    await self._news.wait()
                self._news = trio.Event()

    def _due(self, may_dial: Callable[[Address], bool]) -> list[Address]:
        now = trio.current_time()
        due = [
            (not history.given, history.failures, history.rank, address)
            for address, history in self._known.items()
            if history.due <= now and address not in self._busy
        ]
        return [address for *_, address in sorted(due) if may_dial(address)]

    async def _try(self, address: Address, dial: Callable[[Address], Awaitable[DialResult]]) -> None:
        history = self._known[address]
        start = trio.current_time()
        connected = (await dial(address)).outcome is Outcome.CONNECTED
        self._busy.discard(address)
        now = trio.current_time()
        history.failures = 0 if connected and now - start > _SHORT else history.failures + 1
        if history.failures >= _TRIES and not history.given:
            self._known.pop(address, None)
        first, most = REDIAL_AFTER
        pause = min(most, first * 2 ** max(0, history.failures - 1))
        history.due = now + pause * self._rng.uniform(0.75, 1.25)
