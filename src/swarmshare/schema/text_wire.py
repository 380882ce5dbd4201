"""A text on its way from a tracker to a member: dumped into JSON beside its English, and read with suspicion.

The English always goes along, for programs that know no codes and for codes that the reader does not know.
"""

from __future__ import annotations

from typing import TypedDict

from swarmshare.common.text import MAX_TEXT, clean
from swarmshare.texts import ENGLISH, Text, Value, places


class Dumped(TypedDict):
    """A text without its English."""

    code: str
    arguments: dict[str, str | int | dict[str, object]]


MAX_VALUE = 300
"""Letters of an argument; one that is longer makes the code be ignored."""
MAX_ARGUMENTS = 8
MAX_DEPTH = 3
"""Of texts within texts."""
_MAX_NUMBER = 2**64


def dump_text(text: Text) -> Dumped:
    """Return the code and the arguments of ``text``; a text among these brings its English along."""
    values: dict[str, str | int | dict[str, object]] = {
        name: {"english": str(value), **dump_text(value)} if isinstance(value, Text) else value
        for name, value in text.arguments.items()
    }
    return {"code": text.code, "arguments": values}


def read_text(english: str, dumped: object) -> Text:
    """Return the text that a stranger said as ``english``, with what :func:`dump_text` made of it, or anything else.

    Where the code is not one of ours, or the arguments are not what its template needs, it is just his words.
    """
    return _read(_line(english), dumped, MAX_DEPTH) or Text("tracker.says", text=_line(english))


def _read(english: str, dumped: object, depth: int) -> Text | None:
    if not isinstance(dumped, dict) or depth == 0:
        return None
    code, arguments = dumped.get("code"), dumped.get("arguments")
    if not isinstance(code, str) or code not in ENGLISH or not isinstance(arguments, dict):
        return None
    if len(arguments) > MAX_ARGUMENTS or not places(ENGLISH[code]) <= arguments.keys():
        return None
    values = {name: _value(arguments[name], depth) for name in places(ENGLISH[code])}
    known = {name: value for name, value in values.items() if value is not None}
    return Text.received(english, code, known) if len(known) == len(values) else None


def _value(value: object, depth: int) -> Value | None:
    if isinstance(value, dict):
        english = value.get("english")
        if not isinstance(english, str) or len(english) > MAX_TEXT:
            return None
        return _read(_line(english), value, depth - 1) or _line(english)
    if isinstance(value, str):
        return _line(value) if len(value) <= MAX_VALUE else None
    return value if type(value) is int and abs(value) < _MAX_NUMBER else None


def _line(text: str) -> str:
    return clean(text[: 4 * MAX_TEXT], MAX_TEXT)
