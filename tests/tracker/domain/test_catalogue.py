"""The catalogue over HTTP: publishing, finding, fetching, withdrawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from integration.names import NAMES
from manifest.makers import encoded, folder_doc, good_doc, hybrid_doc, put, single_hybrid_doc
from tracker.trackers import Person, Tracker, problem, tracker_in
from werkzeug.http import parse_options_header

from swarmshare.manifest.bencoding import decode_document
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from pathlib import Path

    from manifest.makers import Doc

OTHERS = [b"http://one.example/announce", b"udp://two.example:1"]


def named(name: str, length: int = 20_000, **outside: Any) -> Doc:
    doc = put(folder_doc({b"a": length, b"b": 1}), "info/name", name.encode())
    return {**doc, **{key.replace("_", " ").encode(): value for key, value in outside.items()}}


def private(doc: Doc) -> Doc:
    return put(doc, "info/private", 1)


def info_hash_of(doc: Doc) -> str:
    return parse_manifest(encoded(doc)).info_hash.full.hex()


def torrent(tracker: Tracker, who: Person, info_hash: str, **headers: str) -> dict[bytes, Any]:
    response = tracker.ask("GET", f"/catalogue/{info_hash}/torrent", who, headers=headers)
    assert response.status_code == 200, response.text
    return decode_document(response.data).root


def names(tracker: Tracker, query: str = "") -> list[str]:
    return [entry["name"] for entry in tracker.get(f"/catalogue?{query}", tracker.organiser)["entries"]]


# Publishing


def test_an_entry(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    response = tracker.publish(ann, {**hybrid_doc(), b"comment": b"for\nthe \xff class"})
    assert response.status_code == 201
    manifest = parse_manifest(encoded(hybrid_doc()))
    assert manifest.info_hash_v1 is not None
    assert response.json == {
        "info_hash": manifest.info_hash.full.hex(),
        "info_hash_v1": manifest.info_hash_v1.hex(),
        "name": "top",
        "comment": "for the \ufffd class",
        "publisher": "Ann",
        "published_at": tracker.clock.now,
        "total_length": 40_012,
        "piece_length": 16_384,
        "piece_count": 4,
        "file_count": 2,
        "private": False,
        "hybrid": True,
        "seeds": 0,
        "peers": 0,
        "copies": 0,
    }
    assert response.headers["Location"] == f"/api/v1/catalogue/{manifest.info_hash.full.hex()}"
    assert tracker.get(f"/catalogue/{manifest.info_hash.full.hex()}", tracker.organiser) == response.json


def test_publishing_again(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    first = tracker.publish(ann)
    tracker.clock.advance(10)
    again = tracker.publish(ann, {**good_doc(), b"comment": b"another"})
    assert (again.status_code, again.json) == (200, first.json)
    assert problem(tracker.publish(tracker.organiser)) == (409, "already-published", None)


def test_another_manifest_with_the_same_sha1(tracker: Tracker) -> None:
    """As if SHA-1 had been made to collide: the swarm of one must not become that of the other."""
    one, other = hybrid_doc(), single_hybrid_doc()
    assert tracker.publish(tracker.organiser, one).status_code == 201
    v1 = parse_manifest(encoded(other)).info_hash_v1
    with tracker.services.database.write() as session:
        session.connection().exec_driver_sql("UPDATE wire_hash SET hash = ? WHERE version = 1", (v1,))
    before = tracker.state()
    assert problem(tracker.publish(tracker.organiser, other))[:2] == (409, "already-published")
    assert tracker.state() == before


def test_missing_piece_layers_are_welcome(tracker: Tracker) -> None:
    doc = good_doc()
    del doc[b"piece layers"]
    assert tracker.publish(tracker.organiser, doc).status_code == 201


def test_quota_of_entries(tmp_path: Path) -> None:
    with tracker_in(tmp_path, max_entries_per_account=2) as tracker:
        codes = [tracker.publish(tracker.organiser, named(name)).status_code for name in "abc"]
        assert codes == [201, 201, 403]
        assert problem(tracker.publish(tracker.organiser, named("c")))[:2] == (403, "quota")
        assert tracker.publish(tracker.organiser, named("a")).status_code == 200
        assert tracker.publish(tracker.join("Ann"), named("c")).status_code == 201


def test_quota_of_bytes(tmp_path: Path) -> None:
    with tracker_in(tmp_path, max_manifest_bytes_per_account=1000) as tracker:
        assert tracker.publish(tracker.organiser, named("a", 100_000)).status_code == 201
        assert problem(tracker.publish(tracker.organiser, named("b", 300_000)))[:2] == (403, "quota")
        assert names(tracker) == ["a"]


# Finding


def test_finding(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    tracker.publish(ann, named("Straße und Meer", 30_000, comment=b"Ferien 100%"))
    tracker.publish(tracker.organiser, private(named("a_b", 90_000)))
    tracker.publish(tracker.organiser, named("axb", 10))
    assert names(tracker) == ["axb", "a_b", "Straße und Meer"]
    assert names(tracker, "sort=largest") == ["a_b", "Straße und Meer", "axb"]
    assert names(tracker, "search=STRASSE") == ["Straße und Meer"]
    assert names(tracker, "search=meer+ferien") == ["Straße und Meer"]
    assert names(tracker, "search=meer+berge") == []
    assert names(tracker, "search=a_b") == ["a_b"], "not a pattern"
    assert names(tracker, "search=100%25") == ["Straße und Meer"]
    assert names(tracker, "search=%00%0a") == ["axb", "a_b", "Straße und Meer"]
    assert names(tracker, "publisher=ANN") == ["Straße und Meer"]
    assert names(tracker, "publisher=Nobody") == []
    assert names(tracker, "private=true") == ["a_b"]
    assert names(tracker, "private=false&search=a") == ["axb", "Straße und Meer"]


def test_sorting_by_name_is_by_what_people_see(tracker: Tracker) -> None:
    for name in ("b", "A", "C"):
        tracker.publish(tracker.organiser, named(name))
    assert names(tracker, "sort=name") == ["A", "b", "C"]


def test_parts(tracker: Tracker) -> None:
    for name in "abcde":
        tracker.publish(tracker.organiser, named(name))
    answer = tracker.get("/catalogue?offset=1&limit=2", tracker.organiser)
    assert (answer["total"], [entry["name"] for entry in answer["entries"]]) == (5, ["d", "c"])
    assert tracker.get("/catalogue?offset=9", tracker.organiser) == {"total": 5, "entries": []}


# Fetching


def test_a_torrent_has_our_tracker_first(tracker: Tracker) -> None:
    doc = {**good_doc(), b"announce": OTHERS[0], b"announce-list": [[OTHERS[0]], [OTHERS[1]]], b"x": 1, b"nodes": []}
    tracker.publish(tracker.organiser, doc)
    got = torrent(tracker, tracker.organiser, info_hash_of(doc))
    assert got[b"announce"] == b"http://localhost/announce"
    assert got[b"announce-list"] == [[b"http://localhost/announce"], [OTHERS[0]], [OTHERS[1]]]
    assert {key: got[key] for key in (b"info", b"piece layers", b"x", b"nodes")} == {
        key: doc[key] for key in (b"info", b"piece layers", b"x", b"nodes")
    }


def test_a_torrent_goes_round(tracker: Tracker) -> None:
    """Fetched, and published again at the same tracker: nothing piles up."""
    doc = {**good_doc(), b"announce": OTHERS[0]}
    tracker.publish(tracker.organiser, doc)
    got = torrent(tracker, tracker.organiser, info_hash_of(doc))
    tracker.ask("DELETE", f"/catalogue/{info_hash_of(doc)}", tracker.organiser)
    tracker.publish(tracker.organiser, got)
    assert torrent(tracker, tracker.organiser, info_hash_of(doc)) == got


def test_a_lone_tracker_makes_no_list(tracker: Tracker) -> None:
    tracker.publish(tracker.organiser)
    assert b"announce-list" not in torrent(tracker, tracker.organiser, info_hash_of(good_doc()))


def test_the_announce_url_is_where_one_came_from(tracker: Tracker, tmp_path: Path) -> None:
    tracker.publish(tracker.organiser)
    info_hash = info_hash_of(good_doc())
    got = torrent(tracker, tracker.organiser, info_hash, Host="192.0.2.1:6969")
    assert got[b"announce"] == b"http://192.0.2.1:6969/announce"
    with tracker_in(tmp_path / "other", public_url="https://share.example/") as other:
        other.publish(other.organiser)
        assert torrent(other, other.organiser, info_hash)[b"announce"] == b"https://share.example/announce"


def test_a_private_torrent_has_the_askers_passkey_and_no_other_tracker(tracker: Tracker) -> None:
    ann = tracker.join("Ann")
    doc = private(
        {**good_doc(), b"announce": OTHERS[0], b"announce-list": [[OTHERS[1]]], b"nodes": [[b"a.example", 1]]}
    )
    tracker.publish(tracker.organiser, doc)
    for who in (ann, tracker.organiser):
        got = torrent(tracker, who, info_hash_of(doc))
        assert got[b"announce"].decode() == tracker.get("/account", who)["announce_url"]
        assert not got.keys() & {b"announce-list", b"nodes"}
        assert got[b"info"] == doc[b"info"]
    tracker.ask("DELETE", "/account/passkey", ann)
    response = tracker.ask("GET", f"/catalogue/{info_hash_of(doc)}/torrent", ann)
    assert problem(response)[:2] == (409, "no-passkey")


@pytest.mark.parametrize(
    "secret",
    [b"http://localhost/announce/0123456789abcdef0123456789abcdef", b"http://t.example/x.php?passkey=1&y",
     b"http://t.example/Announce/abc/", b"https://t.example/a?uk=1&torrent_pass=1"],
)  # fmt: skip
def test_nobodys_passkey_is_handed_on(tracker: Tracker, secret: bytes) -> None:
    doc = {**good_doc(), b"announce": secret, b"announce-list": [[secret, OTHERS[0]], [secret]]}
    tracker.publish(tracker.organiser, doc)
    got = torrent(tracker, tracker.join("Ann"), info_hash_of(doc))
    assert got[b"announce-list"] == [[b"http://localhost/announce"], [OTHERS[0]]]
    assert secret not in tracker.ask("GET", "/export/catalogue", tracker.organiser).data


@pytest.mark.parametrize("name", [*NAMES, 'a"b;c', "x" * 255, "100%25", "a; filename=b", "\u200e.\u200f"])
def test_the_name_of_the_download(tracker: Tracker, name: str) -> None:
    tracker.publish(tracker.organiser, named(name))
    response = tracker.ask("GET", f"/catalogue/{info_hash_of(named(name))}/torrent", tracker.organiser)
    assert response.mimetype == "application/x-bittorrent"
    header = response.headers["Content-Disposition"]
    assert header.isascii(), "WSGI sends Latin-1, and what a client makes of that nobody knows"
    assert header.isprintable()
    kind, options = parse_options_header(header)
    assert (kind, options) == ("attachment", {"filename": f"{name}.torrent"})
    plain = parse_options_header(header.partition("; filename*=")[0])[1]["filename"]
    assert plain == (name if name.isascii() else info_hash_of(named(name))) + ".torrent"


# Withdrawing


def test_withdrawing(tracker: Tracker) -> None:
    ann, ben = tracker.join("Ann"), tracker.join("Ben")
    tracker.publish(ann)
    path = f"/catalogue/{info_hash_of(good_doc())}"
    before = tracker.state()
    assert problem(tracker.ask("DELETE", path, ben)) == (403, "not-yours", None)
    assert tracker.state() == before
    assert tracker.ask("DELETE", path, ann).status_code == 204
    for method, rest in (("DELETE", ""), ("GET", ""), ("GET", "/torrent")):
        assert problem(tracker.ask(method, path + rest, ann))[:2] == (404, "unknown-entry")
    assert tracker.publish(ben).status_code == 201
    assert tracker.ask("DELETE", path, tracker.organiser).status_code == 204, "an organiser may withdraw anything"


@pytest.mark.parametrize("info_hash", ["0" * 64, "G" * 64, "A" * 64, "é" * 64])
def test_what_is_not_there(tracker: Tracker, info_hash: str) -> None:
    for method, path in (("GET", "/catalogue/{}"), ("DELETE", "/catalogue/{}"), ("GET", "/swarms/{}")):
        response = tracker.ask(method, path.format(info_hash), tracker.organiser)
        assert problem(response)[:2] == (404, "unknown-entry")


def test_an_entry_is_found_by_how_its_hash_begins_and_by_its_whole_name(tracker: Tracker) -> None:
    hashes = {}
    for name in ("one", "One", "one two"):
        doc = good_doc()
        doc[b"info"][b"name"] = name.encode()
        hashes[name] = tracker.publish(tracker.organiser, doc).json["info_hash"]

    def found(query: str) -> list[str]:
        return [entry["info_hash"] for entry in tracker.get(f"/catalogue?{query}", tracker.organiser)["entries"]]

    for name, info_hash in hashes.items():
        assert found(f"name={name}") == [info_hash]
        for digits in (8, 9, 40, 63, 64):
            assert found(f"info_hash={info_hash[:digits]}") == [info_hash]
    assert found("info_hash=00000000") == []
    assert len(found("name=&info_hash=")) == 3
    for wrong in ("info_hash=1234567", "info_hash=ABCDEF01", "info_hash=" + "0" * 65, "name=" + "x" * 1025):
        assert tracker.ask("GET", f"/catalogue?{wrong}", tracker.organiser).status_code == 422
