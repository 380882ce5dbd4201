"""Text from strangers, made fit to be shown: names of files and people, comments, what trackers and peers say.

A terminal obeys control characters, every screen obeys marks that reverse the reading order, and what has no width lets
two different names look alike. One function takes all of them out, the same for the command line, the window, the
tracker and its clients.
"""

from __future__ import annotations

import re
from typing import Final

CONTROL: Final = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
"""Control characters, and what ends a line or a paragraph, for the inside of a regular expression's ``[...]``."""
BIDI_OVERRIDES: Final = r"\u202a-\u202e\u2066-\u2069"
"""Marks that reverse how the text after them reads, likewise."""

MAX_TEXT: Final = 200
"""Characters that are shown of what another program says, such as a tracker's reason to refuse."""
REPLACEMENT: Final = "\ufffd"
"""Stands for each character that is not shown, so that a reader sees that there was one."""

_BREAKS: Final = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_MOST_USER: Final = 32
"""Characters of a user's name beside an address."""
_SPACE: Final = re.compile(r"\s+")
_DEPRECATED: Final = r"\u206a-\u206f"
# Without the variation selectors (U+FE00 and U+E0100 on): they choose how a character looks, and hide nothing.
_ZERO_WIDTH: Final = (
    r"\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u2060-\u2065\u3164\ufeff\uffa0\ufff0-\ufffb"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
)
# Persian and Indic words and many emoji need the two joiners; in between ASCII, or several in a row, they do nothing
# but make two texts look alike.
_JOINERS: Final = "\u200c\u200d"
_JOINED: Final = r"[^\x00-\x7f\u200c\u200d]"
# Names in Hebrew and Arabic have these marks beside their letters, where a number or a full stop would stand on the
# wrong side; beside others they do nothing but make two texts look alike.
_MARKS: Final = "\u061c\u200e\u200f"
_RIGHT_TO_LEFT: Final = r"[\u0590-\u061b\u061d-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]"
_UNSAFE: Final = re.compile(
    rf"[{CONTROL}{BIDI_OVERRIDES}{_DEPRECATED}{_ZERO_WIDTH}\ud800-\udfff]"
    rf"|(?<!{_JOINED})[{_JOINERS}]|[{_JOINERS}](?!{_JOINED})"
    rf"|(?<!{_RIGHT_TO_LEFT})[{_MARKS}](?!{_RIGHT_TO_LEFT})"
)


def clean(text: str, most: int | None = None) -> str:
    """``text`` as one line that can be shown anywhere, and encoded as UTF-8.

    White space with a line break or a tab in it becomes one space, and none at either end; each other control
    character, reversing mark, character without width and lone surrogate becomes :data:`REPLACEMENT`. With ``most``,
    what is longer is cut to as many characters, the last three of them dots. To clean twice changes nothing.
    """
    # Nearly all text is plain, and tables are cleaned several times a second: the first test is far quicker than the
    # search.
    if not (text.isascii() and text.isprintable()) and _UNSAFE.search(text):
        text = _SPACE.sub(_without_breaks, text.strip(_BREAKS))
        text = _UNSAFE.sub(REPLACEMENT, text)
    if most is None or len(text) <= most:
        return text
    # What stands at the cut has lost the letter beside it, without which it would not be shown.
    return text[: most - 3].rstrip(_JOINERS + _MARKS) + "..."


def _without_breaks(space: re.Match[str]) -> str:
    return " " if any(char in _BREAKS for char in space[0]) else space[0]


def with_user(user: str, address: str) -> str:
    """Return how people are shown a peer at ``address``: with the user that it is proven to be, if there is one."""
    return f"{clean(user, _MOST_USER)} ({address})" if user else address
