"""The language of whoever asks for a page, and texts in it."""

from __future__ import annotations

from flask import request

from swarmshare.languages import accepted_language, say
from swarmshare.texts import Text


def visitor_language() -> str:
    """Return the language that the browser of the present request asks for, of those there are."""
    return accepted_language(request.headers.get("Accept-Language", ""))


def translated(text: Text) -> str:
    """Return ``text`` in that language."""
    return say(text, visitor_language())


def translated_code(code: str, **arguments: object) -> str:
    """Return the text of that ``code`` in that language: what templates call ``say``."""
    return translated(Text(code, **arguments))
