"""Pieces and files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.manifest.layout import PieceLayout

PIECE = 2**14


@given(st.lists(st.integers(0, 5 * PIECE) | st.sampled_from([0, PIECE, 2 * PIECE]), min_size=1, max_size=20))
def test_the_pieces_cover_each_file_once(lengths: list[int]) -> None:
    layout = PieceLayout(PIECE, iter(lengths))
    covered = [0] * len(lengths)
    for number in range(layout.piece_count):
        span = layout.span(layout.index(number))
        assert number in layout.file_pieces(span.file)
        assert span.offset == covered[span.file]
        assert 0 < span.length <= PIECE
        covered[span.file] += span.length
    assert covered == lengths
    assert [len(layout.file_pieces(file)) for file in range(len(lengths))] == [-(-n // PIECE) for n in lengths]


@pytest.mark.parametrize("number", [-1, 3, 2**40])
def test_an_index_is_checked_once(number: int) -> None:
    with pytest.raises(IndexError, match=r"of 3"):
        PieceLayout(PIECE, [PIECE + 1, 1]).index(number)
