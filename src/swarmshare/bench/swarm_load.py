"""The load of ``bench tracker``: thousands of peers in one process of their own."""

from __future__ import annotations

import json
import os
import random
import resource
import sys
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent import socket
from gevent.pool import Pool

from swarmshare.bench.swarm_peer import ADDRESS, LoadPeer
from swarmshare.common.bits import all_bits
from swarmshare.schema.tracker_events import HaveUpdate, Join, Stats

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmshare.schema.tracker_events import SwarmRequest

DIALING: Final = 100
"""How many connections are being made at a time."""
HAVE_INTERVAL: Final = 0.25
"""Seconds between two pieces that a peer of an ordinary swarm finishes."""
RATE: Final = 50
"""How many pieces a peer of the large swarm finishes in a second."""
KEPT: Final = 50
"""How many HTTP connections announce, each kept open."""


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """The load to make; it comes from the parent as JSON."""

    port: int
    pid: int
    """The process of the tracker, whose memory and processor time are read."""
    token: str
    passkey: str
    info_hashes: list[str]
    """One for each swarm, with the same number of peers in each; the last is for the large one, of half the peers."""
    piece_count: int
    peers: int
    seconds: float


@dataclass(slots=True)
class LoadFigures:
    """The results; they go to the parent as JSON."""

    connects: float = 0
    """Connections made and signed in, a second."""
    memory: float = 0
    """Bytes of the tracker's memory for each peer, once it is in a swarm."""
    joins: float = 0
    """Swarms joined, a second."""
    events: float = 0
    """Events acknowledged, a second, while nobody is pushed anything."""
    event_latency: list[float] = field(default_factory=list)
    """Seconds from sending to acknowledgement: the median and the 99th percentile. The other latencies likewise."""
    deliveries: float = 0
    """Pushes that arrived, a second."""
    push_latency: list[float] = field(default_factory=list)
    """Seconds from one peer's event to the push that tells another peer of it."""
    announces: float = 0
    announce_latency: list[float] = field(default_factory=list)
    large_pieces: float = 0
    """Pieces told to the tracker, a second, in the large swarm."""
    large_pushes: float = 0
    """Pushes that arrived there, a second and peer."""
    large_latency: list[float] = field(default_factory=list)
    """Seconds from sending to acknowledgement there."""
    costs: dict[str, float] = field(default_factory=dict)
    """Seconds of the tracker's processor time for one connection, join, event, push and announce: on a machine that
    does other things besides, these say more than what it managed in a second."""


def run(plan: LoadPlan) -> LoadFigures:
    """Make every kind of load in turn, and measure each."""
    figures = LoadFigures()
    swarms = [bytes.fromhex(info_hash) for info_hash in plan.info_hashes]
    large = swarms.pop()
    idle = _resident(plan.pid)
    start, spent = perf_counter(), _processor(plan.pid)
    pool = Pool(DIALING)
    peers: list[LoadPeer] = list(pool.imap_unordered(lambda _: LoadPeer(plan.port, plan.token), range(plan.peers)))
    figures.connects = plan.peers / (perf_counter() - start)
    figures.costs["connects"] = (_processor(plan.pid) - spent) / plan.peers

    groups = [peers[number :: len(swarms)] for number in range(len(swarms))]
    joins = [(peer, swarm) for swarm, group in zip(swarms, groups, strict=True) for peer in group]
    start, spent = perf_counter(), _processor(plan.pid)
    _at_once((_join, peer, swarm, plan.piece_count) for peer, swarm in joins)
    figures.joins = plan.peers / (perf_counter() - start)
    figures.costs["joins"] = (_processor(plan.pid) - spent) / plan.peers
    _drain(peers)
    figures.memory = (_resident(plan.pid) - idle) / plan.peers

    spent = _processor(plan.pid)
    latencies = _hammer(((peer, Stats(swarm, 1, 2, 3, 4, 5)) for peer, swarm in joins), plan.seconds)
    figures.events, figures.event_latency = len(latencies) / plan.seconds, _quantiles(latencies)

    figures.costs["events"] = (_processor(plan.pid) - spent) / len(latencies)

    spent = _processor(plan.pid)
    figures.deliveries, latencies = _deliver(groups, swarms, plan)
    figures.push_latency = _quantiles(latencies)
    figures.costs["deliveries"] = (_processor(plan.pid) - spent) / (figures.deliveries * plan.seconds)

    spent = _processor(plan.pid)
    latencies = _announce(plan, swarms)
    figures.announces, figures.announce_latency = len(latencies) / plan.seconds, _quantiles(latencies)
    figures.costs["announces"] = (_processor(plan.pid) - spent) / len(latencies)

    for peer in peers[plan.peers // 2 :]:
        peer.close()
    figures.large_pieces, figures.large_pushes, latencies = _crowd(peers[: plan.peers // 2], large, plan)
    figures.large_latency = _quantiles(latencies)
    return figures


def _join(peer: LoadPeer, swarm: bytes, piece_count: int) -> None:
    peer_id = random.randbytes(20)
    answer = peer.call(Join(swarm, peer_id, 6881, piece_count, bytes(len(all_bits(piece_count))), 1))
    if b'"epoch"' not in answer:
        raise OSError(f"no join: {answer[:200]!r}")


def _hammer(requests: Iterable[tuple[LoadPeer, SwarmRequest]], seconds: float) -> list[float]:
    """Each peer sends the same event as soon as the last one is acknowledged."""
    latencies: list[float] = []

    def work(peer: LoadPeer, request: SwarmRequest) -> None:
        while (sent := perf_counter()) < end:
            answer = peer.call(request)
            if not answer.endswith(b"[{}]"):
                raise OSError(f"refused: {answer[:200]!r}")
            latencies.append(perf_counter() - sent)

    end = perf_counter() + seconds
    _at_once((work, peer, request) for peer, request in requests)
    return latencies


def _deliver(
    groups: Sequence[Sequence[LoadPeer]], swarms: Sequence[bytes], plan: LoadPlan
) -> tuple[float, list[float]]:
    """In each swarm one peer finishes a piece every 250 ms, and all other peers hear of it."""
    latencies: list[float] = []
    sent: dict[tuple[bytes, int], float] = {}

    def told(swarm: bytes, message: bytes) -> None:
        now = perf_counter()
        for _, runs in json.loads(message[message.index(b"[") :])[1].get("gained", ()):
            if (swarm, runs[0]) in sent:
                latencies.append(now - sent[swarm, runs[0]])

    def work(peer: LoadPeer, swarm: bytes) -> None:
        for piece in range(0, plan.piece_count, 2):
            if (now := perf_counter()) >= end:
                return
            sent[swarm, piece] = now
            peer.call(HaveUpdate(swarm, (range(piece, piece + 1),), ()))
            gevent.sleep(max(0, now + HAVE_INTERVAL - perf_counter()))

    for swarm, group in zip(swarms, groups, strict=True):
        for peer in group[1::10]:  # to read them all would be work for the load
            peer.on_push = partial(told, swarm)
    watchers = [gevent.spawn(peer.watch) for group in groups for peer in group[1:]]
    before = sum(peer.pushes for group in groups for peer in group)
    end = perf_counter() + plan.seconds
    start = perf_counter()
    _at_once((work, group[0], swarm) for swarm, group in zip(swarms, groups, strict=True))
    delivered = sum(peer.pushes for group in groups for peer in group) - before
    seconds = perf_counter() - start
    gevent.killall(watchers)
    return delivered / seconds, latencies


def _announce(plan: LoadPlan, swarms: Sequence[bytes]) -> list[float]:
    """Ordinary clients announce over connections that are kept."""
    latencies: list[float] = []

    def work(number: int) -> None:
        peer_id, swarm = b"-XX0000-%012d" % number, swarms[number % len(swarms)]
        query = "info_hash={}&peer_id={}&port={}&uploaded=0&downloaded=0&left=1&compact=1&numwant=50&key=1".format(
            *("".join(f"%{byte:02x}" for byte in part) for part in (swarm[:20], peer_id)), 7000 + number
        )
        request = f"GET /announce/{plan.passkey}?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        with socket.create_connection((ADDRESS, plan.port)) as connection, connection.makefile("rb") as answers:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while (sent := perf_counter()) < end:
                connection.sendall(request)
                status, length = answers.readline(), 0
                while (line := answers.readline().lower()) not in (b"\r\n", b""):
                    if line.startswith(b"content-length:"):
                        length = int(line[15:])
                body = answers.read(length)
                if b" 200 " not in status or b"8:interval" not in body:
                    raise OSError(f"no announce: {status!r} {body[:200]!r}")
                latencies.append(perf_counter() - sent)

    end = perf_counter() + plan.seconds
    _at_once((work, number) for number in range(KEPT))
    return latencies


def _crowd(peers: Sequence[LoadPeer], swarm: bytes, plan: LoadPlan) -> tuple[float, float, list[float]]:
    """Return a large swarm, in which every peer finishes 50 pieces a second."""
    _at_once((_join, peer, swarm, plan.piece_count) for peer in peers)
    latencies: list[float] = []
    counts: list[int] = []

    def work(peer: LoadPeer) -> None:
        rng, told = random.Random(), perf_counter()
        gevent.sleep(rng.random() * HAVE_INTERVAL)
        while (now := perf_counter()) < end:
            finished, told = min(round(RATE * (now - told)), plan.piece_count // 2), now
            pieces = sorted(2 * piece for piece in rng.sample(range(plan.piece_count // 2), finished))
            peer.call(HaveUpdate(swarm, tuple(range(piece, piece + 1) for piece in pieces), ()))
            latencies.append(perf_counter() - now)
            counts.append(finished)
            gevent.sleep(max(0, now + HAVE_INTERVAL - perf_counter()))

    _drain(peers)
    before = sum(peer.pushes for peer in peers)
    start = perf_counter()
    end = start + plan.seconds
    _at_once((work, peer) for peer in peers)
    seconds = perf_counter() - start
    return sum(counts) / seconds, (sum(peer.pushes for peer in peers) - before) / len(peers) / seconds, latencies


def _at_once(calls: Iterable[tuple[Any, ...]]) -> None:
    gevent.joinall([gevent.spawn(*call) for call in calls], raise_error=True)


def _drain(peers: Sequence[LoadPeer]) -> None:
    """Wait until the pushes that are under way have come."""
    watchers = [gevent.spawn(peer.watch) for peer in peers]
    gevent.sleep(1)
    gevent.killall(watchers)


def _quantiles(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [ordered[len(ordered) // 2], ordered[len(ordered) * 99 // 100]] if ordered else []


def _processor(pid: int) -> float:
    """Seconds that a process has computed."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> int:
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return int(fields["VmRSS"].split()[0]) * 1024


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    print(json.dumps(asdict(run(LoadPlan(**json.loads(sys.argv[1]))))))
