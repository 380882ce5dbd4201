"""Errors of the disk as errors of ours: which path, in which words, and what to do about it."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from typing import TYPE_CHECKING, Final

from swarmshare.errors import DiskFullError, StorageError
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class BlockedError(StorageError):
    """A name that is taken, or a place that we may not write to: it stays so until a person changes it."""

    needs_person = True


class LostError(StorageError):
    """What is at ``path`` is not the file that was there, or not all of it: only a scan tells what is left."""

    hint = Text("hint.put-back-or-fetch")


IN_THE_WAY: Final = Text("hint.move-away")
"""What to do about a name that is taken."""
NO_RIGHT: Final = Text("hint.permissions")
LINK: Final = Text("storage.link")

_BLOCKED: Final = {
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ELOOP,
    errno.EEXIST,
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.EFBIG,
    errno.ENAMETOOLONG,
    errno.EINVAL,
}
"""What only a person can put right. Not so what a disk or a network drive may say for a while: that it is full, that it
is gone, that it failed, or that too many files are open."""
_STALE: Final = getattr(errno, "ESTALE", errno.ENOENT)
_FULL: Final = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
_LOST: Final = {errno.ENOENT, _STALE, errno.ENOTDIR, errno.EISDIR, errno.ELOOP}
"""What opening, or looking at, a file says when it is there no more."""
_HINTS: Final = {
    errno.ENOENT: LostError.hint,
    _STALE: LostError.hint,
    errno.ENOTDIR: IN_THE_WAY,
    errno.EISDIR: IN_THE_WAY,
    errno.ELOOP: IN_THE_WAY,
    errno.EEXIST: IN_THE_WAY,
    errno.EACCES: NO_RIGHT,
    errno.EPERM: NO_RIGHT,
    errno.EROFS: Text("hint.writable-disk"),
    errno.EIO: Text("hint.check-disk"),
    errno.EFBIG: Text("hint.larger-files"),
    errno.EMFILE: Text("hint.open-files"),
    errno.ENFILE: Text("hint.open-files"),
    errno.ENAMETOOLONG: Text("hint.shorter-path"),
    errno.EINVAL: Text("hint.other-disk"),
}


@contextlib.contextmanager
def naming(path: Path, needed: int = 0) -> Iterator[None]:
    """Turn any :class:`OSError` of the body into one of our errors about ``path``: see :func:`named`."""
    try:
        yield
    except OSError as error:
        raise named(path, error, needed) from error


def named(path: Path, error: OSError, needed: int = 0) -> StorageError:
    """``error`` as one of ours, about ``path``, where ``needed`` bytes were to be written."""
    if error.errno in _FULL:
        free = 0
        with contextlib.suppress(OSError):
            free = shutil.disk_usage(path.parent).free
        return DiskFullError(path, needed, free)
    kind = LostError if error.errno in _LOST else StorageError
    if os.path.islink(path):  # what the system calls it depends on the system, and on what was expected there
        told = kind(path, LINK, hint=IN_THE_WAY)
    else:
        told = kind(path, os_reason(error), hint=_HINTS.get(error.errno or 0))
    told.needs_person = error.errno in _BLOCKED
    return told
