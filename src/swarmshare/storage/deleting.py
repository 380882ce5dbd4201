"""Deleting what is a torrent's own, and nothing else."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from swarmshare.errors import StorageError
from swarmshare.storage.disk_names import existing_paths, local_names
from swarmshare.storage.paths import part_paths
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.resume import load_resume
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def own_files(manifest: Manifest, folder: Path, resume: Path) -> set[int]:
    """Return the numbers of the files of ``manifest`` that are its own in ``folder`` by the resume data at ``resume``.

    Nothing is hashed for it: what was never found to be right is somebody's, and is not to be deleted.
    """
    storage = TorrentStorage(manifest, folder)
    load_resume(resume, manifest, storage)
    numbers = set(range(len(manifest.files)))
    own = numbers - storage.taken(numbers)
    storage.close()
    return own


def delete_files(manifest: Manifest, folder: Path, own: Collection[int]) -> None:
    """Delete the files of ``manifest`` numbered ``own`` in ``folder``, which contains its name, and all of its parts.

    And the folders that are empty then. A link is deleted, never what it leads to; nothing is reached through one. All
    files are tried; raises :class:`StorageError` for the first that cannot be deleted. Whoever is still writing to them
    must have stopped.
    """
    refused: StorageError | None = None
    parts = [folder.joinpath(*path) for path in part_paths(manifest, local_names(manifest, folder))]
    parents: set[Path] = set()
    real: dict[Path, bool] = {folder: True}
    paths = [path for number, path in enumerate(existing_paths(manifest, folder)) if number in own or path.is_symlink()]
    for path in (*paths, *parts):
        if not _is_real(path.parent, real):
            continue  # a link in the way may lead to somebody's files of the same names
        try:
            if stat.S_ISDIR(os.lstat(path).st_mode):
                continue  # it is not ours
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except OSError as error:
            refused = refused or StorageError(path, os_reason(error), hint=Text("hint.remove-yourself"))
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
