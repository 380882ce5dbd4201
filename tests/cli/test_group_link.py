"""Signing in by what somebody pasted: a group link, or an address whose identity is asked about once."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from cli.processes import call
from tracker.trackers import PASSWORD, Server, open_server

from swarmshare.app import accounts, meeting, signed_in
from swarmshare.app.meeting import known_address, meet
from swarmshare.cli.command import run_command
from swarmshare.errors import TrackerError
from swarmshare.identity.authority import Authority
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.group_link import GroupLink, parse_group_link
from swarmshare.storage.home import VARIABLE
from swarmshare.tracker_client.trust import pin, pinned_group

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with open_server(tmp_path_factory.mktemp("tracker")) as server:
        yield server


@pytest.fixture(scope="module")
def link(server: Server) -> GroupLink:
    return parse_group_link(server.events["listening"]["group_link"])


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path / "home"))


def nobody(_tracker: str, _group: GroupId) -> bool:
    raise AssertionError("nobody is to be asked")


def test_a_group_link_makes_an_account_over_tls(link: GroupLink, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    setup: tuple[object, ...] = ("--user", "Ana", "--password-file", "password")
    (made,) = call(tmp_path, "register", "--tracker", link, *setup)
    assert made["tracker"] == link.tracker
    assert signed_in.signed_in_at(str(link)).tracker == link.tracker
    with signed_in.open_tracker(link.tracker, signed_in.signed_in_at(None).token) as (_, api):
        assert api.account().user == "Ana"
    address = link.tracker.removeprefix("https://")
    assert known_address(address) == link.tracker, "an address alone means the pinned one"
    assert accounts.sign_in(str(link), "Ana", PASSWORD)[0].tracker == link.tracker


def test_an_address_alone_is_asked_about_once(link: GroupLink) -> None:
    asked: list[GroupId] = []

    def agrees(_tracker: str, group: GroupId) -> bool:
        asked.append(group)
        return len(asked) > 1

    with pytest.raises(TrackerError, match="nobody said") as raised:
        meet(link.tracker, agrees)
    assert raised.value.rule == "identity"
    assert pinned_group(link.tracker) is None
    assert meet(link.tracker, agrees).tracker == link.tracker
    assert asked == [link.group, link.group]
    assert meet(link.tracker, nobody).tracker == link.tracker, "it is pinned"


def test_where_nobody_can_be_asked_nothing_is_believed(link: GroupLink, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD)
    login = ("login", "--tracker", link.tracker, "--user", "Ana", "--password-file", "password")
    (refused,) = call(tmp_path, *login, expect=1)
    assert str(link.group) in refused["message"]


def test_plain_addresses_and_this_machine_are_taken_as_they_are(server: Server) -> None:
    for address in (server.url, server.address):
        assert meet(address, nobody).tracker == server.url


def test_without_tls_an_address_alone_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is in between could take it away, and would get the password in clear."""
    monkeypatch.setattr(meeting, "is_loopback", lambda _host: False)
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as plain:
        thread = Thread(target=plain.serve_forever)
        thread.start()
        address = f"127.0.0.1:{plain.server_port}"
        try:
            with pytest.raises(TrackerError, match=f"http://{address}"):
                meet(address, nobody)
            assert meet(f"http://{address}", nobody).tracker == f"http://{address}", "who says so gets it"
        finally:
            plain.shutdown()
            thread.join()


def test_an_invitation_comes_with_the_link(link: GroupLink) -> None:
    assert meet(f"{link}?invite=abc", nobody) == (link.tracker, "abc")


def test_a_new_identity_takes_a_persons_word(link: GroupLink, tmp_path: Path) -> None:
    pin(link.tracker, Authority.create(tmp_path / "old").certificate_pem)
    with pytest.raises(TrackerError, match="man-in-the-middle"):
        meet(str(link), nobody)
    assert meet(str(link), nobody, new_identity=True).tracker == link.tracker
    assert pinned_group(link.tracker) == link.group


def test_the_identity_of_a_tracker_is_shown_and_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = Authority.create(tmp_path / "data" / "identity")
    data = str(tmp_path / "data")
    assert run_command(["tracker", "identity", "show", "--data", data]) == 0
    assert str(GroupId.of(authority.certificate_pem)) in capsys.readouterr().out
    assert run_command(["tracker", "--data", data, "identity", "export"]) == 0
    assert capsys.readouterr().out.encode() == authority.certificate_pem, "and no key"
    assert run_command(["tracker", "identity", "show"]) == 1
    assert "authority.pem" in capsys.readouterr().err
