"""A client session in a thread of its own, as a window has it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest
from app.sessions import fill, manifest_of
from waiting import TIMEOUT

from swarmshare.app import thread as module
from swarmshare.app.client_session import Published, Shared, ShareOptions, open_session
from swarmshare.app.thread import MAX_FACTS, SessionThread
from swarmshare.errors import ManifestError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def thread(own_home: Path) -> Iterator[SessionThread]:
    thread = SessionThread()
    yield thread
    thread.close()
    assert thread.closed.wait(TIMEOUT)
    assert thread.failure is None
    until(lambda: not any(other.name == "session" for other in threading.enumerate()))


def test_commands(thread: SessionThread, tmp_path: Path) -> None:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 100_000, "b": 1}))
    early = thread.submit(lambda session: session.open_manifest, manifest.encode(), tmp_path)  # perhaps not open yet
    info_hash = early.result(TIMEOUT)
    assert thread.snapshot is not None
    assert [line.info_hash for line in thread.snapshot.transfers] == [info_hash], "whoever has the answer sees it"
    with pytest.raises(ManifestError):
        thread.submit(lambda session: session.open_manifest, b"nonsense").result(TIMEOUT)
    thread.submit(lambda session: session.transfers.pause, [info_hash]).result(TIMEOUT)
    thread.submit(lambda session: session.jobs.share, ShareOptions(tmp_path / "top", publish=False)).result(TIMEOUT)
    facts: list[object] = []

    def is_shared() -> bool:
        facts.extend(thread.facts())
        return any(isinstance(fact, Shared) for fact in facts)

    until(is_shared)
    assert thread.facts() == []


def test_snapshots_come_by_themselves(thread: SessionThread) -> None:
    until(lambda: thread.snapshot)
    first = thread.snapshot
    until(lambda: thread.snapshot is not first)


def test_commands_that_come_too_late_are_cancelled(own_home: Path) -> None:
    thread = SessionThread()
    until(lambda: thread.snapshot)
    thread.close()
    thread.close()
    late = thread.submit(lambda session: session.group.known_trackers)
    assert thread.closed.wait(TIMEOUT)
    later = thread.submit(lambda session: session.group.known_trackers)
    for command in (late, later):
        with pytest.raises(CancelledError):
            command.result(TIMEOUT)
    thread.close()


def test_a_command_that_is_cut_short_is_cancelled(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = manifest_of(fill(tmp_path / "top", {"a": 1}))
    asked, answer = threading.Event(), threading.Event()

    def wait(_: object) -> Manifest:
        asked.set()
        answer.wait(TIMEOUT)
        return manifest

    monkeypatch.setattr("swarmshare.app.client_session.parse_manifest", wait)
    thread = SessionThread()
    cut_short = thread.submit(lambda session: session.open_manifest, b"")
    assert asked.wait(TIMEOUT)
    thread.close()
    answer.set()
    assert thread.closed.wait(TIMEOUT)
    with pytest.raises(CancelledError):
        cut_short.result(TIMEOUT)


def test_only_one_at_a_time(thread: SessionThread) -> None:
    until(lambda: thread.snapshot)
    second = SessionThread()
    assert second.closed.wait(TIMEOUT)
    assert isinstance(second.failure, StorageError)
    assert "another window" in second.failure.advice
    with pytest.raises(CancelledError):
        second.submit(lambda session: session.group.known_trackers).result(TIMEOUT)


def test_facts_that_nobody_takes_are_not_kept_for_ever(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tellers = []

    def open_and_note(tell: Callable[[object], None]) -> object:
        tellers.append(tell)
        return open_session(tell)

    monkeypatch.setattr(module, "open_session", open_and_note)
    thread = SessionThread()
    until(lambda: thread.snapshot)
    facts = [Published(str(number), "name", "bob") for number in range(MAX_FACTS + 5)]
    for fact in facts:
        tellers[0](fact)
    assert thread.facts() == facts[5:]
    thread.close()
    assert thread.closed.wait(TIMEOUT)
