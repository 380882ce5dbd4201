"""What is asked of one peer, and when it is asked again for what it rejected."""

from __future__ import annotations

import random
from pickle import dumps

import pytest

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState
from swarmshare.manifest.layout import Block, PieceLayout
from swarmshare.swarm.picker import ENDGAME_BATCH, PiecePicker
from swarmshare.swarm.rejections import MAX_REJECTED, PAUSE, Rejections
from swarmshare.swarm.requester import Requester

BLOCK = 2**14
COUNT = 200


@pytest.fixture
def picker() -> PiecePicker[str]:
    picker: PiecePicker[str] = PiecePicker(PieceLayout(2 * BLOCK, [COUNT * 2 * BLOCK]), random.Random(1))
    picker.peer_joined(Bitfield.full(COUNT))
    return picker


EVERYTHING = Bitfield.full(COUNT)


def pieces(blocks: list[Block]) -> set[int]:
    return {block.piece for block in blocks}


def test_a_peer_is_asked_for_one_piece_then_for_two_and_a_proven_one_for_as_much_as_there_is_room(
    picker: PiecePicker[str],
) -> None:
    new, proven = Requester(picker, "new"), Requester(picker, "proven")
    proven.proven = True
    assert len(pieces(new.choose(0.0, EVERYTHING, (), None))) == 1
    new.conduct.gave_right(1)
    assert len(pieces(new.choose(0.0, EVERYTHING, (), None))) == 1, "another one"
    assert len(proven.choose(0.0, EVERYTHING, (), None)) == proven.pipeline.outstanding == 32
    assert proven.choose(0.0, EVERYTHING, (), None) == [], "there is no room"


def test_a_peer_that_chokes_is_asked_for_what_it_allows(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    assert pieces(requester.choose(0.0, EVERYTHING, (), {5, 9})) == {5, 9}


def test_requests_are_long_for_a_fast_peer_that_takes_them(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    requester.proven = True
    requester.pipeline.peer_longest = 2
    now = 0.0
    while True:
        blocks = requester.choose(now, EVERYTHING, (), None)
        if blocks[0].length == 2 * BLOCK:
            break
        for block in blocks:
            picker.received("a", block)
            requester.pipeline.on_leaves(now, len(block.leaves), block.length)
        now += 0.05
    assert {block.length for block in blocks} == {2 * BLOCK}
    outstanding = requester.pipeline.outstanding
    assert outstanding == 2 * len(blocks)
    requester.rejected(blocks[0], now, choking=False)
    assert requester.pipeline.outstanding == outstanding - 2


def test_a_block_whose_answer_is_still_to_come_is_not_asked_again(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    requester.proven = True
    only = Bitfield(COUNT)
    only.set(7)
    picker.peer_joined(only)
    assert requester.choose(0.0, only, {Block(7, 0, BLOCK)}, None) == [Block(7, BLOCK, BLOCK)]
    assert picker.blocks_of("a") == (Block(7, BLOCK, BLOCK),)


@pytest.mark.parametrize("proven", [False, True])
def test_what_a_seed_rejected_is_asked_of_others_and_what_only_seeds_have_still_of_it(
    picker: PiecePicker[str], *, proven: bool
) -> None:
    requester = Requester(picker, "seed")
    requester.proven = proven
    asked = requester.choose(0.0, EVERYTHING, (), None)
    for block in asked:
        requester.rejected(block, 0.0, choking=False)
    again = requester.choose(0.0, EVERYTHING, (), None)
    assert again
    assert not pieces(again) & pieces(asked)
    other = Requester(picker, "other")
    other.proven = True
    assert pieces(other.choose(0.0, EVERYTHING, (), None)) - pieces(again)
    assert all(picker.state(piece) is not PieceState.HELD for piece in pieces(asked))


def test_a_rejection_is_never_final(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    requester.proven = True
    only = Bitfield(COUNT)
    only.set(7)
    picker.peer_joined(only)
    now, pauses = 0.0, []
    for _ in range(200):
        blocks = requester.choose(now, only, (), None)
        assert len(blocks) == 2
        for block in blocks:
            requester.rejected(block, now, choking=False)
        since = now
        while 7 in requester.rejections.waiting:
            assert requester.choose(now, only, (), None) == []
            now += 1.0
            requester.rejections.pass_time(now)
        pauses.append(now - since)
    assert pauses[:6] == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0]
    assert set(pauses[5:]) == {PAUSE[1]}


def test_a_choked_request_says_nothing_of_its_piece(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    for block in requester.choose(0.0, EVERYTHING, (), None):
        requester.rejected(block, 0.0, choking=True)
    assert not requester.rejections.waiting


def test_a_peer_that_rejects_everything_costs_little(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    requester.proven = True
    asked = 0
    while blocks := requester.choose(0.0, EVERYTHING, (), None):
        asked += len(blocks)
        for block in blocks:
            requester.rejected(block, 0.0, choking=False)
    assert requester.rejections.is_full
    assert asked <= 2 * MAX_REJECTED + 32


def test_what_is_remembered_of_old_rejections_has_a_bound() -> None:
    rejections, sizes = Rejections(), list[int]()
    for piece in range(3 * MAX_REJECTED):
        rejections.rejected(piece, float(piece))
        rejections.pass_time(float(piece))
        sizes.append(len(dumps(rejections)))
    assert max(sizes) < 1.2 * sizes[MAX_REJECTED], "bytes of all that it knows"
    assert 3 * MAX_REJECTED - 1 in rejections.waiting
    rejections.forget(3 * MAX_REJECTED - 1)
    assert 3 * MAX_REJECTED - 1 not in rejections.waiting


def test_a_wrong_piece_is_not_asked_for_again_and_the_rest_of_its_file_comes_last(picker: PiecePicker[str]) -> None:
    requester = Requester(picker, "a")
    requester.conduct.gave_wrong(0, 2 * BLOCK, range(COUNT - 1), ())
    (other,) = pieces(requester.choose(0.0, EVERYTHING, (), None))
    assert other == COUNT - 1
    picker.returned("a", Block(other, 0, BLOCK))
    requester.proven = True
    last = requester.choose(0.0, EVERYTHING, (), None)
    asked = set()
    while last:
        asked |= pieces(last)
        for block in last:
            picker.received("a", block)
            requester.pipeline.on_leaves(0.0, 1, BLOCK)
        last = requester.choose(0.0, EVERYTHING, (), None)
    assert asked >= set(range(1, COUNT))
    assert 0 not in asked


def test_in_the_endgame_an_idle_peer_is_asked_for_what_it_should_send_much_sooner() -> None:
    """What is about to come would be sent twice; and who sends nothing any more is not waited for."""
    picker: PiecePicker[str] = PiecePicker(PieceLayout(2 * BLOCK, [40 * BLOCK]), random.Random(1))
    everything = Bitfield.full(20)
    picker.peer_joined(everything)
    busy, idle = Requester(picker, "busy"), Requester(picker, "idle")
    busy.proven = idle.proven = True
    queue, few = busy.choose(0.0, everything, (), None), idle.choose(0.0, everything, (), None)
    assert (len(queue), len(few)) == (32, 8)
    for number, (one, other) in enumerate(zip(queue, few, strict=False), 1):
        for requester, peer, block in ((busy, "busy", one), (idle, "idle", other)):
            picker.received(peer, block)
            requester.pipeline.on_leaves(number / 4, 1, BLOCK)
    assert picker.in_endgame
    again = idle.choose(2.0, everything, (), None)
    assert again == queue[: -len(again) - 1 : -1], "the end of the other's queue"
    assert 4 <= len(again) <= 8, "of 24: both send alike, and a part of the queue cannot be taken back"
    for block in again:
        picker.received("idle", block)
        idle.pipeline.on_leaves(4.0, 1, BLOCK)
    assert len(idle.choose(20.0, everything, (), None)) == ENDGAME_BATCH, "the other fell silent"
