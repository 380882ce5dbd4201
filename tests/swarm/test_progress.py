"""Progress: whoever can complete does, and no seed is idle while somebody lacks what it has, whoever reaches whom."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from swarmshare.bench.simulator import LATENCY, Node, Simulation
from swarmshare.manifest.layout import PieceLayout
from swarmshare.manifest.merkle import BLOCK_LENGTH as BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

RATE: Final = 16 * BLOCK
"""Bytes a second of a link, at the least."""
MOST_IDLE: Final = 1.0 + 4 * LATENCY
"""Seconds that a seed may be idle while somebody lacks what it has, the way of the messages included."""
LOOK: Final = 0.05


class Case(NamedTuple):
    """A swarm: node 0 is a seed."""

    pieces: int
    blocks: int
    """Of a piece."""
    nodes: int
    links: frozenset[tuple[int, int]]
    holds: tuple[frozenset[int], ...]
    wants: tuple[frozenset[int], ...]
    rates: tuple[int, ...]
    slots: int
    silent: tuple[tuple[int, float], ...]
    """Which nodes fall silent, and when."""
    late: tuple[float, ...]
    """When each node comes."""
    seed: int


@st.composite
def cases(draw: Callable[..., object]) -> Case:
    """Made from one random number: Hypothesis shrinks the counts, the rest is by lot."""
    seed = draw(st.integers(0, 2**32))
    nodes, pieces, blocks = draw(st.integers(2, 6)), draw(st.integers(1, 14)), draw(st.integers(1, 4))
    assert isinstance(seed, int)
    assert isinstance(nodes, int)
    assert isinstance(pieces, int)
    assert isinstance(blocks, int)
    return make_case(seed, nodes, pieces, blocks)


def make_case(seed: int, nodes: int, pieces: int, blocks: int) -> Case:
    rng = random.Random(seed)
    every = frozenset(range(pieces))
    density = rng.choice([0.0, 0.3, 0.6, 1.0])
    links = {(0, other) for other in range(1, nodes)} if rng.random() < 0.7 else set()
    links |= {(a, b) for a in range(nodes) for b in range(a + 1, nodes) if rng.random() < density}
    some = [frozenset(piece for piece in every if rng.random() < rng.choice([0.3, 0.8])) for _ in range(nodes)]
    wants = (every, *(every if rng.random() < 0.6 else some[node] for node in range(1, nodes)))
    saved = rng.random() < 0.3
    holds = (every, *(frozenset(p for p in wants[n] if saved and rng.random() < 0.3) for n in range(1, nodes)))
    silent = tuple((node, rng.uniform(0.0, 20.0)) for node in range(1, nodes) if rng.random() < 0.15)
    late = tuple(rng.choice([0.0, 0.0, rng.uniform(0.0, 10.0)]) for _ in range(nodes))
    rates = tuple(RATE * rng.choice([1, 1, 4, 16]) for _ in range(nodes))
    return Case(pieces, blocks, nodes, frozenset(links), holds, wants, rates, rng.choice([2, 8]), silent, late, seed)


def can_get(case: Case) -> list[set[int]]:
    """What each node can hold in the end, from those that never fall silent."""
    alive = set(range(case.nodes)) - {node for node, _ in case.silent}
    got = [set(case.holds[node]) for node in range(case.nodes)]
    changed = True
    while changed:
        changed = False
        for a, b in case.links | {(b, a) for a, b in case.links}:
            if {a, b} <= alive and (new := (got[a] & case.wants[b]) - got[b]):
                got[b] |= new
                changed = True
    return got


def play(case: Case) -> list[Node]:
    """Let the swarm share until everybody has what it can get; fails when that does not come."""
    world = Simulation(case.seed, longest=1 << case.seed % 3)
    layout = PieceLayout(case.blocks * BLOCK, [case.pieces * case.blocks * BLOCK])
    nodes = [
        Node(world, str(number), layout, case.holds[number], case.wants[number], case.rates[number])
        for number in range(case.nodes)
    ]
    for node in nodes:
        node.slots = case.slots
        node.look_for_idleness(LOOK)
    for a, b in sorted(case.links):
        world.after(max(case.late[a], case.late[b]), lambda a=a, b=b: connect(nodes[a], nodes[b]))  # type: ignore[misc]
    for number, when in case.silent:
        world.after(when, lambda number=number: setattr(nodes[number], "is_silent", True))  # type: ignore[misc]
    expected = can_get(case)
    alive = [number for number in range(case.nodes) if number not in {node for node, _ in case.silent}]

    def all_done() -> bool:
        return all(nodes[number].picker.held.has(piece) for number in alive for piece in expected[number])

    copies = case.pieces * case.blocks * BLOCK * case.nodes
    limit = 10.0 + 60.0 + 3 * copies / RATE + (0 if not case.silent else 130.0)
    assert world.run(all_done, limit), [
        (node.name, sorted(expected[i] - set(node.picker.held.indices()))) for i, node in enumerate(nodes)
    ]
    return nodes


def connect(one: Node, other: Node) -> None:
    if not one.is_silent and not other.is_silent:
        one.connect(other)


def check(case: Case) -> None:
    nodes = play(case)
    assert nodes[0].idle_for <= MOST_IDLE, f"the seed was idle for {nodes[0].idle_for:.2f} s"


@pytest.mark.unmeasured
@settings(max_examples=150, deadline=None)
@given(cases())
@example(make_case(1391, 6, 6, 1))  # who wants a part only and has it takes no slot any more
def test_whoever_can_complete_does(case: Case) -> None:
    check(case)


@pytest.mark.soak
def test_whoever_can_complete_does_thousands_of_times() -> None:
    for seed in range(10_000):
        rng = random.Random(seed)
        check(make_case(seed, rng.randint(2, 7), rng.randint(1, 20), rng.randint(1, 4)))


def test_leeches_that_know_only_the_seed_keep_its_link_busy() -> None:
    case = Case(
        48, 4, 4, frozenset({(0, 1), (0, 2), (0, 3)}), (frozenset(range(48)), *3 * (frozenset(),)),
        4 * (frozenset(range(48)),), 4 * (RATE,), 8, (), 4 * (0.0,), 1,
    )  # fmt: skip
    nodes = play(case)
    assert max(node.finished_at or 0.0 for node in nodes[1:]) < 1.3 * nodes[0].sent / RATE


def test_leeches_that_reach_each_other_share_what_the_seed_sends() -> None:
    everything = frozenset(range(48))
    case = Case(
        48, 4, 5, frozenset((a, b) for a in range(5) for b in range(a + 1, 5)), (everything, *4 * (frozenset(),)),
        5 * (everything,), (RATE, *4 * (4 * RATE,)), 8, (), 5 * (0.0,), 1,
    )  # fmt: skip
    nodes = play(case)
    assert nodes[0].sent < 1.5 * 48 * 4 * BLOCK, "of four copies that are there"
