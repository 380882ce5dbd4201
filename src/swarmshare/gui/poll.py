"""The only place where the window meets the session's thread: it polls ten times a second, and waits for nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

from swarmshare.errors import SwarmShareError
from swarmshare.gui.sentences import spoken
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future
    from threading import Event

    from swarmshare.app.client_session import ClientSession
    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot

P = ParamSpec("P")
R = TypeVar("R")

EVERY: Final = 100
"""Milliseconds between two looks at the session's thread."""


class Beside(Protocol):
    """What the window needs of a :class:`~swarmshare.app.thread.SessionThread`."""

    closed: Event

    @property
    def snapshot(self) -> ClientSnapshot | None:
        """The newest snapshot; None until the session is open."""

    @property
    def failure(self) -> BaseException | None:
        """The error that ended the thread; None while there is none."""

    def submit(
        self, command: Callable[[ClientSession], Callable[P, Awaitable[R]]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run a command on the session's thread: see :meth:`SessionThread.submit`."""

    def facts(self) -> list[Fact]:
        """Return the facts since the last call, the oldest first."""

    def close(self) -> None:
        """Start to end the thread, and return at once."""


class Poller:
    """Hands new snapshots, facts and answers to the window, on Tk's own thread."""

    def __init__(
        self,
        root: tkinter.Tk,
        thread: Beside,
        *,
        show: Callable[[ClientSnapshot], object],
        note: Callable[[list[Fact]], object],
        ended: Callable[[BaseException | None], object],
    ) -> None:
        """``show`` gets each new snapshot, ``note`` the facts; ``ended`` is called once, when the thread has ended."""
        self.snapshot: ClientSnapshot | None = None
        self._root, self._thread = root, thread
        self._show, self._note, self._ended = show, note, ended
        self._commands: list[tuple[Future[Any], Callable[[Any], object] | None, Callable[[str], object]]] = []
        self._next: str | None = None

    def start(self) -> None:
        """Look now, and then ten times a second."""
        self.look()

    def stop(self) -> None:
        """Stop looking; answers that come later are lost."""
        if self._next is not None:
            self._root.after_cancel(self._next)
            self._next = None

    def expect(self, command: Future[R], then: Callable[[R], object] | None, failed: Callable[[str], object]) -> None:
        """Call ``then`` with the result of a command when it is done, or ``failed`` with its error as a sentence."""
        self._commands.append((command, then, failed))

    def look(self) -> None:
        """Hand over what there is now; whatever that raises, the next look is due."""
        self.stop()
        over = self._thread.closed.is_set()
        if not over:
            self._next = self._root.after(EVERY, self.look)
        snapshot = self._thread.snapshot
        news = snapshot is not None and snapshot is not self.snapshot
        self.snapshot = snapshot
        try:
            if facts := self._thread.facts():
                self._note(facts)
            if news and snapshot is not None:
                self._show(snapshot)
        finally:
            self._answer()
            if over:
                self._ended(self._thread.failure)

    def _answer(self) -> None:
        done = [command for command in self._commands if command[0].done()]
        self._commands = [command for command in self._commands if command not in done]
        for future, then, failed in done:
            if future.cancelled():
                continue
            error = future.exception()
            try:
                if error is not None:
                    failed(sentence(error))
                elif then is not None:
                    then(future.result())
            except Exception:
                self._root.report_callback_exception(*_raised())


def sentence(error: BaseException) -> str:
    """Return an error as a sentence for people."""
    if isinstance(error, SwarmShareError):
        return spoken(error.advice)
    return _("Something went wrong that nobody expected: {error}").format(error=f"{type(error).__name__}: {error}")


def _raised() -> tuple[Any, Any, Any]:
    import sys

    return sys.exc_info()
