"""What trackers write, for people."""

from __future__ import annotations

from typing import Final

MAX_TEXT: Final = 200
"""Letters of it that are shown."""


def one_line(text: str) -> str:
    """``text`` from a stranger, fit to be shown: short, one line, nothing that steers a terminal or turns it round."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 3] + "..."
