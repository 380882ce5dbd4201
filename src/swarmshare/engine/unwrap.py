"""Nurseries wrap what goes wrong in groups; who calls us should see the one thing that did."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def lone_exception() -> Iterator[None]:
    """Let a group of just one exception out as that exception."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        raise group.exceptions[0] from None
