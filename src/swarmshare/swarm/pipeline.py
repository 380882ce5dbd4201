"""How much to keep outstanding at one peer, so that its link is never idle, and how much of it in one request.

It is counted in leaves, 16 KiB, whatever the requests are that ask for them.
"""

from __future__ import annotations

from math import inf
from typing import Final

from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.rates import RateMeter

MAX_DEPTH: Final = 2000
"""Leaves outstanding at one peer: as many requests of one leaf libtorrent takes at most, too."""
SNUB_AFTER: Final = 30.0
"""Seconds without a leaf after which a peer counts as snubbing us."""

_START: Final = 32
"""Half a MiB: little for a slow link, and soon doubled on a fast one."""
_MIN_DEPTH: Final = 2
"""While one leaf is on its way, the next request is."""
_SECONDS_AHEAD: Final = 1.0
"""Survives the hiccups of both sides; a longer queue would bind us to pieces that are elsewhere soon."""
_SECONDS_A_REQUEST: Final = 0.03
"""What one request asks for takes about as long: a choke, a cancel, a limit or the endgame has to wait for no more."""
_ROUND_TRIPS_AHEAD: Final = 2
"""On a very long path: the bandwidth-delay product, and as much again as margin."""
_GROWTH: Final = 1.1
"""A rate that rose by less than this in a second has stopped growing."""


class RequestPipeline:
    """The depth for one peer, from the rate and the round trip that were measured; times are in seconds.

    It starts like TCP: a leaf that comes lets two be asked for, so the depth doubles with every round trip. When that
    makes the rate grow no more, the depth follows the rate.
    """

    def __init__(self, peer_limit: int = MAX_DEPTH) -> None:
        """Start the pipeline to one peer; ``peer_limit`` is its ``reqq`` (BEP 10), to be set when the peer tells it."""
        self.peer_limit = peer_limit
        self.peer_longest = 1
        """Leaves in the longest request that the peer takes, a power of two; to be set when it tells."""
        self.outstanding = 0
        self._meter = RateMeter()
        self._round_trip = 0.0
        self._asked_at: float | None = None  # when the first request went to an idle peer, until its block comes
        self._heard_at = 0.0  # since when we wait for a leaf
        self._part = 0  # bytes of the block under way that were here then
        self._snubbed = False
        self._start_over()

    def on_sent(self, now: float, n: int) -> None:
        """Note that ``n`` leaves were asked for, which are outstanding from here on."""
        if not self.outstanding:
            # A depth from before a pause says nothing about the link as it is now: the start finds it again.
            if self._rested(now):
                self._start_over()
            self._asked_at = self._heard_at = now
        self.outstanding += n

    def on_leaves(self, now: float, leaves: int, length: int) -> None:
        """Note that ``leaves`` leaves came that had been requested, ``length`` bytes in all."""
        if self.is_snubbed(now):
            self._snubbed = False
            self._start_over()
        self.outstanding = max(0, self.outstanding - leaves)
        # Only the first request to an idle peer measures the path: any other waits in the peer's queue first.
        if self._asked_at is not None:
            self._round_trip = now - self._asked_at
            self._asked_at = None
        self._heard_at = now
        self._part = 0
        self._meter.add(now, length)
        if self._growing:
            self._depth += leaves  # and as many by room(), as these are not outstanding: two for each that came
            self._watch_growth(now, length)

    def on_part(self, now: float, length: int) -> None:
        """Note that ``length`` bytes are here of a block that is not complete: a long one may take its time."""
        if length - self._part >= BLOCK_LENGTH:
            self._part = length
            self._heard_at = now

    def on_returned(self, now: float, n: int) -> None:
        """Note that ``n`` leaves will not come: they were rejected, cancelled or given up."""
        # A peer does not stop being slow because we gave up on it: the flag outlives the requests that raised it.
        self._snubbed = self.is_snubbed(now)
        self.outstanding = max(0, self.outstanding - n)

    def on_choked(self) -> None:
        """Start anew, because the peer choked us: nothing is outstanding, and after the next unchoke all may differ."""
        self.outstanding = 0
        self._asked_at = None
        self._snubbed = False
        self._start_over()

    def target(self, now: float) -> int:
        """How many leaves should be outstanding: 1 at least, so that a peer can make up for anything."""
        if self.is_snubbed(now):
            return 1
        if self._rested(now):
            depth = _START
        elif self._growing:
            depth = self._depth
        else:
            ahead = max(_SECONDS_AHEAD, _ROUND_TRIPS_AHEAD * self._round_trip)
            depth = max(_MIN_DEPTH, int(self._meter.rate(now) * ahead / BLOCK_LENGTH))
        return max(1, min(depth, self.peer_limit, MAX_DEPTH))

    def longest(self, now: float) -> int:
        """How many leaves to ask for by one request at most, a power of two.

        In the first second the rate counts as less than it is, so requests become long only when it lasts.
        """
        if self.peer_longest == 1:
            return 1
        leaves = int(self._meter.rate(now) * _SECONDS_A_REQUEST / BLOCK_LENGTH)
        return min(1 << max(0, leaves.bit_length() - 1), self.peer_longest)

    def seconds_left(self, now: float, leaves: int) -> float:
        """Seconds until the peer has sent the first ``leaves`` of those outstanding; infinite while it sends none."""
        rate = self._meter.rate(now)
        return leaves * BLOCK_LENGTH / rate if rate else inf

    def seconds_to_get(self, now: float, leaves: int) -> float:
        """Seconds until ``leaves`` would be here that it is asked for now, while nothing is outstanding."""
        return self._round_trip + leaves * BLOCK_LENGTH / (self._meter.rate(now) or _START * BLOCK_LENGTH)

    def is_snubbed(self, now: float) -> bool:
        """Whether no leaf came for :data:`SNUB_AFTER` while some were outstanding, and no block has come since."""
        return self._snubbed or (self.outstanding > 0 and now - self._heard_at >= SNUB_AFTER)

    def _rested(self, now: float) -> bool:
        """Whether there was a pause: a rate from before it says little."""
        return not self.outstanding and now - self._heard_at > _SECONDS_AHEAD

    def _start_over(self) -> None:
        self._growing = True
        self._depth = _START
        self._period_began: float | None = None
        self._bytes_now = self._bytes_before = 0

    def _watch_growth(self, now: float, length: int) -> None:
        """Compare what came in each second with the one before.

        A round trip of seconds may end the start too soon, but the depth that follows the rate still grows then.
        """
        if self._period_began is None:
            self._period_began = now
        elif now - self._period_began >= 1.0:
            self._growing = self._bytes_now > _GROWTH * self._bytes_before
            self._bytes_before, self._bytes_now = self._bytes_now, 0
            self._period_began = now
        self._bytes_now += length
