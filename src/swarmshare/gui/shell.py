"""What every part of the window may use of the whole: the newest snapshot, commands, and banners for sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

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
        """The newest snapshot; None until the client session is open."""

    def submit(
        self,
        then: Callable[[R], object] | None,
        command: Callable[[ClientSession], Callable[P, Awaitable[R]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Run a command on the session's thread, and return at once; an error becomes a banner.

        Args:
            then: Is called on Tk's thread with the result.
            command: Picks the method, as in ``lambda session: session.transfers.pause``. It runs on the session's
                thread, so it may touch nothing but ``session``.
            args: The method's arguments, evaluated here, on Tk's thread.
            kwargs: As ``args``.
        """

    def submit_or(
        self,
        failed: Callable[[str], object],
        then: Callable[[R], object] | None,
        command: Callable[[ClientSession], Callable[P, Awaitable[R]]],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        """Do as :meth:`submit` does, but hand an error to ``failed``, as a sentence."""

    def say(self, text: str, kind: Kind = "info") -> None:
        """Show a sentence in a banner, until a person closes it or newer ones push it out."""
