"""What a table shows: columns, and the few kinds of cells that they have. No widgets here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, NamedTuple, TypeAlias, TypeVar
from unicodedata import normalize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

T = TypeVar("T")

Tone: TypeAlias = Literal["", "muted", "primary", "success", "info", "warning", "danger"]
"""What a colour says; every theme has its own for each."""

_NUMBERS: Final = re.compile("([0-9]+)")


class Label(NamedTuple):
    """Words, perhaps with a symbol before them."""

    text: str
    icon: str = ""
    """The name of one of Bootstrap's."""
    tone: Tone = ""


class Bar(NamedTuple):
    """How much of something is done."""

    share: float
    """The part that is done, from 0 to 1."""
    text: str
    tone: Tone = "primary"


class Strip(NamedTuple):
    """Which pieces somebody holds, as a strip."""

    bits: bytes
    """One bit a piece, as in BEP 3."""
    pieces: int
    """Of all, held or not."""


class Branch(NamedTuple):
    """A name in a tree."""

    text: str
    depth: int
    opened: bool | None
    """Whether the folder is open; None: it is a file."""
    ticked: bool | None
    """None: some of what is below is, some is not."""


Cell: TypeAlias = str | Label | Bar | Strip | Branch


@dataclass(frozen=True)
class Column(Generic[T]):
    """One column of a table of ``T``."""

    name: str
    """Among the columns of its table; remembered, never shown."""
    title: str
    width: int
    """The width at first, in digits."""
    show: Callable[[T], Cell]
    """What is in it; only asked for rows in sight."""
    key: Callable[[T], Any] | None = None
    """What it is sorted by, if it can be."""
    right: bool = False
    """Aligned to the right, as numbers are."""
    hidden: bool = False
    """Whether it is shown at first."""


def arranged(items: Iterable[T], column: Column[T] | None, *, descending: bool) -> list[T]:
    """``items`` by what is in ``column``; those that are equal there keep their order."""
    if column is None or column.key is None:
        return list(items)
    return sorted(items, key=column.key, reverse=descending)


def natural(text: str) -> tuple[tuple[int, str], ...]:
    """Return what names are sorted by: as people do, so ``note10`` comes after ``note2``, and case does not count."""
    parts = _NUMBERS.split(text.casefold())
    # Words and numbers take turns. A number goes by its length, then by its digits: it may have thousands of them.
    return tuple(
        (len(digits), digits) if at % 2 else (0, digits)
        for at, digits in enumerate(part.lstrip("0") if at % 2 else part for at, part in enumerate(parts))
    )


def searched(items: Sequence[T], text: str, words_of: Callable[[T], str]) -> Sequence[T]:
    """Those of ``items`` that have all words of ``text``; the same object for no text.

    Case does not count, nor whether an accent is a character of its own (as in names from macOS) or part of its letter.
    """
    words = _caseless(text).split()
    if not words:
        return items
    return [item for item in items if (found := _caseless(words_of(item))) and all(word in found for word in words)]


def _caseless(text: str) -> str:
    return text.casefold() if text.isascii() else normalize("NFC", normalize("NFC", text).casefold())
