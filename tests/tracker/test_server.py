"""The tracker as a real process: killed in the midst, stopped, talked to by real clients."""

from __future__ import annotations

import http.client
import json
import resource
import signal
import socket
import sqlite3
import threading
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest
import requests
import socketio
from manifest.makers import encoded, folder_doc, put
from tracker.trackers import PASSWORD, Server
from waiting import TIMEOUT

from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.tracker_wire import parse_state
from swarmshare.tracker import server as module
from swarmshare.tracker.domain.database import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


class Caller:
    """Somebody who talks to a server over one connection that is kept."""

    def __init__(self, address: str, token: str = "") -> None:
        self.connection = http.client.HTTPConnection(address, timeout=TIMEOUT)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def __call__(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        self.connection.request(method, f"/api/v1{path}", data, {**self.headers, "Content-Type": content_type})
        response = self.connection.getresponse()
        text = response.read()
        assert response.status < 300, (response.status, text)
        return json.loads(text) if text else None

    def close(self) -> None:
        self.connection.close()


@contextmanager
def caller(server: Server, token: str = "") -> Iterator[Caller]:
    made = Caller(server.address, token)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def serving(folder: Path, *options: str, listen: str = "127.0.0.1:0") -> Iterator[Server]:
    server = Server(folder, *options, listen=listen)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            status, error = server.end(signal.SIGTERM)
            assert status == 130, error
            assert "Traceback" not in error
            assert "Warning" not in error


def organiser(server: Server) -> str:
    with caller(server) as call:
        body = {"name": "Olga", "password": PASSWORD, "setup_token": server.events["setup"]["setup_token"]}
        token: str = call("POST", "/accounts", body)["token"]["secret"]
        return token


@pytest.fixture
def session() -> Iterator[requests.Session]:
    """What a client polls with; it would leave its connections open."""
    with requests.Session() as made:
        yield made


def join(manifest: Manifest) -> dict[str, Any]:
    """What a seed says when it joins."""
    count = manifest.layout.piece_count
    bits = ((1 << count) - 1) << (-count % 8)
    return {
        "info_hash": str(manifest.info_hash),
        "peer_id": "00" * 20,
        "port": 6881,
        "pieces": count,
        "bitfield": bits.to_bytes(-(-count // 8)),
        "left": 0,
    }


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    """A server, and its organiser's token."""
    with serving(tmp_path_factory.mktemp("shared"), "--registration", "open") as server:
        yield server, organiser(server)


@pytest.mark.unmeasured
def test_killed_in_the_midst(tmp_path: Path) -> None:
    """Whatever was acknowledged is there after SIGKILL, twice over, and the file is whole."""
    names: list[tuple[str, str]] = []
    entries: list[str] = []
    numbers = count()
    token, listen = "", "127.0.0.1:0"
    for round_number in range(2):
        server = Server(tmp_path, "--registration", "open", listen=listen)
        listen = server.address
        assert ("setup" in server.events) is (round_number == 0)
        token = token or organiser(server)

        registered = threading.Event()

        def register(address: str = server.address, enough: threading.Event = registered) -> None:
            call = Caller(address)
            try:
                while True:
                    name = f"Ann {next(numbers)}"
                    answer = call("POST", "/accounts", {"name": name, "password": PASSWORD})
                    names.append((name, answer["token"]["secret"]))
                    enough.set()
            except (OSError, http.client.HTTPException):
                call.close()

        published = threading.Event()

        def publish(address: str = server.address, token: str = token, enough: threading.Event = published) -> None:
            call = Caller(address, token)
            try:
                while True:
                    doc = put(folder_doc({b"a": 5, b"b": 5}), "info/name", b"%d" % next(numbers))
                    entry = call("POST", "/catalogue", encoded(doc), "application/x-bittorrent")
                    entries.append(entry["info_hash"])
                    if len(entries) % 5 == 0:
                        enough.set()
            except (OSError, http.client.HTTPException):
                call.close()

        threads = [threading.Thread(target=target) for target in (register, publish)]
        for thread in threads:
            thread.start()
        assert registered.wait(TIMEOUT)
        assert published.wait(TIMEOUT)
        server.process.kill()
        server.process.communicate(timeout=TIMEOUT)
        for thread in threads:
            thread.join(TIMEOUT)

        copy = tmp_path / f"copy-{round_number}"
        copy.mkdir()
        for path in tmp_path.glob(f"{FILE_NAME}*"):
            (copy / path.name).write_bytes(path.read_bytes())
        connection = sqlite3.connect(copy / FILE_NAME)
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        connection.close()

    with serving(tmp_path, listen=listen) as server, caller(server, token) as call:
        assert names
        assert entries
        assert call("GET", "/catalogue?limit=1")["total"] >= len(entries)
        for info_hash in entries:
            assert call("GET", f"/catalogue/{info_hash}")["publisher"] == "Olga"
        for name, secret in names:
            with caller(server, secret) as own:
                assert own("GET", "/account")["account"]["name"] == name


@pytest.mark.parametrize("transport", ["websocket", "polling"])
def test_suspending_cuts_a_real_connection(
    shared: tuple[Server, str], session: requests.Session, transport: str
) -> None:
    server, token = shared
    with caller(server) as call:
        ann = call("POST", "/accounts", {"name": f"Ann {transport}", "password": PASSWORD})
    client = socketio.Client(http_session=session, reconnection=False, handle_sigint=False)
    gone = {name: threading.Event() for name in ("/swarm", "/live")}
    for name, event in gone.items():
        client.on("disconnect", lambda *_, event=event: event.set(), namespace=name)
    auth = {"token": ann["token"]["secret"]}
    client.connect(server.url, namespaces=list(gone), auth=auth, transports=[transport], wait_timeout=TIMEOUT)
    sock = client.eio.ws  # left open, when the other side has ended it
    with caller(server, token) as call:
        call("PATCH", f"/accounts/{ann['account']['id']}", {"suspended": True})
    for event in gone.values():
        assert event.wait(TIMEOUT)
    client.disconnect()
    if sock is not None:
        sock.shutdown()
    again = socketio.Client(http_session=session, reconnection=False, handle_sigint=False)
    with pytest.raises(socketio.exceptions.ConnectionError, match="failed to connect: /live"):
        again.connect(server.url, namespaces=["/live"], auth=auth, transports=["polling"], wait_timeout=TIMEOUT)


def test_a_large_answer_arrives_whole(shared: tuple[Server, str]) -> None:
    """2 MiB of availability in one event: more than any buffer takes at once."""
    server, token = shared
    doc = folder_doc({b"a": 5, b"b": 5})
    put(doc, "info/file tree/a/<empty>", {b"length": 2**35 - 2**14, b"pieces root": bytes(31) + b"1"})
    manifest = parse_manifest(encoded(doc))
    pieces = manifest.layout.piece_count
    assert pieces == 2**21
    with caller(server, token) as call:
        call("POST", "/catalogue", encoded(doc), "application/x-bittorrent")
    with socketio.SimpleClient(handle_sigint=False) as client:
        client.connect(server.url, namespace="/swarm", auth={"token": token}, transports=["websocket"])
        state = client.call("join", join(manifest), timeout=TIMEOUT)
        assert parse_state(state, pieces).availability == b"\x01" * pieces


def test_what_is_compressed_may_be_a_bomb(shared: tuple[Server, str]) -> None:
    """Engine.IO's own WebSockets would take it, and of any length."""
    with socket.create_connection(("127.0.0.1", int(shared[0].address[10:]))) as sock, sock.makefile("rb") as file:
        sock.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        )
        head = []
        while (line := file.readline().strip()) != b"":
            head.append(line.lower())
        assert head[0].startswith(b"http/1.1 101 ")
        assert not [line for line in head if line.startswith(b"sec-websocket-extensions")]


def test_what_is_computed_elsewhere_may_fail(shared: tuple[Server, str]) -> None:
    """Passwords and manifests are looked at in other threads; their errors come back, and are nobody's log entry."""
    server, token = shared
    with caller(server, token) as call, pytest.raises(AssertionError, match="manifest"):
        call("POST", "/catalogue", b"x", "application/x-bittorrent")
    with caller(server) as call, pytest.raises(AssertionError, match="credentials"):
        call("POST", "/tokens", {"name": "Olga", "password": "wrong password"})


@pytest.mark.parametrize(
    ("limits", "refused", "left"),
    [
        ((1024, 20_000), False, 19_900),
        ((1024, 20_000), True, 924),
        ((50, 50), False, 1),
        ((1024, resource.RLIM_INFINITY), False, module.WITHOUT_LIMIT),
    ],
)
def test_room_for_connections(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], refused: bool, left: int
) -> None:
    asked: list[tuple[int, int]] = []

    def set_limit(_kind: int, wanted: tuple[int, int]) -> None:
        asked.append(wanted)
        if refused:
            raise ValueError

    monkeypatch.setattr(resource, "getrlimit", lambda _kind: limits)
    monkeypatch.setattr(resource, "setrlimit", set_limit)
    assert module.most_connections() == left
    assert asked == [(limits[1], limits[1])]


def test_answers_on_a_kept_connection(shared: tuple[Server, str]) -> None:
    with socket.create_connection(("127.0.0.1", int(shared[0].address[10:]))) as sock, sock.makefile("rb") as file:
        for _ in range(3):
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert file.readline() == b"HTTP/1.1 200 OK\r\n"
            length = 0
            while (line := file.readline().strip()) != b"":
                if line.lower().startswith(b"content-length:"):
                    length = int(line[15:])
            assert json.loads(file.read(length))["status"] == "ok"
        sock.sendall(b"nonsense\r\n\r\n")
        assert b" 400 " in file.readline()


def test_ipv6_and_ctrl_c(tmp_path: Path) -> None:
    server = Server(tmp_path, listen="[::1]:0")
    assert server.address.startswith("[::1]:")
    with socket.create_connection(("::1", int(server.address[6:]))) as sock:
        sock.sendall(b"GET /healthz HTTP/1.0\r\nHost: [::1]\r\n\r\n")
        assert sock.recv(15) == b"HTTP/1.1 200 OK"
        status, error = server.end(signal.SIGINT)  # with a connection open
    assert (status, "interrupted" in error, "Traceback" in error) == (130, True, False)
    assert not (tmp_path / f"{FILE_NAME}-wal").exists(), "the database was closed"


def test_every_address(tmp_path: Path) -> None:
    with serving(tmp_path, listen="*:0") as server:
        host, _, port = server.address.rpartition(":")
        assert host == "[::]"
        setup, url = server.events["setup"]["url"], server.events["listening"]["url"]
        assert setup.startswith(f"{url}/setup/setup_")
        assert host not in url, "nobody can go there"
        for address in ("127.0.0.1", "::1"):
            with socket.create_connection((address, int(port))) as sock:
                sock.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
                assert sock.recv(15) == b"HTTP/1.1 200 OK"
