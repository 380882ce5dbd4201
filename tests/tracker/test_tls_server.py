"""One port, two languages: a real tracker over TLS and over plain HTTP, with clients that are slow or hostile."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import gevent
import gevent.socket
import gevent.ssl
import pytest
from cryptography import x509
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.identity.authority import Authority
from swarmshare.identity.certificates import read_certificate
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.group_link import parse_group_link
from swarmshare.identity.tls import tracker_context
from swarmshare.tracker.tls_server import ServerTls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracker")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder, "--registration", "open", "--host", "tracker.example")
    yield server
    status, error = server.end(signal.SIGTERM)
    assert status == 130, error
    assert "Traceback" not in error
    assert "Warning" not in error


@pytest.fixture(scope="module")
def pinned(folder: Path, server: Server) -> ssl.SSLContext:
    return tracker_context(Authority.open(folder / "identity").certificate_pem)


def where(server: Server) -> tuple[str, int]:
    host, _, port = server.address.rpartition(":")
    return host, int(port)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None, token: str = "") -> object:
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    connection.request(method, path, json.dumps(body) if body is not None else None, headers)
    response = connection.getresponse()
    content = response.read()
    assert response.status < 300, content
    return json.loads(content)


def secure(server: Server, context: ssl.SSLContext) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(*where(server), timeout=TIMEOUT, context=context)


def test_both_languages_are_spoken_on_one_port(server: Server, pinned: ssl.SSLContext) -> None:
    for connection in (http.client.HTTPConnection(*where(server), timeout=TIMEOUT), secure(server, pinned)):
        for _ in range(2):  # kept open
            answer = ask(connection, "GET", "/healthz")
            assert isinstance(answer, dict)
            assert answer["status"] == "ok"
        connection.close()


def test_the_group_link_leads_here_and_names_the_authority(server: Server, folder: Path) -> None:
    link = parse_group_link(server.events["listening"]["group_link"])
    assert (link.host, link.port) == where(server)
    assert link.group == GroupId.of(Authority.open(folder / "identity").certificate_pem)


def test_pages_are_for_https_and_announces_for_everybody(server: Server, pinned: ssl.SSLContext) -> None:
    connection = secure(server, pinned)
    body = {"name": "Olga", "password": PASSWORD, "setup_token": server.events["setup"]["setup_token"]}
    answer = ask(connection, "POST", "/api/v1/accounts", body)
    assert isinstance(answer, dict)
    account = ask(connection, "GET", "/api/v1/account", token=answer["token"]["secret"])
    assert isinstance(account, dict)
    assert account["announce_url"].startswith(f"http://{server.address}/announce/"), "foreign clients cannot verify"
    connection.request("GET", "/openapi.json", headers={"Origin": f"https://{server.address}"})
    assert connection.getresponse().read()
    connection.close()


def test_a_large_body_passes_both_ways(server: Server, pinned: ssl.SSLContext) -> None:
    connection = secure(server, pinned)
    document = ask(connection, "GET", "/api/v1/openapi.json")
    assert len(json.dumps(document)) > 2**15, "several TLS records"
    connection.request("POST", "/api/v1/accounts", b"x" * 60_000, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("begin", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GET /healthz HTT"])
def test_who_stays_silent_holds_up_nobody(server: Server, pinned: ssl.SSLContext, begin: bytes) -> None:
    silent = [socket.create_connection(where(server), TIMEOUT) for _ in range(3)]
    for connection in silent:
        connection.sendall(begin)
    others = secure(server, pinned)
    assert ask(others, "GET", "/healthz")
    others.close()
    for connection in silent:
        connection.close()


@pytest.mark.parametrize("begin", [b"\x16" + b"\xff" * 5000, b"\x16\x03\x01\x00\x05hello", b"\x16" * 600])
def test_what_begins_as_tls_and_is_none_is_hung_up_on(server: Server, begin: bytes) -> None:
    with socket.create_connection(where(server), TIMEOUT) as connection:
        connection.sendall(begin)
        with suppress(ConnectionResetError):  # instead of an end, where bytes were left unread
            assert connection.recv(100)[:1] in (b"", b"\x15"), "an alert of TLS"


def test_what_is_neither_language_is_refused(server: Server) -> None:
    with socket.create_connection(where(server), TIMEOUT) as connection:
        connection.sendall(b"\x13BitTorrent protocol\r\n\r\n")
        assert b" 400 " in connection.recv(100)


def test_the_certificate_is_renewed_while_it_is_valid(tmp_path: Path) -> None:
    now = datetime.now(UTC)

    def clock() -> datetime:
        return now

    tls = ServerTls(Authority.create(tmp_path, clock), ["tracker.example"], ["192.168.1.5"], clock)
    first = tls.context()
    now += timedelta(days=59)
    assert tls.context() is first
    now += timedelta(days=2)
    second = tls.context()
    assert second is not first
    now += timedelta(days=61)
    assert tls.context() is not second


def test_the_certificate_has_the_names_that_browsers_look_for(server: Server, pinned: ssl.SSLContext) -> None:
    connection = secure(server, pinned)
    connection.connect()
    assert isinstance(connection.sock, ssl.SSLSocket)
    certificate = read_certificate(connection.sock.getpeercert(binary_form=True) or b"")
    connection.close()
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", "tracker.example"} <= set(names.get_values_for_type(x509.DNSName))
    assert {"127.0.0.1", "::1"} <= {str(ip) for ip in names.get_values_for_type(x509.IPAddress)}


def test_a_broken_identity_is_told_and_nothing_starts(tmp_path: Path) -> None:
    (tmp_path / "identity").mkdir()
    (tmp_path / "identity" / "authority.pem").write_bytes(b"nonsense")
    with pytest.raises(AssertionError, match=r"authority\.pem"):
        Server(tmp_path)


def ends(connection: Any) -> bool:
    """Whether a connection is at its end, told in one way or another, when there is something to read."""
    with suppress(OSError):
        return bool(connection.recv(1) == b"")
    return True


def test_a_full_connection_makes_no_writer_wait_and_an_ended_one_no_reader(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a push to a slow reader needs: gevent's own ``send`` waits for room, in the loop's own greenlet."""
    monkeypatch.setattr(ssl, "SSLContext", gevent.ssl.SSLContext)  # as in the tracker's process, which is patched
    tls = ServerTls(Authority.create(tmp_path), [], [])
    ours, theirs = gevent.socket.socketpair()
    client = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    secure: Any = tls.context().wrap_socket(ours, server_side=True, do_handshake_on_connect=False)
    connecting = gevent.spawn(client.wrap_socket, theirs)
    secure.do_handshake()
    far = connecting.get(timeout=TIMEOUT)
    unsent, sent = bytearray(b"x" * 2**24), 0
    with suppress(BlockingIOError):
        while sent < 2**24:
            sent += (taken := secure.send(unsent, 0, 0.0))
            del unsent[:taken]
    assert 0 < sent < 2**24
    with pytest.raises(BlockingIOError):
        secure.send(unsent, 0, 0.0)
    writing = gevent.spawn(secure.sendall, bytes(unsent))
    received = bytearray()
    while len(received) < 2**24:
        received += far.recv(2**16)
    writing.get(timeout=TIMEOUT)
    assert received == b"x" * 2**24
    reading = gevent.spawn(ends, secure)
    gevent.sleep(0)
    secure.shutdown(socket.SHUT_RDWR)
    assert reading.get(timeout=TIMEOUT)
    secure.close()
    far.close()
