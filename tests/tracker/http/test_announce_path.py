"""What announces and scrapes answer as requests: recorded while Flask routed them, and the same since it does not."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from manifest.makers import good_doc

if TYPE_CHECKING:
    import pytest
    from tracker.trackers import Tracker

PEER = "&peer_id=-XX0001-000000000001&port=6001&uploaded=0&downloaded=0&left=5"
OTHER = PEER.replace("1&", "2&")
HEAD = {"Content-Type": "text/plain", "Cache-Control": "no-store"}
"""All headers of an answer to a client, beside its length."""
PASSKEY = "this passkey is not valid (any more): take a new announce URL from the tracker"
NO_ADDRESS = "this tracker cannot tell your address: its proxy does not forward it"
NOBODY = "a" * 32
"""Has the form of a passkey."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


def ask(tracker: Tracker, path: str, *, method: str = "GET", **environ: Any) -> Answer:
    response = tracker.http.open(path, method=method, environ_overrides=environ)
    headers = dict(response.headers)
    length = headers.pop("Content-Length")
    assert length == str(len(response.data)) or method == "HEAD"
    return Answer(response.status_code, headers, response.data)


def query(tracker: Tracker) -> str:
    """The hash of an entry, as a query has it."""
    info_hash = tracker.publish(tracker.organiser, good_doc()).json["info_hash"]
    return "info_hash=" + "".join(f"%{info_hash[at : at + 2]}" for at in range(0, 40, 2))


REFUSALS = [
    ("/announce", {}, "info_hash is missing"),
    ("/announce?info_hash=x", {}, "info_hash must be 20 bytes"),
    ("/scrape", {}, "info_hash is missing"),
    ("/scrape?info_hash=x", {}, "info_hash must be 20 bytes"),
    (f"/announce?info_hash={'x' * 20}{PEER}", {}, "this tracker has no such info hash in its catalogue"),
    ("/announce?" + "x" * 8193, {}, "the query is longer than 8192 bytes"),
    ("/announce/x?info_hash=x", {}, PASSKEY),
    (f"/announce/{NOBODY}", {}, PASSKEY),
    (f"/scrape/{NOBODY}", {}, PASSKEY),
    ("/announce/%C3%A9", {}, PASSKEY),
    ("/announce/%E9", {}, PASSKEY),
    ("/announce/%00", {}, PASSKEY),
    ("/announce", {"REMOTE_ADDR": ""}, NO_ADDRESS),
    (f"/announce/{NOBODY}", {"REMOTE_ADDR": "evil"}, NO_ADDRESS),
]


def test_refusals(tracker: Tracker) -> None:
    for path, environ, reason in REFUSALS:
        told = b"d14:failure reason%d:%be" % (len(reason), reason.encode())
        assert ask(tracker, path, **environ) == (200, HEAD, told), path


def test_the_guard_stands_before_them(tracker: Tracker) -> None:
    for path in ("/announce", f"/announce/{NOBODY}", "/scrape", f"/scrape/{NOBODY}"):
        for environ, told in (
            ({"HTTP_HOST": "evil.example"}, b"does not go by the name 'evil.example'"),
            ({"HTTP_ORIGIN": "http://evil.example"}, b"a page of another site sent this"),
        ):
            answer = ask(tracker, path, **environ)
            assert (answer.status, answer.headers) == (200, {"Content-Type": "text/plain"}), path
            assert told in answer.body


def test_other_methods(tracker: Tracker) -> None:
    for path in ("/announce", "/announce/x", "/scrape", "/scrape/x"):
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "EVIL"):
            answer = ask(tracker, path, method=method)
            assert answer == (405, {**HEAD, "Allow": "GET, HEAD"}, b"405 Method Not Allowed\n"), (path, method)


def test_other_paths_are_not_theirs(tracker: Tracker) -> None:
    rests = ("ment", "/", "/x/", "/x/y", "/a%2Fb", "%2Fx%2Fy", "%00")
    for path in (f"/{what}{rest}" for what in ("announce", "scrape") for rest in rests):
        answer = ask(tracker, path)
        assert (answer.status, answer.body) == (404, b"404 there is nothing at this address\n"), path
        assert "Content-Security-Policy" in answer.headers


def test_answers_byte_for_byte(tracker: Tracker) -> None:
    known = query(tracker)
    first = b"d8:completei0e10:downloadedi0e11:external ip4:\xc0\xa8\x01\t10:incompletei1e8:intervali300e"
    second = b"d8:completei0e10:downloadedi0e11:external ip4:\xc0\xa8\x01\n10:incompletei2e8:intervali300e"
    passkey = tracker.services.accounts.passkey(tracker.organiser.account)
    for path in ("/announce", f"/announce/{passkey}"):
        alone = (200, HEAD, first + b"12:min intervali60e5:peers0:6:peers60:e")
        assert ask(tracker, f"{path}?{known}{PEER}", REMOTE_ADDR="192.168.1.9") == alone
        both = (200, HEAD, second + b"12:min intervali60e5:peers6:\xc0\xa8\x01\t\x17q6:peers60:e")
        assert ask(tracker, f"{path}?{known}{OTHER}", REMOTE_ADDR="192.168.1.10") == both
        scraped = ask(tracker, f"{path.replace('announce', 'scrape')}?{known}")
        assert re.fullmatch(
            rb"d5:filesd20:.{20}d8:completei0e10:downloadedi0e10:incompletei2eeee", scraped.body, re.DOTALL
        )
        ask(tracker, f"{path}?{known}{PEER}&event=stopped", REMOTE_ADDR="192.168.1.9")
        ask(tracker, f"{path}?{known}{OTHER}&event=stopped", REMOTE_ADDR="192.168.1.10")


def test_a_head_is_the_same_request_without_its_body(tracker: Tracker) -> None:
    known = query(tracker)
    assert ask(tracker, f"/announce?{known}{PEER}", method="HEAD") == (200, HEAD, b"")
    assert b"10:incompletei1e" in ask(tracker, f"/scrape?{known}").body


def test_they_are_counted_by_route_and_never_by_what_was_typed(tracker: Tracker) -> None:
    for path in ("/announce", f"/announce/{NOBODY}", "/scrape/x", "/scrape/y"):
        ask(tracker, path)
    ask(tracker, "/announce", method="HEAD")
    for method in ("EVIL", "WORSE"):
        ask(tracker, f"/announce/{NOBODY}", method=method)
    numbers = tracker.http.get("/metrics").text
    counted = re.findall(
        r"^swarmshare_http_seconds_count\{(.*(?:announce|scrape|405).*)\} (.*)$", numbers, re.MULTILINE
    )
    assert dict(counted) == {
        'method="GET",route="/announce",status="200"': "1.0",
        'method="GET",route="/announce/<passkey>",status="200"': "1.0",
        'method="GET",route="/scrape/<passkey>",status="200"': "2.0",
        'method="HEAD",route="/announce",status="200"': "1.0",
        'method="any",route="none",status="405"': "2.0",
    }
    assert not re.search(f"{NOBODY}|EVIL|WORSE", numbers)


def test_a_mistake_of_ours(tracker: Tracker, caplog: pytest.LogCaptureFixture) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    known = query(tracker)
    passkey = tracker.services.accounts.passkey(tracker.organiser.account)
    tracker.services.registry.announce = fail  # type: ignore[assignment,method-assign]
    answer = ask(tracker, f"/announce/{passkey}?{known}{PEER}")
    assert answer == (500, HEAD, b"500 Internal Server Error\n")
    assert "GET /announce/<passkey> failed" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert str(passkey) not in caplog.text
    numbers = tracker.http.get("/metrics").text
    assert 'swarmshare_http_seconds_count{method="GET",route="/announce/<passkey>",status="500"} 1.0' in numbers
