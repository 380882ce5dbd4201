"""What an account may be called, and which names are one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.tracker.domain.account_names import MAX_LENGTH, checked_name, folded
from swarmshare.tracker.domain.refusals import Reason, RefusalError

GOOD = ["a", "Ann", "ann.b-c_d", "O'Neill", "Zoë", "名前", "Ана Б", "r2d2", "7", "x" * MAX_LENGTH, "e\u0301"]
BAD = [
    "", " ", ".", "a ", " a", "a  b", "a..b", "-a", "a-", "a\nb", "a\x00", "a\u200bb", "a\u202eb", "a\ufe0f", "a\u3164",
    "a\u034fb", "<a>", "a/b", "a@b", "x" * (MAX_LENGTH + 1), "\u0301", "\ufdfa" * 30, "a\U000e0101", "\ud800",
    "x" * 10**6,
]  # fmt: skip
SAME = [
    ("Ann", "aNN"), ("Ann", "\uff21\uff4e\uff4e"), ("straße", "STRASSE"), ("Zoë", "Zoe\u0308"), ("ﬁn", "FIN"),
    ("Σίσυφος", "ΣΊΣΥΦΟΣ"), ("K2", "\u212a2"),
]  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    assert folded(checked_name(name)) == folded(name)


@pytest.mark.parametrize("name", BAD)
def test_bad(name: str) -> None:
    with pytest.raises(RefusalError) as refused:
        checked_name(name)
    assert (refused.value.reason, refused.value.field) == (Reason.NAME_INVALID, "name")


@pytest.mark.parametrize(("one", "other"), SAME)
def test_same(one: str, other: str) -> None:
    assert folded(checked_name(one)) == folded(checked_name(other))


@pytest.mark.parametrize(("one", "other"), [("Ann", "Anne"), ("a.b", "a_b"), ("Ana", "Ана")])
def test_different(one: str, other: str) -> None:
    assert folded(one) != folded(other)


@given(st.text())
def test_folding_is_final(text: str) -> None:
    assert folded(folded(text)) == folded(text)


@given(st.text(min_size=1, max_size=MAX_LENGTH))
def test_a_checked_name_stays_as_it_is(text: str) -> None:
    try:
        name = checked_name(text)
    except RefusalError:
        return
    assert checked_name(name) == name
    assert name.isprintable()
