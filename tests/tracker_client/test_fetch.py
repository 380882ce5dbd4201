"""GETs to servers that mean no good, over real sockets. Time passes when a test says so."""

from __future__ import annotations

import gc
import socket
import ssl
from typing import TYPE_CHECKING

import pytest
import trio
from tracker_client.ordinary import Asked, ordinary, page, redirect, until_cut
from tracker_client.test_http import NOBODY
from trio.testing import wait_all_tasks_blocked
from waiting import TIMEOUT

from swarmshare.errors import TrackerError
from swarmshare.tracker_client import fetch
from swarmshare.tracker_client.fetch import MAX_BODY, Page, get

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tracker_client.ordinary import Ordinary
    from trio.testing import MockClock


async def fetched(url: str) -> Page:
    return await get(url, lambda found: found)


async def refused(url: str) -> str:
    with pytest.raises(TrackerError) as caught:
        await fetched(url)
    return str(caught.value)


@pytest.fixture
def nobody(tmp_path: Path) -> ssl.SSLContext:
    """The server's side of TLS, with a certificate that no one trusts."""
    (tmp_path / "nobody.pem").write_text(NOBODY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "nobody.pem")
    return context


@pytest.fixture
def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    monkeypatch.setattr(fetch, "context", lambda _url: context)


async def test_a_page() -> None:
    with ordinary(lambda _: page(b"body", "404 Nowhere")) as tracker:
        found = await fetched(f"{tracker.url}/a b?x=%ff&y=\N{EURO SIGN}#z")
        assert found == Page(404, "Nowhere", b"body", True, found.url)
        assert found.url.startswith(tracker.url)
        asked = await tracker.next()
    assert (asked.path, asked.fields) == ("/announce/a%20b", {"x": b"\xff", "y": "\N{EURO SIGN}".encode()})
    assert "Accept-Encoding: identity" in asked.headers
    assert f"Host: {tracker.address}" in asked.headers


async def test_a_page_without_a_length_and_one_in_chunks() -> None:
    for answer in (
        b"HTTP/1.0 200 OK\r\n\r\nbody",
        page(b"", "200 OK", "Transfer-Encoding: chunked") + b"4\r\nbody\r\n0\r\n\r\n",
    ):
        with ordinary(lambda _, answer=answer: answer) as tracker:  # type: ignore[misc]
            assert (await fetched(tracker.url)).body == b"body"


@pytest.mark.usefixtures("trusting")
async def test_a_page_over_tls(nobody: ssl.SSLContext) -> None:
    with ordinary(lambda _: page(b"body"), tls=nobody) as tracker:
        assert (await fetched(tracker.url.replace("http", "https", 1))).body == b"body"


async def test_a_certificate_of_nobody(nobody: ssl.SSLContext) -> None:
    with ordinary(lambda _: page(b"body"), tls=nobody) as tracker:
        assert "certificate cannot be trusted" in await refused(tracker.url.replace("http", "https", 1))
        assert tracker.asked.empty()


async def test_no_proxy_and_no_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ordinary(lambda _: page(b"")) as tracker:
        await fetched(tracker.url.replace("http://", "http://ann:secret@"))
        assert "Authorization" not in (await tracker.next()).headers


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
async def test_redirects_are_followed(status: str) -> None:
    def answer(asked: Asked) -> bytes:
        left = int(asked.path.rpartition("/")[2])
        return redirect(f"/announce/{left - 1}?x=1", status) if left else page(b"body")

    with ordinary(answer) as tracker:
        assert (await fetched(f"{tracker.url}/5")).body == b"body"
        assert await refused(f"{tracker.url}/6") == "more than 5 redirects"


@pytest.mark.parametrize(
    "where", ["file:///etc/passwd", "ftp://127.0.0.1/announce", "gopher:x", "mailto:x", "http://[::1/announce"]
)
async def test_redirects_lead_nowhere_else(where: str) -> None:
    with ordinary(lambda _: redirect(where)) as tracker:
        assert "address" in await refused(tracker.url)


async def test_no_other_service_of_this_machine_is_asked() -> None:
    with (
        ordinary(lambda _: page(b"secret")) as other,
        ordinary(lambda _: redirect(f"http://{other.address}/admin")) as tracker,
    ):
        assert "only /announce" in await refused(tracker.url)
        assert "only /announce" in await refused(f"http://{other.address}/")
        assert other.asked.empty()


async def test_a_body_without_end() -> None:
    def answer(_: Asked) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while True:
            yield b"x" * 65536

    with ordinary(answer) as tracker:
        assert await refused(tracker.url) == f"the answer is longer than {MAX_BODY:,} bytes"
        await tracker.was_cut()


@pytest.mark.parametrize(
    "first",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 ", b""],
    ids=["body", "header", "status", "nothing"],
)
async def test_drop_by_drop(first: bytes, mock_clock: MockClock) -> None:
    with ordinary(lambda _: until_cut(first)) as tracker:
        await late(tracker, mock_clock)


async def test_one_status_after_another(mock_clock: MockClock) -> None:
    def answer(_: Asked) -> Iterator[bytes]:
        while True:
            yield b"HTTP/1.1 100 Continue\r\n\r\n"

    with ordinary(answer) as tracker:
        await late(tracker, mock_clock)


async def late(tracker: Ordinary, clock: MockClock) -> None:
    """Whatever the server does, after its time it is left, and the connection closed."""
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            assert await refused(tracker.url) == "no answer within 15 s"

        nursery.start_soon(ask)
        await tracker.next()
        clock.jump(TIMEOUT)
        await tracker.was_cut()


@pytest.mark.usefixtures("trusting")
async def test_a_greeting_that_is_not_answered(mock_clock: MockClock) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        async with trio.open_nursery() as nursery:

            async def ask() -> None:
                address = f"https://127.0.0.1:{server.getsockname()[1]}/announce"
                assert await refused(address) == "no answer within 15 s"

            nursery.start_soon(ask)
            connection, _ = await trio.to_thread.run_sync(server.accept)
            with connection:
                assert await trio.to_thread.run_sync(connection.recv, 65536)
                mock_clock.jump(TIMEOUT)
                assert await trio.to_thread.run_sync(connection.recv, 65536) == b""


async def test_waiting_for_a_turn_is_not_the_servers_fault(
    mock_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_THREADS", 1)
    with ordinary(lambda _: until_cut()) as slow, ordinary(lambda _: page(b"body")) as good:
        async with trio.open_nursery() as nursery:

            async def ask_slow() -> None:
                await refused(slow.url)

            async def ask_good() -> None:
                assert (await fetched(good.url)).body == b"body"

            nursery.start_soon(ask_slow)
            await slow.next()
            nursery.start_soon(ask_good)
            await wait_all_tasks_blocked()
            assert good.asked.empty()
            mock_clock.jump(TIMEOUT)


async def test_whoever_hangs_up_or_speaks_otherwise() -> None:
    for answer, says in (
        (b"", "it hangs up without an answer"),
        (b"220 mail.example ESMTP\r\n", "what answers there is no web server; it says '220 mail.example ESMTP'"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "the answer is not HTTP"),
    ):
        with ordinary(lambda _, answer=answer: answer) as tracker:  # type: ignore[misc]
            assert await refused(tracker.url) == says
    gc.collect()  # an open socket left behind is a warning, which is an error


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and not listening
        assert await refused(f"http://127.0.0.1:{taken.getsockname()[1]}/announce") == "connection refused"


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1/announce",
        "http://x:99999/announce",
        "http://a..b/announce",
        "http://" + "a" * 70 + "/announce",
        "http:",
    ],
)
async def test_what_is_no_address(url: str) -> None:
    assert "address" in await refused(url)


async def test_the_second_address_of_a_host(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken, ordinary(lambda _: page(b"body")) as tracker:
        taken.bind(("127.0.0.1", 0))
        host, _, port = tracker.address.rpartition(":")
        stream = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
        found = [(*stream, taken.getsockname()), (*stream, (host, int(port)))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert (await fetched(tracker.url)).body == b"body"
