"""A desk in a thread of its own, as a window has it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest
from app.desks import fill, manifest_of

from swarmshare.app import thread as module
from swarmshare.app.desk import Desk, Published, Shared, ShareWish, open_desk
from swarmshare.app.thread import MAX_FACTS, DeskThread
from swarmshare.errors import ManifestError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIMEOUT = 30


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def thread(own_home: Path) -> Iterator[DeskThread]:
    thread = DeskThread()
    yield thread
    thread.close()
    assert thread.closed.wait(TIMEOUT)
    assert thread.failure is None
    until(lambda: not any(other.name == "desk" for other in threading.enumerate()))


def test_wishes(thread: DeskThread, tmp_path: Path) -> None:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 100_000, "b": 1}))
    wish = thread.wish(Desk.open_manifest, manifest.encode(), tmp_path)  # before the desk stands, perhaps
    info_hash = wish.result(TIMEOUT)
    assert thread.picture is not None
    assert [line.info_hash for line in thread.picture.transfers] == [info_hash], "whoever is granted sees it"
    with pytest.raises(ManifestError):
        thread.wish(Desk.open_manifest, b"nonsense").result(TIMEOUT)
    thread.wish(Desk.pause, [info_hash]).result(TIMEOUT)
    thread.wish(Desk.share, ShareWish(tmp_path / "top", publish=False)).result(TIMEOUT)
    facts: list[object] = []

    def is_shared() -> bool:
        facts.extend(thread.facts())
        return any(isinstance(fact, Shared) for fact in facts)

    until(is_shared)
    assert thread.facts() == []


def test_pictures_come_by_themselves(thread: DeskThread) -> None:
    until(lambda: thread.picture)
    first = thread.picture
    until(lambda: thread.picture is not first)


def test_wishes_that_come_too_late(own_home: Path) -> None:
    thread = DeskThread()
    until(lambda: thread.picture)
    thread.close()
    thread.close()
    late = thread.wish(Desk.known_trackers)
    assert thread.closed.wait(TIMEOUT)
    later = thread.wish(Desk.known_trackers)
    for wish in (late, later):
        with pytest.raises(CancelledError):
            wish.result(TIMEOUT)
    thread.close()


def test_a_wish_that_is_cut_short(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, answer = threading.Event(), threading.Event()

    def wait(_: object) -> None:
        asked.set()
        answer.wait(TIMEOUT)

    monkeypatch.setattr("swarmshare.app.desk.parse_manifest", wait)
    thread = DeskThread()
    wish = thread.wish(Desk.open_manifest, b"")
    assert asked.wait(TIMEOUT)
    thread.close()
    answer.set()
    assert thread.closed.wait(TIMEOUT)
    with pytest.raises((CancelledError, AttributeError)):
        wish.result(TIMEOUT)


def test_only_one_at_a_time(thread: DeskThread) -> None:
    until(lambda: thread.picture)
    second = DeskThread()
    assert second.closed.wait(TIMEOUT)
    assert isinstance(second.failure, StorageError)
    assert "another window" in second.failure.advice
    with pytest.raises(CancelledError):
        second.wish(Desk.known_trackers).result(TIMEOUT)


def test_facts_that_nobody_takes_are_not_kept_for_ever(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tellers = []

    def open_and_note(tell: Callable[[object], None]) -> object:
        tellers.append(tell)
        return open_desk(tell)

    monkeypatch.setattr(module, "open_desk", open_and_note)
    thread = DeskThread()
    until(lambda: thread.picture)
    facts = [Published(str(number), "name", "bob") for number in range(MAX_FACTS + 5)]
    for fact in facts:
        tellers[0](fact)
    assert thread.facts() == facts[5:]
    thread.close()
    assert thread.closed.wait(TIMEOUT)
