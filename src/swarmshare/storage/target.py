"""Whether a file can be written at all, before the hours of work that make what will be in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from typing import TYPE_CHECKING, Final

from swarmshare.errors import DiskFullError, StorageError
from swarmshare.storage.files import temporary_name
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from pathlib import Path


ANOTHER_FILE: Final = Text("hint.other-file")


def check_target(path: Path, length: int = 0, *, hint: Text = ANOTHER_FILE) -> None:
    """Raise :class:`StorageError` unless a file of ``length`` bytes can be written to ``path``.

    A file is made beside it, as :func:`~swarmshare.storage.files.write_atomic` does, and removed.
    """
    folder = path.parent
    try:
        try:
            os.stat(folder)
        except FileNotFoundError:
            raise StorageError(folder, Text("storage.no-folder"), hint=Text("hint.make-folder", hint=hint)) from None
        with contextlib.suppress(FileNotFoundError):
            if stat.S_ISDIR(os.stat(path).st_mode):  # a name that is too long is refused here, too
                raise StorageError(path, Text("storage.is-folder"), hint=hint)
        trial = folder / temporary_name()
        with open(trial, "xb"):
            pass
        trial.unlink()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise StorageError(path, os_reason(error), hint=hint) from error
    if length > free:
        raise DiskFullError(path, length, free)
