"""``bench simulate``: how near a swarm of many comes to the least time that its links allow, in simulated time.

The least time is ``max(F/us, F/dmin, N F / (us + sum ui))`` for ``F`` bytes, a seed that sends ``us`` bytes a second,
and ``N`` peers that send ``ui`` and receive ``di``. Where peers come one after the other it is what follows from the
same three limits: nobody is complete before it came and received all, and what was sent by then is all copies at least.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from statistics import fmean
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.bench.simulated_tracker import SimulatedTracker
from swarmshare.bench.simulator import Node, Simulation
from swarmshare.manifest.layout import PieceLayout
from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from random import Random

PIECE_LENGTH: Final = 4 * BLOCK_LENGTH
RATE: Final = 4 * PIECE_LENGTH
"""Bytes a second that the seed sends, and the fastest peers: 2 Mbit/s."""
LONGEST: Final = 10.0
"""How many times the least time is waited for before the rest counts as unfinished."""
STEPS: Final = 50
"""Samples of how much the links are used, in the least time."""


class PeerClass(NamedTuple):
    """Peers that are alike."""

    name: str
    share: float
    """Of all peers."""
    up: float = 1.0
    """What each sends, in :data:`RATE`; 0: it takes, and gives nothing."""
    down: float = 8.0
    """What each receives, in :data:`RATE`."""


class Scenario(NamedTuple):
    """Who takes part, and when; times are in those that the seed needs to send all once."""

    classes: tuple[PeerClass, ...] = (PeerClass("peer", 1.0),)
    arrive: float = 0.0
    """Within what time the peers come, evenly by lot; 0: within a second."""
    stay: float = inf
    """How long a peer that is complete stays."""
    quit: float = 0.0
    """What share of the peers leave before they are complete, unless they are quick."""


SCENARIOS: Final = {
    "flash-crowd": Scenario(),
    "staggered": Scenario(arrive=1.0),
    "churn": Scenario(arrive=1.0, stay=0.1, quit=0.2),
    "slow-fast": Scenario((PeerClass("slow", 0.6, 0.25, 2.0), PeerClass("fast", 0.4))),
    "free-riders": Scenario((PeerClass("giving", 0.8), PeerClass("free rider", 0.2, 0.0))),
}


class Peer(NamedTuple):
    """One peer of a run, beside the seed."""

    kind: PeerClass
    arrives: float
    quits: float
    """When it leaves unless it is complete; infinite for those that finish."""


@dataclass(frozen=True, kw_only=True)
class ClassFigures:
    """What became of one class."""

    name: str
    peers: int
    seconds: float | None
    """From coming to being complete, mean of those that are; None: of none."""
    ratio: float
    """Bytes sent for each byte received."""


@dataclass(frozen=True, kw_only=True)
class SwarmFigures:
    """What became of one swarm; times are in simulated seconds."""

    least: float
    """The least time in which all could be complete."""
    finished: list[float]
    """When each peer that did not quit was complete, in order."""
    seconds: float
    """From coming to being complete, mean of these; for one that never is, until the end."""
    unfinished: int
    """Peers that should be complete and are not."""
    links: float
    """What share of what all links could send was sent, from the first second to the last."""
    used: list[float]
    """The same for each fiftieth of the least time."""
    copies: float
    """How often the seed sent all."""
    wasted: float
    """Bytes received that were not wanted, for each byte received."""
    fairness: float
    """Jain's index of the share of its own link that each giving peer used: 1.0 when all are the same."""
    classes: list[ClassFigures]

    @property
    def times_least(self) -> float | None:
        """How many times the least time the last peer needed; None: it is not complete."""
        return None if self.unfinished else self.finished[-1] / self.least

    @property
    def median(self) -> float | None:
        """When half of the peers were complete; None: never."""
        half = (len(self.finished) + self.unfinished) // 2
        return self.finished[half] if half < len(self.finished) else None


def bench_simulate(scenario: str, peers: int, pieces: int, seed: int, *, knows: bool) -> SwarmFigures:
    """Let ``peers`` share ``pieces``, with a tracker that ``knows`` what each holds or one that does not.

    Args:
        scenario: Its name in :data:`SCENARIOS`.
        peers: How many, beside the seed.
        pieces: How many, of :data:`PIECE_LENGTH` bytes.
        seed: Of chance; the same one gives the same figures.
        knows: Whether the tracker tells whom to dial by what they hold, and of everybody's pieces.
    """
    plan = SCENARIOS[scenario]
    world = Simulation(seed)
    once = pieces * PIECE_LENGTH / RATE
    crowd = _crowd(plan, peers, once, world.rng)
    return _Run(world, crowd, pieces, plan.stay * once, knows=knows).play()


def least_seconds(length: int, peers: Sequence[Peer]) -> float:
    """Return the time before which not all of ``peers`` that finish can have ``length`` bytes from one seed."""
    staying = [peer for peer in peers if peer.quits == inf]
    alone = max(peer.arrives + length / (peer.kind.down * RATE) for peer in staying)
    to_send, rate, now = float(length * len(staying)), float(RATE), 0.0
    for peer in sorted(peers, key=lambda peer: peer.arrives):
        if rate * (peer.arrives - now) >= to_send:
            break
        to_send -= rate * (peer.arrives - now)
        now, rate = peer.arrives, rate + peer.kind.up * RATE
    return max(length / RATE, alone, now + to_send / rate)


def _crowd(plan: Scenario, count: int, once: float, rng: Random) -> list[Peer]:
    kinds = [kind for kind in plan.classes for _ in range(round(kind.share * count))][:count]
    kinds += [plan.classes[0]] * (count - len(kinds))
    rng.shuffle(kinds)
    crowd = []
    for number, kind in enumerate(kinds):
        arrives = rng.uniform(0.0, plan.arrive * once or 1.0)
        quits = number > 0 and rng.random() < plan.quit
        crowd.append(Peer(kind, arrives, arrives + rng.uniform(0.0, once) if quits else inf))
    return crowd


class _Run:
    """One swarm, from its first second to its last."""

    def __init__(self, world: Simulation, crowd: list[Peer], pieces: int, stay: float, *, knows: bool) -> None:
        """``stay`` is in seconds."""
        self._world = world
        self._crowd = crowd
        self._stay = stay
        self._length = pieces * PIECE_LENGTH
        self._layout = PieceLayout(PIECE_LENGTH, [self._length])
        self._least = least_seconds(self._length, crowd)
        self._tracker = SimulatedTracker(world, pieces, knows=knows)
        self._seed = self._node("seed", range(pieces), RATE, inf)
        self._nodes: dict[Node, Peer] = {}
        self._gone: dict[Node, float] = {}
        """When who left did so."""
        self._to_finish = sum(peer.quits == inf for peer in crowd)
        self._used: list[float] = []

    def play(self) -> SwarmFigures:
        """Let everything happen, and return what came of it."""
        self._tracker.join(self._seed)
        for number, peer in enumerate(self._crowd):
            self._world.after(peer.arrives, lambda number=number, peer=peer: self._come(number, peer))  # type: ignore[misc]
        self._sample(0.0, 0.0)
        self._world.run(lambda: not self._to_finish, LONGEST * self._least)
        return self._figures()

    def _node(self, name: str, holds: Iterable[int], rate: float, rate_down: float) -> Node:
        pieces = self._layout.piece_count
        return Node(self._world, name, self._layout, holds, range(pieces), rate, rate_down)

    def _come(self, number: int, peer: Peer) -> None:
        node = self._node(str(number), (), peer.kind.up * RATE, peer.kind.down * RATE)
        if not peer.kind.up:
            node.slots = 0
        self._nodes[node] = peer
        node.on_complete = lambda: self._complete(node)
        self._tracker.join(node)
        if peer.quits != inf:
            self._world.after(peer.quits - peer.arrives, lambda: self._leave(node, unless_complete=True))

    def _complete(self, node: Node) -> None:
        self._to_finish -= self._nodes[node].quits == inf
        if self._stay != inf:
            self._world.after(self._stay, lambda: self._leave(node))

    def _leave(self, node: Node, *, unless_complete: bool = False) -> None:
        if not (unless_complete and node.is_complete):
            self._gone[node] = self._world.now
            self._tracker.leave(node)
            node.leave()

    # ------------------------------------------------------------------ what is measured

    def _could_send(self) -> float:
        """Bytes that all links could have sent by now."""
        now = self._world.now
        sums = (node.rate * (self._gone.get(node, now) - peer.arrives) for node, peer in self._nodes.items())
        return RATE * now + sum(sums)

    def _sent(self) -> int:
        return self._seed.sent + sum(node.sent for node in self._nodes)

    def _sample(self, sent: float, could: float) -> None:
        sent_now, could_now = self._sent(), self._could_send()
        if could_now > could:
            self._used.append((sent_now - sent) / (could_now - could))
        self._world.after(self._least / STEPS, lambda: self._sample(sent_now, could_now))

    def _figures(self) -> SwarmFigures:
        now = self._world.now
        finishers = [(node, peer) for node, peer in self._nodes.items() if peer.quits == inf]
        finished = sorted(node.finished_at for node, _ in finishers if node.finished_at is not None)
        shares = [
            node.sent / (node.rate * (self._gone.get(node, now) - peer.arrives))
            for node, peer in self._nodes.items()
            if node.rate and self._gone.get(node, now) > peer.arrives
        ]
        received = sum(node.received for node in self._nodes)
        return SwarmFigures(
            least=self._least,
            finished=finished,
            seconds=fmean(
                (now if node.finished_at is None else node.finished_at) - peer.arrives for node, peer in finishers
            ),
            unfinished=self._to_finish,
            links=self._sent() / self._could_send(),
            used=self._used,
            copies=self._seed.sent / self._length,
            wasted=sum(node.wasted for node in self._nodes) / max(1, received),
            fairness=sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares)) if any(shares) else 1.0,
            classes=[self._class(kind) for kind in dict.fromkeys(peer.kind for peer in self._crowd)],
        )

    def _class(self, kind: PeerClass) -> ClassFigures:
        members = [(node, peer) for node, peer in self._nodes.items() if peer.kind is kind]
        seconds = [node.finished_at - peer.arrives for node, peer in members if node.finished_at is not None]
        received = sum(node.received for node, _ in members)
        return ClassFigures(
            name=kind.name,
            peers=len(members),
            seconds=fmean(seconds) if seconds else None,
            ratio=sum(node.sent for node, _ in members) / max(1, received),
        )
