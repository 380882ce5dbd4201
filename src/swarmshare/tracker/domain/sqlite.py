"""SQLite as the tracker uses it: settings, transactions that wait without blocking other requests, health.

SQLite itself waits for a lock in C, which would stand still the one thread that answers everybody. So it never waits
here: it says at once that there is a lock, and we ask again, sleeping in between as the server lets us.
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sqlalchemy import event

from swarmshare.texts import Text
from swarmshare.tracker.domain.database_problem import DatabaseError, DatabaseProblem, problem_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

WRITES: Final = "swarmshare_writes"
"""The option of a connection that is going to write."""
PATIENCE: Final = 5.0
"""Seconds to wait for a lock of another program."""
LOOK: Final = 0.02
"""Seconds between two tries."""
_PRAGMAS: Final = (
    "PRAGMA busy_timeout = 0",
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged is there even after a power cut; writes are rare
    "PRAGMA foreign_keys = ON",
    "PRAGMA trusted_schema = OFF",
)
RESTORE: Final = Text("hint.restore")


def tune(engine: Engine) -> None:
    """Its settings, and transactions that begin when we say so: a writer takes the lock at once, not half-way."""

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in _PRAGMAS:
            if not _done(connection, pragma):
                connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        first = "BEGIN IMMEDIATE"
        if not connection.get_execution_options().get(WRITES):
            connection.exec_driver_sql("BEGIN")
            # This takes the lock of a reader: a later statement, in the midst of things, could not be tried again.
            first = "SELECT 1 FROM sqlite_schema LIMIT 1"
        raw: Any = connection.connection.dbapi_connection
        if not _done(raw, first):
            connection.exec_driver_sql(first)  # once more, by SQLAlchemy, whose error it is then


def _done(connection: sqlite3.Connection, statement: str) -> bool:
    """Whether ``statement`` could be executed within :data:`PATIENCE`, as far as locks of other connections go."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            connection.execute(statement).close()
            return True
        except sqlite3.Error as error:
            if problem_of(error) is not DatabaseProblem.LOCKED:
                return False
        time.sleep(LOOK)
    return False


def make_file(path: Path) -> None:
    """Make a database with nothing in it, for our own eyes only, unless ``path`` is there.

    It is there whole or not at all: a file without a byte always means that one was cut to nothing, and SQLite would
    quietly take it for a new database. Raises :class:`DatabaseError` for that, :class:`OSError` and ``sqlite3.Error``.
    """
    log = path.with_name(f"{path.name}-wal")
    if path.exists():
        if not path.stat().st_size:
            raise DatabaseError(Text("database.empty", path=path), hint=RESTORE)
        return
    if log.exists() and log.stat().st_size:
        raise DatabaseError(Text("database.gone", path=path, log=log.name), hint=RESTORE)
    with TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:  # its mode is 0700
        new = Path(folder, path.name)
        new.touch(mode=0o600)  # it holds passkeys and the hashes of passwords
        with closing(sqlite3.connect(new)) as connection:
            connection.execute("PRAGMA journal_mode = WAL")  # writes the first page
        try:
            os.link(new, path)
        except FileExistsError:
            pass  # somebody was faster
        except OSError:
            new.rename(path)  # a file system without links


def look_at(path: str, *, writing: bool) -> DatabaseProblem | None:
    """Return what is wrong at this moment; without waiting. ``writing``: try whether the disk takes anything."""
    try:
        # A connection of its own, since all of the pool may be waiting; "rw" makes no file where there is none.
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=rw", uri=True, timeout=0, isolation_level=None)) as own:
            own.execute("BEGIN IMMEDIATE")
            if writing:
                version = own.execute("PRAGMA user_version").fetchone()[0]
                own.execute(f"PRAGMA user_version = {version}")  # writes the first page, whatever it says
            own.execute("COMMIT")
    except sqlite3.Error as error:
        return problem_of(error) or DatabaseProblem.AWAY
    return None
