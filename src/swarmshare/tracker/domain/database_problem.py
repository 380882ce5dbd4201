"""Faults of a database, each in one word for programs and one sentence for people."""

from __future__ import annotations

import sqlite3
from enum import Enum
from typing import Final

from sqlalchemy import exc

from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text


class DatabaseError(SwarmShareError):
    """The database cannot be reached or used from the start."""

    code = "database"


class DatabaseProblem(Enum):
    """What is wrong with a database: a stable code, and a sentence."""

    LOCKED = "locked", Text("database.locked")
    FULL = "disk-full", Text("database.disk-full")
    DISK = "disk", Text("database.disk")
    DAMAGED = "damaged", Text("database.damaged")
    AWAY = "database", Text("database.away")

    def __init__(self, code: str, sentence: Text) -> None:
        self.code = code
        self.sentence = sentence


_BY_SQLITE_CODE: Final = {
    sqlite3.SQLITE_BUSY: DatabaseProblem.LOCKED,
    sqlite3.SQLITE_LOCKED: DatabaseProblem.LOCKED,
    sqlite3.SQLITE_FULL: DatabaseProblem.FULL,
    sqlite3.SQLITE_IOERR: DatabaseProblem.DISK,
    sqlite3.SQLITE_READONLY: DatabaseProblem.DISK,
    sqlite3.SQLITE_CORRUPT: DatabaseProblem.DAMAGED,
    sqlite3.SQLITE_NOTADB: DatabaseProblem.DAMAGED,
}
"""By SQLite's primary codes; those that are missing are mistakes of ours, or say nothing more."""


def problem_of(error: exc.SQLAlchemyError | sqlite3.Error) -> DatabaseProblem | None:
    """Return what is wrong with the database; None when ``error`` is a mistake of whoever asked it."""
    if isinstance(error, exc.TimeoutError):  # of a turn to write, or of a connection: those who have them wait
        return DatabaseProblem.LOCKED
    cause = error.orig if isinstance(error, exc.DBAPIError) else error
    # The primary result code is the low byte of the extended one.
    found = _BY_SQLITE_CODE.get((getattr(cause, "sqlite_errorcode", None) or 0) & 0xFF)
    if found is None and (isinstance(error, exc.OperationalError) or type(error) is exc.DatabaseError):
        return DatabaseProblem.AWAY
    return found
