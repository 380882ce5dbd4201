"""Calls that follow a cause at once, but not too often: many causes in a short time have one effect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K")


class Pacer(Generic[K]):
    """Calls for a key soon after it was wanted, then not again for that key until ``interval`` has passed.

    =========  ================  =================================================
    state      ``want``          the timer
    =========  ================  =================================================
    idle       due: call soon
    due        due               calls, and waits for the interval
    waiting    due               idle
    =========  ================  =================================================
    """

    def __init__(
        self, interval: float, later: Callable[[float, Callable[[], None]], object], call: Callable[[K], object]
    ) -> None:
        """Call ``call`` with a key by ``later``, which calls after so many seconds; ``interval`` is in seconds."""
        self._interval = interval
        self._later = later
        self._call = call
        self._wanted: dict[K, bool] = {}  # of every key that was called for of late: whether to call again

    def want(self, key: K) -> None:
        """Call for ``key`` as soon as the interval allows; never before this returns."""
        if key in self._wanted:
            self._wanted[key] = True
        else:
            self._wanted[key] = True
            self._later(0, lambda: self._go(key))

    def _go(self, key: K) -> None:
        if not self._wanted[key]:
            del self._wanted[key]
            return
        self._wanted[key] = False
        self._later(self._interval, lambda: self._go(key))
        self._call(key)
