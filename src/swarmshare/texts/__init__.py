"""Sentences for people that can be said in another language: a code, and what is filled into its English template.

Lower layers know no languages. They say everything as a :class:`Text`; the English of each code stands once, in the
tables of this package. Whoever shows it (the window, the command line, a tracker's pages) looks the *code* up among the
translations, and fills in the same arguments, by ``languages/``; what has no translation stays English.
``tests/test_texts.py`` proves that every code that is said is in the tables, and has a translation.
"""

from __future__ import annotations

import re
from errno import ETIMEDOUT, errorcode
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, Union

from swarmshare.texts import commands, files, hints, identity, pages, peers, systems, trackers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Value: TypeAlias = Union[str, int, "Text"]

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        **commands.ENGLISH,
        **files.ENGLISH,
        **hints.ENGLISH,
        **identity.ENGLISH,
        **pages.ENGLISH,
        **peers.ENGLISH,
        **systems.ENGLISH,
        **trackers.ENGLISH,
    }
)
"""The English template of each code, with names in braces for the arguments."""

_PLACE: Final = re.compile(r"\{(\w+)\}")


class Text(str):
    """An English sentence that remembers its code and its arguments.

    It *is* the English text, so that printing, comparing and logging need not know of it. What string operations make
    of it (an f-string, ``strip``) is plain text again, which cannot be translated: nest it in another one instead.
    """

    __slots__ = ("arguments", "code")

    code: str
    """Stable, and one of :data:`ENGLISH` unless another program said it."""
    arguments: Mapping[str, Value]
    """What is filled in. Whole numbers are shown with a separator of thousands; texts are translated, too."""

    def __new__(cls, code: str, /, **arguments: object) -> Text:
        """``arguments`` that are neither whole numbers nor texts are kept as what :class:`str` makes of them."""
        values = {name: value if isinstance(value, (int, Text)) else str(value) for name, value in arguments.items()}
        return cls.received(fill(ENGLISH[code], values, in_english), code, values)

    @classmethod
    def received(cls, english: str, code: str, arguments: Mapping[str, Value]) -> Text:
        """Return what another program said: ``english`` as it came, unless there is a translation of ``code``."""
        text = super().__new__(cls, english)
        text.code = code
        text.arguments = MappingProxyType(dict(arguments))
        return text

    def __reduce__(self) -> tuple[Callable[..., Text], tuple[object, ...]]:
        return Text.received, (str(self), self.code, dict(self.arguments))


def fill(template: str, arguments: Mapping[str, Value], say: Callable[[Value], str]) -> str:
    """``template`` with each ``{name}`` replaced by what ``say`` makes of the argument of that name.

    Names without an argument stay as they are. Nothing but bare names is understood: what a stranger wrote must not
    reach into attributes or widths, as it could by :meth:`str.format`.
    """
    return _PLACE.sub(lambda match: say(arguments[match[1]]) if match[1] in arguments else match[0], template)


def places(template: str) -> set[str]:
    """Return the names of the arguments that ``template`` has a place for."""
    return set(_PLACE.findall(template))


def in_english(value: Value) -> str:
    """Return an argument as it stands in an English sentence."""
    return f"{value:,}" if isinstance(value, int) else str(value)


def os_reason(error: OSError) -> Text:
    """Return the system's own words for what went wrong, without number and path; its code is the number's name."""
    if isinstance(error.strerror, Text):
        return error.strerror
    return system_says(
        (error.strerror or str(error)).lower(), ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
    )


def system_says(words: str, number: int | None = None) -> Text:
    """``words`` of a system, or of a library, about the error of that ``number``."""
    return Text.received(words, f"system.{errorcode.get(number or 0, 'says')}", {"text": words})


def text_of(error: Exception) -> Text:
    """Return what ``error`` says: its text if it was raised with one, else its words as those of a library."""
    said = next(iter(error.args), None)
    return said if isinstance(said, Text) else system_says(str(error))


def about(subject: object, what: str) -> Text:
    """Return ``what``, said of ``subject``: a path, the address of a tracker, a name."""
    return Text("about", subject=subject, what=what)


def advise(what: Text, hint: Text | None) -> Text:
    """Return what is wrong, followed by what to do about it if that is known, in one line."""
    return what if hint is None else Text("advice", what=what, hint=hint)
