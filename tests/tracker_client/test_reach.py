"""Whoever types a wrong address, or stands behind something, is told which of these it is.

The HTTP API, the live connection and announces say the same.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import trio
from tracker_client.certificates import AUTHORITY, ELSEWHERE, EXPIRED, GOOD
from tracker_client.live import Port
from tracker_client.ordinary import page

from swarmshare.errors import TrackerError
from swarmshare.tracker_client.client import TrackerAnnouncer
from swarmshare.tracker_client.fetch import get
from swarmshare.tracker_client.http import Connection
from swarmshare.tracker_client.http_announce import read_reply
from swarmshare.tracker_client.trust import trust

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TRACKER = page(b'{"code": "token-missing", "message": "sign in"}', "401 Unauthorized", "Content-Type: application/json")
PORTAL = page(b"<!doctype html><title>Welcome to Hotel Example</title>", "200 OK", "Content-Type: text/html")
NGINX = page(b"<html>The plain HTTP request was sent to HTTPS port</html>", "400 Bad Request")
SSH = b"SSH-2.0-OpenSSH_9.9\r\n"


@pytest.fixture(autouse=True)
def nobody_is_trusted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    yield
    trust(None)


@contextmanager
def serving(answer: bytes, *, pem: str = "", folder: Path | None = None, at_once: bool = False) -> Iterator[int]:
    """A server with one answer to whatever comes first, with TLS if there is a certificate; gives its port.

    ``at_once``: it speaks first, as SSH does.
    """
    context = None
    if pem:
        assert folder is not None
        (folder / "server.pem").write_text(pem)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")

    def serve(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(30)
            used = connection if context is None else context.wrap_socket(connection, server_side=True)
            with used:
                if not at_once:
                    used.recv(4096)
                used.sendall(answer)
                used.shutdown(socket.SHUT_WR)
                while used.recv(4096):
                    pass

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


async def told(url: str) -> dict[str, str]:
    """What a person is told, by each of the three ways."""

    def ask() -> None:
        with Connection(url, "token") as connection:
            connection.ask("GET", "/api/v1/account")

    found: dict[str, str] = {}
    with pytest.raises(TrackerError) as caught:
        await trio.to_thread.run_sync(ask)
    found["api"] = caught.value.advice
    with pytest.raises(TrackerError) as caught:
        await get(f"{url}/announce", lambda page: read_reply(url, page, bytes(20)))
    found["announce"] = caught.value.advice
    port = Port(1)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(TrackerAnnouncer(url, "token").run, port)
        await port.until(lambda: port.problem)
        nursery.cancel_scope.cancel()
    found["live"] = port.problem
    return found


def all_say(found: dict[str, str], *words: str) -> None:
    for way, text in found.items():
        for word in words:
            assert word in text, way


async def test_https_where_there_is_no_tls() -> None:
    for answer, at_once in ((TRACKER, False), (PORTAL, False), (SSH, True)):
        with serving(answer, at_once=at_once) as port:
            found = await told(f"https://127.0.0.1:{port}")
        all_say(found, "speaks no TLS, which https needs", f"https needs: try http://127.0.0.1:{port}.")


async def test_http_where_tls_is_wanted(tmp_path: Path) -> None:
    with serving(TRACKER, pem=GOOD, folder=tmp_path) as port:
        # OpenSSL's server sends an alert, and then hangs up; which of both is seen is a matter of time.
        found = await told(f"http://127.0.0.1:{port}")
        for text in found.values():
            assert f"is https: use https://127.0.0.1:{port}." in text or "Does it want https?" in text
    with serving(b"\x15\x03\x01\x00\x02\x02\x46") as port:
        all_say(
            await told(f"http://127.0.0.1:{port}"),
            "wants TLS, which is https",
            f"is https: use https://127.0.0.1:{port}.",
        )
    with serving(NGINX) as port:
        all_say(
            await told(f"http://127.0.0.1:{port}"),
            "wants TLS, which is https",
            f"is https: use https://127.0.0.1:{port}.",
        )


async def test_a_page_of_whoever_runs_the_network() -> None:
    with serving(PORTAL) as port:
        found = await told(f"http://127.0.0.1:{port}")
    all_say(found, "(200 OK) but a web page", "wants a sign-in in the browser first")
    with serving(page(b"", "511 Network Authentication Required")) as port:
        all_say(await told(f"http://127.0.0.1:{port}"), "wants a sign-in in the browser first")


async def test_a_port_of_something_else() -> None:
    with serving(SSH, at_once=True) as port:
        found = await told(f"http://127.0.0.1:{port}")
    all_say(found, "no web server; it says 'SSH-2.0-OpenSSH_9.9'", "This port may be another program's")
    with serving(b"") as port:
        all_say(await told(f"http://127.0.0.1:{port}"), "it hangs up without an answer")
    with serving(page(b"<html>", "502 Bad Gateway")) as port:
        all_say(await told(f"http://127.0.0.1:{port}"), "The tracker behind it does not answer: does it run?")


async def test_a_name_that_nobody_has() -> None:
    found = await told("http://tracker.invalid")
    all_say(found, "There is no machine of that name")


async def test_a_certificate_of_a_groups_own_authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = tmp_path / "group.pem"
    authority.write_text(AUTHORITY)
    with serving(TRACKER, pem=GOOD, folder=tmp_path) as port:
        url = f"https://127.0.0.1:{port}"
        all_say(await told(url), "cannot be trusted (unable to get local issuer", "add --ca FILE", "SSL_CERT_FILE")
        trust(authority)
        assert "certificate" not in str(found := await told(url))
        assert found["api"].startswith("sign in")
        trust(None)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        assert "certificate" not in str(await told(url))
    with serving(TRACKER, pem=ELSEWHERE, folder=tmp_path) as port:
        all_say(await told(f"https://127.0.0.1:{port}"), "IP address mismatch", "It is for another name")
    with serving(TRACKER, pem=EXPIRED, folder=tmp_path) as port:
        all_say(await told(f"https://127.0.0.1:{port}"), "certificate has expired", "clock")


async def test_a_file_that_is_no_authority(tmp_path: Path) -> None:
    for content, says in ((None, "no such file"), ("hello", "no certificate in PEM form")):
        file = tmp_path / "group.pem"
        if content is not None:
            file.write_text(content)
        trust(file)
        with serving(TRACKER) as port:
            all_say(await told(f"https://127.0.0.1:{port}"), str(file), says, "give the authority's certificate")
        trust(None)
