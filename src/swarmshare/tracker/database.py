"""One database by its URL: sessions that read, sessions that write, and migrations that run by themselves.

With SQLite, readers never wait (WAL), and the writers of this process wait for each other here: inside SQLite they
would block the whole process, and with it the one whose turn it is.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config
from sqlalchemy import CursorResult, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import Session

from swarmshare.errors import SwarmShareError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine, UpdateBase

FILE_NAME: Final = "tracker.db"
MIGRATIONS: Final = Path(__file__).parent / "migrations"
_WRITES: Final = "swarmshare_writes"
"""The option of a connection that is going to write."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was acknowledged is there even after a power cut; writes are rare
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
    "PRAGMA trusted_schema = OFF",
)


class DatabaseError(SwarmShareError):
    """The database cannot be reached or used."""

    code = "database"


class Database:
    """The accounts and the catalogue, on disk."""

    def __init__(self, url: str | None, data: Path) -> None:
        """Opens ``url``, or ``tracker.db`` in the folder ``data``, and brings its tables up to date.

        Raises :class:`DatabaseError`, without the password that a URL may have.
        """
        try:
            self.url = make_url(url or f"sqlite:///{data / FILE_NAME}")
            self._engine = create_engine(self.url, pool_pre_ping=True, hide_parameters=True)
        except (ArgumentError, NoSuchModuleError) as error:
            raise DatabaseError(
                f"the database URL cannot be used: {error}",
                hint="It is written as SQLAlchemy has it, such as postgresql+psycopg://user:password@host/name.",
            ) from None
        except ImportError as error:
            raise DatabaseError(
                f"the driver for this database is not installed: {error}", hint=f"Try: pip install {error.name}"
            ) from None
        self._turn: Lock | nullcontext[None] = nullcontext()
        if self.url.get_backend_name() == "sqlite":
            self._turn = Lock()
            _tune_sqlite(self._engine)
        try:
            if url is None:
                data.mkdir(parents=True, exist_ok=True)
                (data / FILE_NAME).touch(mode=0o600)  # it holds passkeys and the hashes of passwords
            self._migrate()
        except (DBAPIError, OSError) as error:
            self.close()
            reason = error.orig if isinstance(error, DBAPIError) else error
            raise DatabaseError(f"{self.url}: the database cannot be opened: {reason}") from error

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of the database, and changes nothing."""
        with Session(self._engine, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction: all of it happens, or nothing when the block raises. Never wait for anything inside."""
        with (
            self._turn,
            self._engine.connect().execution_options(**{_WRITES: True}) as connection,
            Session(connection) as session,
            session.begin(),
        ):
            yield session

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self._turn, self._engine.connect().execution_options(**{_WRITES: True}) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def rows_changed(session: Session, statement: UpdateBase) -> int:
    """How many rows a change or a deletion hit."""
    result = session.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount


def _tune_sqlite(engine: Engine) -> None:
    """Its settings, and transactions that begin when we say so: a writer takes the lock at once, not half-way."""

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        for pragma in _PRAGMAS:
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get(_WRITES) else "BEGIN")
