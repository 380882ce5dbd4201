"""What a tracker logs: a line for each event of accounts, the catalogue and swarms, and nothing that is secret."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import pytest
from manifest.makers import encoded, good_doc
from tracker.trackers import PASSWORD

from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from tracker.trackers import Tracker


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO, logging.WARNING])
def test_one_line_an_event_and_no_secret(tracker: Tracker, caplog: pytest.LogCaptureFixture, level: int) -> None:
    caplog.set_level(level, logger="swarmshare")
    ann = tracker.join("Ann")
    tracker.ask("POST", "/tokens", json={"name": "Ann", "password": PASSWORD})
    tracker.ask("POST", "/tokens", json={"name": "Ann", "password": "not it, by far"})
    tracker.publish(ann)
    announce_url = tracker.get("/account", ann)["announce_url"]
    info_hash = parse_manifest(encoded(good_doc())).info_hash
    wire_hash, key = quote(info_hash.truncated), "5EC5E7"
    for path, event in ((urlsplit(announce_url).path, "started"), ("/announce", "started"), ("/announce", "stopped")):
        who = f"info_hash={wire_hash}&peer_id={'p' * 20}&port=1&key={key}"
        tracker.http.get(f"{path}?{who}&left=0&uploaded=0&downloaded=0&event={event}")
    tracker.http.get("/", headers={"Host": "elsewhere.example"})
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": True})
    tracker.ask("DELETE", f"/catalogue/{info_hash}", tracker.organiser)

    records = [record for record in caplog.records if record.name.startswith("swarmshare.tracker.")]
    lines = [record.getMessage() for record in records]
    facts = [
        f"account {ann.account} is made: Ann, member, from 127.0.0.1",
        f"account {ann.account} signs in from 127.0.0.1",
        "a wrong name or password from 127.0.0.1",
        f"{info_hash}: published by Ann",
        f"account {ann.account} is member and suspended now",
        f"{info_hash}: withdrawn by Olga",
    ]
    swarms = [
        f"{info_hash}: account {ann.account} announces",
        f"{info_hash}: a client without an account announces",
        f"{info_hash}: account {ann.account} is removed",
    ]
    assert [line for line in lines if line in facts] == (facts if level <= logging.INFO else [])
    assert [line for line in swarms if line in lines] == (swarms if level == logging.DEBUG else [])
    assert any("elsewhere.example" in line for line in lines) is (level == logging.DEBUG)
    passkey = announce_url.rpartition("/")[2]
    for secret in (PASSWORD, "not it", ann.token, tracker.organiser.token, passkey, key):
        assert secret not in "\n".join(lines)
