"""Pages of answers, put together; against the real API, tests/cli/test_account_verbs.py has the rest."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tracker_client.answering import answering

from swarmshare.errors import TrackerError
from swarmshare.tracker_client import api
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from swarmshare.tracker_client.api import Entry

ENTRY = {
    "info_hash": "0" * 64, "name": "a", "comment": "", "publisher": "ann", "published_at": 0, "total_length": 5,
    "piece_count": 1, "private": False, "hybrid": False, "seeds": 0, "peers": 0, "copies": 0,
}  # fmt: skip


def listed(answer: Any) -> tuple[list[Entry], int]:
    """What a tracker lists that says the same whatever it is asked, and how often it was asked."""
    with answering(200, json.dumps(answer).encode()) as (tracker, seen), Connection(tracker, "token") as connection:
        return list(TrackerApi(connection).entries()), len(seen)


def test_an_entry_is_listed_once_and_a_short_page_is_the_last() -> None:
    entries, asked = listed({"total": 2, "entries": [ENTRY, {**ENTRY, "info_hash": "1" * 64}, ENTRY]})
    assert ([entry.info_hash[0] for entry in entries], asked) == (["0", "1"], 1)


def test_seeds_are_members_whatever_a_tracker_counts() -> None:
    (entry,), _ = listed({"total": 1, "entries": [{**ENTRY, "seeds": 1200, "peers": 20}]})
    assert (entry.seeds, entry.peers - entry.seeds) == (1200, 0)


@pytest.mark.parametrize("count", [-1, 2**64, 10**300, 1.5, True])
def test_a_count_that_is_none(count: object) -> None:
    with pytest.raises(TrackerError, match="'peers' is wrong"):
        listed({"total": 1, "entries": [{**ENTRY, "peers": count}]})


def test_a_list_without_end_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "MAX_LISTED", 600)
    entries, asked = listed({"total": 10**9, "entries": [ENTRY] * 200})
    assert (len(entries), asked) == (1, 3)


@pytest.mark.parametrize("name", ENTRY)
def test_an_entry_that_is_not_whole(name: str) -> None:
    entry = {key: value for key, value in ENTRY.items() if key != name}
    with pytest.raises(TrackerError, match=f"its '{name}' is wrong or missing"):
        listed({"total": 1, "entries": [entry]})
