"""A tracker is met by a group link, or by a question once; from then on nothing else passes for it.

Against a real tracker, and against a man in the middle who has an identity of his own.
"""

from __future__ import annotations

import json
import socket
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import trio
from tracker.trackers import PASSWORD, Server, open_server
from waiting import TIMEOUT

from swarmshare.errors import StorageError, TrackerError
from swarmshare.identity.authority import Authority
from swarmshare.identity.certificates import new_key, signing_request
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.group_link import GroupLink, parse_group_link
from swarmshare.identity.tls import server_context
from swarmshare.storage.home import VARIABLE
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.bridge import open_link
from swarmshare.tracker_client.fetch import get
from swarmshare.tracker_client.http import Connection, what_answers
from swarmshare.tracker_client.pinning import pin_group, presented_identity
from swarmshare.tracker_client.trust import pin, pinned_group

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_server(tmp_path_factory.mktemp("tracker")) as server:
        yield server


@pytest.fixture(scope="module")
def link(server: Server) -> GroupLink:
    return parse_group_link(server.events["listening"]["group_link"])


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    with Connection(server.url) as connection:
        setup = server.events["setup"]["setup_token"]
        return TrackerApi(connection).register("Olga", PASSWORD, "test", setup_token=setup).token


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))
    return tmp_path / "home"


@contextmanager
def man_in_the_middle(context: ssl.SSLContext, claimed: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A server that says it is of the authority ``claimed``; gives its port, and what it was sent within TLS."""
    heard: list[bytes] = []
    body = json.dumps({"group_id": "", "authority": claimed.decode()}).encode()
    answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection = listener.accept()[0]
                connection.settimeout(TIMEOUT)
                with suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                    heard.append(secure.recv(4096))
                    secure.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield listener.getsockname()[1], heard
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_a_group_link_is_all_that_it_takes(link: GroupLink, token: str) -> None:
    pin_group(link)
    assert pinned_group(link.tracker) == link.group
    with Connection(link.tracker, token) as connection:
        assert TrackerApi(connection).account().user == "Olga"
    pin_group(link)  # again is as well


def test_the_identity_is_presented_for_a_person_to_compare(link: GroupLink) -> None:
    found = presented_identity(link.tracker)
    assert found.group == link.group
    assert pinned_group(link.tracker) is None, "nobody said yes yet"
    pin(link.tracker, found.authority)
    assert what_answers(link.tracker) is None


async def test_live_connections_and_announces_go_by_the_same_pin(link: GroupLink, token: str) -> None:
    await trio.to_thread.run_sync(pin_group, link)
    with trio.fail_after(TIMEOUT):
        live = await open_link(link.tracker, token, "/live", {}, 2**20)
        assert not live.polls
        await live.aclose()
        page = await get(f"{link.tracker}/announce?info_hash=x", lambda page: page)
    assert b"failure reason" in page.body


async def test_without_a_pin_an_authority_of_its_own_is_not_believed(link: GroupLink, token: str) -> None:
    with Connection(link.tracker, token) as connection, pytest.raises(TrackerError, match="cannot be trusted"):
        TrackerApi(connection).account()
    with pytest.raises(TrackerError, match="cannot be trusted"):
        await open_link(link.tracker, token, "/live", {}, 2**20)


def test_a_link_of_another_group_is_refused(link: GroupLink) -> None:
    other = replace(link, group=GroupId(bytes(32)))
    with pytest.raises(TrackerError, match="is for another one") as raised:
        pin_group(other)
    assert raised.value.rule == "identity"
    assert pinned_group(link.tracker) is None


async def test_a_man_in_the_middle_is_refused_in_the_words_of_ssh(tmp_path: Path, link: GroupLink) -> None:
    theirs, ours = Authority.create(tmp_path / "theirs"), Authority.create(tmp_path / "ours")
    context = server_context(theirs.server_certificate([], ["127.0.0.1"]).pem)
    with man_in_the_middle(context, ours.certificate_pem) as (port, heard):
        tracker = f"https://127.0.0.1:{port}"
        group = GroupId.of(ours.certificate_pem)
        pin(tracker, ours.certificate_pem)
        with Connection(tracker, "secret") as connection, pytest.raises(TrackerError, match="eavesdropping") as raised:
            TrackerApi(connection).sign_in("Ana", PASSWORD, "test")
        assert raised.value.rule == "identity"
        assert str(group) in str(raised.value)
        with pytest.raises(TrackerError, match="man-in-the-middle") as raised:
            await open_link(tracker, "secret", "/live", {}, 2**20)
        assert raised.value.rule == "identity"
        with pytest.raises(TrackerError, match="man-in-the-middle"):
            await get(f"{tracker}/announce/secret", lambda page: page)
        assert heard == [], "nothing was sent"


def test_an_identity_without_its_key_is_worth_nothing(tmp_path: Path) -> None:
    """Who passes on the true authority's certificate, and has another key, does not come through."""
    theirs, ours = Authority.create(tmp_path / "theirs"), Authority.create(tmp_path / "ours")
    member = new_key()
    for chain in (
        theirs.server_certificate([], []).pem,
        member + ours.issue(signing_request(member), "SwarmShare tracker", "1", "1").pem,
    ):
        with man_in_the_middle(server_context(chain), ours.certificate_pem) as (port, heard):
            link = GroupLink("127.0.0.1", port, GroupId.of(ours.certificate_pem))
            with pytest.raises(TrackerError):
                pin_group(link)
            assert pinned_group(link.tracker) is None
            assert all(b"/api/v1/identity" in request for request in filter(None, heard))


@pytest.mark.parametrize("claimed", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_has_no_identity_gets_one_line(tmp_path: Path, claimed: bytes) -> None:
    ours = Authority.create(tmp_path / "ours")
    with man_in_the_middle(server_context(ours.server_certificate([], []).pem), claimed) as (port, _):
        with pytest.raises(TrackerError, match="has no identity") as raised:
            presented_identity(f"https://127.0.0.1:{port}")
        assert "\n" not in raised.value.advice


def test_a_pin_is_replaced_by_a_person_only(link: GroupLink, tmp_path: Path) -> None:
    pin(link.tracker, Authority.create(tmp_path / "old").certificate_pem)
    with pytest.raises(TrackerError, match="has changed") as raised:
        pin_group(link)
    assert raised.value.hint is not None
    assert "--new-identity" in raised.value.hint
    pin_group(link, replace=True)
    assert pinned_group(link.tracker) == link.group


def test_a_damaged_pin_believes_nobody(link: GroupLink, home: Path) -> None:
    pin_group(link)
    (path,) = (home / "groups").iterdir()
    for damaged in ("", "{}", path.read_text().replace(str(link.port), "1"), "[]"):
        path.write_text(damaged)
        with pytest.raises(StorageError, match=path.name):
            pin_group(link)
