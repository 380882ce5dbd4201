"""The depth of requests, on links that exist only here: a fake clock, a bandwidth and a round trip."""

from __future__ import annotations

from collections import deque

import pytest

from swarmshare.swarm.pipeline import MAX_DEPTH, SNUB_AFTER, RequestPipeline

BLOCK = 2**14
KIB, MIB = 2**10, 2**20


def room(pipeline: RequestPipeline, now: float) -> int:
    return max(0, pipeline.target(now) - pipeline.outstanding)


class Link:
    """A peer that answers in order, ``bandwidth`` bytes per second, half a ``round_trip`` away (seconds)."""

    def __init__(self, bandwidth: float, round_trip: float) -> None:
        self.bandwidth, self.round_trip = bandwidth, round_trip
        self.pipeline = RequestPipeline()
        self.now = 1000.0
        self.free_at = 0.0
        self.idle = 0.0  # how long the peer has had nothing to send, in all
        self.arrivals: deque[float] = deque()

    def ask(self) -> None:
        if more := room(self.pipeline, self.now):
            self.pipeline.on_sent(self.now, more)
        for _ in range(more):
            at = self.now + self.round_trip / 2
            self.idle += max(0.0, at - self.free_at)
            self.free_at = max(at, self.free_at) + BLOCK / self.bandwidth
            self.arrivals.append(self.free_at + self.round_trip / 2)

    def run(self, seconds: float) -> float:
        """How long the peer was idle in this time."""
        end, idle = self.now + seconds, self.idle
        self.ask()
        while self.arrivals[0] < end:
            self.now = self.arrivals.popleft()
            self.pipeline.on_leaves(self.now, 1, BLOCK)
            self.ask()
        return self.idle - idle


LINKS = [
    (10 * KIB, 0.05),
    (MIB, 0.1),
    (10 * MIB, 0.6),
    (2 * MIB, 2.5),
    (2 * MIB, 6.0),
    (50 * MIB, 0.2),
    (200 * MIB, 0.001),
]


@pytest.mark.parametrize(("bandwidth", "round_trip"), LINKS)
def test_a_link_is_never_idle(bandwidth: float, round_trip: float) -> None:
    link = Link(bandwidth, round_trip)
    link.run(4 + 8 * round_trip)
    for _ in range(8):
        assert link.run(0.5) == 0
        assert link.pipeline.outstanding * BLOCK >= bandwidth * round_trip


@pytest.mark.parametrize(("bandwidth", "round_trip"), LINKS)
def test_a_queue_is_as_long_as_needed(bandwidth: float, round_trip: float) -> None:
    link = Link(bandwidth, round_trip)
    link.run(60 if bandwidth < MIB else 6 + 8 * round_trip)
    needed = min(bandwidth * max(1.0, 2 * round_trip) / BLOCK, MAX_DEPTH)
    assert 0.8 * needed <= link.pipeline.target(link.now) <= max(2, 1.2 * needed)


def test_a_fast_link_fills_within_a_few_round_trips() -> None:
    link = Link(500 * MIB, 0.02)
    link.run(0.2)
    assert link.pipeline.outstanding * BLOCK >= 500 * MIB * 0.02


def test_a_link_that_gets_faster_is_followed() -> None:
    link = Link(MIB, 0.2)
    link.run(10)
    link.bandwidth = 20 * MIB
    link.run(10)
    assert link.run(2) == 0


def test_a_pause_is_followed_by_a_new_start() -> None:
    link = Link(20 * MIB, 0.2)
    link.run(6)
    for _ in range(len(link.arrivals)):
        link.now = link.arrivals.popleft()
        link.pipeline.on_leaves(link.now, 1, BLOCK)
    link.now += 60
    link.ask()
    assert link.pipeline.outstanding == 32
    link.run(4)
    assert link.run(2) == 0


@pytest.mark.parametrize(("limit", "depth"), [(250, 250), (2, 2), (0, 1), (-5, 1), (10**9, MAX_DEPTH)])
def test_a_peer_says_how_much_it_takes(limit: int, depth: int) -> None:
    link = Link(500 * MIB, 0.02)
    link.pipeline.peer_limit = limit
    link.run(0.5)
    assert link.pipeline.outstanding == depth


def test_a_silent_peer_is_snubbing_until_a_block_comes() -> None:
    pipeline = RequestPipeline()
    assert not pipeline.is_snubbed(1000.0), "nothing was asked"
    pipeline.on_sent(1000.0, 10)
    assert not pipeline.is_snubbed(999.9 + SNUB_AFTER)
    assert pipeline.is_snubbed(1000.0 + SNUB_AFTER)
    assert pipeline.target(1000.0 + SNUB_AFTER) == 1
    assert room(pipeline, 1000.0 + SNUB_AFTER) == 0
    pipeline.on_returned(1031.0, 10)
    assert pipeline.is_snubbed(1031.0), "giving up the requests does not clear it"
    assert room(pipeline, 1031.0) == 1
    pipeline.on_sent(1031.0, 1)
    pipeline.on_leaves(1032.0, 1, BLOCK)
    assert not pipeline.is_snubbed(1032.0)
    assert room(pipeline, 1032.0) > 1


def test_a_peer_that_snubbed_starts_anew() -> None:
    link = Link(20 * MIB, 0.2)
    link.run(6)
    link.now += SNUB_AFTER
    assert link.pipeline.target(link.now) == 1
    link.pipeline.on_leaves(link.now, 1, BLOCK)
    assert link.pipeline.target(link.now) > 32


def test_a_slow_peer_is_not_snubbing() -> None:
    pipeline = RequestPipeline()
    pipeline.on_sent(0.0, 30)
    for tick in range(1, 30):
        pipeline.on_leaves(tick * 29.0, 1, BLOCK)
        assert not pipeline.is_snubbed(tick * 29.0 + 29.9)
    assert pipeline.target(30 * 29.0) == 2


@pytest.mark.parametrize(
    ("bandwidth", "takes", "leaves"),
    [(100 * KIB, 64, 1), (MIB, 64, 1), (3 * MIB, 64, 4), (12 * MIB, 64, 16), (200 * MIB, 64, 64), (200 * MIB, 1, 1)],
)
def test_a_request_is_as_long_as_the_link_is_fast(bandwidth: float, takes: int, leaves: int) -> None:
    link = Link(bandwidth, 0.05)
    link.pipeline.peer_longest = takes
    link.run(8)
    assert link.pipeline.longest(link.now) == leaves
    assert leaves == 1 or leaves * BLOCK / bandwidth <= 0.04, "a choke has to wait for no more than this"


def test_a_link_that_becomes_slow_gets_short_requests_again() -> None:
    link = Link(100 * MIB, 0.01)
    link.pipeline.peer_longest = 64
    link.run(8)
    link.bandwidth = 100 * KIB
    link.run(400)
    assert link.pipeline.longest(link.now) == 1


def test_a_long_block_counts_as_its_leaves() -> None:
    pipeline = RequestPipeline()
    pipeline.on_sent(0.0, 32)
    pipeline.on_leaves(0.1, 4, 4 * BLOCK)
    assert pipeline.outstanding == 28
    assert pipeline.target(0.1) == 36
    pipeline.on_leaves(0.2, 1, 5)
    assert pipeline.outstanding == 27


def test_a_long_block_that_takes_its_time_is_no_silence() -> None:
    pipeline = RequestPipeline()
    pipeline.on_sent(0.0, 64)
    for leaf in range(1, 64):
        pipeline.on_part(29.0 * leaf, leaf * BLOCK)
        assert not pipeline.is_snubbed(29.0 * leaf + 29.9)
    pipeline.on_leaves(29.0 * 64, 64, 64 * BLOCK)
    pipeline.on_sent(29.0 * 64, 64)
    for second in range(30):
        pipeline.on_part(29.0 * 64 + second, 100 * second)
    assert pipeline.is_snubbed(29.0 * 64 + SNUB_AFTER), "drops are not enough"


def test_rejected_requests_make_room() -> None:
    pipeline = RequestPipeline()
    pipeline.on_sent(0.0, 32)
    assert room(pipeline, 0.0) == 0
    pipeline.on_returned(0.0, 5)
    assert room(pipeline, 0.0) == 5
    pipeline.on_returned(0.0, 99)
    assert pipeline.outstanding == 0


def test_a_choke_forgets_everything() -> None:
    pipeline = RequestPipeline()
    pipeline.on_sent(0.0, 32)
    assert pipeline.is_snubbed(100.0)
    pipeline.on_choked()
    assert not pipeline.is_snubbed(100.0)
    assert room(pipeline, 100.0) == 32
