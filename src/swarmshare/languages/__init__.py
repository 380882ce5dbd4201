"""The languages that people are spoken to in: which there are, which of them somebody reads, and texts said in one.

The translations are GNU gettext's catalogues under ``locale/``, made by ``scripts/words.py``. A catalogue has every
code of :data:`~swarmshare.texts.ENGLISH`, and the sentences of the window and of :mod:`argparse` by their English.
"""

from __future__ import annotations

import gettext
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.texts import ENGLISH, Text, fill, places

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.texts import Value

LANGUAGES: Final = {"en": "English", "pt_BR": "Português (Brasil)"}
"""What there is, each under its own name. The first is the one that the program is written in."""
DEFAULT: Final = next(iter(LANGUAGES))
LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "swarmshare"

SEPARATORS: Final = {"en": (",", "."), "pt_BR": (".", ",")}
"""Of thousands, and of decimals."""

_MAX_HEADER: Final = 1000
"""Characters of an ``Accept-Language`` header that are read; browsers send fewer than 100."""
_PREFERENCE: Final = re.compile(r"\s*([A-Za-z]{2,8})(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?)\s*)?")


def system_language() -> str:
    """Return the first of the languages that the environment asks for and that there is; else English.

    The variables are those of GNU gettext, by its rule: ``LC_ALL=C`` is how scripts ask for English, whatever
    ``LANGUAGE`` says.
    """
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    wanted = locale if locale in ("C", "POSIX") else os.environ.get("LANGUAGE") or locale
    return next(filter(None, map(_known, wanted.split(":"))), DEFAULT)


def accepted_language(header: str) -> str:
    """Return the language that ``header``, an ``Accept-Language`` (RFC 9110), prefers among those there are.

    What is no such header counts as no preference, which is English.
    """
    best, most = DEFAULT, 0.0
    for part in header[:_MAX_HEADER].split(","):
        if match := _PREFERENCE.fullmatch(part):
            language, weight = _known(match[1]), float(match[2] or 1)
            if language is not None and weight > most:
                best, most = language, weight
    return best


def html_language(language: str) -> str:
    """Return ``language`` as the ``lang`` of an HTML element has it (BCP 47): ``pt-BR``."""
    return language.replace("_", "-")


@cache
def translations(language: str) -> gettext.NullTranslations:
    """Return the catalogue of ``language``; for English, and what there is none of, one that changes nothing."""
    if language == DEFAULT:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language], fallback=True)


def write_number(value: float, language: str, digits: int = 0) -> str:
    """Return a number as ``language`` writes it, with ``digits`` after the point: ``1,234.5``, or ``1.234,5``."""
    thousands, decimals = SEPARATORS[language]
    return f"{value:,.{digits}f}".translate({ord(","): thousands, ord("."): decimals})


def say(value: Value, language: str, instead: Callable[[str], str | None] = lambda _code: None) -> str:
    """Return ``value`` in ``language``: a text by its code, with its arguments filled in; a number as it is written.

    ``instead`` may give another template for a code. What has no code, or one that is not known here, stays as it came.
    """
    if isinstance(value, int):
        return write_number(value, language)
    if not isinstance(value, Text):
        return value
    template = instead(value.code)
    if template is None:
        found = translations(language).gettext(value.code)
        template = found if found != value.code else ENGLISH.get(value.code)
    if template is None or not places(template) <= value.arguments.keys():
        return str(value)
    return fill(template, value.arguments, lambda part: say(part, language, instead))


def _known(name: str) -> str | None:
    """Return the one of :data:`LANGUAGES` that ``name`` means: any Portuguese is Brazilian here; else None."""
    for language in LANGUAGES:
        if name[:2].lower() == language[:2] and not name[2:3].isalpha():
            return language
    return None
