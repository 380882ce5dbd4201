"""Engine.IO by WebSocket or long polling, from a server that may be hostile: what libraries leave to trust, bounded."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, Protocol

import engineio
import websocket
from engineio.payload import Payload

from swarmshare.texts import Text
from swarmshare.tracker_client.polling import PollReply, Requests

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Mapping

MAX_HEAD: Final = 2**16
"""Bytes of the HTTP answer that comes before any message."""
MAX_UNSENT: Final = 4096
"""Messages that wait to be written; a server that asks for more without reading any is cut off."""
SHARE: Final = 0.25
"""Of one processor, for reading what a server sends; more of it waits."""
BURST: Final = 1.0
"""Seconds of work after which that counts."""
AT_ONCE: Final = 16
"""Most packets in one request of ours: as many as Engine.IO's servers take."""
AT_ONCE_BYTES: Final = 2**19
"""Bytes of packets after which a request of ours takes no more; a tracker takes twice as many."""
MAX_POLLED: Final = 4
"""Messages of the longest kind that one answer may have."""
LONGEST_POLL: Final = 120.0
"""Seconds for which an answer is waited for, whatever the server says of its pings."""
Payload.max_decode_packets = 2_000  # in one answer; a tracker keeps 1,000 for one who polls


class Owner(Protocol):
    """The owner of a connection. Its methods are called in any thread."""

    max_message: int
    """Bytes of the longest message that may come, its framing included."""

    def close(self) -> None:
        """End the connection: the server broke the protocol."""

    def ended(self) -> None:
        """Hears that the connection has ended, and its threads are done."""

    def dialled(self) -> socket.socket:
        """Return a new socket to the server, which is the owner's to close. Raises :class:`OSError`."""


class Counted:
    """A socket that can be read up to a bound, in bytes, that its owner raises."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.left = MAX_HEAD

    def recv(self, size: int) -> bytes:
        """Return up to ``size`` bytes, as a socket does; raise :class:`OSError` beyond the bound."""
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
        """Open the WebSocket (RFC 6455, 4.1) over ``options["socket"]``, without following redirects."""
        self._source = options["socket"] = Counted(options["socket"])
        super().connect(url, **options, redirect_limit=0)  # type: ignore[no-untyped-call]

    def recv(self) -> str | bytes:
        """Return the next message, of at most as many bytes as the owner allows."""
        self._source.left = self._owner.max_message
        return super().recv()


class EngineClient(engineio.Client):  # type: ignore[misc]
    """Messages one after the other in the thread that reads, at a bounded pace; and an end that is told.

    Engine.IO would start a thread for each message, and a later one could overtake an earlier one.
    """

    def __init__(self, owner: Owner, **options: Any) -> None:
        super().__init__(**options)
        self._owner = owner
        # Two, since a question for news is not answered before there are any.
        self._requests = {"GET": Requests(owner.dialled), "POST": Requests(owner.dialled)}
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
        self._rest()

    def _rest(self) -> None:
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
            if self.current_transport == "polling":
                self._post_packets()
            else:
                super()._write_loop()
        except Exception:  # a time-out in a write is none of the errors that it expects
            self._owner.close()

    def _post_packets(self) -> None:
        """Engine.IO would put all that waits into one request, which its servers refuse when it is much."""
        packet: Any = None
        while self.state == "connected":
            waiting = packet or self.queue.get(timeout=LONGEST_POLL)
            packet, size = None, 0
            packets: list[Any] = []
            while waiting is not None:
                size += len(waiting.encode(b64=True))
                if packets and (len(packets) == AT_ONCE or size > AT_ONCE_BYTES):
                    packet = waiting
                    break
                packets.append(waiting)
                waiting = None if self.queue.empty() else self.queue.get()
            if not packets:
                break
            reply = self._send_request("POST", self.base_url, {"Content-Type": "text/plain"}, Payload(packets).encode())
            if isinstance(reply, str) or reply.status_code != 200:
                break
        self._owner.close()
        self.write_loop_task = None

    def _send_request(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: str | None = None,
        timeout: float | None = None,
    ) -> PollReply | str:  # fmt: skip
        """Return the answer to a request, or a text that says why there is none."""
        wait = min(timeout or self.request_timeout, LONGEST_POLL)
        try:
            most = MAX_HEAD if method == "POST" else MAX_POLLED * self._owner.max_message
            return self._requests[method].ask(method, url, headers or {}, body, wait, most)
        except OSError as error:
            return str(error) or "the connection broke"
        finally:
            if self.state == "connected" and method == "GET":
                self._rest()  # an answer may have no packet in it, and come without end

    def _read_loop_websocket(self) -> None:
        self._read(super()._read_loop_websocket)

    def _read_loop_polling(self) -> None:
        self._read(super()._read_loop_polling)

    def _read(self, loop: Callable[[], None]) -> None:
        try:
            with suppress(Exception):
                loop()
        finally:
            self.forget()
            self._owner.ended()

    def forget(self) -> None:
        """Remove this client from the library's list, which would keep it for ever."""
        with suppress(ValueError):
            engineio.base_client.connected_clients.remove(self)


def no_tracker(error: BaseException | None) -> Text:
    """Return what to say of a server that speaks no WebSocket, with the HTTP status in an error or in one it wraps."""
    while error is not None:
        if isinstance(error, websocket.WebSocketBadStatusException):
            return Text("tracker.no-tracker-status", status=error.status_code)
        error = error.__cause__ or error.__context__
    return Text("tracker.no-tracker")
