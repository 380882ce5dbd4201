"""How requests are read from a connection: strictly, and within a time."""

from __future__ import annotations

import contextlib
from io import BytesIO
from typing import Any

import gevent
import pytest
from gevent.pywsgi import WSGIServer, headers_factory
from waiting import TIMEOUT

from swarmshare.tracker import client_handler as module
from swarmshare.tracker.client_handler import MAX_HEADERS, MAX_LINE, Headers
from swarmshare.tracker.realtime.transport import CONNECTION

CLIENTS = [
    b"Host: 127.0.0.1:6969\r\nUser-Agent: libtorrent/2.0.11.0\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
    b"Host: [::1]\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n",
    b"host: localhost\nCOOKIE: a=b; c=d\nCookie: e=f\nX-Forwarded-For: 10.0.0.1, 10.0.0.2\n\n",
    b"Host:localhost\r\nContent-Type:  text/html \r\nContent-Length: 12\r\nX-Empty:\r\nX-Name: M\xfcller\r\n\r\n",
    b"\r\n",
]


@pytest.mark.parametrize("sent", CLIENTS)
def test_what_clients_send_is_read_as_gevent_reads_it(sent: bytes) -> None:
    ours, theirs = Headers(BytesIO(sent)), headers_factory(BytesIO(sent))
    assert [line.split(":", 1)[0] for line in ours.headers] == [line.split(":", 1)[0] for line in theirs.headers]
    for name in ("host", "Connection", "COOKIE", "content-length", "x-empty", "X-Name", "missing"):
        assert ours.get(name, "none") == theirs.get(name, "none").strip()
        assert (ours.getheader(name) is None) == (theirs.getheader(name) is None)
    assert ours.typeheader == (theirs.typeheader and theirs.typeheader.strip())
    assert not ours.status
    assert not theirs.status


def test_the_body_comes_after_them() -> None:
    file = BytesIO(b"Content-Length: 4\r\n\r\nbody")
    headers = Headers(file)
    assert file.read() == b"body"
    del headers["Content-Length"]
    assert headers.get("content-length") is None
    with pytest.raises(KeyError):
        del headers["content-length"]


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"Host: localhost\r\n",
        b"Host: local",
        b"no colon\r\n\r\n",
        b"Host : localhost\r\n\r\n",
        b": localhost\r\n\r\n",
        b" Host: localhost\r\n\r\n",
        b"X: a\r\n folded\r\n\r\n",
        b"X: a\0b\r\n\r\n",
        b"X: a\rHost: evil\r\n\r\n",
        b"X\xff: a\r\n\r\n",
        b"Content-Length: 1\r\ncontent-length: 2\r\n\r\n",
        b"Host: localhost\r\nHost: localhost\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n",
        b"X: %b\r\n\r\n" % (b"x" * MAX_LINE),
        b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
    ],
)
def test_what_is_no_header_is_refused(sent: bytes) -> None:
    with pytest.raises(ValueError, match=r"header|of two"):
        Headers(BytesIO(sent))


def test_what_becomes_a_websocket_lets_go_of_its_request(capfd: pytest.CaptureFixture[str]) -> None:
    """Even of one that promised a body, which gevent would read to its end."""
    kept: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> tuple[()]:
        connection = environ[CONNECTION]
        start_response("101 Switching Protocols", [("Upgrade", "websocket")])(b"")
        connection.close_connection = True
        connection.upgraded()
        kept.append((environ, connection.environ, connection.headers, connection.rfile.closed))
        return ()

    server = WSGIServer(("127.0.0.1", 0), app, log=None, error_log=None, handler_class=module.ClientHandler)
    server.start()
    with gevent.Timeout(TIMEOUT), gevent.socket.create_connection(("127.0.0.1", server.server_port)) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nbo")
        with sock.makefile("rb") as file:
            answer = file.read()
    server.stop(0)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert kept == [({}, {}, None, True)]
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("drop", [b"", b"x"])
@pytest.mark.parametrize(("said", "answer"), [(b"GET / HT", b""), (b"GET / HTTP/1.1\r\nHost: ", b"HTTP/1.1 400")])
def test_who_is_too_slow(monkeypatch: pytest.MonkeyPatch, said: bytes, drop: bytes, answer: bytes) -> None:
    """Silent, or saying one letter now and then, so as never to be silent for long."""
    monkeypatch.setattr(module, "IDLE", 0.1)
    monkeypatch.setattr(module, "HEAD", 0.1)
    server = WSGIServer(("127.0.0.1", 0), None, log=None, error_log=None, handler_class=module.ClientHandler)
    server.start()

    def drip() -> None:
        with contextlib.suppress(OSError):
            while drop:
                sock.sendall(drop)
                gevent.sleep(0.01)

    with gevent.Timeout(TIMEOUT), gevent.socket.create_connection(("127.0.0.1", server.server_port)) as sock:
        sock.sendall(said)
        dripping = gevent.spawn(drip)
        with contextlib.suppress(ConnectionResetError):  # it did not read our last letters
            assert sock.recv(12) == answer
        dripping.kill()
    server.stop(0)
