"""Engine.IO over a WebSocket, for a server that may be hostile: what the libraries leave to trust is bounded here."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import engineio
import websocket

if TYPE_CHECKING:
    import socket

MAX_HEAD: Final = 2**16
"""Bytes of the HTTP answer that comes before any message."""
MAX_UNSENT: Final = 4096
"""Messages that wait to be written; a server that asks for more without reading any is cut off."""
SHARE: Final = 0.25
"""Of one processor, for reading what a server sends; more of it waits."""
BURST: Final = 1.0
"""Seconds of work after which that counts."""


class Owner(Protocol):
    """Whose connection it is. Used in any thread."""

    max_message: int
    """Bytes of the longest message that may come, its framing included."""

    def close(self) -> None:
        """End it: the server broke the protocol."""

    def ended(self) -> None:
        """It has ended; the threads are done with it."""


class Counted:
    """A socket that can be read up to a bound."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.left = MAX_HEAD

    def recv(self, size: int) -> bytes:
        """As :meth:`socket.socket.recv`; :class:`OSError` beyond the bound."""
        if not self.left:
            raise OSError("the message is too long")
        data = self._connection.recv(min(size, self.left))
        self.left -= len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


class WebSocket(websocket.WebSocket):
    """Messages of bounded size, from the host that was asked, not from where it points to."""

    def __init__(self, owner: Owner, **options: Any) -> None:
        super().__init__(**options)
        self._owner = owner

    def connect(self, url: str, **options: Any) -> None:
        """Shake hands over ``options["socket"]``."""
        self._source = options["socket"] = Counted(options["socket"])
        super().connect(url, **options, redirect_limit=0)  # type: ignore[no-untyped-call]

    def recv(self) -> str | bytes:
        """The next message."""
        self._source.left = self._owner.max_message
        return super().recv()


class EngineClient(engineio.Client):  # type: ignore[misc]
    """Messages one after the other in the thread that reads, at a bounded pace; and an end that is told.

    Engine.IO would start a thread for each message, and a later one could overtake an earlier one.
    """

    def __init__(self, owner: Owner, **options: Any) -> None:
        super().__init__(**options)
        self._owner = owner
        self._spent = 0.0
        """Seconds of work that no rest has made up for."""
        self._looked_at = time.monotonic()
        self._worked = 0.0
        """Seconds of work of the thread that reads, in all."""

    def _trigger_event(self, event: str, *args: Any, **how: Any) -> Any:
        if event != "message":
            return super()._trigger_event(event, *args, **how)
        try:
            self.handlers[event](*args)
        except Exception:  # whatever hostile bytes make of the library
            self._owner.close()
        return None

    def _receive_packet(self, pkt: Any) -> None:
        super()._receive_packet(pkt)
        now, worked = time.monotonic(), time.thread_time()
        self._spent = max(0.0, self._spent - SHARE * (now - self._looked_at)) + worked - self._worked
        self._looked_at, self._worked = now, worked
        if self._spent > BURST:
            time.sleep((self._spent - BURST) / SHARE)

    def _send_packet(self, pkt: Any) -> None:
        if self.queue.qsize() < MAX_UNSENT:
            super()._send_packet(pkt)
        else:
            self._owner.close()

    def disconnect(self, abort: bool = False, reason: Any = None) -> None:
        """End the connection. Nobody waits for the thread that reads: it may be that one which calls."""
        super().disconnect(abort=True, reason=reason)

    def _write_loop(self) -> None:
        try:
            super()._write_loop()
        except Exception:  # a time-out in a write is none of the errors that it expects
            self._owner.close()

    def _read_loop_websocket(self) -> None:
        try:
            with suppress(Exception):
                super()._read_loop_websocket()
        finally:
            self.forget()
            self._owner.ended()

    def forget(self) -> None:
        """Be in no list of the library any more."""
        with suppress(ValueError):
            engineio.base_client.connected_clients.remove(self)


def status(error: BaseException | None) -> str:
    """What a server answered that speaks no WebSocket, where that is known, from below the layers that wrapped it."""
    while error is not None:
        if isinstance(error, websocket.WebSocketBadStatusException):
            return f" (HTTP status {error.status_code})"
        error = error.__cause__ or error.__context__
    return ""
