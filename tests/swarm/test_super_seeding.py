"""What the only seed sends to whom, and when it holds back; ``test_progress.py`` has what always holds."""

from __future__ import annotations

import pytest

from swarmshare.manifest.layout import Block
from swarmshare.swarm.super_seeding import ALONE, HOLD_BACK, IDLE, MAX_HELD_BACK, SuperSeeding

BLOCK = 2**14


class Seed:
    """A seed of ``count`` pieces whose peers ask for the first block of some."""

    def __init__(self, count: int = 4) -> None:
        self.holders = dict.fromkeys(range(count), 0)
        self.decisions: SuperSeeding[str] = SuperSeeding(self.holders.__getitem__)
        self.decisions.active = True
        self.now = 0.0

    def ask(self, peer: str, *pieces: int, looks_elsewhere: bool = True, count: int = 9) -> tuple[list[int], list[int]]:
        """The pieces to send and to reject."""
        owed = [Block(piece, 0, BLOCK) for piece in pieces]
        send, reject = self.decisions.choose(peer, owed, self.now, count, looks_elsewhere=looks_elsewhere)
        return [block.piece for block in send], [block.piece for block in reject]

    def has(self, peer: str, piece: int) -> None:
        self.holders[piece] += 1
        self.decisions.peer_has(peer, piece, self.now)


@pytest.fixture
def seed() -> Seed:
    return Seed()


def test_everybody_is_served_while_there_are_others_who_seed(seed: Seed) -> None:
    seed.decisions.active = False
    assert seed.ask("a", 0, 1) == ([0, 1], [])
    assert seed.ask("b", 1, 2, count=1) == ([1], [])


def test_each_piece_goes_to_one_peer_first(seed: Seed) -> None:
    assert seed.ask("a", 0, 1) == ([0, 1], [])
    assert seed.ask("b", 1, 2) == ([2], [1])
    assert seed.ask("c", 0, 3, count=1) == ([3], [0])
    seed.decisions.forget("a")
    assert seed.ask("d", 0, 1) == ([0, 1], []), "who was given them is gone"


def test_what_another_had_already_is_to_be_got_there(seed: Seed) -> None:
    seed.holders[2] = 1
    assert seed.ask("a", 2, 3) == ([3], [2])


def test_other_programs_get_what_they_ask_for(seed: Seed) -> None:
    seed.ask("a", 0)
    assert seed.ask("b", 0, looks_elsewhere=False) == ([0], [])


def test_a_piece_is_held_back_for_seconds(seed: Seed) -> None:
    seed.ask("a", 0, 1)
    assert seed.ask("b", 0, 1) == ([], [0, 1])
    seed.now = HOLD_BACK[0]
    assert seed.ask("b", 0) == ([0], []), "the first that was given it may never have it"
    assert seed.ask("b", 0) == ([0], []), "all of its blocks"
    seed.ask("c", 2)
    assert seed.ask("b", 2) == ([], [2]), "each piece has seconds of its own"


def test_a_peer_that_does_not_reach_the_others_is_served(seed: Seed) -> None:
    seed.ask("a", 0, 1, 2, 3)
    seed.ask("b", 0)
    seed.has("a", 0)
    seed.now = HOLD_BACK[1]
    assert seed.ask("b", 0) == ([0], []), "it knows that another has it, and comes back"
    assert seed.ask("b", 1, 2) == ([1, 2], []), "all else, too"
    seed.now += ALONE
    assert seed.ask("b", 3) == ([], [3]), "but not for ever"


def test_a_peer_that_got_a_piece_elsewhere_reaches_the_others(seed: Seed) -> None:
    seed.ask("a", 0, 1, 2, 3)
    seed.ask("b", 0, 1)
    seed.has("a", 0)
    seed.now = HOLD_BACK[1]
    seed.ask("b", 0)
    assert seed.ask("b", 2) == ([2], [])
    seed.has("b", 0)
    assert seed.ask("b", 2) == ([2], []), "that was from us"
    seed.has("b", 1)
    assert seed.ask("b", 2) == ([], [2])


def test_how_long_is_what_a_piece_takes(seed: Seed) -> None:
    seed.ask("a", 0, 1, 2)
    seed.now = 3.0
    seed.has("a", 0)
    assert seed.decisions.hold_back == (HOLD_BACK[0] + 6.0) / 2
    seed.now = 1000.0
    seed.has("a", 1)
    assert seed.decisions.hold_back == HOLD_BACK[1]
    seed.has("b", 2)
    assert seed.decisions.hold_back == HOLD_BACK[1], "it is not the one that was given it"


def test_an_idle_link_is_offered(seed: Seed) -> None:
    seed.ask("a", 0, 1, 2, 3)
    seed.ask("b", 0, 1)
    seed.ask("c", 3)
    assert seed.decisions.offers(IDLE / 2) == []
    assert seed.decisions.offers(IDLE) == [("b", 0), ("c", 3)]
    assert seed.ask("b", 0, 1) == ([0], [1])
    seed.decisions.last_sent = IDLE
    assert seed.decisions.offers(1.5 * IDLE) == [], "it is busy"
    assert seed.decisions.offers(2 * IDLE) == [("b", 1)]


def test_all_is_offered_at_the_end(seed: Seed) -> None:
    seed.ask("a", 0, 1, 2, 3)
    seed.ask("b", 0, 1)
    seed.decisions.active = False
    assert seed.decisions.offers(0.0) == [("b", 0), ("b", 1)]
    assert seed.decisions.offers(0.0) == []


def test_what_is_held_back_has_a_bound() -> None:
    seed = Seed(MAX_HELD_BACK + 2)
    pieces = range(MAX_HELD_BACK + 2)
    seed.ask("a", *pieces, count=len(pieces))
    send, reject = seed.ask("b", *pieces, count=len(pieces))
    assert len(reject) == MAX_HELD_BACK
    assert send == [MAX_HELD_BACK, MAX_HELD_BACK + 1]
