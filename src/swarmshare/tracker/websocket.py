"""WebSockets (RFC 6455) for Engine.IO: wsproto's protocol on the sockets of :mod:`~swarmshare.tracker.server`.

The one that Engine.IO would take by itself reads ahead without a bound, takes messages of any length, compressed ones
too, and cuts off what does not fit into the socket's buffer. Here a connection reads only what is asked for, in the
one greenlet that it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gevent
from gevent.lock import RLock
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, BytesMessage, CloseConnection, Ping, Request, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

    from flask_socketio import SocketIO
    from wsproto.events import Event

CONNECTION: Final = "swarmshare.connection"
"""The key of a WSGI environment under which the server puts its connection, with ``socket`` and ``rfile``."""
_HANDSHAKE: Final = ("upgrade", "connection", "sec-websocket-key", "sec-websocket-version")
READ: Final = 2**16
"""Most bytes that are read ahead."""


def use_for(socketio: SocketIO) -> None:
    """Let ``socketio`` speak through this class."""
    engine = socketio.server.eio
    # There is no official way: Engine.IO picks its WebSockets by the name of the mode.
    engine._async = {**engine._async, "websocket": WebSocket}


class WebSocket:
    """One connection, from its handshake on: a WSGI application for one request."""

    def __init__(self, handler: Callable[[WebSocket], object], engine: Any) -> None:
        """``handler`` uses the connection until it is over; ``engine`` is Engine.IO's server, whose bound holds."""
        self._handler = handler
        self._max_message: int = engine.max_http_buffer_size
        self._protocol = WSConnection(ConnectionType.SERVER)
        self._sending = RLock()  # a large message takes several turns, and must not have another's in its midst

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Shake hands, and let the handler go on."""
        connection = environ[CONNECTION]
        self._file, self._sock = connection.rfile, connection.socket  # Engine.IO sets the timeout of _sock
        if not self._shake_hands(environ):
            start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Content-Length", "0")])
            return []
        connection.close_connection = True
        try:
            self._send(AcceptConnection())
            self._handler(self)
        except OSError:
            pass  # it is over, then
        finally:
            self.close()
        return []

    def send(self, data: str | bytes) -> None:
        """Send one message, text or binary; raises :class:`OSError` when the connection is over."""
        self._send(TextMessage(data=data) if isinstance(data, str) else BytesMessage(data=data))

    def wait(self) -> str | bytes | None:
        """The next message; None when the connection is over, or has done what it may not."""
        parts: list[Any] = []
        size = 0
        try:
            while True:
                for event in self._protocol.events():
                    if isinstance(event, (TextMessage, BytesMessage)):
                        size += len(event.data)
                        if size > self._max_message:
                            self._send(CloseConnection(code=CloseReason.MESSAGE_TOO_BIG))
                            return None
                        parts.append(event.data)
                        if event.message_finished:
                            gevent.sleep(0)  # one that sends without end shall not keep all others waiting
                            return "".join(parts) if isinstance(event, TextMessage) else b"".join(parts)
                    elif isinstance(event, Ping):
                        self._send(event.response())
                    elif isinstance(event, CloseConnection):
                        self._send(event.response())
                        return None
                data = self._file.read1(READ)
                if not data:
                    return None
                self._protocol.receive_data(data)
        except RemoteProtocolError as error:
            if error.event_hint is not None:
                self._send(error.event_hint)
            return None
        except OSError:
            return None

    def close(self) -> None:
        """End the connection; that it is over already is no error."""
        try:
            self._send(CloseConnection(code=CloseReason.NORMAL_CLOSURE))
        except OSError:
            pass
        finally:
            self._sock.close()

    def _shake_hands(self, environ: WSGIEnvironment) -> bool:
        values = {"host": "localhost"}  # which host it is has been looked at before
        for name in _HANDSHAKE:
            value = str(environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))
            if not value or not value.isascii() or not value.isprintable():
                return False
            values[name] = value
        try:
            headers = [(name.encode(), value.encode()) for name, value in values.items()]
            self._protocol.initiate_upgrade_connection(headers, "/")
            return isinstance(next(self._protocol.events(), None), Request)
        except RemoteProtocolError:
            return False

    def _send(self, event: Event) -> None:
        with self._sending:
            try:
                data = self._protocol.send(event)
            except LocalProtocolError as error:  # it is being closed
                raise OSError(str(error)) from None
            self._sock.sendall(data)
