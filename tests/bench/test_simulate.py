"""Simulated swarms: everybody completes, no bound is beaten, and the same seed gives the same figures."""

from __future__ import annotations

import json
from math import inf

import pytest

from swarmshare.bench import simulate
from swarmshare.bench.simulate import (
    PIECE_LENGTH,
    RATE,
    SCENARIOS,
    Peer,
    PeerClass,
    bench_simulate,
    least_seconds,
)
from swarmshare.bench.simulated_tracker import SimulatedTracker
from swarmshare.bench.simulator import Node, Simulation
from swarmshare.cli import bench
from swarmshare.cli.command import run_command
from swarmshare.manifest.layout import PieceLayout
from swarmshare.schema.tracker_events import MAX_MEMBERS

SLOW, FAST = PeerClass("slow", 0.5, 0.25, 0.5), PeerClass("fast", 0.5)


@pytest.mark.parametrize("knows", [False, True])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_all_complete_and_no_bound_is_beaten(scenario: str, knows: bool) -> None:
    figures = bench_simulate(scenario, 20, 20, 7, knows=knows)
    assert figures.unfinished == 0
    assert figures.times_least is not None
    assert figures.median is not None
    assert 1.0 <= figures.median / figures.least <= figures.times_least
    assert 0.0 < figures.links <= 1.0
    assert 0.0 < figures.fairness <= 1.0
    assert 1.0 <= figures.copies <= figures.times_least * figures.least * RATE / (20 * PIECE_LENGTH)
    assert 0.0 <= figures.wasted < 1.0
    assert all(0.0 <= used < 1.5 for used in figures.used), "a block counts where its last byte is sent"
    assert sum(kind.peers for kind in figures.classes) == 20
    giving = [kind for kind in figures.classes if kind.name != "free rider"]
    assert all(kind.ratio > 0 for kind in giving)
    assert all(kind.ratio == 0 for kind in figures.classes if kind not in giving)


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second, other = (bench_simulate("churn", 12, 12, seed, knows=True) for seed in (3, 3, 4))
    assert first == second
    assert first != other


def test_the_bound_is_that_of_the_narrowest_link() -> None:
    length = 100 * RATE
    assert least_seconds(length, [Peer(PeerClass("few", 1.0), 0.0, inf)]) == 100.0, "the seed's"
    assert least_seconds(length, [Peer(SLOW, 0.0, inf)]) == 200.0, "the slowest receiver's"
    assert least_seconds(length, [Peer(SLOW, 150.0, inf), Peer(FAST, 0.0, inf)]) == 350.0, "who came last"
    crowd = [Peer(PeerClass("slow", 1.0, 0.25), 0.0, inf) for _ in range(8)]
    assert least_seconds(length, crowd) == 800 / 3, "all that can be sent"
    quitters = [Peer(FAST, 0.0, 10.0) for _ in range(3)]
    assert least_seconds(length, crowd + quitters) == 800 / 6, "who quits may send, and need not have anything"


def test_what_all_can_send_begins_when_they_come() -> None:
    crowd = [Peer(FAST, 10.0 * number, inf) for number in range(4)]
    # The seed sends for T seconds, each peer since it came: T + 4 T - 60 seconds' worth, of the 200 that are needed.
    assert least_seconds(50 * RATE, crowd) == 52.0


def test_whoever_is_not_complete_in_time_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulate, "LONGEST", 0.9)
    figures = bench_simulate("flash-crowd", 3, 4, 1, knows=False)
    assert (figures.unfinished, figures.finished) == (3, [])
    assert (figures.times_least, figures.median) == (None, None)
    assert figures.classes[0].seconds is None
    assert figures.seconds <= 0.9 * figures.least
    assert run_command(["bench", "simulate", "--peers", "3", "--pieces", "4", "--scenario", "flash-crowd"]) == 0
    assert "3 peers never" in capsys.readouterr().out


def test_a_tracker_that_knows_tells_of_pieces_until_the_swarm_is_large() -> None:
    world = Simulation(1)
    layout = PieceLayout(PIECE_LENGTH, [4 * PIECE_LENGTH])
    tracker = SimulatedTracker(world, 4, knows=True)
    seed, *leeches = (Node(world, str(n), layout, range(0 if n else 4), range(4), RATE) for n in range(MAX_MEMBERS + 1))
    for node in (seed, *leeches[:-1]):
        tracker.join(node)
    late = leeches[-2]
    assert late.known_peers is not None
    assert len(late.known_peers.members) == MAX_MEMBERS - 1
    assert late.picker.holders(0) == 1
    tracker.leave(leeches[0])
    leeches[0].leave()
    assert len(late.known_peers.members) == MAX_MEMBERS - 2
    tracker.join(Node(world, "again", layout, (), range(4), RATE))
    tracker.join(leeches[-1])
    assert late.known_peers.members == {}
    assert leeches[-1].known_peers is None


def test_the_verb_prints_a_table_and_the_gain(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["bench", "simulate", "--peers", "4", "--pieces", "4", "--scenario", "free-riders"]
    assert run_command(command) == 0
    table = capsys.readouterr().out
    assert "free rider" in table
    assert table.splitlines()[-1].startswith("  free-riders: with the tracker's knowledge, ")
    assert run_command([*command, "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == ["swarm", "swarm", "gain"]
    assert [event["knows"] for event in events[:2]] == [False, True]
    assert events[2]["times"] == pytest.approx(events[0]["seconds"] / events[1]["seconds"])


def test_the_scenarios_of_the_command_line_are_those_there_are() -> None:
    assert tuple(SCENARIOS) == bench.SCENARIOS
