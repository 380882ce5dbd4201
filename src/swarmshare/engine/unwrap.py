"""Exceptions out of trio's nurseries, which come wrapped in groups."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lone_exception() -> Iterator[None]:
    """Raise the exception of a group of just one in its place, so that a caller can catch what went wrong."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
