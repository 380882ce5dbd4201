"""Long computations elsewhere: one thread answers everybody, and must not stop for one request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Offload(Protocol):
    """Calls a function in another thread, and lets other requests run meanwhile.

    How many run at once is bounded; more wait for their turn. The function must share no state with anything else.
    """

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return or raise what ``work`` does with these arguments."""


def call_here(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``work`` at once, in this thread: an :class:`Offload` for where no other request waits."""
    return work(*args, **kwargs)
