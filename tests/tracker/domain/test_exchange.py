"""Export and import: everything goes out, and comes in again elsewhere, or nothing of it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from manifest.makers import encoded, folder_doc, good_doc, hybrid_doc, put
from tracker.trackers import PASSWORD, Tracker, problem, tracker_in

from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


HASH = "$argon2id$v=19$m=64,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$vdy4gZ0jTBb2SxuMyCzwlmHKGhgtbzX0Ys/2zcDHTDs"


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Tracker]:
    with tracker_in(tmp_path / "other") as made:
        yield made


def post(tracker: Tracker, what: str, document: object) -> Any:
    return tracker.ask("POST", f"/import/{what}", tracker.organiser, json=document)


def account(name: str = "Ann", **more: object) -> dict[str, object]:
    return {"name": name, "role": "member", "created_at": 5, "suspended": False, **more}


def entry(data: bytes) -> dict[str, object]:
    manifest = base64.b64encode(data).decode()
    return {"info_hash": "", "name": "", "publisher": "Ann", "published_at": 7, "manifest": manifest}


def test_accounts_without_secrets(tracker: Tracker, other: Tracker) -> None:
    ann = tracker.join("Ann")
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    document = tracker.get("/export/accounts", tracker.organiser)
    assert (document["format"], document["version"]) == ("swarmshare-accounts", 1)
    assert document["accounts"][1] == {
        "name": "Ann", "role": "member", "created_at": tracker.clock.now, "suspended": True
    }  # fmt: skip
    assert post(other, "accounts", document).json == {"added": 1, "skipped": ["Olga"]}
    (listed,) = other.get("/accounts?offset=1", other.organiser)["accounts"]
    assert (listed["name"], listed["suspended"], listed["created_at"]) == ("Ann", True, tracker.clock.now)
    other.ask("PATCH", f"/accounts/{listed['id']}", other.organiser, json={"suspended": False})
    body = {"name": "Ann", "password": PASSWORD}
    assert problem(other.ask("POST", "/tokens", json=body))[1] == "credentials"
    code = other.ask("POST", "/invitations", other.organiser, json={"account": listed["id"]}).json["secret"]
    reset = {"name": "Ann", "invitation": code, "new": PASSWORD}
    assert other.ask("POST", "/password-resets", json=reset).status_code == 204
    assert other.ask("POST", "/tokens", json=body).status_code == 201


def test_accounts_with_secrets(tracker: Tracker, other: Tracker) -> None:
    ann = tracker.join("Ann")
    document = tracker.get("/export/accounts?secrets=true", tracker.organiser)
    assert set(document["accounts"][1]) > {"password_hash", "passkey"}
    assert post(other, "accounts", document).status_code == 200
    signed_in = other.ask("POST", "/tokens", json={"name": "Ann", "password": PASSWORD})
    assert signed_in.status_code == 201
    passkey = tracker.services.accounts.passkey(ann.account)
    assert other.services.accounts.passkey(signed_in.json["account"]["id"]) == passkey
    assert tracker.organiser.token not in json.dumps(document)


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        (account("a@b"), "import", "accounts[1].name"),
        (account(password_hash="x"), "import", "accounts[1].password_hash"),
        (account(password_hash=HASH.replace("argon2id", "argon2i")), "import", "accounts[1].password_hash"),
        (account(password_hash=HASH.replace("m=64", "m=99999999")), "import", "accounts[1].password_hash"),
        (account(passkey="x"), "import", "accounts[1].passkey"),
        (account(passkey="0" * 32), "import", "accounts"),
        (account(role="king"), "invalid", "accounts[1].role"),
        (account(created_at=2**60), "invalid", "accounts[1].created_at"),
        ({}, "invalid", "accounts[1].name"),
    ],
)
def test_accounts_all_or_nothing(tracker: Tracker, wrong: object, code: str, field: str) -> None:
    before = tracker.state()
    response = post(tracker, "accounts", {"accounts": [account("Good", passkey="0" * 32), wrong]})
    assert problem(response) == (422, code, field)
    assert tracker.state() == before
    assert post(tracker, "accounts", {"accounts": [account(password_hash=HASH)]}).json["added"] == 1


def test_one_name_twice_in_a_document(tracker: Tracker) -> None:
    answer = post(tracker, "accounts", {"accounts": [account("Ann"), account("ANN")]}).json
    assert answer == {"added": 1, "skipped": ["ANN"]}


def test_the_catalogue(tracker: Tracker, other: Tracker) -> None:
    ann = tracker.join("Ann")
    tracker.publish(ann, hybrid_doc())
    tracker.publish(tracker.organiser, good_doc())
    tracker.clock.advance(5)
    document = tracker.get("/export/catalogue", tracker.organiser)
    assert [found["publisher"] for found in document["entries"]] == ["Ann", "Olga"]
    other.join("Ann")
    other.publish(other.organiser, good_doc())
    assert post(other, "catalogue", document).json == {"added": 1, "skipped": ["top"]}
    there = other.get("/catalogue?publisher=ann", other.organiser)["entries"]
    assert there == tracker.get("/catalogue?publisher=ann", tracker.organiser)["entries"]
    document["entries"][0]["publisher"] = "Gone"
    other.ask("DELETE", f"/catalogue/{there[0]['info_hash']}", other.organiser)
    assert post(other, "catalogue", document).json["added"] == 1
    assert {found["publisher"] for found in other.get("/catalogue", other.organiser)["entries"]} == {"Olga"}


def test_an_empty_catalogue(tracker: Tracker) -> None:
    document = tracker.get("/export/catalogue", tracker.organiser)
    assert document == {"format": "swarmshare-catalogue", "version": 1, "entries": []}
    assert post(tracker, "catalogue", document).json == {"added": 0, "skipped": []}


def renamed(name: bytes) -> bytes:
    return encoded(put(folder_doc({b"a": 5, b"b": 5}), "info/name", name))


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        ({"entries": [entry(renamed(b"a")), entry(b"x")]}, 422, "manifest"),
        ({"entries": [entry(renamed(b"a")), entry(renamed(b"b") + b" " * 2000)]}, 413, "manifest-size"),
        ({"entries": [entry(renamed(name)) for name in (b"a", b"b", b"c")]}, 403, "quota"),
        ({"entries": [{**entry(b""), "manifest": "%"}]}, 422, "invalid"),
        ({"entries": [entry(renamed(b"a"))], "format": "swarmshare-accounts"}, 422, "invalid"),
        ({"entries": [entry(renamed(b"a"))], "version": 2}, 422, "invalid"),
    ],
)
def test_the_catalogue_all_or_nothing(tmp_path: Path, document: Any, status: int, code: str) -> None:
    with tracker_in(tmp_path, max_manifest=2000, max_entries_per_account=2) as tracker:
        before = tracker.state()
        assert problem(post(tracker, "catalogue", document))[:2] == (status, code)
        assert tracker.state() == before


def test_two_with_the_same_sha1(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser, good_doc())
    document = {"entries": [entry(encoded(hybrid_doc()))]}
    with tracker.services.database.write() as session:  # as if SHA-1 had been made to collide
        v1 = parse_manifest(encoded(hybrid_doc())).info_hash_v1
        session.connection().exec_driver_sql("INSERT INTO wire_hash VALUES (?, 1, 1)", (v1,))
    before = tracker.state()
    assert problem(post(tracker, "catalogue", document)) == (422, "import", "entries")
    assert tracker.state() == before


def test_imports_may_be_large_and_not_too_large(tmp_path: Path) -> None:
    with tracker_in(tmp_path, max_body=2000, max_import=100_000) as tracker:
        people = [account(f"Ann {number}") for number in range(200)]
        assert post(tracker, "accounts", {"accounts": people}).json["added"] == 200
        people = [account(f"Ben {number}") for number in range(2000)]
        assert problem(post(tracker, "accounts", {"accounts": people}))[:2] == (413, "too-large")
        assert tracker.get("/accounts", tracker.organiser)["total"] == 201
