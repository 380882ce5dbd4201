"""Bitfields: a set of pieces, and the bits of the wire."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.bitfield import Bitfield

COUNTS = st.integers(0, 70)


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[int, set[int], set[int]]:
    count = draw(COUNTS)
    pieces = st.sets(st.integers(0, count - 1)) if count else st.just(set[int]())
    return count, draw(pieces), draw(pieces | st.just(set(range(count))))


def bitfield(count: int, pieces: set[int]) -> Bitfield:
    field = Bitfield(count)
    for piece in pieces:
        assert field.set(piece)
    return field


@given(two_sets())
def test_it_is_a_set(given_sets: tuple[int, set[int], set[int]]) -> None:
    count, ours, theirs = given_sets
    one, other = bitfield(count, ours), bitfield(count, theirs)
    assert list(one.indices()) == sorted(ours)
    assert [i for i in range(count) if one.has(i)] == sorted(ours)
    assert (one.held, len(one)) == (len(ours), count)
    assert one.is_full == (len(ours) == count)
    assert one.is_empty == (not ours)
    assert one.missing_from(other) == bool(theirs - ours)
    assert one.overlap(other) == bitfield(count, ours & theirs)
    assert one.overlap(other).held == len(ours & theirs)
    assert one.complement() == bitfield(count, set(range(count)) - ours)
    assert one.complement().held == count - len(ours)
    assert one.flags() == bytes(piece in ours for piece in range(count))
    assert (one == other) == (ours == theirs)
    twin = one.copy()
    for piece in theirs:
        assert twin.set(piece) == (piece not in ours)
        assert not twin.set(piece)
    assert set(twin.indices()) == ours | theirs
    assert twin.held == len(ours | theirs)
    assert set(one.indices()) == ours, "the copy is another one"
    for piece in ours:
        assert twin.clear(piece)
        assert not twin.clear(piece)
    assert twin == bitfield(count, theirs - ours)


@pytest.mark.parametrize("piece", [0, 4095, 4096, 5000, 9999])
def test_what_is_missing_is_found_wherever_it_is(piece: int) -> None:
    most = Bitfield.full(10_000)
    most.clear(piece)
    assert most.missing_from(bitfield(10_000, {piece}))
    assert not most.missing_from(bitfield(10_000, {piece - 1 if piece else 1}))


@given(two_sets())
def test_it_comes_back_from_the_wire(given_sets: tuple[int, set[int], set[int]]) -> None:
    count, ours, _ = given_sets
    field = bitfield(count, ours)
    assert len(field.to_wire()) == -(-count // 8)
    back = Bitfield.from_wire(field.to_wire(), count)
    assert (back, back.held) == (field, len(ours))


@given(COUNTS)
def test_a_full_one_has_them_all(count: int) -> None:
    assert list(Bitfield.full(count).indices()) == list(range(count))
    assert Bitfield.full(count).is_full


def test_the_first_piece_is_the_high_bit() -> None:
    assert bitfield(10, {0, 9}).to_wire() == b"\x80\x40"


@given(st.binary(max_size=4), st.integers(0, 30))
def test_a_wrong_one_is_refused(data: bytes, count: int) -> None:
    bits = "".join(f"{byte:08b}" for byte in data)
    if len(data) == -(-count // 8) and "1" not in bits[count:]:
        assert list(Bitfield.from_wire(data, count).indices()) == [i for i in range(count) if bits[i] == "1"]
    else:
        with pytest.raises(ValueError, match=r"bytes for|spare bits"):
            Bitfield.from_wire(data, count)


@pytest.mark.parametrize("piece", [-1, 10, 15, 16])
def test_a_piece_that_is_not_there(piece: int) -> None:
    field = Bitfield(10)
    with pytest.raises(IndexError, match="of 10"):
        field.set(piece)
    with pytest.raises(IndexError, match="of 10"):
        field.clear(piece)
    assert field.to_wire() == bytes(2)


def test_it_equals_nothing_else() -> None:
    assert Bitfield(8) != b"\0"
    assert Bitfield(8) != Bitfield(7)
    assert repr(Bitfield.full(1200)) == "<Bitfield 1,200 of 1,200>"
