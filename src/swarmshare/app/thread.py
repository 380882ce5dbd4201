"""The client session's thread, beside a window's. The window never waits for it, and it never touches a widget."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar

import trio

from swarmshare.app.client_session import open_session
from swarmshare.engine.unwrap import lone_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from swarmshare.app.client_session import ClientSession, Fact
    from swarmshare.app.snapshot import ClientSnapshot

EVERY: Final = 0.2
"""Seconds between two snapshots."""
MAX_FACTS: Final = 1000
"""Facts that nobody has taken yet; beyond that, the oldest are dropped."""

P = ParamSpec("P")
R = TypeVar("R")


class SessionThread:
    """Runs a :class:`ClientSession` under ``trio.run``. Every method may be called from any thread; none waits."""

    def __init__(self) -> None:
        """Start the thread. A command that is submitted before the session is open runs as soon as it is."""
        self.snapshot: ClientSnapshot | None = None
        """The newest; None until the session is open. Replaced as a whole, so it may be read from any thread."""
        self.failure: BaseException | None = None
        """The error that ended the thread; None while it runs, or when :meth:`close` ended it."""
        self.closed = Event()
        """Set when everything is saved and the thread is at its end."""
        self._facts: deque[Fact] = deque(maxlen=MAX_FACTS)
        self._running = Event()
        Thread(target=self._main, name="session", daemon=True).start()
        self._running.wait()  # for an empty loop: a millisecond

    def submit(
        self, command: Callable[[ClientSession], Callable[P, Awaitable[R]]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Run a command on the session's thread, as in ``submit(lambda session: session.transfers.pause, hashes)``.

        Args:
            command: Picks the method, on the session's thread.
            args: The method's arguments, evaluated here on the caller's thread; they must not change any more.
            kwargs: As ``args``.

        Returns:
            A future with what the method returns or raises. It is cancelled when the session ends first.
        """
        answer: Future[R] = Future()
        start = partial(
            self._nursery.start_soon, self._run_command, answer, lambda: command(self._session)(*args, **kwargs)
        )
        try:
            self._token.run_sync_soon(lambda: answer.cancel() if self._over() else start())
        except trio.RunFinishedError:
            answer.cancel()
        return answer

    def facts(self) -> list[Fact]:
        """Return the facts since the last call, the oldest first."""
        return [self._facts.popleft() for _ in range(len(self._facts))]

    def close(self) -> None:
        """Start to save everything and close the connections, and return at once; :attr:`closed` is set at the end."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self._ending.set)

    def _over(self) -> bool:
        return self._ending.is_set() or self._nursery.cancel_scope.cancel_called

    def _main(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as error:
            self.failure = error
        finally:
            self.closed.set()

    async def _run(self) -> None:
        with lone_exception():
            async with trio.open_nursery() as self._nursery:
                self._token = trio.lowlevel.current_trio_token()
                self._ending, self._open = trio.Event(), trio.Event()
                self._running.set()
                async with open_session(self._facts.append) as self._session:
                    self._open.set()
                    while not self._ending.is_set():
                        self.snapshot = self._session.snapshot()
                        with trio.move_on_after(EVERY):
                            await self._ending.wait()
                    self._nursery.cancel_scope.cancel()

    async def _run_command(self, answer: Future[R], call: Callable[[], Awaitable[R]]) -> None:
        try:
            await self._open.wait()
            result = await call()
        except Exception as error:
            answer.set_exception(error)
        except BaseException:
            answer.cancel()
            raise
        else:
            self.snapshot = self._session.snapshot()  # before the answer: whoever has that sees what came of it
            answer.set_result(result)
