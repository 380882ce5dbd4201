"""What every part of the window may use of the whole: the newest picture, wishes, and a place for sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Awaitable, Callable

    from swarmshare.app.client_session import ClientSession
    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.preferences import Preferences

P = ParamSpec("P")
R = TypeVar("R")

Kind: TypeAlias = Literal["info", "success", "warning", "danger"]


class Shell(Protocol):
    """The main window, as its parts see it. All of it belongs to Tk's thread."""

    root: tkinter.Tk
    preferences: Preferences

    @property
    def snapshot(self) -> ClientSnapshot | None:
        """The newest picture; None until the desk stands."""

    def submit(
        self,
        then: Callable[[R], object] | None,
        method: Callable[Concatenate[ClientSession, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Make a wish. ``then`` is called on Tk's thread with what it brings; an error becomes a banner."""

    def submit_or(
        self,
        failed: Callable[[str], object],
        then: Callable[[R], object] | None,
        method: Callable[Concatenate[ClientSession, P], Awaitable[R]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Like :meth:`submit`; an error is handed to ``failed``, as a sentence."""

    def say(self, text: str, kind: Kind = "info") -> None:
        """Show a sentence in a banner, until it is closed or others push it out."""
