"""Runs and bits are two ways to write the same set of pieces."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.bits import (
    all_bits,
    as_bits,
    as_number,
    bits_of_runs,
    check_bits,
    flags_of_bits,
    has_piece,
    pieces_of_bits,
    runs_from_wire,
    runs_of_bits,
    runs_to_wire,
)

sets = st.integers(1, 100).flatmap(lambda n: st.tuples(st.just(n), st.sets(st.integers(0, n - 1))))


def naive_bits(pieces: set[int], count: int) -> bytes:
    bits = bytearray(-(-count // 8))
    for piece in pieces:
        bits[piece // 8] |= 128 >> piece % 8
    return bytes(bits)


@given(sets)
def test_there_and_back(shape: tuple[int, set[int]]) -> None:
    count, pieces = shape
    bits = naive_bits(pieces, count)
    runs = runs_of_bits(as_number(bits), count)
    assert {piece for run in runs for piece in run} == pieces
    assert bits_of_runs(runs, count) == bits
    assert as_bits(as_number(bits), count) == bits
    assert list(pieces_of_bits(bits)) == sorted(pieces)
    assert runs_from_wire(runs_to_wire(runs), count) == runs
    check_bits(bits, count)


@given(sets)
def test_runs_that_are_not_the_shortest_have_the_same_bits(shape: tuple[int, set[int]]) -> None:
    count, pieces = shape
    assert bits_of_runs([range(piece, piece + 1) for piece in pieces], count) == naive_bits(pieces, count)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 1000])
def test_all_bits(count: int) -> None:
    assert all_bits(count) == naive_bits(set(range(count)), count)
    assert runs_of_bits(as_number(all_bits(count)), count) == (range(count),)


@pytest.mark.parametrize(
    ("numbers", "why"),
    [
        ([1], "pairs"),
        ([1, 2, 3], "pairs"),
        (["1", 2], "whole numbers"),
        ([1, 2.0], "whole numbers"),
        ([True, 1], "whole numbers"),
        ([None, 1], "whole numbers"),
        ([0, 0], "not empty"),
        ([0, -1], "not empty"),
        ([-1, 2], "ascend"),
        ([5, 1, 4, 1], "ascend"),
        ([0, 2, 1, 1], "ascend"),
        ([0, 2, 2, 1], "ascend"),
        ([0, 21], "piece 20 of 20"),
        ([20, 1], "piece 20 of 20"),
        ([0, 10**30], "of 20"),
    ],
)
def test_wrong_runs(numbers: list[object], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        runs_from_wire(numbers, 20)


@pytest.mark.parametrize(("bits", "count"), [(b"", 1), (b"\0\0", 8), (b"\0", 9), (b"\x01", 7), (b"\0\x7f", 9)])
def test_what_is_no_bitfield(bits: bytes, count: int) -> None:
    with pytest.raises(ValueError, match=r"bytes for|spare bits"):
        check_bits(bits, count)


@given(sets)
def test_one_piece_at_a_time_and_all_as_flags(shape: tuple[int, set[int]]) -> None:
    count, pieces = shape
    bits = naive_bits(pieces, count)
    assert {piece for piece in range(count) if has_piece(bits, piece)} == pieces
    assert flags_of_bits(bits, count) == bytes(piece in pieces for piece in range(count))
