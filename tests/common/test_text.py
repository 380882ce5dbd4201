"""What strangers write is shown on one line, and cannot steer a terminal, turn round or hide."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.text import REPLACEMENT, clean, with_user

CONTROLS = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
BIDI = [*map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x2070))]
ZERO_WIDTH = [
    *"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2061\u2064\u3164\ufeff\uffa0\ufff9\ufffb",
    *"\U0001bca0\U0001d173\U000e0001\U000e0041",
]
SEPARATORS = ["\u2028", "\u2029"]
SURROGATES = ["\ud800", "\udbff", "\udc80", "\udfff"]
NEVER = frozenset([*CONTROLS, *BIDI, *ZERO_WIDTH, *SEPARATORS, *SURROGATES])
REVERSING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}

characters = (
    st.characters()
    | st.sampled_from(sorted(NEVER))
    | st.sampled_from(" \u200c\u200d\u061c\u200e\u200fa\u05d0\u06cc\u0915")
)
texts = st.text(characters, max_size=60)


@given(texts)
def test_nothing_that_steers_reverses_or_hides_is_left(text: str) -> None:
    line = clean(text)
    assert not NEVER.intersection(line)
    assert not {unicodedata.category(char) for char in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(char) for char in line} & REVERSING
    assert len(line.splitlines()) <= 1
    line.encode()


@given(texts, st.none() | st.integers(3, 70))
def test_to_clean_twice_changes_nothing(text: str, most: int | None) -> None:
    assert clean(clean(text, most), most) == clean(text, most)


@given(texts, st.integers(3, 70))
def test_a_bound_is_kept_and_a_cut_shows(text: str, most: int) -> None:
    line, whole = clean(text, most), clean(text)
    assert len(line) <= most
    assert line == whole or line == whole[: most - 3].rstrip("\u200c\u200d\u061c\u200e\u200f") + "..."


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters=sorted(NEVER)) | st.just(" ")))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize("char", sorted(NEVER - set(CONTROLS) - set(SEPARATORS)))
def test_what_is_not_shown_leaves_a_mark(char: str) -> None:
    assert clean(f"a{char}b") == f"a{REPLACEMENT}b"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\x1b[31mb", "a\ufffd[31mb"),
        ("a\nb", "a b"),
        ("a \r\n\t b", "a b"),
        ("a\u2028b\u2029c\x85d", "a b c d"),
        ("\n  a\n", "  a"),
        ("  a  b ", "  a  b "),
        ("a\x00\x00b", "a\ufffd\ufffdb"),
        ("caf\u00e9 \U0001f41d \xa0", "caf\u00e9 \U0001f41d \xa0"),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
        ("\u2764\ufe0f\u200d\U0001f525", "\u2764\ufe0f\u200d\U0001f525"),
        ("pay\u200dpal", "pay\ufffdpal"),
        ("\u0645\u200c\u200c\u062e", "\u0645\ufffd\ufffd\u062e"),
        ("\u200c", "\ufffd"),
        ("\u05e9\u05dc\u05d5\u05dd\u200f 1", "\u05e9\u05dc\u05d5\u05dd\u200f 1"),
        ("1\u200e\u05e9", "1\u200e\u05e9"),
        ("pay\u200epal", "pay\ufffdpal"),
        ("\u05e9\u200f\u200fa", "\u05e9\u200f\ufffda"),
    ],
)
def test_examples(text: str, line: str) -> None:
    assert clean(text) == line


def test_a_cut_leaves_no_joiner_before_the_dots() -> None:
    assert clean("\u06cc\u200c" + "\u06cc" * 9, 5) == "\u06cc..."


def test_much_white_space_takes_no_more_time_than_other_text() -> None:
    """A pattern that tries each beginning anew would take hours for this."""
    assert clean(" " * 2**20 + "\0") == " " * 2**20 + REPLACEMENT


def test_a_peer_with_its_user() -> None:
    assert with_user("", "10.0.0.1:5") == "10.0.0.1:5"
    assert with_user("ana", "10.0.0.1:5") == "ana (10.0.0.1:5)"
    assert with_user("a\n\x1b" + 99 * "x", "[::1]:5").startswith("a ")
    assert len(with_user(99 * "x", "")) == 35
