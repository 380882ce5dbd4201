"""Everything visible in the language of whoever reads it: sentences, numbers, sizes, times.

Sentences are written in English where they are used, as literals inside ``_("...")`` or ``ngettext("...", "...", n)``,
with names in braces for what is filled in by ``format`` afterwards. ``scripts/words.py`` finds them there.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from swarmshare.languages import DEFAULT, LANGUAGES, SEPARATORS, system_language, translations, write_number

_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_LONG: Final = 100 * _DAY
"""Seconds; whatever takes longer is not worth a number."""

_language = DEFAULT


def use_language(language: str | None) -> None:
    """Speak ``language`` from now on; None, or one that there is not: the system's."""
    global _language
    _language = language if language in LANGUAGES else system_language()


def language() -> str:
    """Return the one that is spoken, a key of :data:`LANGUAGES`."""
    return _language


def _(text: str) -> str:
    """``text`` in the language that is spoken."""
    return translations(_language).gettext(text)


def ngettext(one: str, many: str, n: int) -> str:
    """Return the form for ``n`` things, in the language that is spoken."""
    return translations(_language).ngettext(one, many, n)


def number(value: float, digits: int = 0) -> str:
    """Return a number as the language writes it: ``1,234.5``, or ``1.234,5``."""
    return write_number(value, _language, digits)


def size(count: float) -> str:
    """Return a number of bytes with its unit: ``1.5 GiB``."""
    for unit in _UNITS:
        if count < 1024 or unit == _UNITS[-1]:
            break
        count /= 1024
    return f"{number(count, 0 if unit == 'B' or count == int(count) or count >= 100 else 1)} {unit}"


def rate(per_second: float) -> str:
    """Bytes a second: ``1.5 MiB/s``."""
    return f"{size(round(per_second))}/s"


def duration(seconds: float) -> str:
    """Return a time span, in its two largest units."""
    rest = max(round(seconds), 0)
    if rest < _MINUTE:
        return _("{seconds} s").format(seconds=rest)
    if rest < _HOUR:
        return _("{minutes} min {seconds} s").format(minutes=rest // _MINUTE, seconds=rest % _MINUTE)
    if rest < _DAY:
        return _("{hours} h {minutes} min").format(hours=rest // _HOUR, minutes=rest % _HOUR // _MINUTE)
    if rest < _LONG:
        return _("{days} d {hours} h").format(days=rest // _DAY, hours=rest % _DAY // _HOUR)
    return _("more than {days} days").format(days=_LONG // _DAY)


def when(unix_seconds: float) -> str:
    """Return a moment, in local time, to the minute; the bare number when no calendar reaches it."""
    try:
        moment = datetime.fromtimestamp(unix_seconds)
    except (OverflowError, OSError, ValueError):
        return str(unix_seconds)
    return _("{year}-{month}-{day} {hour}:{minute}").format(
        year=f"{moment.year:04}",
        month=f"{moment.month:02}",
        day=f"{moment.day:02}",
        hour=f"{moment.hour:02}",
        minute=f"{moment.minute:02}",
    )


def percent(share: float) -> str:
    """Return a part from 0 to 1: rounded down, so that 100% says that really all is done."""
    if share >= 1:
        return "100%"
    tenths = max(int(share * 1000), 0)
    return f"{number(tenths / 10, 1 if tenths % 10 else 0)}%"


def read_number(text: str) -> float | None:
    """Return a number as somebody types it in the language that is spoken; None when it is none."""
    thousands, decimals = SEPARATORS[_language]
    plain = text.strip().replace(thousands, "").replace(decimals, ".")
    if not plain or not plain.isascii() or not plain.replace(".", "", 1).isdecimal():
        return None
    return float(plain)
