"""Who is let in at all: the Host and Origin of requests, proxies, and what pages may do."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest
from tracker.trackers import Tracker, problem, tracker_in

if TYPE_CHECKING:
    from pathlib import Path

NAME = socket.gethostname().lower()
OURS = [
    "localhost", "LOCALHOST:8080", "127.0.0.1", "127.0.0.1:6969", "192.168.1.5:80", "[::1]", "[2001:db8::1]:6969",
    "localhost.", NAME, f"{NAME.partition('.')[0]}.local:1", "share.example", "Share.Example:443", "lan.example",
]  # fmt: skip
NOT_OURS = [
    "evil.example", "evil.example:6969", "localhost.evil.example", "127.0.0.1.evil.example", "", "a b", "[::1", "::1",
    "localhost:x", "localhost@evil.example", "local\x00host", "[fe80::1%25eth0]", "0x7f000001", "x" * 300,
    "localhost:80:80",
]  # fmt: skip
ORIGINS = [
    ("http://localhost", True), ("http://LOCALHOST", True), ("https://share.example", True),
    ("https://localhost", False), ("http://localhost:81", False), ("null", False), ("", False),
    ("http://evil.example", False),
]  # fmt: skip


@pytest.mark.parametrize(("hosts", "status"), [(OURS, 200), (NOT_OURS, 421)])
def test_hosts(tmp_path: Path, hosts: list[str], status: int) -> None:
    with tracker_in(tmp_path, hosts=frozenset({"LAN.example"}), public_url="https://share.example") as tracker:
        for host in hosts:
            for path in ("/healthz", "/socket.io/?EIO=4&transport=polling", "/metrics"):
                response = tracker.http.get(path, environ_overrides={"HTTP_HOST": host})
                assert response.status_code == status, (host, path)
                if status == 421:
                    assert problem(response) == (421, "host", None)
        assert tracker.http.get("/healthz", environ_overrides={"HTTP_HOST": None}).status_code == 200


@pytest.mark.parametrize(("origin", "ours"), ORIGINS)
def test_origins(tmp_path: Path, origin: str, ours: bool) -> None:
    with tracker_in(tmp_path, public_url="https://share.example") as tracker:
        for path in ("/healthz", "/socket.io/?EIO=4&transport=polling", "/api/v1/openapi.json"):
            response = tracker.http.get(path, headers={"Origin": origin})
            assert response.status_code == (200 if ours else 403), path
            if not ours:
                assert problem(response) == (403, "origin", None)
                assert "Access-Control-Allow-Origin" not in response.headers


def test_ordinary_clients_are_told_in_their_language(tracker: Tracker) -> None:
    response = tracker.http.get("/announce?info_hash=x", headers={"Host": "evil.example"})
    assert response.status_code == 200
    assert response.data.startswith(b"d14:failure reason")
    assert b"does not go by" in response.data


@pytest.mark.parametrize("host", ["::1:44727", "2001:db8::1:80", "::1"])
def test_an_ipv6_address_without_brackets_may_announce(tracker: Tracker, host: str) -> None:
    """libtorrent up to 2.0.11 sends that in ``Host``: ``::1:44727`` for ``[::1]:44727``."""
    for path in ("/announce", "/scrape"):
        response = tracker.http.get(f"{path}?info_hash=x", environ_overrides={"HTTP_HOST": host})
        assert response.status_code == 200
        assert b"does not go by" not in response.data
    assert tracker.http.get("/healthz", environ_overrides={"HTTP_HOST": host}).status_code == 421


@pytest.mark.parametrize("host", ["::1:x", "evil.example:80:80", "::evil:80", "localhost:80:80", "1:2:3"])
def test_what_is_no_ipv6_address_may_not(tracker: Tracker, host: str) -> None:
    response = tracker.http.get("/announce?info_hash=x", environ_overrides={"HTTP_HOST": host})
    assert b"does not go by" in response.data


def test_forwarded_headers_count_only_behind_a_proxy(tracker: Tracker, tmp_path: Path) -> None:
    forwarded = {
        "X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "192.0.2.1:444",
        "Authorization": "",
    }  # fmt: skip
    address = f"{tracker.get('/account', tracker.organiser)['announce_url']}"
    assert address.startswith("http://localhost/announce/")
    seen = tracker.ask("GET", "/account", tracker.organiser, headers=forwarded | tracker.organiser.headers)
    assert seen.json["announce_url"] == address
    with tracker_in(tmp_path / "behind", trusted_proxies=1) as behind:
        seen = behind.ask("GET", "/account", behind.organiser, headers=forwarded | behind.organiser.headers)
        assert seen.json["announce_url"].startswith("https://192.0.2.1:444/announce/")
        evil = forwarded | {"X-Forwarded-Host": "evil.example"}
        assert behind.http.get("/healthz", headers=evil).status_code == 421


def test_pages_may_do_next_to_nothing(tracker: Tracker) -> None:
    for path in ("/", "/api/v1/account", "/setup/x", "/static/tracker.css", "/nothing"):
        with tracker.http.get(path) as response:
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            assert response.headers["Referrer-Policy"] == "same-origin"
            assert "Set-Cookie" not in response.headers
    assert tracker.http.get("/api/v1/account").headers["Cache-Control"] == "no-store"
