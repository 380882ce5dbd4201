"""Where long computations run: a door answers many people from one thread, and must not stand still for one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
T = TypeVar("T")


class Offload(Protocol):
    """Calls ``work`` somewhere, lets others run meanwhile, and returns or raises what it does.

    How many run at once is bounded; more wait for their turn. ``work`` must use nothing that others use.
    """

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """See the class."""


def call_here(work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """The plainest :class:`Offload`: nobody else is waiting."""
    return work(*args, **kwargs)
