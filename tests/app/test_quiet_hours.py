"""Hours of the day."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.app.config import Settings
from swarmshare.app.quiet_hours import QuietHours, read_hours

MINUTES = st.integers(0, 1439)


@pytest.mark.parametrize(
    ("text", "hours", "shown"),
    [
        ("08:00-18:00", (480, 1080), "08:00-18:00"),
        (" 8:05 - 9:00 ", (485, 540), "08:05-09:00"),
        ("22:30-06:00", (1350, 360), "22:30-06:00"),
        ("18:00-24:00", (1080, 0), "18:00-00:00"),
    ],
)
def test_read(text: str, hours: tuple[int, int], shown: str) -> None:
    assert read_hours(text) == hours
    assert str(read_hours(text)) == shown


@pytest.mark.parametrize(
    "text",
    ["", "08:00", "8-18", "08:00-08:00", "00:00-24:00", "24:01-08:00", "25:00-08:00", "08:60-09:00", "٠٨:00-09:00"],
)
def test_wrong(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_hours(text)


@given(MINUTES, MINUTES)
def test_they_last_as_long_as_they_say(begin: int, end: int) -> None:
    hours = QuietHours(begin, end)
    inside = [minute for minute in range(1440) if minute in hours]
    assert len(inside) == (end - begin) % 1440
    assert end not in hours
    assert not inside or begin in hours


def test_which_limits_count() -> None:
    settings = Settings(limit_up=1.0, limit_down=2.0, quiet_hours="22:00-06:00", quiet_limit_up=3.0)
    assert settings.limits_at(21 * 60 + 59) == (1.0, 2.0)
    assert settings.limits_at(22 * 60) == settings.limits_at(0) == settings.limits_at(359) == (3.0, None)
    assert settings.limits_at(360) == (1.0, 2.0)
    assert Settings(limit_up=1.0, quiet_limit_up=3.0).limits_at(0) == (1.0, None)
