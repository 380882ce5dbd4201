"""How Socket.IO's packets travel over WebSockets (RFC 6455), with as little of everything as thousands of peers need.

Engine.IO's own way takes three or four greenlets a connection (one reads ahead, one waits for messages, one writes, one
sleeps until the next ping), reads ahead without a bound, takes messages of any length, and, on gevent, cuts off what
does not fit into a socket's buffer. Here a connection has the one greenlet that serves its request: it reads; whoever
sends writes; and one queue has everybody's pings. wsproto knows the protocol.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import gevent
from engineio.exceptions import EngineIOError
from engineio.packet import NOOP, Packet
from gevent.queue import JoinableQueue
from gevent.socket import SHUT_RDWR
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, TextMessage
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError, generate_accept_token

from swarmshare.tracker.domain import strict_json
from swarmshare.tracker.realtime.pings import Pings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIEnvironment

    from engineio.socket import Socket
    from flask_socketio import SocketIO
    from wsproto.events import Event

CONNECTION: Final = "swarmshare.connection"
"""The key of a WSGI environment under which the server puts its connection, with ``socket``."""
READ: Final = 2**13
"""Most bytes that are read and handled before other connections have their turn."""
AT_ONCE: Final = 2**12
"""Bytes that are worth a system call of their own."""
MAX_UNSENT: Final = 8 * 2**20
"""Most bytes that wait for a slow reader; then its connection is ended. It finds its place again by the next epoch."""
STALLED: Final = 30.0
"""Seconds without a byte taken by a reader for which bytes wait."""
MAX_ATTACHMENTS: Final = 1
"""Of one packet from a peer."""
MAX_UNPOLLED: Final = 1000
"""Most packets that wait for one who polls; what comes then is dropped, and missed by its seq."""
_HOSTILE: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
"""What becomes of a hostile packet in the libraries that read it."""

_log = logging.getLogger(__name__)


def use_for(socketio: SocketIO) -> None:
    """Make ``socketio`` send and receive its packets as this module does."""
    server, engine = socketio.server, socketio.server.eio
    server.async_handlers = False  # one peer's events are worked off in their order, and none in a greenlet of its own
    server.packet_class = _bounded(server.packet_class)
    engine.on("message", _strict(server))
    # Engine.IO has its parts from a driver that it picks by a name out of its own; this is where it keeps it.
    engine._async = {
        **engine._async,
        "websocket": WebSocket,
        "queue": Unpolled,
        "thread": Pings(server, engine._async["thread"]).thread,
    }


def _bounded(packet_class: type) -> type:
    """Return Socket.IO's class of packets with two of its habits ended.

    It keeps binary attachments until it has as many as their packet announced, be that a billion. And it searches all
    that is to be sent for bytes, one Python call a value: half of the work of answering a ``join``.
    """

    class Bounded(packet_class):  # type: ignore[misc]  # Socket.IO has no types
        json = strict_json
        uses_binary_events = False  # the tracker sends text only, see schema/tracker_events.py; it still reads them

        def decode(self, encoded_packet: str | bytes) -> int:
            count: int = super().decode(encoded_packet)
            if count > MAX_ATTACHMENTS:
                raise ValueError(f"{count} attachments")
            return count

    return Bounded


def _strict(server: Any) -> Callable[[str, str | bytes], None]:
    """Engine.IO would log a page for each packet that cannot be read, and take the next. One is enough."""

    def receive(name: str, data: str | bytes) -> None:
        try:
            server._handle_eio_message(name, data)
            return
        except _HOSTILE as error:
            _log.info("a peer sent what is no packet: %.100r", error)
        except Exception:
            _log.exception("the tracker made a mistake with a packet")
        if (session := server.eio.sockets.get(name)) is not None:
            session.close(wait=False, reason=server.reason.SERVER_DISCONNECT)

    return receive


class Unpolled(JoinableQueue):  # type: ignore[misc]
    """Packets for one who polls; nobody waits to put one in."""

    def put(self, item: Packet | None, *arguments: Any) -> None:
        """Add a packet, or None for the end; beyond :data:`MAX_UNPOLLED` packets it is dropped."""
        if item is None or self.qsize() < MAX_UNPOLLED:
            super().put(item, *arguments)


class WebSocket:
    """One connection, from its handshake on: a WSGI application for one request, and a session's queue of packets.

    What is to be written, by two flags and a buffer:

    ========  ==========  =========  =====================================================================
    unsent    _waiting    _last      meaning
    ========  ==========  =========  =====================================================================
    empty     False       False      open; the next write is flushed when the greenlet that wrote is done
    some      False       False      open; a flush is due in this turn of the loop
    some      True        False      open; the socket is full, and a greenlet waits for room
    some      either      True       closing: what is there is written, nothing is added, then it hangs up
    empty     either      True       over
    ========  ==========  =========  =====================================================================
    """

    __slots__ = ("_last", "_max_message", "_protocol", "_session", "_socket", "_unsent", "_waiting")

    def __init__(self, handler: Any, engine: Any) -> None:
        """Start with ``handler``, which an Engine.IO session would use; ``engine`` is its server, whose bound holds."""
        self._session: Socket = handler.__self__
        self._max_message: int = engine.max_http_buffer_size
        self._protocol = Connection(ConnectionType.SERVER)
        self._unsent = bytearray()
        self._waiting = False  # until the socket takes more
        self._last = False  # nothing more will be written

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answers the WebSocket handshake (RFC 6455, 4.2), and serves until the connection is over."""
        session, key = self._session, environ.get("HTTP_SEC_WEBSOCKET_KEY", "")
        if environ.get("HTTP_SEC_WEBSOCKET_VERSION") != "13" or len(key) != 24:
            if not session.connected:
                session.close(wait=False, abort=True, reason=session.server.reason.TRANSPORT_ERROR)
            start_response("400 Bad Request", [("Sec-WebSocket-Version", "13"), ("Content-Length", "0")])
            return ()  # of a list, Engine.IO would make a second response
        connection = environ[CONNECTION]
        self._socket = connection.socket
        accept = generate_accept_token(key.encode("latin-1")).decode()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)]
        start_response("101 Switching Protocols", headers)(b"")
        connection.close_connection = True
        connection.upgraded()
        address = environ["REMOTE_ADDR"]
        environ.clear()  # Socket.IO keeps it as long as the connection, and is asked for its address only
        environ["REMOTE_ADDR"] = address
        self._socket.settimeout(None)  # whoever is silent is noticed by its pings
        try:
            self._serve(session)
        except (OSError, EngineIOError, *_HOSTILE) as error:
            _log.info("a connection ended: %.100r", error)
        finally:
            self._flush()
            self._hang_up()
        if session.queue is self:
            session.close(wait=False, abort=True, reason=session.server.reason.TRANSPORT_CLOSE)
        return ()

    def put(self, packet: Packet | None) -> None:
        """Send a packet; None closes the connection. Engine.IO takes this object for its queue of packets."""
        if packet is None:
            self._send(CloseConnection(CloseReason.NORMAL_CLOSURE))
        else:
            if not hasattr(packet, "frame"):  # a push is one packet for many: it is framed once
                data = packet.encode()
                message = TextMessage(data) if isinstance(data, str) else BytesMessage(data)
                packet.frame = self._protocol.send(message)
            self._write(packet.frame)

    def join(self) -> None:
        """Return at once: what was put is being sent already."""

    def _serve(self, session: Socket) -> None:
        messages = self._messages()
        if session.connected and not self._move(session, messages):
            return
        session.connected = session.upgraded = True
        waiting, session.queue = session.queue, self
        while not waiting.empty():
            self.put(waiting.get())
        del waiting  # it is large, and what follows takes as long as the connection
        for message in messages:
            session.receive(Packet(encoded_packet=message))

    def _move(self, session: Socket, messages: Iterator[str | bytes]) -> bool:
        """Return a session that was polling may come here; whether it does."""
        session.upgrading = True
        try:
            if next(messages, None) != "2probe":
                return False
            self._send(TextMessage("3probe"))
            session.queue.put(Packet(NOOP))  # the answer to its last poll
            return next(messages, None) == "5"
        finally:
            session.upgrading = False

    def _messages(self) -> Iterator[str | bytes]:
        """Yield what the peer sends, until it ends the connection or breaks the protocol."""
        parts: list[Any] = []
        length = 0
        while data := self._socket.recv(READ):
            self._protocol.receive_data(data)
            try:
                for event in self._protocol.events():
                    match event:
                        case TextMessage() | BytesMessage():
                            length += len(event.data)
                            if length > self._max_message:
                                self._send(CloseConnection(CloseReason.MESSAGE_TOO_BIG))
                                return
                            parts.append(event.data)
                            if event.message_finished:
                                yield "".join(parts) if isinstance(event, TextMessage) else b"".join(parts)
                                parts, length = [], 0
                        case Ping():
                            self._send(event.response())
                        case CloseConnection():
                            self._send(event.response())
                            return
            except RemoteProtocolError as error:
                if error.event_hint is not None:
                    self._send(error.event_hint)
                return
            gevent.sleep(0)  # one that sends without end must not stop all other connections

    def _send(self, event: Event) -> None:
        if not self._last:
            self._write(self._protocol.send(event))
            self._last = isinstance(event, CloseConnection)

    def _write(self, data: bytes) -> None:
        """Write soon, together with what else comes until then; a push and its attachment are two frames, say."""
        if self._last:
            return
        if not self._unsent:
            gevent.get_hub().loop.run_callback(self._flush)
        self._unsent += data
        if len(self._unsent) > MAX_UNSENT:
            self._hang_up()
        elif len(self._unsent) > AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        """Write what goes without waiting; for the rest, let a greenlet wait."""
        if self._waiting or not self._unsent:
            return
        try:
            del self._unsent[: self._socket.send(self._unsent, 0, 0.0)]
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()
        if self._unsent:
            self._waiting = True
            gevent.spawn(self._flush_waiting)
        elif self._last:
            self._hang_up()

    def _flush_waiting(self) -> None:
        try:
            while self._unsent:
                with gevent.Timeout(STALLED, TimeoutError()):
                    sent = self._socket.send(bytes(self._unsent[: 2**16]))
                del self._unsent[:sent]
        except OSError:
            self._last = True
        self._waiting = False
        if self._last:
            self._hang_up()

    def _hang_up(self) -> None:
        """End the connection; the greenlet that reads finds that out."""
        self._last = True
        self._unsent.clear()
        with suppress(OSError):  # it is over already
            self._socket.shutdown(SHUT_RDWR)
