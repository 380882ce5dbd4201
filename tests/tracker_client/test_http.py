"""Talking to a tracker's API: over real sockets, and with answers that no tracker would give."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from typing import TYPE_CHECKING

import pytest
from tracker_client.answering import answering

from swarmshare.errors import TrackerError
from swarmshare.tracker_client import http
from swarmshare.tracker_client.http import Answer, Connection, tracker_url

if TYPE_CHECKING:
    from pathlib import Path


def ask(tracker: str, token: str | None = None) -> Answer:
    with Connection(tracker, token) as connection:
        return connection.ask("GET", "/api/v1/x", query={"page": 1})


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://Tracker.Example:80/", "http://tracker.example"),
        ("https://tracker.example:443/group/", "https://tracker.example/group"),
        ("https://tracker.example:80", "https://tracker.example:80"),
        ("192.168.1.5:8080", "http://192.168.1.5:8080"),
        ("localhost", "http://localhost"),
        ("http://[FD00::1]:8080", "http://[fd00::1]:8080"),
    ],
)
def test_the_one_form_of_an_address(text: str, url: str) -> None:
    assert tracker_url(text) == url
    assert tracker_url(url) == url


@pytest.mark.parametrize(
    "text",
    ["", "http://", "ftp://x", "http://u:p@x", "http://x?q=1", "http://x#f", "http://x:99999", "http://[::1", "x\n"],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(TrackerError, match="is no address of a tracker"):
        tracker_url(text)


def test_an_answer_is_checked_as_it_is_read() -> None:
    answer = Answer({"t": "x", "n": 5, "f": True, "o": {"t": "y"}, "l": [{"n": 1}], "null": None})
    assert (answer.text("t"), answer.number("n"), answer.flag("f")) == ("x", 5, True)
    assert (answer.inner("o").text("t"), [item.number("n") for item in answer.each("l")]) == ("y", [1])
    assert (answer.optional_text("null"), answer.optional_text("gone"), answer.optional_text("t")) == (None, None, "x")
    more = Answer({"s": 0.5, "s1": 1, "b": "/wA=", "x": ["a", "b"]})
    assert (more.share("s"), more.share("s1"), more.binary("b"), more.texts("x")) == (0.5, 1.0, b"\xff\0", ["a", "b"])
    wrong = Answer({"t": 1, "n": True, "f": 1, "o": [], "l": {}, "i": [1], "m": -1, "d": 1.5, "n2": 1.01, "t2": "a?"})
    for read in (
        lambda: wrong.text("t"),
        lambda: wrong.optional_text("t"),
        lambda: wrong.number("n"),
        lambda: wrong.number("m"),
        lambda: wrong.number("d"),
        lambda: wrong.flag("f"),
        lambda: wrong.inner("o"),
        lambda: list(wrong.each("l")),
        lambda: list(wrong.each("i")),
        lambda: wrong.share("n2"),
        lambda: wrong.share("t2"),
        lambda: wrong.binary("t2"),
        lambda: wrong.binary("t"),
        lambda: wrong.texts("i"),
        lambda: wrong.texts("l"),
        lambda: Answer("text"),
    ):
        with pytest.raises(TrackerError, match="answer cannot be used"):
            read()


def test_a_question_and_its_answer() -> None:
    with answering(200, b'{"n": 1}') as (tracker, seen):
        assert ask(tracker, "secret").number("n") == 1
    assert seen[0].startswith("GET /api/v1/x?page=1 HTTP/1.1\n")
    assert "Authorization: Bearer secret\n" in seen[0]


def test_no_password_of_netrc_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login ann password other")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with answering(200, b"{}") as (tracker, seen):
        ask(tracker)
        ask(tracker, "secret")
    assert "Authorization" not in seen[0]
    assert "Authorization: Bearer secret\n" in seen[1]


def test_no_content() -> None:
    with answering(204, b"") as (tracker, _):
        ask(tracker)


def test_a_refusal() -> None:
    body = json.dumps({"code": "token-expired", "message": "the token has expired", "field": None}).encode()
    with answering(401, body) as (tracker, _):
        with pytest.raises(TrackerError, match="the token has expired") as caught:
            ask(tracker, "secret")
        assert caught.value.rule == "token-expired"
        assert caught.value.hint == f"Sign in again: swarmshare login --tracker {tracker} --user NAME"
        with pytest.raises(TrackerError) as caught:
            ask(tracker)
        assert caught.value.hint is None


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, b"<html>", "the answer is not a tracker's (200 OK)"),
        (200, b"[]", "the answer is not a tracker's"),
        (200, b"\xff", "the answer is not a tracker's"),
        (200, b"[" * 100_000, "the answer is not a tracker's"),
        (502, b"<html>", "the answer is not a tracker's (502 Bad Gateway)"),
        (404, b'{"code": 1}', "the answer is not a tracker's (404 Not Found)"),
    ],
)
def test_whoever_answers_is_no_tracker(status: int, body: bytes, says: str) -> None:
    with answering(status, body) as (tracker, _), pytest.raises(TrackerError) as caught:
        ask(tracker)
    assert caught.value.rule == "not-a-tracker"
    assert f"{tracker}: {says}" in str(caught.value)


def test_a_token_goes_nowhere_else() -> None:
    with (
        answering(200, b"{}") as (elsewhere, seen),
        answering(302, b"", {"Location": elsewhere}) as (tracker, _),
        pytest.raises(TrackerError, match="it points to"),
    ):
        ask(tracker, "secret")
    assert not seen


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 100_000)
    with answering(200, b'"' + b"x" * 100_000) as (tracker, _), pytest.raises(TrackerError, match="longer than"):
        ask(tracker)


def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, and not listening
        with pytest.raises(TrackerError, match=r"cannot be reached: connection refused$") as caught:
            ask(f"http://127.0.0.1:{taken.getsockname()[1]}")
    assert caught.value.rule == "unreachable"


def test_somebody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as server, pytest.raises(TrackerError, match="no answer within"):
        ask(f"http://127.0.0.1:{server.getsockname()[1]}")


def test_somebody_who_hangs_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            server.accept()[0].close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(TrackerError, match="cannot be reached"):
            ask(f"http://127.0.0.1:{server.getsockname()[1]}")
        thread.join()


def test_a_certificate_of_nobody(tmp_path: Path) -> None:
    (tmp_path / "nobody.pem").write_text(NOBODY)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "nobody.pem")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def exchange_handshakes() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=exchange_handshakes)
        thread.start()
        with pytest.raises(TrackerError, match="its certificate cannot be trusted") as caught:
            ask(f"https://127.0.0.1:{server.getsockname()[1]}", "secret")
        thread.join()
    assert caught.value.rule == "unreachable"


def test_tls_where_there_is_none() -> None:
    with answering(200, b"{}") as (tracker, _), pytest.raises(TrackerError, match="cannot be reached"):
        ask(tracker.replace("http://", "https://"))


NOBODY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQguSxnFBmbMXvJX3b2
0jwiNnpoVx7qPjCGYBNJXcpBux6hRANCAAQEZ9hBGqUhfy6IlPUek6zw+l3S/rJP
hJ8OxCkU3Egml37PvX0HwUr+xYZBHAVyfvNlO9NOn9MHt+asjAP7tiWi
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUQo8gEyrrzZpvpbJBXelKe6wNIeowCgYIKoZIzj0EAwIw
ETEPMA0GA1UEAwwGbm9ib2R5MCAXDTI2MTEyMjIyNDM1NFoYDzIxMjYxMDI5MjI0
MzU0WjARMQ8wDQYDVQQDDAZub2JvZHkwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AAQEZ9hBGqUhfy6IlPUek6zw+l3S/rJPhJ8OxCkU3Egml37PvX0HwUr+xYZBHAVy
fvNlO9NOn9MHt+asjAP7tiWio1MwUTAdBgNVHQ4EFgQU9Ob9DHI1vNSM/ej9dAP6
KwurYuMwHwYDVR0jBBgwFoAU9Ob9DHI1vNSM/ej9dAP6KwurYuMwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAnlpN2AV6WIfWgLqyFh+7KcpYCeCr
JhCECOcyBp1IzRwCIQCIATSGhy3XFLilqscO1bBreOYKeWE8+EkE6CNg0QCGqA==
-----END CERTIFICATE-----
"""
"""Made for this test, signed by itself, trusted by no one."""
