"""One Socket.IO connection to a tracker, brought from its threads into trio: the only module that knows socketio.

python-socketio's client has a thread that reads and one that writes. What it does with threads or with hostile bytes
that would hurt us is put right in subclasses, here and in ``engine_io``: their docstrings say what. Nothing that comes
waits in a queue here: the reader hands each thing over to trio and waits, so that TCP pushes back.
"""

from __future__ import annotations

import logging
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

import socketio
import trio

from swarmshare.errors import TrackerError
from swarmshare.schema.text_wire import read_text
from swarmshare.schema.tracker_events import Refusal
from swarmshare.texts import Text, about
from swarmshare.tracker_client.dial import dial
from swarmshare.tracker_client.engine_io import EngineClient, WebSocket, no_tracker
from swarmshare.tracker_client.failures import failure
from swarmshare.tracker_client.http import what_answers
from swarmshare.tracker_client.proxies import through

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swarmshare.schema.tracker_wire import Wire

TIMEOUT: Final = 30.0
"""Seconds for an answer, and for a connection from the first packet to the tracker's welcome."""
NOT_LIVE: Final = "not-a-tracker"
"""The rule of a :class:`TrackerError`: something answers, but neither by a WebSocket nor by long polling."""
HANDSHAKE: Final = 10.0
"""Seconds for a WebSocket to open; a proxy may take one and pass nothing on."""
CLOSING: Final = 0.2
"""Seconds that threads have to find out that a connection was closed."""

_SILENT: Final = logging.Logger("swarmshare.socketio", logging.CRITICAL + 1)
"""The libraries would tell standard error of each connection that breaks."""


class Link:
    """One connection, from :func:`open_link` until :attr:`over`; its methods are for the trio thread.

    ==========  =====================================================  ======================
    state       what happens                                           next state
    ==========  =====================================================  ======================
    dialling    a WebSocket opens, or else long polling answers        connected
    dialling    neither                                                over; ``open`` raises
    connected   ``handshaken``: the tracker accepts the token          open
    connected   ``refused``: it does not                               over; ``open`` raises
    open        ``close``, no answer, broken protocol, a lost socket   closed
    closed      ``ended``: both threads are done                       over
    ==========  =====================================================  ======================
    """

    def __init__(
        self, tracker: str, token: str, namespace: str, pushes: Mapping[str, Callable[[object], None]], max_message: int
    ) -> None:
        self.max_message = max_message
        """Bytes of the longest message that may come; may be raised at any time."""
        self.over = trio.Event()
        """Set when the connection has ended, and its threads with it."""
        self.polls = False
        """Whether no WebSocket gets through, and the tracker is asked for news by HTTP instead."""
        self._tracker, self._token, self._namespace, self._pushes = tracker, token, namespace, pushes
        self._trio = trio.lowlevel.current_trio_token()
        self._client: Any = None
        self._handshaken = trio.Event()
        self._refusal: object = None
        self._questions: set[_Question] = set()
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._closed = False

    async def ask(self, event: str, data: Wire) -> object:
        """Send an event, and return its acknowledgement, as it came.

        Raises:
            TrackerError: The connection ended before, or no answer came in :data:`TIMEOUT` seconds, which ends it.
        """
        question = _Question()
        self._questions.add(question)
        try:
            self._send(event, data, question)
            with trio.fail_after(TIMEOUT):
                await question.done.wait()
        except trio.TooSlowError:
            self.close()
            raise self._error(Text("tracker.no-answer", seconds=round(TIMEOUT))) from None
        finally:
            self._questions.discard(question)
        if question.answer is None:
            raise self._error(Text("tracker.broke"))
        return question.answer[0] if len(question.answer) == 1 else None

    @property
    def way(self) -> Text | None:
        """A sentence about how news arrive, where that is not by a WebSocket; else None."""
        return about(self._tracker, Text("tracker.long-polling")) if self.polls else None

    @property
    def closed(self) -> bool:
        """Whether the connection has ended, or will at once."""
        return self._closed

    def close(self) -> None:
        """End the connection; its threads notice by their socket. For any thread."""
        with self._lock:
            self._closed = True
            for connection in self._sockets:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _send(self, event: str, data: Wire, question: _Question) -> None:
        if self._closed:
            raise self._error(Text("tracker.broke"))
        try:
            # It is not for several threads at a time: this one is trio's. It only puts things into a queue.
            self._client.emit(event, data, self._namespace, partial(self._tell, question.answered))
        except Exception as error:  # whatever hostile bytes have made of the library
            self.close()
            raise self._error(Text("tracker.broke")) from error

    async def aclose(self) -> None:
        """End the connection, and wait for its threads, but never longer than :data:`CLOSING` seconds."""
        self.close()
        with trio.move_on_after(CLOSING, shield=True):
            await self.over.wait()

    async def last(self) -> NoReturn:
        """Wait until the connection ends, and raise :class:`TrackerError` then."""
        await self.over.wait()
        raise self._error(Text("tracker.broke"))

    async def open(self) -> None:
        """Connect and sign in; raise :class:`TrackerError`."""
        try:
            with trio.fail_after(TIMEOUT):
                # A limiter of its own, since a thread that was given up may look up a name for as long as it likes.
                limiter = trio.CapacityLimiter(1)
                await trio.to_thread.run_sync(self._connect, abandon_on_cancel=True, limiter=limiter)
                await self._handshaken.wait()
        except trio.TooSlowError:
            raise self._error(Text("tracker.no-answer", seconds=round(TIMEOUT))) from None
        if self._refusal is not None:
            raise self._refused()
        if self.over.is_set():
            raise self._error(Text("tracker.broke"))

    # What follows runs in other threads

    def push(self, event: str, *data: object) -> None:
        """Pass on an event that the tracker sent by itself."""
        if len(data) == 1:
            self._pushes[event](data[0])

    def handshaken(self, *_: object) -> None:
        """Note that the tracker let us in."""
        self._tell(self._handshaken.set)

    def refused(self, *data: object) -> None:
        """Note that the tracker did not let us in, and why."""
        if self._client.eio.state != "connected":
            return  # there is no connection yet: another way may get through
        if self._handshaken.is_set():
            self.close()
        self._refusal = data
        self._tell(self._handshaken.set)

    def ended(self) -> None:
        """Note that both threads are done with the connection."""
        self._drop()
        self._tell(self._end)

    def _drop(self) -> None:
        self.close()
        with self._lock:
            for connection in self._sockets:
                connection.close()

    def dialled(self) -> socket.socket:
        """Return a new socket to the tracker, which :meth:`close` ends, too. Raises :class:`OSError`."""
        connection = dial(self._tracker, TIMEOUT)
        with self._lock:
            self._sockets = [known for known in self._sockets if known.fileno() >= 0] + [connection]
            if self._closed:
                connection.close()
                raise OSError(0, "The connection broke")
        return connection

    def _tell(self, call: Callable[..., object], *data: object) -> None:
        # An error in this thread, which waits, is ours to catch; in run_sync_soon it would end the whole run.
        try:
            trio.from_thread.run_sync(call, *data, trio_token=self._trio)
        except trio.RunFinishedError:
            self.close()

    def _connect(self) -> None:
        try:
            connection = self.dialled()
        except (OSError, UnicodeError) as error:  # UnicodeError: of names of hosts
            rule, what, hint = failure(self._tracker, error, TIMEOUT)
            raise TrackerError(
                rule, about(self._tracker, Text("tracker.unreachable", reason=what)), hint=hint
            ) from error
        try:
            self._connect_by("websocket", connection)
        except Exception as error:  # whatever a stranger's bytes make of the libraries that read them
            connection.close()
            self.polls = True
            try:
                self._connect_by("polling", None)
            except Exception:
                self._drop()
                if (known := what_answers(self._tracker)) is not None:
                    raise known from error
                raise TrackerError(
                    NOT_LIVE,
                    about(self._tracker, through(self._tracker, no_tracker(error))),
                    hint=Text("hint.address"),
                ) from error

    def _connect_by(self, transport: str, connection: socket.socket | None) -> None:
        self._client = client = _Client(self, connection)
        client.on("connect", self.handshaken, self._namespace)
        client.on("connect_error", self.refused, self._namespace)
        for event in self._pushes:
            client.on(event, partial(self.push, event), self._namespace)
        try:
            client.connect(
                self._tracker,
                auth={"token": self._token},
                transports=[transport],
                namespaces=[self._namespace],
                socketio_path=f"{urlsplit(self._tracker).path}/socket.io",
                wait=False,
            )
        except BaseException:
            client.eio.forget()
            raise

    # What follows runs in trio's thread

    def _end(self) -> None:
        self.over.set()
        self._handshaken.set()
        for question in self._questions:
            question.done.set()

    def _refused(self) -> TrackerError:
        match self._refusal:
            case ({"data": {"error": Refusal.SIGNED_OUT}},):
                hint = Text("hint.sign-in-again", tracker=self._tracker)
                return TrackerError(
                    Refusal.SIGNED_OUT, about(self._tracker, Text("tracker.sign-in-invalid")), hint=hint
                )
            case ({"message": str(text), **more},):
                data = more.get("data")
                told = read_text(text, data.get("text") if isinstance(data, dict) else None)
                return TrackerError("refused", about(self._tracker, told))
        return TrackerError("refused", about(self._tracker, Text("tracker.not-let-in")))

    def _error(self, why: Text) -> TrackerError:
        return TrackerError(
            "unreachable", about(self._tracker, Text("tracker.unreachable", reason=through(self._tracker, why)))
        )


async def open_link(
    tracker: str, token: str, namespace: str, pushes: Mapping[str, Callable[[object], None]], max_message: int
) -> Link:
    """Return a connection to a tracker that is signed in.

    Args:
        tracker: Its URL, as :func:`~swarmshare.tracker_client.http.tracker_url` gives it.
        token: Whom we are to it.
        namespace: Of Socket.IO.
        pushes: By event, what is called with each push, as it came, in a thread; what it raises ends the connection.
        max_message: Bytes of the longest message that may come.

    Raises:
        TrackerError: The tracker cannot be reached, is none, or does not let us in.
    """
    link = Link(tracker, token, namespace, pushes, max_message)
    try:
        await link.open()
    except BaseException:
        link.close()
        raise
    return link


class _Question:
    def __init__(self) -> None:
        self.done = trio.Event()
        self.answer: tuple[object, ...] | None = None

    def answered(self, *answer: object) -> None:
        self.answer = answer
        self.done.set()


class _Packet(socketio.packet.Packet):  # type: ignore[misc]
    """No attachments, which no event of a tracker has, and no acknowledgements of ours, which nobody needs.

    An acknowledgement would be sent by the thread that reads: between an event of ours and its attachment, perhaps.
    """

    def decode(self, encoded_packet: Any) -> int:
        if super().decode(encoded_packet):
            raise ValueError("an attachment")
        if self.packet_type == socketio.packet.EVENT:
            self.id = None
        return 0


class _Client(socketio.Client):  # type: ignore[misc]
    """Socket.IO over a socket that is ours to close, which wakes all threads that wait for it."""

    def __init__(self, link: Link, connection: socket.socket | None) -> None:
        self._link = link
        websocket = {"socket": connection, "class_": partial(WebSocket, link), "suppress_origin": True}
        super().__init__(
            reconnection=False,
            handle_sigint=False,
            logger=_SILENT,
            engineio_logger=_SILENT,
            serializer=_Packet,
            request_timeout=TIMEOUT,
            websocket_extra_options={**websocket, "timeout": HANDSHAKE},
        )

    def _engineio_client_class(self) -> Callable[..., EngineClient]:
        return partial(EngineClient, self._link)
