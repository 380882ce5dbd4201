"""One database by its URL: sessions that read, sessions that write, and migrations that run by themselves.

With SQLite, readers never wait for a writer (WAL), and the writers of this process wait for each other here.
"""

from __future__ import annotations

import logging
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from sqlalchemy import CursorResult, column, create_engine, inspect, select, table
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError, TimeoutError
from sqlalchemy.orm import Session

from swarmshare.texts import Text, os_reason, system_says
from swarmshare.tracker.domain import sqlite
from swarmshare.tracker.domain.database_problem import DatabaseError, DatabaseProblem, problem_of
from swarmshare.tracker.domain.sqlite import RESTORE, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, UpdateBase

FILE_NAME: Final = "tracker.db"
MIGRATIONS: Final = Path(__file__).parent / "migrations"

_log = logging.getLogger(__name__)


class Database:
    """The accounts and the catalogue, on disk."""

    def __init__(self, url: str | None, data: Path) -> None:
        """Open ``url``, or ``tracker.db`` in the folder ``data``, and bring its tables up to date.

        Raises :class:`DatabaseError`, without the password that a URL may have.
        """
        try:
            self.url = make_url(url or f"sqlite:///{data / FILE_NAME}")
            self._engine = create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        except (ArgumentError, NoSuchModuleError) as error:
            raise DatabaseError(
                Text("database.url", reason=error),
                hint=Text("hint.database-url"),
            ) from None
        except ImportError as error:
            raise DatabaseError(
                Text("database.driver", reason=error), hint=Text("hint.pip-install", name=error.name)
            ) from None
        self._problem: DatabaseProblem | None = None
        """What was wrong when it was last used."""
        self._turn = Lock()
        """Whose turn to write it is: in SQLite there is one writer at a time, and elsewhere it costs little."""
        self.file = sqlite_file(url, data)
        if self.url.get_backend_name() == "sqlite":
            sqlite.tune(self._engine)
        try:
            if url is None:
                data.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.file is not None:
                sqlite.make_file(self.file)
            self._migrate()
        except DatabaseError:
            self.close()
            raise
        except (DBAPIError, sqlite3.Error, OSError) as error:
            self.close()
            raise self.failure(error) from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session that sees one state of the database and changes nothing."""
        with self._watched(), Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a transaction: all of it happens, or nothing when the block raises. Never wait for anything inside."""
        with self._watched():
            if not self._turn.acquire(timeout=sqlite.PATIENCE):
                raise TimeoutError("other requests wait to write")
            try:
                with (
                    self._engine.connect().execution_options(**{WRITES: True}) as connection,
                    Session(connection) as session,
                    session.begin(),
                ):
                    yield session
            finally:
                self._turn.release()
        self._note(None)

    def look(self) -> DatabaseProblem | None:
        """Return what is wrong at this moment. With SQLite, that is told at once, whoever waits for what."""
        if self._problem is DatabaseProblem.DAMAGED:
            return self._problem
        if self.file is not None:
            self._note(
                sqlite.look_at(str(self.file), writing=self._problem in (DatabaseProblem.FULL, DatabaseProblem.DISK))
            )
            return self._problem
        try:
            with self.read() as session:
                session.scalar(select(1))
        except SQLAlchemyError as error:
            return problem_of(error) or DatabaseProblem.AWAY
        return None

    def close(self) -> None:
        """Close every connection to the database; using it afterwards fails."""
        self._engine.dispose()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Notice what goes wrong."""
        try:
            yield
        except SQLAlchemyError as error:
            if problem := problem_of(error):
                self._note(problem, error)
            raise

    def _note(self, problem: DatabaseProblem | None, error: SQLAlchemyError | None = None) -> None:
        """Tell the log, once, that something goes wrong or goes well again. What is damaged stays so."""
        if problem is self._problem or self._problem is DatabaseProblem.DAMAGED:
            return
        self._problem = problem
        if problem is None:
            _log.warning("the tracker's database works again")
        else:
            # What SQLAlchemy itself says may have the values of a statement in it.
            reason = error.orig if isinstance(error, DBAPIError) else None
            _log.error("%s%s", problem.sentence, f" ({reason})" if reason else "")

    def failure(self, error: SQLAlchemyError | sqlite3.Error | OSError) -> DatabaseError:
        """Return what to say of a database that cannot be used from the start."""
        reason = system_says(str(error.orig if isinstance(error, DBAPIError) else error))
        if isinstance(error, OSError):
            reason = os_reason(error)
        problem = None if isinstance(error, OSError) else problem_of(error)
        if problem is DatabaseProblem.DAMAGED:
            return self._unusable(Text("database.is-damaged", reason=reason), RESTORE)
        return self._unusable(problem.sentence if problem and problem is not DatabaseProblem.AWAY else reason)

    def _unusable(self, reason: Text, hint: Text | None = None) -> DatabaseError:
        return DatabaseError(Text("database.cannot-open", path=self.file or self.url, reason=reason), hint=hint)

    def _migrate(self) -> None:
        """Bring the tables up to date. Alembic is loaded for that alone: it takes longer than the rest of a start."""
        with self._turn, self._engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
            if _version(connection) == newest_version():
                return
            from alembic import command
            from alembic.config import Config
            from alembic.util import CommandError

            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise self._unusable(system_says(str(error)), Text("hint.newer-database")) from error


def newest_version() -> str:
    """Return the number of the last migration, as its file's name has it (``v0001_what_it_does.py``)."""
    return max(path.name for path in (MIGRATIONS / "versions").glob("v*.py"))[1:5]


def _version(connection: Connection) -> str | None:
    """Return the number of the migration that the tables are at; None when there are no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num")).select_from(table("alembic_version")))


def rows_changed(session: Session, statement: UpdateBase) -> int:
    """How many rows a change or a deletion hit."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount


def sqlite_file(url: str | None, data: Path) -> Path | None:
    """Return the file of the database at ``url``, or of the one in the folder ``data``; None when it is in no file."""
    if url is None:
        return data / FILE_NAME
    try:
        made = make_url(url)
    except ArgumentError:
        return None
    in_file = made.get_backend_name() == "sqlite" and made.database and made.database != ":memory:"
    return Path(made.database) if in_file and made.database else None
