"""Deleting what a manifest names, and nothing else."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason
from swarmshare.storage.paths import WINDOWS, existing_paths, part_paths

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def delete_files(manifest: Manifest, folder: Path) -> None:
    """Delete the files of ``manifest`` in ``folder``, which contains its name, and the folders that are empty then.

    A link is deleted, never what it leads to; nothing is reached through one. All files are tried; raises
    :class:`StorageError` for the first that cannot be deleted. Whoever is still writing to them must have stopped.
    """
    refused: StorageError | None = None
    paths = existing_paths(manifest, folder)
    parts = [folder.joinpath(*path) for path in part_paths(manifest.local_paths(windows=WINDOWS))]
    parents: set[Path] = set()
    real: dict[Path, bool] = {folder: True}
    for path in (*paths, *parts):
        if not _is_real(path.parent, real):
            continue
        try:
            if stat.S_ISDIR(os.lstat(path).st_mode):
                continue  # it is not ours
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            refused = refused or StorageError(path, os_reason(error), hint="It is left; remove it yourself.")
        parents.update(parent for parent in path.parents if parent.is_relative_to(folder) and parent != folder)
    for parent in sorted(parents, key=lambda path: -len(path.parts)):
        if _is_real(parent, real):
            with suppress(OSError):  # not empty: there is more in it than ours
                parent.rmdir()
    if refused is not None:
        raise refused


def _is_real(path: Path, known: dict[Path, bool]) -> bool:
    """Whether ``path`` is a folder that is reached from the download folder without following a link."""
    if path not in known:
        try:
            known[path] = _is_real(path.parent, known) and stat.S_ISDIR(os.lstat(path).st_mode)
        except OSError:
            known[path] = False
    return known[path]
