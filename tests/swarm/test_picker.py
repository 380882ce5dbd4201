"""The picker by example; ``test_picker_rules.py`` has what always holds."""

from __future__ import annotations

import random
from collections import Counter
from weakref import ref

import pytest

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.manifest.layout import Block, PieceLayout
from swarmshare.swarm.picker import ENDGAME_BATCH, MAX_ALONE, PiecePicker

BLOCK = 2**14


def make(pieces: int, blocks: int = 2, seed: int = 0) -> PiecePicker[str]:
    return PiecePicker(PieceLayout(blocks * BLOCK, [pieces * blocks * BLOCK]), random.Random(seed))


def field(count: int, *pieces: int) -> Bitfield:
    bits = Bitfield(count)
    for piece in pieces:
        bits.set(piece)
    return bits


def pieces(blocks: list[Block]) -> list[int]:
    return list(dict.fromkeys(block.piece for block in blocks))


def take(picker: PiecePicker[str], peer: str, piece: int) -> None:
    """Have ``peer`` deliver all of ``piece``."""
    count = len(picker.held)
    blocks = picker.pick(peer, field(count, piece), 2)
    assert [picker.received(peer, block).piece_complete for block in blocks] == [False, True]


def test_the_rarest_come_first() -> None:
    picker = make(4)
    everything = Bitfield.full(4)
    for has in (everything, field(4, 0, 1, 2), field(4, 0, 1), field(4, 0)):
        picker.peer_joined(has)
    assert picker.availability == bytes([3, 2, 1, 0])
    assert picker.seeds == 1
    assert pieces(picker.pick("a", everything, 8)) == [3, 2, 1, 0]


def test_ties_are_broken_by_lot() -> None:
    first: Counter[int] = Counter()
    has = field(5, 0, 1, 2, 3)
    for seed in range(400):
        picker = make(5, seed=seed)
        picker.peer_joined(has)
        first[picker.pick("a", has, 1)[0].piece] += 1
    assert min(first[piece] for piece in range(4)) > 60


def test_what_one_peer_has_is_found_among_many() -> None:
    picker = make(5000)
    few = field(5000, 7, 4000)
    for has in (few, field(5000, *range(4990)), field(5000, 7)):
        picker.peer_joined(has)
    assert [pieces(picker.pick("a", few, 2)) for _ in range(3)] == [[4000], [7], []]


def test_the_only_piece_of_a_peer_is_found_in_a_crowd() -> None:
    picker = make(5000)
    only = field(5000, 7)
    for has in (only, field(5000, *range(4999)), field(5000, *range(7), *range(8, 4999)), field(5000, *range(2500))):
        picker.peer_joined(has)
    assert set(picker.availability) == {0, 2, 3}, "two crowds"
    assert [pieces(picker.pick("a", only, 2)) for _ in range(2)] == [[7], []]


def test_what_was_begun_is_finished_first() -> None:
    picker = make(3, blocks=4)
    everything = Bitfield.full(3)
    picker.peer_joined(everything)
    (saved,) = pieces(picker.pick("a", everything, 1))
    picker.peer_joined(field(3, saved))  # not the rarest now
    assert pieces(picker.pick("b", everything, 3)) == [saved]
    assert saved not in pieces(picker.pick("b", everything, 8)), "all of it is asked for"


def test_what_comes_back_is_the_next_to_go_out() -> None:
    picker = make(1, blocks=4)
    everything = Bitfield.full(1)
    picker.peer_joined(everything)
    asked = picker.pick("a", everything, 3)
    picker.returned("a", asked[1])
    picker.returned("a", asked[0])
    assert picker.pick("b", everything, 4) == [asked[0], asked[1], Block(0, 3 * BLOCK, BLOCK)]


def test_in_sequence() -> None:
    picker = make(20)
    everything = Bitfield.full(20)
    picker.peer_joined(field(20, *range(10)))
    picker.sequential = True
    assert pieces(picker.pick("a", everything, 6)) == [0, 1, 2]
    assert pieces(picker.pick("b", field(20, 9, 5, 15), 4)) == [5, 9]


def test_priorities() -> None:
    picker = make(5)
    everything = Bitfield.full(5)
    picker.set_priority(1, Priority.HIGH)
    picker.set_priority(2, Priority.SKIP)
    picker.set_priority(3, Priority.SKIP)
    picker.set_priority(3, Priority.HIGH)
    assert [picker.wants(piece) for piece in range(5)] == [True, True, False, True, True]
    picked = pieces(picker.pick("a", everything, 10))
    assert set(picked[:2]) == {1, 3}
    assert set(picked[2:]) == {0, 4}
    assert not picker.is_interesting(field(5, 2))
    assert picker.is_interesting(field(5, 2, 4))


def test_a_begun_piece_that_is_skipped_waits() -> None:
    picker = make(2)
    picker.peer_joined(field(2, 0))
    (block,) = picker.pick("a", field(2, 0), 1)
    picker.set_priority(0, Priority.SKIP)
    assert picker.pick("b", field(2, 0), 5) == []
    assert picker.received("a", block).wanted, "it was asked for: what came is not thrown away"
    picker.set_priority(0, Priority.HIGH)
    assert picker.pick("b", field(2, 0), 5) == [Block(0, BLOCK, BLOCK)]


def test_a_skipped_piece_that_comes_back_is_not_on_offer() -> None:
    picker = make(1)
    (block,) = picker.pick("a", Bitfield.full(1), 1)
    picker.set_priority(0, Priority.SKIP)
    picker.returned("a", block)
    assert picker.state(0) is PieceState.MISSING
    assert picker.pick("a", Bitfield.full(1), 1) == []
    picker.set_priority(0, Priority.NORMAL)
    assert picker.pick("a", Bitfield.full(1), 1) == [block]


def test_a_peer_that_chokes_is_asked_for_what_it_allows() -> None:
    picker = make(6)
    has = field(6, 0, 1, 2, 3)
    picker.set_priority(3, Priority.SKIP)
    picker.verified(0)
    picker.peer_joined(has)
    picker.peer_joined(field(6, 1))
    picker.pick("a", field(6, 1), 1)
    allowed = [0, 5, 3, 1, 2]
    assert picker.pick_allowed_fast("b", has, 2, allowed) == [Block(1, BLOCK, BLOCK), Block(2, 0, BLOCK)]
    assert picker.pick_allowed_fast("b", has, 9, allowed) == [Block(2, BLOCK, BLOCK)]
    assert picker.pick_allowed_fast("b", has, 9, allowed) == [], "all of it is asked for, and nothing twice"
    assert picker.blocks_of("b") == (Block(1, BLOCK, BLOCK), Block(2, 0, BLOCK), Block(2, BLOCK, BLOCK))
    assert picker.states == bytes([3, 1, 1, 0, 0, 0]), "what there is no room for is not begun"


def test_the_tail_is_short() -> None:
    picker: PiecePicker[str] = PiecePicker(PieceLayout(2 * BLOCK, [3 * BLOCK + 5]), random.Random(0))
    picker.peer_joined(field(2, 1))
    assert picker.pick("a", field(2, 1), 9) == [Block(1, 0, BLOCK), Block(1, BLOCK, 5)]


def test_in_the_endgame_the_last_blocks_are_asked_of_two() -> None:
    picker = make(2)
    everything = Bitfield.full(2)
    for _ in range(3):
        picker.peer_joined(everything)
    asked = picker.pick("a", everything, 3)
    assert not picker.in_endgame
    asked += picker.pick("a", everything, 1)
    assert picker.in_endgame
    assert picker.pick("a", everything, 9) == [], "never twice of the same"
    assert picker.pick("b", everything, 2) == [asked[3], asked[2]], "the end of the other's queue"
    assert picker.pick("b", everything, 2) == [], "it is not idle"
    assert picker.pick("c", everything, 9) == [asked[1], asked[0]], "not a third time"
    assert picker.received("b", asked[3]).cancel == (("a", asked[3]),)
    assert not picker.received("a", asked[3]).wanted, "it was too late"
    assert picker.received("a", asked[0]).cancel == (("c", asked[0]),)
    picker.peer_gone("a")
    assert picker.blocks_of("b") == (asked[2],)
    assert picker.received("b", asked[2]) == (True, True, ())
    assert picker.received("c", asked[1]).piece_complete
    assert not picker.in_endgame


def test_a_long_request_asks_for_many_leaves_and_is_cut_at_its_own_multiples() -> None:
    picker: PiecePicker[str] = PiecePicker(PieceLayout(8 * BLOCK, [13 * BLOCK + 5]), random.Random(0))
    everything = Bitfield.full(2)
    picker.sequential = True
    assert picker.pick("a", everything, 3, (), 4) == [Block(0, 0, 3 * BLOCK)], "as much as was asked for"
    assert picker.pick("b", everything, 99, (), 4) == [
        Block(0, 3 * BLOCK, BLOCK),
        Block(0, 4 * BLOCK, 4 * BLOCK),
        Block(1, 0, 4 * BLOCK),
        Block(1, 4 * BLOCK, BLOCK + 5),
    ]
    picker.returned("b", Block(0, 4 * BLOCK, 4 * BLOCK))
    assert picker.pick("a", everything, 99, (), 2) == [Block(0, 4 * BLOCK, 2 * BLOCK), Block(0, 6 * BLOCK, 2 * BLOCK)]
    assert not picker.received("a", Block(0, 0, BLOCK)).wanted, "a part of what was asked for is no answer"
    assert picker.received("a", Block(0, 0, 3 * BLOCK)).wanted
    assert picker.contributors(0) == {0: "a", BLOCK: "a", 2 * BLOCK: "a"}
    assert picker.pick_allowed_fast("c", everything, 99, [0, 1], (), 4) == []


def test_the_leaves_of_a_long_request_that_another_delivers_first_are_the_others() -> None:
    picker = make(1, blocks=4)
    everything = Bitfield.full(1)
    picker.peer_joined(everything)
    (long,) = picker.pick("slow", everything, 4, (), 4)
    leaves = picker.pick("fast", everything, 2, (), 4)
    assert leaves == [Block(0, 3 * BLOCK, BLOCK), Block(0, 2 * BLOCK, BLOCK)], "its end comes last; single leaves"
    assert picker.received("fast", leaves[0]) == (True, False, ()), "the rest of the long one is still needed"
    assert picker.pick("third", everything, 9, (), 4) == [Block(0, BLOCK, BLOCK), Block(0, 0, BLOCK)]
    answer = picker.received("slow", long)
    assert answer.piece_complete
    assert set(answer.cancel) == {("fast", leaves[1]), ("third", Block(0, BLOCK, BLOCK)), ("third", Block(0, 0, BLOCK))}
    assert picker.contributors(0) == {0: "slow", BLOCK: "slow", 2 * BLOCK: "slow", 3 * BLOCK: "fast"}


def test_a_long_request_is_cancelled_when_others_have_delivered_all_of_it() -> None:
    picker = make(1, blocks=4)
    everything = Bitfield.full(1)
    picker.peer_joined(everything)
    (long,) = picker.pick("slow", everything, 4, (), 4)
    answers = []
    for _ in range(4):
        (leaf,) = picker.pick("fast", everything, 1)
        answers.append(picker.received("fast", leaf))
    assert [answer.cancel for answer in answers] == [(), (), (), (("slow", long),)]
    assert answers[3].piece_complete
    assert not picker.received("slow", long).wanted


def test_of_a_long_request_that_is_returned_only_what_nobody_else_gives_is_free() -> None:
    picker = make(1, blocks=4)
    everything = Bitfield.full(1)
    picker.peer_joined(everything)
    (long,) = picker.pick("slow", everything, 4, (), 4)
    delivered, asked = picker.pick("fast", everything, 2)
    picker.received("fast", delivered)
    picker.returned("slow", long)
    assert picker.pick("slow", everything, 9, (), 4) == [Block(0, 0, 2 * BLOCK)]
    picker.peer_gone("fast")
    assert picker.pick("slow", everything, 9, (), 4) == [asked]


def test_the_endgame_begins_at_the_end_of_the_longest_queue() -> None:
    picker = make(4)
    everything = Bitfield.full(4)
    picker.peer_joined(everything)
    short, long = picker.pick("a", everything, 3), picker.pick("b", everything, 5)
    assert picker.pick("c", everything, 7) == [*long[::-1], *short[:0:-1]]


def test_in_the_endgame_a_third_peer_takes_the_place_of_the_second() -> None:
    picker = make(1)
    everything = Bitfield.full(1)
    picker.peer_joined(everything)
    asked = picker.pick("a", everything, 2)
    assert set(picker.pick("b", everything, 2)) == set(asked)
    picker.returned("b", asked[0])
    picker.peer_gone("b")
    assert picker.state(0) is PieceState.IN_FLIGHT
    assert set(picker.pick("c", everything, 2)) == set(asked)
    for peer in ("a", "b", "c"):
        picker.peer_gone(peer)
    assert picker.state(0) is PieceState.MISSING


def test_nothing_is_kept_of_who_has_gone() -> None:
    class Gone:
        pass

    everything, peer = Bitfield.full(1), Gone()
    picker: PiecePicker[Gone] = PiecePicker(PieceLayout(2 * BLOCK, [2 * BLOCK]), random.Random(0))
    picker.peer_joined(everything)
    assert picker.pick(peer, everything, 2)
    picker.peer_gone(peer)
    remembered = ref(peer)
    del peer
    assert remembered() is None


def test_the_endgame_repeats_little_and_nothing_that_is_skipped() -> None:
    picker = make(40, blocks=1)
    everything = Bitfield.full(40)
    picker.peer_joined(everything)
    picker.pick("a", everything, 40)
    picker.set_priority(3, Priority.HIGH)
    for piece in range(4, 40):
        picker.set_priority(piece, Priority.SKIP)
    again = picker.pick("b", everything, 40)
    assert again[0].piece == 3
    assert set(pieces(again)) == {0, 1, 2, 3}
    for piece in range(4, 40):
        picker.set_priority(piece, Priority.NORMAL)
    assert len(picker.pick("c", everything, 40)) == ENDGAME_BATCH


def test_a_free_block_that_nobody_has_does_not_put_off_the_endgame() -> None:
    picker = make(3)
    has = field(3, 0)
    picker.peer_joined(has)
    picker.peer_joined(field(3, 1))
    picker.pick("a", has, 2)
    assert not picker.in_endgame, "piece 1 could be asked for"
    (saved,) = picker.pick("b", field(3, 1), 1)
    assert not picker.in_endgame, "half of it still could"
    picker.peer_lost(1)
    assert picker.in_endgame
    picker.returned("b", saved)
    assert picker.in_endgame
    assert len(picker.pick("c", has, 2)) == 2


def test_a_wrong_piece_is_asked_for_again() -> None:
    picker = make(1)
    take(picker, "a", 0)
    assert picker.state(0) is PieceState.VERIFYING
    assert picker.contributors(0) == {0: "a", BLOCK: "a"}
    picker.failed(0)
    assert picker.state(0) is PieceState.MISSING
    assert picker.contributors(0) == {}
    take(picker, "b", 0)
    picker.verified(0)
    assert picker.held.is_full


def test_an_unproven_peer_has_its_pieces_alone() -> None:
    picker = make(4)
    everything = Bitfield.full(4)
    for _ in range(3):
        picker.peer_joined(everything)
    alone = picker.pick_alone("new", everything, 99)
    assert len(set(pieces(alone))) == MAX_ALONE
    assert len(alone) == 2 * MAX_ALONE
    assert picker.pick_alone("new", everything, 99) == []
    part = picker.pick_alone("other", everything, 1)
    assert not set(pieces(part)) & set(pieces(alone))
    rest = picker.pick("third", everything, 99)
    assert set(pieces(rest)) == set(range(4)) - set(pieces(alone)) - set(pieces(part))
    assert pieces(picker.pick_alone("other", everything, 1)) == pieces(part)


def test_nobody_waits_for_an_unproven_peer() -> None:
    picker = make(1)
    everything = Bitfield.full(1)
    for _ in range(3):
        picker.peer_joined(everything)
    assert picker.pick_alone("new", everything, 1) == [Block(0, 0, BLOCK)]
    assert picker.pick("proven", everything, 1) == [Block(0, BLOCK, BLOCK)], "there is nothing else to do"
    picker.returned("proven", Block(0, BLOCK, BLOCK))
    assert picker.pick_alone("gone", everything, 1) == [Block(0, BLOCK, BLOCK)], "like any other"


def test_what_an_unproven_peer_leaves_is_for_all() -> None:
    for is_gone in (True, False):
        picker = make(2)
        everything = Bitfield.full(2)
        picker.peer_joined(everything)
        picker.sequential = True
        asked = picker.pick_alone("new", everything, 2)
        picker.received("new", asked[1])
        if is_gone:
            picker.peer_gone("new")
        else:
            picker.returned("new", Block(0, 0, BLOCK))
        assert pieces(picker.pick("other", everything, 1)) == [0]


def test_a_peer_that_comes_back_has_nothing_left_of_its_own() -> None:
    picker = make(2)
    everything = Bitfield.full(2)
    picker.peer_joined(everything)
    picker.sequential = True
    for block in picker.pick_alone("new", everything, 2, most=1):
        picker.received("new", block)
    assert picker.pick_alone("new", everything, 1, most=1) == [], "its one piece is not verified yet"
    picker.peer_gone("new")
    assert pieces(picker.pick_alone("new", everything, 1, most=1)) == [1]


def test_a_piece_changes_only_from_the_right_state() -> None:
    picker = make(2)
    for change in (picker.failed, picker.lost):
        with pytest.raises(ValueError, match="piece 0 is missing"):
            change(0)
    picker.peer_joined(field(2, 0))
    picker.pick("a", field(2, 0), 1)
    with pytest.raises(ValueError, match="piece 0 is in flight"):
        picker.verified(0)


def test_a_lost_piece_is_wanted_again_unless_it_is_skipped() -> None:
    picker: PiecePicker[str] = PiecePicker(PieceLayout(BLOCK, [2 * BLOCK]), random.Random(0))
    picker.start_with(Bitfield.full(2))
    picker.set_priority(1, Priority.SKIP)
    assert not picker.is_interesting(Bitfield.full(2))
    picker.lost(0)
    picker.lost(1)
    assert picker.wants(0)
    assert not picker.wants(1)
    assert pieces(picker.pick("a", Bitfield.full(2), 9)) == [0]


def test_the_picker_keeps_its_own_bitfield() -> None:
    held = Bitfield.full(2)
    picker: PiecePicker[str] = PiecePicker(PieceLayout(BLOCK, [2 * BLOCK]), random.Random(0))
    picker.start_with(held)
    held.clear(0)
    assert picker.held.is_full


def test_the_rarest_of_very_common_pieces() -> None:
    picker = make(20)
    everything = Bitfield.full(20)
    for _ in range(100):
        picker.peer_has(18)
    for _ in range(124):
        picker.peer_has(19)
    for _ in range(200):
        picker.peer_joined(field(20, *range(18)))
    assert pieces(picker.pick("a", everything, 4)) == [18, 19]
    picker.peer_gone("a")
    for _ in range(100):
        picker.peer_has(18)
    for _ in range(74):
        picker.peer_lost(18)
    for _ in range(5):
        picker.peer_has(18)
        picker.peer_lost(18)
    assert picker.availability[18:] == bytes([126, 124])
    assert pieces(picker.pick("a", everything, 2)) == [19]
    assert len(pieces(picker.pick("a", everything, 38))) == 19, "beyond some number they are all the same"


def test_more_holders_than_a_byte_can_tell() -> None:
    picker = make(20)
    most, few = field(20, *range(19)), field(20, 3)
    for has in (most,) * 254 + (few,) * 3:
        picker.peer_joined(has)
    assert picker.availability == bytes([254] * 3 + [255] + [254] * 15 + [0]), "257 is 255 or more"
    picker.peer_joined(most)
    picker.peer_joined(most)
    assert picker.availability == bytes([255] * 19 + [0])
    for _ in range(255):
        picker.peer_left(most)
    assert picker.availability == bytes([1] * 3 + [4] + [1] * 15 + [0])
    picker.peer_has(19)
    for piece in range(19):
        picker.peer_has(piece)
    assert pieces(picker.pick("a", Bitfield.full(20), 2)) == [19], "still the rarest"


def test_a_seed_that_was_a_leecher_leaves() -> None:
    picker = make(3)
    picker.peer_joined(field(3, 0, 1))
    picker.peer_has(2)
    picker.peer_joined(Bitfield.full(3))
    picker.peer_left(Bitfield.full(3))
    picker.peer_left(Bitfield.full(3))
    assert picker.availability == bytes(3)
    assert picker.seeds == 0
    picker.peer_joined(field(3, 1))
    assert pieces(picker.pick("a", field(3, 1), 9)) == [1]


def test_a_seed_that_loses_a_piece_is_a_leecher() -> None:
    picker = make(3)
    picker.peer_joined(field(3, 0))
    picker.peer_joined(Bitfield.full(3))
    picker.peer_lost(2)
    assert picker.availability == bytes([2, 1, 0])
    assert picker.seeds == 0
    assert pieces(picker.pick("a", field(3, 0, 1), 9)) == [1, 0]
    picker.peer_left(field(3, 0, 1))
    assert picker.availability == bytes([1, 0, 0])


def test_what_nobody_else_has() -> None:
    picker = make(3)
    assert not picker.is_only_holder, "what nobody has at all does not count"
    picker.verified(1)
    assert picker.is_only_holder
    picker.peer_joined(field(3, 1))
    assert not picker.is_only_holder
    picker.verified(2)
    assert picker.is_only_holder
    assert [picker.holders(piece) for piece in range(3)] == [0, 1, 0]
    picker.peer_joined(Bitfield.full(3))
    assert not picker.is_only_holder
    assert [picker.holders(piece) for piece in range(3)] == [1, 2, 1]


def test_the_pieces_that_a_peer_has_a_part_in() -> None:
    picker = make(4)
    picker.peer_joined(field(4, 0, 1, 2))
    assert picker.parts_of("a") == set()
    (first,) = picker.pick("a", field(4, 0), 1)
    picker.received("a", first)
    picker.pick("b", field(4, 0), 1)
    picker.pick("a", field(4, 1), 1)
    picker.pick("b", field(4, 2), 1)
    assert picker.parts_of("a") == {0, 1}
    assert picker.parts_of("b") == {0, 2}
