"""Names of accounts: which are allowed, and which count as the same."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from swarmshare.texts import Text
from swarmshare.tracker.domain.refusals import Reason, RefusalError

MAX_LENGTH: Final = 40
"""Of a name, in characters."""

# Letters and marks that leave no trace on a screen: two accounts would look alike.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_JOINTS: Final = frozenset(" ._-'")
"""What may stand between the letters and digits of a name, one at a time."""


def checked_name(text: str) -> str:
    """Return ``text`` as the name that is stored: in Unicode's composed compatible form (NFKC).

    Raises:
        RefusalError: It is not made of letters and digits with single joints between them, or too long.
    """
    name = unicodedata.normalize("NFKC", text[: 4 * MAX_LENGTH])
    if not 1 <= len(name) <= MAX_LENGTH:
        raise _refusal(Text("account.name-length", most=MAX_LENGTH))
    joint_allowed = False
    for character in name:
        kind = unicodedata.category(character)
        if kind[0] in "LN" or (kind[0] == "M" and joint_allowed):
            joint_allowed = True
        elif character in _JOINTS and joint_allowed:
            joint_allowed = False
        else:
            raise _refusal(Text("account.name-letters"))
    if not joint_allowed:
        raise _refusal(Text("account.name-end"))
    if _INVISIBLE.search(name):
        raise _refusal(Text("account.name-invisible"))
    return name


def folded(name: str) -> str:
    """Return the form in which two names that count as the same are equal, whatever their case.

    Unicode's caseless match of identifiers (definition D147), for any text.
    """
    for form in ("NFD", "NFKC", "NFKC"):
        name = unicodedata.normalize(form, name).casefold()
    return unicodedata.normalize("NFKC", name)


def _refusal(message: Text) -> RefusalError:
    return RefusalError(Reason.NAME_INVALID, message, field="name")
