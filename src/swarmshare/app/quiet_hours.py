"""Hours of the day during which other limits count."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_DAY: Final = 24 * 60
_HOURS: Final = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})", re.ASCII)


class QuietHours(NamedTuple):
    """From one minute of the day to before another, perhaps over midnight."""

    begin: int
    """Minutes since midnight, included."""
    end: int

    def __contains__(self, minute: object) -> bool:
        if not isinstance(minute, int):
            return False
        return (minute - self.begin) % _DAY < (self.end - self.begin) % _DAY

    def __str__(self) -> str:
        return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in self)


def read_hours(text: str) -> QuietHours:
    """``HH:MM-HH:MM``, of which 24:00 is the end of the day; :class:`ValueError` for anything else, and for no time."""
    match = _HOURS.fullmatch(text.strip())
    if match is None:
        raise ValueError(text)
    one, one_past, other, other_past = map(int, match.groups())
    begin, end = 60 * one + one_past, 60 * other + other_past
    if max(one_past, other_past) > 59 or max(begin, end) > _DAY or begin % _DAY == end % _DAY:
        raise ValueError(text)
    return QuietHours(begin % _DAY, end % _DAY)
