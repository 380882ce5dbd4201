"""Where blocks are written while several peers may send the same one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from swarmshare.engine import blocks as module
from swarmshare.engine.blocks import PieceBuffers
from swarmshare.manifest.layout import Block, PieceLayout

if TYPE_CHECKING:
    from collections.abc import Callable

BLOCK = 2**14
LAYOUT = PieceLayout(2 * BLOCK, [4 * BLOCK + 5])
FIRST, SECOND = Block(0, 0, BLOCK), Block(0, BLOCK, BLOCK)


def fill(place: memoryview, text: bytes) -> None:
    place[:] = text * len(place)


def test_blocks_make_a_piece() -> None:
    buffers = PieceBuffers(LAYOUT)
    for peer, block, text in (("a", SECOND, b"2"), ("b", FIRST, b"1"), ("b", Block(2, 0, 5), b"3")):
        fill(buffers.place(peer, block), text)
        buffers.arrived(peer, block)
    assert len(buffers) == 2
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK
    assert buffers.take(2) == b"3" * 5
    assert not len(buffers)


def test_a_place_is_the_same_until_the_block_has_come() -> None:
    buffers = PieceBuffers(LAYOUT)
    for peer in "ab":
        fill(buffers.place(peer, FIRST)[:5], b"x")
        assert bytes(buffers.place(peer, FIRST)[:5]) == b"xxxxx"


def test_who_is_complete_first_counts_and_the_slower_one_spoils_nothing() -> None:
    buffers = PieceBuffers(LAYOUT)
    slow, fast, third = buffers.place("slow", FIRST), buffers.place("fast", FIRST), buffers.place("third", SECOND)
    fill(fast, b"1")
    fill(third[:100], b"2")
    buffers.arrived("fast", FIRST)
    fill(slow, b"!")
    assert buffers.place("third", SECOND).obj is third.obj, "where it is writing"
    fill(third[100:], b"2")
    buffers.arrived("third", SECOND)
    buffers.given_up("slow", FIRST)
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK


def test_a_writer_that_came_first_needs_no_copy() -> None:
    buffers = PieceBuffers(LAYOUT)
    fill(buffers.place("first", FIRST), b"1")
    late = buffers.place("late", FIRST)
    buffers.arrived("first", FIRST)
    fill(late, b"!")
    buffers.given_up("late", FIRST)
    fill(buffers.place("late", SECOND), b"2")
    buffers.arrived("late", SECOND)
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK


def test_what_one_peer_leaves_another_writes_in_place() -> None:
    buffers = PieceBuffers(LAYOUT)
    for leave in (buffers.session_ended, lambda peer: buffers.given_up(peer, FIRST)):
        fill(buffers.place("gone", FIRST), b"!")
        buffers.place("other", SECOND)
        buffers.place("gone", SECOND)
        leave("gone")
    fill(buffers.place("next", FIRST), b"1")
    buffers.arrived("next", FIRST)
    fill(buffers.place("other", SECOND), b"2")
    buffers.arrived("other", SECOND)
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK
    buffers.given_up("next", FIRST)


LONG = Block(0, 0, 2 * BLOCK)


def test_a_long_block_is_written_in_place() -> None:
    buffers = PieceBuffers(LAYOUT)
    fill(buffers.place("a", LONG)[:5], b"x")
    assert bytes(buffers.place("a", LONG)[:5]) == b"xxxxx"
    fill(buffers.place("a", LONG), b"1")
    buffers.arrived("a", LONG)
    assert buffers.take(0) == b"1" * 2 * BLOCK


@pytest.mark.parametrize("long_first", [True, False], ids=["the long one began first", "the leaf began first"])
def test_a_leaf_that_is_here_stays_when_a_longer_block_comes(long_first: bool) -> None:
    """Whoever the picker says delivered a leaf is whose bytes are in it: else the wrong one would be blamed."""
    buffers = PieceBuffers(LAYOUT)
    for peer, block in [("long", LONG), ("leaf", SECOND)][:: 1 if long_first else -1]:
        buffers.place(peer, block)
    fill(buffers.place("leaf", SECOND), b"2")
    buffers.arrived("leaf", SECOND)
    fill(buffers.place("long", LONG), b"1")
    buffers.arrived("long", LONG)
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK


def test_a_leaf_that_comes_after_the_longer_block_spoils_nothing() -> None:
    buffers = PieceBuffers(LAYOUT)
    leaf = buffers.place("leaf", SECOND)
    fill(leaf[:10], b"!")
    fill(buffers.place("long", LONG), b"1")
    buffers.arrived("long", LONG)
    fill(leaf, b"!")
    buffers.given_up("leaf", SECOND)
    assert buffers.take(0) == b"1" * 2 * BLOCK


@pytest.mark.parametrize("leave", [PieceBuffers.session_ended, lambda buffers, peer: buffers.given_up(peer, LONG)])
def test_what_is_left_of_a_long_block_others_write_in_place(leave: Callable[[PieceBuffers, str], None]) -> None:
    buffers = PieceBuffers(LAYOUT)
    fill(buffers.place("gone", LONG), b"!")
    leave(buffers, "gone")
    for peer, block, text in (("a", FIRST, b"1"), ("b", SECOND, b"2")):
        fill(buffers.place(peer, block), text)
        buffers.arrived(peer, block)
    assert buffers.take(0) == b"1" * BLOCK + b"2" * BLOCK


def test_some_memory_is_used_again_while_pieces_are_on_their_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SPARE", 3 * BLOCK)
    buffers = PieceBuffers(LAYOUT)
    pieces = []
    for piece in (0, 1, 2):
        buffers.place("a", Block(piece, 0, 5))
        pieces.append(buffers.take(piece))
    for data in pieces * 3:
        buffers.recycle(data)
    assert buffers.place("a", Block(0, 0, 5)).obj is pieces[0].obj
    assert buffers.place("a", Block(1, 0, 5)).obj is not pieces[0].obj, "one was kept"
    data = buffers.take(0)
    buffers.recycle(data)
    buffers.free_spare()
    assert buffers.place("a", Block(0, 0, 5)).obj is data.obj, "it was needed a moment ago"
    buffers.recycle(buffers.take(0))
    buffers.free_spare()
    buffers.free_spare()
    assert buffers.place("a", Block(0, 0, 5)).obj is not data.obj
