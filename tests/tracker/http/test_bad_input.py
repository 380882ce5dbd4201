"""Requests that nobody should send: each is refused with a code of its own, and changes nothing."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
from manifest.makers import encoded, good_doc
from tracker.trackers import PASSWORD, Person, Tracker, problem, tracker_in

if TYPE_CHECKING:
    from pathlib import Path

JSON = "application/json"
TORRENT = "application/x-bittorrent"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code", "field"),
    [
        (b"", JSON, 400, "malformed", None),
        (b"{", JSON, 400, "malformed", None),
        (b'{"name": "\xff"}', JSON, 400, "malformed", None),
        (b'{"name": "\\ud800"}', JSON, 400, "malformed", None),
        (b'{"name": NaN}', JSON, 400, "malformed", None),
        (b"[" * 60_000, JSON, 400, "malformed", None),
        (b'{"a":' * 10_000, JSON, 400, "malformed", None),
        (b"[]", JSON, 422, "invalid", None),
        (b"null", JSON, 422, "invalid", None),
        (b'"x"', JSON, 422, "invalid", None),
        (b"{}", JSON, 422, "invalid", "name"),
        (b'{"name": "a"}', JSON, 422, "invalid", "password"),
        (b'{"name": 1, "password": "x"}', JSON, 422, "invalid", "name"),
        (b'{"name": null, "password": "x"}', JSON, 422, "invalid", "name"),
        (b'{"name": "a", "password": "x", "admin": true}', JSON, 422, "invalid", "admin"),
        (b'{"name": "' + b"a" * 200 + b'", "password": "x"}', JSON, 422, "invalid", "name"),
        (b'{"name": "a", "password": "x"}', "text/plain", 415, "content-type", None),
        (b"name=a&password=x", "application/x-www-form-urlencoded", 415, "content-type", None),
        (b" " * 70_000, JSON, 413, "too-large", None),
        (b"{" + b" " * 70_000, "text/plain", 415, "content-type", None),
    ],
)  # fmt: skip
def test_json_bodies(
    tracker: Tracker, body: bytes, content_type: str, status: int, code: str, field: str | None
) -> None:
    before = tracker.state()
    for path in ("/tokens", "/accounts"):
        response = tracker.ask("POST", path, data=body, content_type=content_type)
        assert problem(response) == (status, code, field)
    assert tracker.state() == before


def test_a_body_of_unknown_length_is_bounded_too(tracker: Tracker) -> None:
    response = tracker.ask(
        "POST",
        "/tokens",
        input_stream=io.BytesIO(b" " * 1_000_000),
        content_type=JSON,
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert problem(response)[:2] == (413, "too-large")


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code", "field"),
    [
        (b"", TORRENT, 422, "manifest", "bencoding"),
        (b"x", TORRENT, 422, "manifest", "bencoding"),
        (b"de", TORRENT, 422, "manifest", "info"),
        (b"d4:infod4:name1:aee", TORRENT, 422, "manifest", "version-1"),
        (encoded(good_doc()) + b"x", TORRENT, 422, "manifest", "bencoding"),
        (b"l" * 5000, TORRENT, 422, "manifest", "bencoding"),
        (b"d" + b" " * 9999, TORRENT, 422, "manifest", "bencoding"),
        (b"d" + b" " * 10_000, TORRENT, 413, "manifest-size", None),
        (encoded(good_doc()), JSON, 415, "content-type", None),
        (encoded(good_doc()), "", 415, "content-type", None),
        (encoded(good_doc()), "multipart/form-data", 415, "content-type", None),
    ],
)
def test_manifests(tmp_path: Path, body: bytes, content_type: str, status: int, code: str, field: str | None) -> None:
    with tracker_in(tmp_path, max_manifest=10_000) as tracker:
        before = tracker.state()
        response = tracker.ask("POST", "/catalogue", tracker.organiser, data=body, content_type=content_type)
        assert problem(response) == (status, code, field)
        assert tracker.state() == before


def test_the_usual_bound_of_a_manifest(tracker: Tracker) -> None:
    """10 MiB: one byte more is refused before it is read."""
    body = encoded(good_doc())
    padded = body + b" " * (10 * 2**20 - len(body))
    assert tracker.publish(tracker.organiser, padded).status_code == 201
    assert problem(tracker.publish(tracker.organiser, padded + b" ")) == (413, "manifest-size", None)


@pytest.mark.parametrize("path", ["/catalogue", "/accounts"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("limit=1&limit=2", "limit"),
        ("limit=1e3", "limit"), ("offset=-1", "offset"), ("offset=99999999999999999999", "offset"), ("page=2", "page"),
    ],
)  # fmt: skip
def test_query_strings(tracker: Tracker, path: str, query: str, field: str) -> None:
    assert problem(tracker.ask("GET", f"{path}?{query}", tracker.organiser)) == (422, "invalid", field)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic b2xnYTp4", "bearer x", "Token x"])
def test_headers_without_a_token(tracker: Tracker, header: str) -> None:
    response = tracker.ask("GET", "/account", headers={"Authorization": header})
    assert problem(response)[0] == 401
    assert problem(response)[1] in {"token-missing", "token-unknown"}


def test_a_forged_user(tracker: Tracker) -> None:
    """Whose name somebody writes into a request is of no account; nor is a token that was changed."""
    ann = tracker.join("Ann")
    before = tracker.state()
    forged = {**ann.headers, "X-Forwarded-User": "Olga", "X-Remote-User": "Olga", "Cookie": "user=Olga"}
    response = tracker.http.get("/api/v1/account?user=Olga", headers=forged, environ_overrides={"REMOTE_USER": "Olga"})
    assert response.json["account"]["name"] == "Ann"
    for token in (ann.token[:-1], ann.token + "A", ann.token.upper(), ann.token[::-1], "é" * 40, "x" * 10_000):
        response = tracker.ask("GET", "/account", Person("Ann", 0, token.encode().decode("latin-1")))
        assert problem(response)[:2] == (401, "token-unknown")
    assert tracker.state() == before


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not-found"),
        ("PUT", "/tokens", 405, "method"),
        ("DELETE", "/catalogue", 405, "method"),
        ("GET", "/catalogue/xyz", 404, "not-found"),
        ("DELETE", "/tokens/-1", 404, "not-found"),
        ("DELETE", "/tokens/99999999999999999999", 404, "not-found"),
        ("DELETE", "/tokens/2147483647", 404, "not-found"),
        ("DELETE", "/invitations/2147483647", 404, "not-found"),
    ],
)
def test_addresses(tracker: Tracker, method: str, path: str, status: int, code: str) -> None:
    assert problem(tracker.ask(method, path, tracker.organiser))[:2] == (status, code)


def test_nothing_is_logged_that_is_secret(tracker: Tracker, caplog: pytest.LogCaptureFixture) -> None:
    """Not even when something goes wrong inside."""
    passkey = tracker.services.accounts.passkey(tracker.organiser.account) or ""
    tracker.services.database.close()
    with tracker.services.database.write() as session:
        session.connection().exec_driver_sql("ALTER TABLE account RENAME TO gone")
    secrets = [PASSWORD, tracker.organiser.token, passkey, "setup_secret"]
    tracker.services.directory.accounts_changed()
    answers = [
        tracker.ask("GET", "/account", tracker.organiser),
        tracker.ask("POST", "/tokens", json={"name": "Olga", "password": PASSWORD}),
        tracker.http.get(f"/announce/{passkey}?info_hash=x"),
        tracker.http.post("/setup/setup_secret", data={"name": "a", "password": PASSWORD}),
    ]
    assert [answer.status_code for answer in answers] == [503, 503, 200, 403]
    assert problem(answers[0])[1] == "database"
    said = caplog.text + "".join(answer.text for answer in answers[:3])
    assert "no such table" in caplog.text
    assert not [secret for secret in secrets if secret in said]


def test_a_mistake_of_ours(tracker: Tracker, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    tracker.services.accounts.listed = fail  # type: ignore[assignment,method-assign]
    response = tracker.ask("GET", "/accounts?limit=7", tracker.organiser)
    assert problem(response)[:2] == (500, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert "GET /api/v1/accounts failed" in caplog.text
    assert "limit=7" not in caplog.text
    assert json.loads(response.text)["field"] is None
