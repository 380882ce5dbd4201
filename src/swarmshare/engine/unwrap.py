"""Exceptions out of trio's nurseries, which come wrapped in groups."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lone_exception() -> Iterator[None]:
    """Raise the exception of a group of just one in its place, so that a caller can catch what went wrong.

    Each nursery that it passes wraps it once more, so groups of one within groups of one are unwrapped, too.
    """
    try:
        yield
    except BaseExceptionGroup as group:
        lone: BaseException = group
        while isinstance(lone, BaseExceptionGroup) and len(lone.exceptions) == 1:
            lone = lone.exceptions[0]
        if lone is group:
            raise
        raise lone from None
