"""WebSockets for Engine.IO: whole messages both ways, and an end for whoever does what it may not."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent import socket
from gevent.queue import Queue
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    BytesMessage,
    CloseConnection,
    Event,
    Message,
    Ping,
    Pong,
    Request,
    TextMessage,
)
from wsproto.extensions import PerMessageDeflate

from swarmshare.tracker.websocket import CONNECTION, WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT = 1000


class Client:
    """The other side, by wsproto, too."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.protocol = WSConnection(ConnectionType.CLIENT)

    def send(self, *events: Event) -> None:
        self.sock.sendall(b"".join(map(self.protocol.send, events)))

    def receive(self) -> Event:
        while True:
            for event in self.protocol.events():
                return event
            data = self.sock.recv(65536)
            self.protocol.receive_data(data or None)

    def receive_message(self) -> Any:
        parts: list[Any] = []
        while True:
            event = self.receive()
            assert isinstance(event, Message), event
            parts.append(event.data)
            if event.message_finished:
                return parts[0][:0].join(parts)


class Served:
    """What the server's side saw and answered."""

    def __init__(self) -> None:
        self.messages: list[str | bytes | None] = []
        self.socket: WebSocket | None = None
        self.status = ""


@contextmanager
def connected(
    handler: Callable[[WebSocket], object] | None = None, limit: int = LIMIT
) -> Iterator[tuple[Client, Served]]:
    """A connection whose handshake is done; unless there is a ``handler``, messages are noted until the end."""
    ours, theirs = socket.socketpair()
    served = Served()

    def note(ws: WebSocket) -> None:
        while (message := ws.wait()) is not None:
            served.messages.append(message)

    def serve() -> None:
        headers = theirs_head(connection.rfile)
        ws = served.socket = WebSocket(handler or note, SimpleNamespace(max_http_buffer_size=LIMIT))
        list(ws({"PATH_INFO": "/socket.io/", CONNECTION: connection, **headers}, start_response))

    def start_response(status: str, *_: object) -> Any:
        served.status = status

    connection = SimpleNamespace(rfile=ours.makefile("rb"), socket=ours, close_connection=False)
    greenlet = gevent.spawn(serve)
    client = Client(theirs)
    try:
        client.send(Request(host="localhost", target="/socket.io/", extensions=[PerMessageDeflate()]))
        accepted = client.receive()
        assert isinstance(accepted, AcceptConnection)
        assert not accepted.extensions, "what is compressed may be a bomb"
        yield client, served
    finally:
        theirs.close()
        greenlet.join(10)
        connection.rfile.close()
        ours.close()
        assert greenlet.successful(), greenlet.exception
    assert connection.close_connection


def theirs_head(file: Any) -> dict[str, str]:
    headers = {}
    while (line := file.readline().strip()) != b"":
        name, colon, value = line.partition(b": ")
        if colon:
            headers["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode()
    return headers


def close_code(client: Client) -> int:
    event = client.receive()
    assert isinstance(event, CloseConnection), event
    return int(event.code)


@given(
    st.lists(st.one_of(st.text(max_size=300), st.binary(max_size=300)), max_size=8),
    st.integers(min_value=1, max_value=700),
)
def test_messages_arrive_whole_however_they_are_cut(messages: list[str | bytes], cut: int) -> None:
    with connected() as (client, served):
        events = [TextMessage(data=m) if isinstance(m, str) else BytesMessage(data=m) for m in messages]
        stream = b"".join(map(client.protocol.send, [*events, CloseConnection(code=1000)]))
        for at in range(0, len(stream), cut):
            client.sock.sendall(stream[at : at + cut])
            gevent.sleep(0)
        assert close_code(client) == 1000
        assert served.messages == messages


def test_messages_in_fragments() -> None:
    with connected() as (client, served):
        client.send(
            TextMessage(data="a", message_finished=False),
            TextMessage(data="b", message_finished=False),
            Ping(payload=b"?"),
            TextMessage(data="c"),
            BytesMessage(data=b"\x01", message_finished=False),
            BytesMessage(data=b""),
            CloseConnection(code=1000),
        )
        assert isinstance(client.receive(), Pong)
        assert close_code(client) == 1000
        assert served.messages == ["abc", b"\x01"]


def test_a_large_message_leaves_whole_through_a_slow_reader() -> None:
    """Much more than the buffers hold, and a pong in the midst of it, which must wait for its turn."""
    large = bytes(range(256)) * 20_000

    def handler(ws: WebSocket) -> None:
        reader = gevent.spawn(ws.wait)
        ws.send(large)
        ws.send("after")
        reader.join()

    with connected(handler) as (client, _):
        client.send(Ping(payload=b"?"))
        gevent.sleep(0)
        found: list[Any] = []
        while len(found) < 3:
            event = client.receive()
            if isinstance(event, Pong):
                found.append("pong")
            else:
                assert isinstance(event, Message)
                parts = [event.data]
                while not event.message_finished:
                    event = client.receive()
                    assert isinstance(event, Message)
                    parts.append(event.data)
                found.append(parts[0][:0].join(parts))
        assert large in found
        assert found[-1] == "after" or found[-2:] == ["after", "pong"]
        client.send(CloseConnection(code=1000))


@pytest.mark.parametrize(
    "events",
    [
        [BytesMessage(data=bytes(LIMIT + 1))],
        [TextMessage(data="x" * 600, message_finished=False), TextMessage(data="x" * 600, message_finished=False)],
    ],
)
def test_too_long(events: list[Event]) -> None:
    with connected() as (client, served):
        client.send(BytesMessage(data=bytes(LIMIT)))
        client.send(*events)
        assert close_code(client) == 1009
        assert served.messages == [bytes(LIMIT)]


@pytest.mark.parametrize(
    ("garbage", "code"),
    [
        (b"\xff" * 50, 1002),  # reserved bits
        (b"\x81\x05hello", 1002),  # not masked
        (b"\x81\x81\0\0\0\0\xff", 1007),  # not UTF-8
        (b"\x80\x80\0\0\0\0", 1002),  # continues nothing
        (b"\xc1\x80\0\0\0\0", 1002),  # compressed
    ],
)
def test_garbage(garbage: bytes, code: int) -> None:
    with connected() as (client, served):
        client.sock.sendall(garbage)
        assert close_code(client) == code
        assert served.messages == []


def test_a_claim_of_length_takes_no_memory() -> None:
    with connected() as (client, served):
        client.sock.sendall(b"\x82\xff" + (2**62).to_bytes(8) + bytes(4) + bytes(2 * LIMIT))
        assert close_code(client) == 1009
        assert served.messages == []


def test_one_who_sends_without_end_lets_others_run() -> None:
    turns: Queue[int] = Queue()

    def handler(ws: WebSocket) -> None:
        for number in range(50):
            assert ws.wait() == b"x"
            turns.put(number)

    with connected(handler) as (client, _):
        client.send(*[BytesMessage(data=b"x")] * 50)
        assert turns.get(timeout=10) == 0
        assert turns.qsize() < 5


def test_the_other_side_goes_away() -> None:
    with connected() as (client, served):
        client.send(TextMessage(data="bye"))
        client.sock.shutdown(socket.SHUT_WR)
        while served.messages != ["bye"]:
            gevent.sleep(0)


def test_sending_after_the_end() -> None:
    errors: Queue[type[BaseException]] = Queue()

    def handler(ws: WebSocket) -> None:
        ws.close()
        try:
            ws.send("x")
        except OSError as error:
            errors.put(type(error))
        assert ws.wait() is None
        raise OSError

    with connected(handler):
        assert issubclass(errors.get(timeout=10), OSError)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_HOST": "x"},
        {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_HOST": "x", "HTTP_SEC_WEBSOCKET_VERSION": "8",
         "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ=="},
        {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "Upgrade", "HTTP_SEC_WEBSOCKET_VERSION": "13",
         "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNh\x01"},
        {"HTTP_UPGRADE": "websocket", "HTTP_CONNECTION": "close", "HTTP_SEC_WEBSOCKET_VERSION": "13",
         "HTTP_SEC_WEBSOCKET_KEY": "dGhlIHNhbXBsZSBub25jZQ=="},
    ],
)  # fmt: skip
def test_a_handshake_that_is_none(headers: dict[str, str]) -> None:
    statuses: list[str] = []
    ws = WebSocket(lambda _: pytest.fail("it was taken"), SimpleNamespace(max_http_buffer_size=LIMIT))
    connection = SimpleNamespace(rfile=None, socket=None)

    def start_response(status: str, *_: object) -> Any:
        statuses.append(status)

    assert list(ws({CONNECTION: connection, **headers}, start_response)) == []
    assert statuses == ["400 Bad Request"]
