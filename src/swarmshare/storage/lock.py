"""One program at a time: a lock on a file, which ends with the process that holds it, however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING

from swarmshare.errors import StorageError
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextlib.contextmanager
def locked(path: Path, of: Path, message: Text, hint: Text | None) -> Iterator[None]:
    """Hold the lock at ``path``, made if it is not there.

    Raises :class:`StorageError` about ``of`` with ``message`` and ``hint`` when another process holds it.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StorageError(path, os_reason(error)) from error
    try:
        try:
            if sys.platform == "win32":
                import msvcrt

                msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl

                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StorageError(of, message, hint=hint) from error
        yield
    finally:
        os.close(handle)  # the file stays: whoever removed it would let two processes lock two files of one name
