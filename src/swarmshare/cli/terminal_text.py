"""Single lines for a terminal, exact to the cell: texts cut to fit, columns, bars.

Whatever is given may come from a stranger: it is cleaned, and none of it is ever read as rich's markup.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from rich.cells import cell_len, get_character_cell_size, set_cell_size
from rich.text import Text

from swarmshare.common.text import clean

_ELLIPSIS: Final = "..."
_DONE, _TO_DO = "\u2501", "\u2500"  # heavy and light, to be told apart without colour too


class Cell(NamedTuple):
    """A text in a column of ``width`` cells of a terminal; it is cut or padded to fit."""

    text: str
    width: int
    style: str = ""
    right: bool = False
    """Whether it is set against the right edge."""


def fit(text: str, width: int) -> str:
    """``text``, cleaned, in exactly ``width`` cells: padded, or cut in the middle, so that both its ends tell."""
    text = clean(text)
    if cell_len(text) <= width or width <= len(_ELLIPSIS):
        return set_cell_size(text, width)
    room = width - len(_ELLIPSIS)
    return set_cell_size(set_cell_size(text, room - room // 2) + _ELLIPSIS + _last_cells(text, room // 2), width)


def _last_cells(text: str, width: int) -> str:
    start = len(text)
    while start and (width := width - get_character_cell_size(text[start - 1])) >= 0:
        start -= 1
    return text[start:]


def line(text: str, width: int, style: str = "") -> Text:
    """One line, cut to ``width`` where it is longer."""
    return Text(fit(text, min(width, cell_len(clean(text)))), style, no_wrap=True)


def row(*cells: Cell, gap: int = 2) -> Text:
    """Columns beside each other; one of no width is left out, with its gap."""
    text = Text(no_wrap=True)
    for cell in cells:
        if cell.width > 0:
            text.append(" " * gap if text else "")
            padded = fit(cell.text, cell.width)
            text.append(padded.rstrip(" ").rjust(cell.width) if cell.right else padded, cell.style)
    return text


def bar(part: float, width: int, style: str) -> Text:
    """Return a bar, filled for ``part`` from 0 to 1."""
    done = int(part * width)
    return Text(no_wrap=True).append(_DONE * done, style).append(_TO_DO * (width - done), "dim")
