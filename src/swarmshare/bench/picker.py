"""``bench picker``: what choosing pieces costs, and how that grows with their number."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields
from time import perf_counter
from typing import TYPE_CHECKING, Final, TypeVar

from swarmshare.bench.contest import Spread, in_turns
from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState
from swarmshare.manifest.layout import PieceLayout
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.picker import PiecePicker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

PEERS: Final = 20
"""Peers with half of the pieces each, drawn by lot, beside one seed."""
PIECE_BLOCKS: Final = 16
BATCH: Final = 16
"""Blocks that are picked at once."""
REPEATS: Final = 500
"""Of each small thing that is timed, at most."""


@dataclass(frozen=True, slots=True)
class Costs:
    """What each call of the picker costs in one round, in seconds."""

    have: float
    """For one message: the piece is counted, and whether the peer is interesting is looked at."""
    pick: float
    """For one block to ask for."""
    received: float
    """For one block that came."""
    snapshot: float
    """For one copy of all states, all availability and the bitfield."""
    join: float
    """For one peer with half of the pieces."""
    leave: float
    """For the same peer."""
    construct: float
    """For one picker."""


def bench_picker(piece_counts: Sequence[int], rounds: int) -> dict[int, dict[str, Spread]]:
    """For each number of pieces, the spread of each of the :class:`Costs`; a first round does not count."""
    rng = random.Random(0)
    costs = in_turns(piece_counts, lambda count: _measure(count, rng), rounds)
    return {
        count: {field.name: Spread.of([getattr(cost, field.name) for cost in measured]) for field in fields(Costs)}
        for count, measured in costs.items()
    }


def _measure(count: int, rng: random.Random) -> Costs:
    layout = PieceLayout(PIECE_BLOCKS * BLOCK_LENGTH, [count * PIECE_BLOCKS * BLOCK_LENGTH])
    start = perf_counter()
    picker: PiecePicker[int] = PiecePicker(layout, rng)
    construct = perf_counter() - start

    seed, halves = Bitfield.full(count), [_half(count, rng) for _ in range(PEERS)]
    picker.peer_joined(seed)
    join = _seconds(picker.peer_joined, halves) / PEERS
    leave = _seconds(picker.peer_left, halves[1:]) / (PEERS - 1)
    for half in halves[1:]:
        picker.peer_joined(half)

    pick, received = _download(picker, [seed, *halves], min(REPEATS, count // 4))
    newcomer = Bitfield(count)
    picker.peer_joined(newcomer)

    def receive_have(piece: int) -> None:
        newcomer.set(piece)
        picker.peer_has(piece)
        picker.wants(piece)

    pieces = rng.sample(range(count), min(REPEATS, count))
    have = _seconds(receive_have, pieces) / len(pieces)
    snapshot = _seconds(lambda _: (picker.states, picker.availability, picker.held.to_wire()), pieces) / len(pieces)
    return Costs(have, pick, received, snapshot, join, leave, construct)


def _half(count: int, rng: random.Random) -> Bitfield:
    bits = rng.getrandbits(count) << (-count % 8)
    return Bitfield.from_wire(bits.to_bytes(-(-count // 8), "big"), count)


def _seconds(work: Callable[[T], object], arguments: Sequence[T]) -> float:
    start = perf_counter()
    for argument in arguments:
        work(argument)
    return perf_counter() - start


def _download(picker: PiecePicker[int], peers: Sequence[Bitfield], batches: int) -> tuple[float, float]:
    """Seconds for each block to be picked and to be received, from each peer in turn."""
    count, picking, receiving = 0, 0.0, 0.0
    for number in range(batches):
        peer = number % len(peers)
        start = perf_counter()
        blocks = picker.pick(peer, peers[peer], BATCH)
        picked = perf_counter()
        for block in blocks:
            picker.received(peer, block)
        receiving += perf_counter() - picked
        picking += picked - start
        count += len(blocks)
        for piece in {block.piece for block in blocks}:
            if picker.state(piece) is PieceState.VERIFYING:
                picker.verified(piece)
    return picking / count, receiving / count
