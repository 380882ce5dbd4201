"""The thread of a desk that a window has beside it. The window never waits for it, and it never touches a widget."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Concatenate, Final, ParamSpec, TypeVar

import trio

from swarmshare.app.client_session import ClientSession, open_session
from swarmshare.engine.unwrap import lone_exception

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from swarmshare.app.client_session import Fact
    from swarmshare.app.snapshot import ClientSnapshot

EVERY: Final = 0.2
"""Seconds between pictures."""
MAX_FACTS: Final = 1000
"""Facts that nobody has taken yet; the oldest go first."""

P = ParamSpec("P")
R = TypeVar("R")


class SessionThread:
    """Runs a desk under ``trio.run``. All methods may be called from any thread, and none of them waits."""

    def __init__(self) -> None:
        """Starts at once; a wish may be made before the desk stands, and is seen to when it does."""
        self.snapshot: ClientSnapshot | None = None
        """The newest; None until the desk stands."""
        self.failure: BaseException | None = None
        """Why it ended, when nobody asked it to."""
        self.closed = Event()
        """Set when everything is saved and the thread is at its end."""
        self._facts: deque[Fact] = deque(maxlen=MAX_FACTS)
        self._running = Event()
        Thread(target=self._main, name="session", daemon=True).start()
        self._running.wait()  # for an empty loop: a millisecond

    def submit(
        self, method: Callable[Concatenate[ClientSession, P], Awaitable[R]], *args: P.args, **kwargs: P.kwargs
    ) -> Future[R]:
        """Call a method of the desk on its own thread. A wish that comes too late, or is cut short, is cancelled."""
        granted: Future[R] = Future()
        start = partial(
            self._nursery.start_soon, self._grant, granted, lambda session: method(session, *args, **kwargs)
        )
        try:
            self._token.run_sync_soon(lambda: granted.cancel() if self._over() else start())
        except trio.RunFinishedError:
            granted.cancel()
        return granted

    def facts(self) -> list[Fact]:
        """What happened since the last call, the oldest first."""
        return [self._facts.popleft() for _ in range(len(self._facts))]

    def close(self) -> None:
        """Begin to end: save everything and close the connections."""
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
                self._ending, self._stands = trio.Event(), trio.Event()
                self._running.set()
                async with open_session(self._facts.append) as self._session:
                    self._stands.set()
                    while not self._ending.is_set():
                        self.snapshot = self._session.snapshot()
                        with trio.move_on_after(EVERY):
                            await self._ending.wait()
                    self._nursery.cancel_scope.cancel()

    async def _grant(self, granted: Future[R], ask: Callable[[ClientSession], Awaitable[R]]) -> None:
        try:
            await self._stands.wait()
            result = await ask(self._session)
        except Exception as error:
            granted.set_exception(error)
        except BaseException:
            granted.cancel()
            raise
        else:
            self.snapshot = self._session.snapshot()  # whoever sees that it is granted also sees what came of it
            granted.set_result(result)
