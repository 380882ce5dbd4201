"""Counts of pieces are the sum of the bitfields that were added, whichever way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.bits import all_bits, as_bits, pieces_of_bits
from swarmshare.common.piece_counts import PieceCounts


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.lists(st.integers(0, 2**n - 1), max_size=8))))
def test_counts_are_the_sum_of_the_bitfields(shape: tuple[int, list[int]]) -> None:
    count, numbers = shape
    bitfields = [as_bits(number << -count % 8, count) for number in numbers]
    counts, expected = PieceCounts(count), [0] * count
    for number, bitfield in enumerate(bitfields):
        if number % 2:
            counts.shift(pieces_of_bits(bitfield), 1)
        else:
            counts.add(bitfield)
        for piece in pieces_of_bits(bitfield):
            expected[piece] += 1
    assert counts.saturated() == bytes(expected)
    assert counts.least() == min(expected)
    for bitfield in bitfields:
        counts.remove(bitfield)
    assert counts.saturated() == bytes(count)


def test_counts_saturate_and_come_back() -> None:
    counts, first = PieceCounts(10), as_bits(1 << 15, 10)
    for _ in range(300):
        counts.add(all_bits(10))
    counts.add(first)
    assert counts.saturated() == bytes([255] * 10)
    assert counts.least() == 255
    for _ in range(300):
        counts.remove(all_bits(10))
    assert counts.saturated() == bytes([1] + [0] * 9)


def test_no_pieces_have_no_copies() -> None:
    assert PieceCounts(0).least() == 0
    assert PieceCounts(0).saturated() == b""


def test_one_piece_at_a_time() -> None:
    counts = PieceCounts(3)
    assert len(counts) == 3
    assert counts.move(1, 2) == 2
    assert [counts[piece] for piece in range(3)] == [0, 2, 0]
    with pytest.raises(OverflowError):
        counts.move(0, -1)
