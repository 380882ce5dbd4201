"""Texts of trackers, made fit to be shown to users."""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 200
"""Letters of it that are shown."""


def one_line(text: str) -> str:
    """Returns a stranger's ``text``, fit to be shown: short, one line, without control and reversing characters."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."
