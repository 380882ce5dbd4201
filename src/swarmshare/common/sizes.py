"""Sizes, rates and counts as a user writes them, in options, variables and the settings file alike.

Each reader raises :class:`ValueError` with a sentence for the user, which quotes what was wrong.
"""

from __future__ import annotations

import re
from typing import Final

from swarmshare.texts import Text

MIN_RATE: Final = 1024
"""Bytes a second of the lowest limit: at any lower one a block takes longer than peers wait for it."""

_SHOWN: Final = 80
"""Characters of a wrong value that an error quotes."""
_SIZE: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,18})?) ?([KMGTP](?:i?B)?|B|)", re.IGNORECASE)


def shown(value: object) -> str:
    """``value`` as an error quotes it: its ``repr``, cut when it is long."""
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def read_size(value: object) -> int:
    """Return a number of bytes above 0: text with its unit, such as ``500GiB`` or ``1.5 TB``, or a number of a file.

    Text without a unit is refused: other programs take ``2`` for kibibytes or for megabytes. A unit counts by 1,024.
    """
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if match is not None and not match[2] and float(match[1]):
            raise ValueError(Text("value.no-unit", value=shown(value), number=match[1]))
        size = float(match[1]) * 1024 ** "BKMGTP".index((match[2] or "B")[0].upper()) if match else 0.0
    else:
        size = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
    if 1 <= size < float("inf"):
        return int(size)
    raise ValueError(Text("value.size", value=shown(value)))


def read_rate(value: object) -> float:
    """Bytes a second, as :func:`read_size` reads them, with ``/s`` or without; at least :data:`MIN_RATE`."""
    rate = read_size(value.removesuffix("/s") if isinstance(value, str) else value)
    if rate < MIN_RATE:
        raise ValueError(Text("value.rate-low", value=shown(value), least=MIN_RATE))
    return float(rate)


def read_count(value: object, least: int, most: int) -> int:
    """Return a whole number from ``least`` (0 or more) to ``most``: decimal digits, or a number of a file."""
    number = value
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= len(str(most)):
        number = int(value)
    if type(number) is int and least <= number <= most:
        return number
    raise ValueError(Text("value.count", value=shown(value), least=least, most=most))
