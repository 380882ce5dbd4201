"""One policy about proxies for all that talks to trackers, with a proxy and a tracker that are real."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
from tracker.trackers import PASSWORD, Server
from tracker_client.answering import answering
from tracker_client.ordinary import ordinary, reply
from tracker_client.proxying import proxying
from tracker_client.test_http import NOBODY

from swarmshare.errors import TrackerError
from swarmshare.schema.tracker_events import LIVE
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.bridge import open_link
from swarmshare.tracker_client.fetch import Page, get
from swarmshare.tracker_client.http import Connection
from swarmshare.tracker_client.http_announce import read_reply
from swarmshare.tracker_client.proxies import ProxyUrlError, is_near, proxy_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PUBLIC = "tracker.example"
"""A name that only a proxy finds."""
NOWHERE = "http://127.0.0.1:1"
"""Where no proxy is."""


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies but those of a test."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("tracker"), "--registration", "open", "--host", PUBLIC)
    yield made
    assert made.end(signal.SIGTERM)[0] == 130


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    with Connection(server.url) as connection:
        setup_token = server.events["setup"]["setup_token"]
        return TrackerApi(connection).register("Olga", PASSWORD, "test", setup_token=setup_token).token


def address(url: str) -> tuple[str, int]:
    host, _, port = url.rpartition("/")[2].partition(":")
    return host, int(port)


def body(page: Page) -> bytes:
    return page.body


# The policy


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.9",
        "169.254.1.1", "100.64.0.1", "fe80::1", "fe80::1%eth0", "fd12::1", "localhost", "LOCALHOST.", "a.localhost",
        "nas", "printer.local", "nas.lan", "x.internal", "x.home.arpa", "127.1", "0x7f.1", "2130706433",
    ],
)  # fmt: skip
def test_what_is_near_is_asked_directly(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("ALL_PROXY", NOWHERE)
    assert is_near(host)
    assert proxy_for(f"http://[{host}]:6969" if ":" in host else f"http://{host}:6969/announce") is None


@pytest.mark.parametrize("host", [PUBLIC, "8.8.8.8", "2600::1", "local.example", "xn--bcher-kva.example", "a.locals"])
def test_what_is_public_is_asked_through_the_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://[{host}]:6969" if ":" in host else f"http://{host}/announce"
    assert proxy_for(url) is None
    monkeypatch.setenv("http_proxy", "http://ann:p%40ss@proxy.example:3128/")
    found = proxy_for(url)
    assert found is not None
    assert (found.host, found.port, found.authorization) == ("proxy.example", 3128, "Basic YW5uOnBAc3M=")
    assert str(found) == "http://proxy.example:3128 of http_proxy"
    assert "ss" not in f"{found!r}".replace("password", ""), "nobody prints a password by accident"
    assert proxy_for(url.replace("http:", "https:")) is None
    monkeypatch.delenv("http_proxy")
    monkeypatch.setenv("ALL_PROXY", "[fd00::1]")
    assert str(proxy_for(url)) == "http://[fd00::1]:80 of ALL_PROXY"


@pytest.mark.parametrize(
    ("listed", "asked"),
    [(PUBLIC, False), ("example", False), (".example", False), (f"{PUBLIC}:6969", False), ("*", False),
     (f"a, {PUBLIC}", False), ("other.example", True), (f"{PUBLIC}:70", True)],
)  # fmt: skip
def test_no_proxy(listed: str, asked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", NOWHERE)
    monkeypatch.setenv("no_proxy", listed)
    assert (proxy_for(f"https://{PUBLIC}:6969") is not None) is asked


@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "https://127.0.0.1:1", "http://", "http://[::1", "http://x:y"])
def test_a_proxy_that_is_none_for_us(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", url.replace("//", "//ann:secret@"))
    with pytest.raises(ProxyUrlError, match="all_proxy") as caught:
        proxy_for(f"http://{PUBLIC}")
    assert "secret" not in str(caught.value)
    with Connection(f"http://{PUBLIC}") as connection, pytest.raises(TrackerError, match="all_proxy") as refused:
        connection.ask("GET", "/")
    assert "secret" not in refused.value.advice


# Near: directly, whatever the environment says


async def test_a_tracker_on_this_machine_needs_no_proxy(
    server: Server, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, NOWHERE)
    await every_way(server.url, token)


# Public: through the proxy


async def every_way(tracker: str, token: str) -> None:
    """The API, the live connection, and an announce."""

    def ask() -> str:
        with Connection(tracker, token) as connection:
            return TrackerApi(connection).account().user

    assert await trio.to_thread.run_sync(ask) == "Olga"
    link = await open_link(tracker, token, LIVE, {}, 10_000)
    await link.aclose()
    assert b"failure reason" in await get(f"{tracker}/announce?x=1", body)


async def test_a_public_tracker_is_reached_through_the_proxy(
    server: Server, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(address(server.url)) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//ann:p%40ss@"))
        await every_way(f"http://{PUBLIC}:6969", token)
        asked = [proxy.asked.get() for _ in range(proxy.asked.qsize())]
    assert [one.line for one in asked] == [
        f"GET http://{PUBLIC}:6969/api/v1/account HTTP/1.1",
        f"CONNECT {PUBLIC}:6969 HTTP/1.1",
        f"GET http://{PUBLIC}:6969/announce?x=1 HTTP/1.1",
    ]
    assert all("Proxy-Authorization: Basic YW5uOnBAc3M=\r\n" in one.head for one in asked)


async def test_no_proxy_leaves_a_public_tracker_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", NOWHERE)
    monkeypatch.setenv("no_proxy", PUBLIC)
    with ordinary(lambda _asked: reply(interval=1)) as tracker:
        find = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: find("127.0.0.1", *rest, **more))
        url = tracker.url.replace("127.0.0.1", PUBLIC)
        assert b"interval" in await get(url, body)


async def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nobody.pem").write_text(NOBODY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "nobody.pem")
    with (
        ordinary(lambda _asked: reply(), tls=context) as tracker,
        proxying(address(tracker.address)) as proxy,
    ):
        monkeypatch.setenv("https_proxy", proxy.url)
        for way in WAYS:
            with pytest.raises(TrackerError, match="certificate cannot be trusted") as caught:
                await way(f"https://{PUBLIC}")
            assert f"through the proxy {proxy.url} of https_proxy: " in str(caught.value)
        assert [line.rpartition(" ")[0] for line in proxy.lines()] == 3 * [f"CONNECT {PUBLIC}:443"]


async def by_api(tracker: str) -> Any:
    def ask() -> Any:
        with Connection(tracker, "secret") as connection:
            return connection.ask("GET", "/api/v1/account")

    return await trio.to_thread.run_sync(ask)


async def by_link(tracker: str) -> Any:
    return await open_link(tracker, "secret", LIVE, {}, 10_000)


async def by_announce(tracker: str) -> Any:
    return await get(f"{tracker}/announce", lambda page: read_reply(tracker, page, b"x" * 20))


WAYS: tuple[Callable[[str], Any], ...] = (by_api, by_link, by_announce)


@pytest.mark.parametrize("way", WAYS)
async def test_errors_name_the_proxy(way: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and not listening
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("http_proxy", f"http://ann:secret@{where}")
        with pytest.raises(TrackerError) as caught:
            await way(f"http://{PUBLIC}:6969")
    assert f"through the proxy http://{where} of http_proxy: connection refused" in str(caught.value)
    assert "secret" not in caught.value.advice


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("refusal", ["403 Forbidden", "407 Proxy Authentication Required"])
async def test_what_a_proxy_refuses(way: Callable[[str], Any], refusal: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying(("127.0.0.1", 1), refusal=refusal) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("https_proxy", proxy.url)
        for scheme in ("http", "https"):
            with pytest.raises(TrackerError) as caught:
                await way(f"{scheme}://{PUBLIC}:6969")
            assert f"through the proxy {proxy.url} of {scheme}_proxy: " in str(caught.value)
            assert refusal in str(caught.value)


async def test_a_proxy_that_talks_nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        host, port = listener.getsockname()
        monkeypatch.setenv("http_proxy", f"http://{host}:{port}")

        def talk() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"\x00\xff" * 100)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.to_thread.run_sync, talk)
            with pytest.raises(TrackerError, match="through the proxy"):
                await by_link(f"http://{PUBLIC}:6969")


def test_a_token_that_no_header_can_carry() -> None:
    with answering(200, b"{}") as (tracker, _), pytest.raises(TrackerError, match="cannot be reached"):  # noqa: SIM117
        with Connection(tracker, "\u0442\u043e\u043a\u0435\u043d") as connection:
            connection.ask("GET", "/")


def test_a_redirect_is_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a public tracker to this machine: the proxy is not asked for what is here."""
    with (
        answering(302, b"", {"Location": "http://127.0.0.1:1/announce"}) as (there, _),
        proxying(address(there)) as proxy,
    ):
        monkeypatch.setenv("http_proxy", proxy.url)
        with pytest.raises(TrackerError, match=r"^connection refused$"):
            trio.run(by_announce, f"http://{PUBLIC}")
        assert proxy.lines() == [f"GET http://{PUBLIC}:80/announce HTTP/1.1"]
