"""The states of a file's record: what leads from each to which."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from swarmshare.storage.file_location import Found
from swarmshare.storage.file_record import Condition, FileRecord
from swarmshare.storage.opening import Place

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LENGTH = 10
PLACE = Place(("file.part",), ("file.part",), False, (1, 2))


def status(size: int = LENGTH, mtime: int = 5) -> os.stat_result:
    times = {"st_mtime_ns": mtime, "st_ctime_ns": mtime}
    return os.stat_result((0o100644, 2, 1, 1, 0, 0, size, 0, 0, 0), times)


def found(path: Path) -> Found:
    return Found(PLACE, path, status())


def absent(record: FileRecord) -> None:
    record.locate(None)


def known(record: FileRecord) -> None:
    record.locate(PLACE)


def appeared(record: FileRecord) -> None:
    record.locate(None)
    record.locate(PLACE)


def touched(record: FileRecord) -> None:
    record.locate(PLACE)
    record.wrote(status())
    record.compare(status(mtime=6))


def lost(record: FileRecord) -> None:
    record.locate(PLACE)
    record.lose()


REACH: dict[Condition, Callable[[FileRecord], None]] = {
    Condition.UNKNOWN: lambda _: None,
    Condition.ABSENT: absent,
    Condition.KNOWN: known,
    Condition.TOUCHED: touched,
    Condition.APPEARED: appeared,
    Condition.LOST: lost,
}


@pytest.fixture(params=REACH, ids=lambda condition: condition.name)
def record(request: pytest.FixtureRequest) -> FileRecord:
    made = FileRecord(LENGTH)
    REACH[request.param](made)
    assert made.condition is request.param
    return made


def test_what_is_lost_is_so_until_it_is_forgotten(record: FileRecord, tmp_path: Path) -> None:
    record.lose()
    record.place = None
    for look in (None, PLACE):
        record.locate(look)
        assert record.condition is Condition.LOST
    record.hold(PLACE)
    record.take(found(tmp_path))
    record.compare(status(size=1))
    assert (record.condition, record.is_trusted) == (Condition.LOST, False)
    record.forget()
    assert (record.condition, record.place) == (Condition.UNKNOWN, None)


def test_a_scan_leads_out_of_every_condition(record: FileRecord, tmp_path: Path) -> None:
    record.forget()
    record.take(found(tmp_path))
    assert (record.condition, record.is_trusted) == (Condition.KNOWN, True)
    assert not record.is_other(status())


def test_an_empty_file_has_nothing_that_could_be_unknown() -> None:
    record = FileRecord(0)
    appeared(record)
    assert record.condition is Condition.KNOWN


def test_what_we_make_where_nothing_was_is_known() -> None:
    record = FileRecord(LENGTH)
    absent(record)
    record.hold(PLACE)
    assert record.condition is Condition.KNOWN


def test_our_own_writes_are_not_taken_for_those_of_another_program(tmp_path: Path) -> None:
    record = FileRecord(LENGTH)
    record.take(found(tmp_path))
    record.start_write()
    record.start_write()
    assert not record.end_write()
    record.compare(status(mtime=6))
    assert not record.is_other(status(mtime=6))
    assert record.is_trusted
    assert record.end_write()
    record.wrote(status(mtime=7))
    record.compare(status(mtime=7))
    assert record.is_trusted
    assert record.is_other(status(size=LENGTH - 1)), "bytes that were there are missing"
    record.compare(status(mtime=8))
    assert record.condition is Condition.TOUCHED


def test_a_state_is_noted_only_when_nothing_is_unflushed() -> None:
    record = FileRecord(LENGTH)
    record.locate(PLACE)
    record.start_write()
    assert record.note_flushed(PLACE, status()) is not None
    assert record.is_being_written
    record.end_write()
    record.dirty = False
    record.note_flushed(PLACE, status())
    assert not record.is_being_written
    assert record.is_other(status(mtime=6))
