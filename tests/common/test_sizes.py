"""Sizes, rates and counts as users write them: read, or refused with a sentence that says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.sizes import MIN_RATE, read_count, read_rate, read_size


@given(st.integers(1, 2**53), st.sampled_from(["B", "K", "MB", "GiB", "TiB", "PiB"]), st.sampled_from(["", " "]))
def test_sizes(number: int, unit: str, space: str) -> None:
    factor = 1024 ** ["B", "K", "MB", "GiB", "TiB", "PiB"].index(unit)
    assert read_size(number) == number
    for written in (unit, unit.lower()):
        assert read_size(f"{number}{space}{written}") == number * factor
        assert read_size(f"2.5{written}") == int(2.5 * factor)


@pytest.mark.parametrize(
    "text", ["", "5", "5 apples", "KiB", "-1KiB", "0MiB", "1e3KiB", "1_0KiB", "\u0665KiB", "5KiBs", "inf"]
)
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a size|has no unit"):
        read_size(text)


def test_rates() -> None:
    assert read_rate("1.5MiB/s") == read_rate("1.5MiB") == read_rate(1.5 * 2**20) == 1.5 * 2**20
    for low in (1, "1023B", "1B/s"):
        with pytest.raises(ValueError, match=r"less than 1,024 bytes a second"):
            read_rate(low)


anything = (
    st.text(max_size=12)
    | st.from_regex(r"[0-9]{1,20}(\.[0-9]{1,20})? ?[KMGTPE]?i?B?(/s)?", fullmatch=True)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
)


@given(anything)
def test_anything_is_a_size_or_a_sentence(value: object) -> None:
    for read, least in ((read_size, 1), (read_rate, MIN_RATE)):
        try:
            assert read(value) >= least
        except ValueError as error:
            quoted = value.removesuffix("/s") if isinstance(value, str) else value
            assert str(error).startswith((repr(value), repr(quoted)))  # noqa: PT017


@given(anything)
def test_anything_is_a_count_or_a_sentence(value: object) -> None:
    try:
        assert 1 <= read_count(value, 1, 1000) <= 1000
    except ValueError as error:
        assert str(error) == f"{value!r} is not a whole number from 1 to 1,000"  # noqa: PT017


@given(st.integers(0, 10**6))
def test_a_count_is_read_as_text_and_as_a_number(number: int) -> None:
    assert read_count(str(number), 0, 10**6) == read_count(number, 0, 10**6) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", "1.0", "\u0661", "\u00b2", " 1", "9" * 5000, True, 1.0, None])
def test_what_is_no_count(text: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number from 0 to 10") as caught:
        read_count(text, 0, 10)
    assert len(str(caught.value)) < 150
