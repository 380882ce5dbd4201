"""Opening and writing files so that nothing is half done, and nothing is read that is not a plain file."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LEFTOVER_AGE: Final = 3600.0
"""Seconds after which what was not renamed never will be."""
_TEMPORARY: Final = re.compile(r"\.[0-9a-f]{16}\.tmp")


class FileIdentity(NamedTuple):
    """What changes when a file is replaced, resized or written to."""

    device: int
    inode: int
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileIdentity:
        """Take the identity out of a ``stat`` result."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _opener(path: str, flags: int) -> int:
    # A name may have been swapped for a pipe or a link since we looked: do not wait for a writer, do not follow.
    return os.open(
        path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    )


@contextlib.contextmanager
def open_plain(path: Path) -> Iterator[BinaryIO]:
    """``path`` opened for unbuffered reading, if it is a regular file and its last component no link.

    Raises :class:`StorageError` that names it otherwise, and for any :class:`OSError` while it is in use.
    """
    try:
        with open(path, "rb", buffering=0, opener=_opener) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StorageError(path, Text("storage.not-regular"))
            yield file
    except OSError as error:
        raise StorageError(path, os_reason(error)) from error


def read_small(path: Path, limit: int) -> bytes:
    """Return the whole of a file of at most ``limit`` bytes, or :class:`StorageError`. Links are followed."""
    try:
        # O_NONBLOCK: opening a pipe that somebody put there would wait for a writer for ever.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0))) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise StorageError(path, Text("storage.not-regular"))
            data = file.read(limit + 1)  # not by its size, which may change, and which /proc gives as 0
    except OSError as error:
        raise StorageError(path, os_reason(error)) from error
    if len(data) > limit:
        raise StorageError(path, Text("storage.too-large", limit=limit))
    return data


def write_atomic(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Replace the content of ``path`` by ``data``, whole or not at all: see :func:`replacing`."""
    with replacing(path, mode=mode) as file:
        file.write(data)


@contextlib.contextmanager
def replacing(path: Path, *, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a file to write, which takes the place of ``path`` at the end of the context, whole and on the disk.

    After an error in the context, or a crash at any moment, nothing has changed. ``mode`` says who may use the file,
    from its first byte on, less what the umask takes. Raises :class:`StorageError`.
    """
    temporary = path.with_name(temporary_name())
    try:
        with open(temporary, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # before the rename: else a power cut may leave the new name without its content
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(path, os_reason(error)) from error
        raise


def temporary_name() -> str:
    """Return a name for what is written until it is whole, which nothing has."""
    return f".{secrets.token_hex(8)}.tmp"


def remove_leftovers(folder: Path, *, older_than: float = LEFTOVER_AGE) -> None:
    """Remove from ``folder`` what :func:`write_atomic` left there when its process was killed, or the power failed.

    Only files of such names that nobody has written to for ``older_than`` seconds: a younger one may still be in use.
    What cannot be looked at or removed stays; nothing is lost by that.
    """
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if _TEMPORARY.fullmatch(entry.name):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode) and time.time() - status.st_mtime >= older_than:
                        os.unlink(entry.path)


def make_folder(folder: Path, *, mode: int = 0o777) -> None:
    """Make ``folder`` and those above it where they are not there, so that they survive a power cut.

    ``mode`` says who may use ``folder`` itself, less what the umask takes. Raises :class:`OSError`.
    """
    if folder.is_dir():
        return
    if not os.path.lexists(folder.parent):
        make_folder(folder.parent)
    folder.mkdir(mode=mode, exist_ok=True)
    with contextlib.suppress(OSError):  # one may make a folder where one may not read
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` survive a power cut, where the system lets one ask for it."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
