"""What a mirror keeps on the disk: a folder of its own for each entry, and the manifests of all that it holds.

A manifest is written before anything of its content, and removed after all of it, each whole or not at all: so whatever
moment a mirror dies at, everything of its content is accounted for, and no other file is touched.
"""

from __future__ import annotations

import contextlib
import shutil
from typing import TYPE_CHECKING, Final

from swarmshare.errors import ManifestError, StorageError
from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.files import make_folder, read_small, remove_leftovers, write_atomic
from swarmshare.storage.lock import locked
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

STATE: Final = ".swarmshare-mirror"
"""The folder of all that is not content."""
_NAME_BYTES: Final = 100
"""Of an entry's name, in the name of its folder: enough to find it by."""
_HASH_DIGITS: Final = 16
"""Of its info hash, so that entries of one name do not meet: two such may be made on purpose, and get in each other's
way; nobody can make one to meet somebody else's."""


@contextlib.contextmanager
def open_store(folder: Path) -> Iterator[MirrorStore]:
    """Open the store in ``folder``, made if need be, for this process alone. Raises :class:`StorageError`."""
    state = folder / STATE
    try:
        make_folder(state, mode=0o700)
        make_folder(state / "resume")
    except OSError as error:
        raise StorageError(state, os_reason(error), hint=Text("hint.writable-folder")) from error
    message, hint = Text("mirror.at-work"), Text("hint.own-mirror-folder")
    with locked(state / "lock", folder, message, hint):
        yield MirrorStore(folder)


class MirrorStore:
    """The entries that one folder holds. Every method raises :class:`StorageError` for what the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._state = folder / STATE
        self.resume_folder = self._state / "resume"

    def manifests(self) -> list[Manifest]:
        """Of everything of which anything may be there."""
        try:
            for folder in (self._state, self.resume_folder):
                remove_leftovers(folder, older_than=0)  # the lock is ours: nobody is writing
            paths = sorted(self._state.glob("*.torrent"))
        except OSError as error:
            raise StorageError(self._state, os_reason(error)) from error
        return [_read(path) for path in paths]

    def folder_of(self, manifest: Manifest) -> Path:
        """Return the folder that contains the manifest's name, and nothing else."""
        name = manifest.local_paths(windows=True)[0][0].encode()[:_NAME_BYTES].decode(errors="ignore")
        return self._folder / f"{name}-{str(manifest.info_hash)[:_HASH_DIGITS]}"

    def add(self, manifest: Manifest) -> None:
        """From now on, this may be there."""
        # There may be a passkey in it.
        write_atomic(self._manifest_path(manifest), manifest.encode(), mode=0o600)

    def delete(self, manifest: Manifest) -> None:
        """Delete everything of it; whoever is still writing to it must have stopped."""
        folder = self.folder_of(manifest)
        try:
            if folder.is_symlink():
                folder.unlink()  # what it leads to is not ours
            elif folder.exists():
                shutil.rmtree(folder)
            (self.resume_folder / f"{manifest.info_hash}.resume").unlink(missing_ok=True)
            self._manifest_path(manifest).unlink()
        except OSError as error:
            raise StorageError(error.filename or folder, os_reason(error)) from error

    def _manifest_path(self, manifest: Manifest) -> Path:
        return self._state / f"{manifest.info_hash}.torrent"


def _read(path: Path) -> Manifest:
    try:
        manifest = parse_manifest(read_small(path, MAX_BYTES))
    except ManifestError as error:
        hint = Text("hint.remove-both")
        raise StorageError(path, error.message, hint=hint) from error
    if str(manifest.info_hash) != path.stem:
        raise StorageError(path, Text("storage.other-manifest"), hint=Text("hint.remove-file"))
    return manifest
