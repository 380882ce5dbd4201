"""The database: migrations that run by themselves, transactions that are all or nothing, URLs that cannot be used."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, select, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable
from waiting import TIMEOUT

from swarmshare.tracker.domain import database as module
from swarmshare.tracker.domain.database import MIGRATIONS, Database, newest_version
from swarmshare.tracker.domain.database_problem import DatabaseError
from swarmshare.tracker.domain.models import SettingRow, Table

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(None, tmp_path)
    yield opened
    opened.close()


def count(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(SettingRow)) or 0


def test_the_tables_are_what_the_models_say(database: Database) -> None:
    with database.read() as session:
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Table.metadata) == []


def test_migrations_run_again_and_keep_what_is_there(tmp_path: Path) -> None:
    for number in range(3):
        database = Database(None, tmp_path / "deep" / "down")
        assert count(database) == number
        with database.write() as session:
            session.add(SettingRow(name=str(number), value=""))
        database.close()


def test_the_newest_version_is_alembics() -> None:
    assert newest_version() == ScriptDirectory(str(MIGRATIONS)).get_current_head()


def test_alembic_is_loaded_to_migrate_alone(database: Database, tmp_path: Path) -> None:
    database.close()
    code = f"""
import sys
from pathlib import Path
from swarmshare.tracker.domain.database import MIGRATIONS, Database, newest_version
Database(None, Path({str(tmp_path)!r})).close()
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=TIMEOUT)


def test_every_table_can_be_made_in_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in Table.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect)).strip().startswith("CREATE TABLE")


def test_two_start_at_once(tmp_path: Path) -> None:
    opened: list[Database] = []
    threads = [threading.Thread(target=lambda: opened.append(Database(None, tmp_path))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [count(database) for database in opened] == [0] * 4
    for database in opened:
        database.close()


def test_how_sqlite_is_set(database: Database) -> None:
    with database.read() as session:
        found = [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert found == ["wal", 2, 1]


def test_nobody_else_may_read_the_file(database: Database, tmp_path: Path) -> None:
    assert database.url.database is not None
    for path in tmp_path.glob(f"{module.FILE_NAME}*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_write_is_all_or_nothing(database: Database) -> None:
    def write() -> None:
        with database.write() as session:
            session.add(SettingRow(name="a", value=""))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write()
    assert count(database) == 0


def test_a_reader_does_not_wait_for_a_writer_and_sees_none_of_it(database: Database) -> None:
    with database.write() as session:
        session.add(SettingRow(name="a", value=""))
        session.flush()
        assert count(database) == 0
    assert count(database) == 1


def test_writers_take_turns(database: Database) -> None:
    """Each reads and then writes what it read, which would go wrong if two did at once."""
    with database.write() as session:
        session.add(SettingRow(name="sum", value="0"))

    def add() -> None:
        for _ in range(25):
            with database.write() as session:
                row = session.get_one(SettingRow, "sum")
                row.value = str(int(row.value) + 1)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as session:
        assert session.get_one(SettingRow, "sum").value == "100"


def test_writers_of_two_processes_take_turns(tmp_path: Path, database: Database) -> None:
    other = Database(None, tmp_path)
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with other.write() as session:
            session.add(SettingRow(name="a", value=""))
            session.flush()
            held.set()
            done.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    release = threading.Timer(0.2, done.set)
    release.start()
    with database.write() as session:
        assert session.get(SettingRow, "a") is not None, "it waited, and sees what the other wrote"
    thread.join()
    release.join()
    other.close()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "cannot be used"),
        ("nosuchdatabase://host/name", "cannot be used"),
        ("postgresql+pg8000://ann:secret-word@host/name", "driver for this database is not installed"),
        ("sqlite:////nonexistent/folder/tracker.db", "cannot be opened"),
    ],
)
def test_urls_that_cannot_be_used(tmp_path: Path, url: str, message: str) -> None:
    with pytest.raises(DatabaseError, match=message) as failed:
        Database(url, tmp_path)
    assert "secret-word" not in f"{failed.value} {failed.value.hint}"


def test_what_is_no_database(tmp_path: Path) -> None:
    (tmp_path / module.FILE_NAME).write_bytes(b"this is not a database" * 1000)
    with pytest.raises(DatabaseError, match="file is not a database"):
        Database(None, tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="cannot be opened"):
        Database(None, tmp_path / "file" / "folder")


def test_a_disk_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    database = Database(None, tmp_path)
    assert count(database) == 0
    database.close()
    assert not list(tmp_path.glob("*.*.*")), "nothing is left over"


def test_a_named_sqlite_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'mine.db'}", tmp_path / "unused")
    assert count(database) == 0
    database.close()
    connection = sqlite3.connect(tmp_path / "mine.db")
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert not (tmp_path / "unused").exists()
