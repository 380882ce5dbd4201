"""Engine.IO's pings, which tell a connection that lives from one that does not."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import gevent
from engineio.packet import PING, Packet
from engineio.socket import Socket

if TYPE_CHECKING:
    from collections.abc import Callable

TICK: Final = 0.5
"""Seconds that a ping may be late."""


class Pings:
    """Pings all connections. All wait equally long, so a queue and one greenlet do what Engine.IO has one each for.

    A connection that has entered no namespace by its first ping (its peer has not signed in) is ended instead.
    """

    def __init__(self, server: Any, thread: Callable[..., Any]) -> None:
        """Pings the connections of Socket.IO's ``server``; ``thread`` makes greenlets for all else of Engine.IO."""
        self._server = server
        self._thread = thread
        self._due: deque[tuple[float, Socket]] = deque()
        self._running = False

    def thread(self, target: Callable[..., object], args: Any = (), kwargs: Any = None) -> Any:
        """Return what runs ``target`` once Engine.IO calls its ``start``: for a ping, only a place in the queue."""
        if getattr(target, "__func__", None) is Socket._send_ping:
            return _Wait(self, target.__self__)  # type: ignore[attr-defined]
        return self._thread(target=target, args=args, kwargs=kwargs or {})

    def wait(self, session: Socket) -> None:
        """Pings ``session`` after the interval that Engine.IO has."""
        self._due.append((time.monotonic() + self._server.eio.ping_interval, session))
        if not self._running:
            self._running = True
            gevent.spawn(self._run)

    def _run(self) -> None:
        while self._due:
            gevent.sleep(TICK)
            while self._due and self._due[0][0] <= time.monotonic():
                self._ping(self._due.popleft()[1])
        self._running = False

    def _ping(self, session: Socket) -> None:
        if session.closing or session.closed:
            return
        manager = self._server.manager
        if not any(manager.sid_from_eio_sid(session.sid, name) for name in list(manager.get_namespaces())):
            session.close(wait=False, reason=self._server.reason.SERVER_DISCONNECT)
            return
        session.last_ping = time.time()
        session.send(Packet(PING))


class _Wait(NamedTuple):
    """What looks like a thread to Engine.IO."""

    pings: Pings
    session: Socket

    def start(self) -> None:
        """Add the connection to those that wait for their next ping."""
        self.pings.wait(self.session)
