"""How much wrong data a peer may give: an honest seed of a touched file is kept, and a liar wastes little."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from swarmshare.swarm.conduct import FORGIVEN, WORTH, Conduct

PIECE = 2**16


def wrong(conduct: Conduct, *pieces: int, asked: tuple[int, ...] = ()) -> None:
    """Of files of ten pieces each."""
    for piece in pieces:
        first = piece - piece % 10
        conduct.gave_wrong(piece, PIECE, range(first, first + 10), asked)


def test_the_first_wrong_piece_is_forgiven_and_the_second_is_not() -> None:
    conduct = Conduct()
    assert not conduct.is_bad
    wrong(conduct, 3)
    assert not conduct.is_bad
    assert conduct.wrong == {3}
    assert conduct.doubtful == {0, 1, 2, 4, 5, 6, 7, 8, 9}
    wrong(conduct, 3)
    assert not conduct.is_bad, "the same one"
    wrong(conduct, 4)
    assert conduct.is_bad


def test_much_that_is_right_outweighs_a_little_that_is_wrong() -> None:
    conduct = Conduct()
    conduct.gave_right(2 * WORTH * PIECE)
    wrong(conduct, 3, 14)
    assert not conduct.is_bad
    wrong(conduct, 25)
    assert conduct.is_bad


def test_what_was_asked_of_a_file_before_is_not_held_against_it() -> None:
    conduct = Conduct()
    wrong(conduct, 3, asked=(4, 5, 14))
    wrong(conduct, 4, 5, asked=(6,))
    assert conduct.wrong == {3, 4, 5}
    assert not conduct.is_bad
    wrong(conduct, 6)
    assert conduct.is_bad, "it was asked for that when we knew"
    other = Conduct()
    wrong(other, 3, asked=(14,))
    wrong(other, 14)
    assert other.is_bad, "in another file"


def test_a_piece_that_it_lost_and_has_again_counts_again() -> None:
    conduct = Conduct()
    wrong(conduct, 3)
    conduct.has_lost(3)
    assert conduct.wrong == set()
    wrong(conduct, 3)
    assert conduct.is_bad


def test_a_new_start_gives_it_another_chance_but_no_new_account() -> None:
    conduct = Conduct()
    wrong(conduct, 3)
    conduct.begin_anew()
    assert (conduct.wrong, conduct.doubtful) == (set(), set())
    wrong(conduct, 3)
    assert conduct.is_bad


@given(st.lists(st.one_of(st.none(), st.integers(0, 99)), max_size=300))
def test_a_liar_wastes_a_piece_and_a_share_of_what_it_gave(answers: list[int | None]) -> None:
    conduct = Conduct()
    right = wasted = 0
    for answer in answers:
        if conduct.is_bad:
            break
        if answer is None:
            conduct.gave_right(PIECE)
            right += PIECE
        elif answer not in conduct.wrong:  # it is not asked for such
            wrong(conduct, answer)
            wasted += PIECE
    assert wasted <= FORGIVEN * PIECE + max(PIECE, right / WORTH)
