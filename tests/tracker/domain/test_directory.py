"""Who holds a token, and what an info hash names: remembered, and forgotten when it changes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from manifest.makers import encoded, hybrid_doc
from sqlalchemy import event
from tracker.trackers import Tracker, tracker_in

from swarmshare.manifest.parse import parse_manifest
from swarmshare.tracker.domain import directory as module
from swarmshare.tracker.domain.lookup import Identity, Role, SwarmEntry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.orm import Session

MANIFEST = parse_manifest(encoded(hybrid_doc()))
FULL, V2, V1 = MANIFEST.info_hash.full, MANIFEST.info_hash.truncated, MANIFEST.info_hash_v1 or b""


@contextmanager
def questions(tracker: Tracker) -> Iterator[list[str]]:
    """The statements that reach the database."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("SELECT"):
            asked.append(statement)

    with tracker.services.database.read() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    yield asked
    event.remove(engine, "before_cursor_execute", note)


def test_identities(tracker: Tracker) -> None:
    directory, olga = tracker.services.directory, tracker.organiser
    identity = Identity(olga.account, "Olga", Role.ORGANISER)
    passkey = tracker.services.accounts.passkey(olga.account) or ""
    with questions(tracker) as asked:
        for _ in range(3):
            assert directory.identify(olga.token) == identity
            assert directory.by_passkey(passkey) == identity
            assert directory.identify("nobody's") is None
            assert directory.by_passkey("0" * 32) is None
        assert len(asked) == 4
        for not_one in ("", "x", passkey.upper(), passkey + "\n", "é" * 32, "\x00" * 32):
            assert directory.by_passkey(not_one) is None
        assert len(asked) == 4, "what can be no passkey is not looked up"


def test_time_passes_for_what_is_remembered(tracker: Tracker) -> None:
    directory, olga = tracker.services.directory, tracker.organiser
    assert directory.identify(olga.token) is not None
    tracker.clock.leap(90 * 86_400)
    assert directory.identify(olga.token) is None


def test_changes_are_seen_at_once(tracker: Tracker) -> None:
    directory = tracker.services.directory
    ann = tracker.join("Ann")
    passkey = tracker.services.accounts.passkey(ann.account) or ""
    for suspended in (True, False):
        tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"suspended": suspended})
        assert (directory.identify(ann.token) is None) is suspended
        assert (directory.by_passkey(passkey) is None) is suspended
    tracker.ask("PATCH", f"/accounts/{ann.account}", tracker.organiser, json={"role": "organiser"})
    assert directory.identify(ann.token) == Identity(ann.account, "Ann", Role.ORGANISER)
    tracker.ask("DELETE", "/tokens/current", ann)
    assert directory.identify(ann.token) is None


def test_entries(tracker: Tracker) -> None:
    directory = tracker.services.directory
    entry = SwarmEntry(FULL, (V2, V1), "top", 4, 40_012, private=False)
    for _ in range(2):
        assert directory.entry(FULL) is None
        assert directory.entry_by_wire_hash(V2) is None
        tracker.publish(tracker.organiser, hybrid_doc())
        with questions(tracker) as asked:
            for _ in range(3):
                assert directory.entry(FULL) == entry
                assert directory.entry_by_wire_hash(V2) == entry
                assert directory.entry_by_wire_hash(V1) == entry
            assert directory.entry(V2) is None, "not by less than all of it"
            assert len(asked) == 7, "two for each that is there"
        tracker.ask("DELETE", f"/catalogue/{FULL.hex()}", tracker.organiser)


def test_open_swarms(tmp_path: Path) -> None:
    with tracker_in(tmp_path, open_swarms=True) as tracker:
        directory = tracker.services.directory
        assert directory.entry(FULL) is None
        opened = directory.entry_by_wire_hash(V2)
        assert opened is not None
        assert (opened.wire_hashes, opened.piece_count, opened.private) == ((V2,), 0, False)
        assert opened.info_hash[:20] == V2
        tracker.publish(tracker.organiser, hybrid_doc())
        published = directory.entry_by_wire_hash(V2)
        assert published is not None
        assert published.info_hash == FULL


def test_what_is_remembered_is_bounded(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CACHED", 10)
    directory = tracker.services.directory
    for number in range(35):
        assert directory.entry(number.to_bytes(32)) is None
    with questions(tracker) as asked:
        assert directory.entry((34).to_bytes(32)) is None
        assert not asked
        for number in range(25):
            assert directory.entry(number.to_bytes(32)) is None
        assert len(asked) == 25, "as many as were asked before the last ten, at least"


def test_an_answer_that_is_older_than_a_change_is_not_remembered(tracker: Tracker) -> None:
    """Another database may let others run while it answers."""
    directory = tracker.services.directory

    @contextmanager
    def slowly() -> Iterator[Session]:
        with read() as session:
            yield session
        patch.undo()
        tracker.publish(tracker.organiser, hybrid_doc())

    read = tracker.services.database.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tracker.services.database, "read", slowly)
        assert directory.entry(FULL) is None
    assert directory.entry(FULL) is not None
