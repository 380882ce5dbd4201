"""Where a download would land, what is there already, and another name for it: no two transfers share a place.

The engine refuses to write into what belongs to something else, whoever put it there; this is to say so before a
transfer is added, and to offer a name that is free.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from swarmshare.errors import TakenError
from swarmshare.manifest.names import MAX_COMPONENT_BYTES, folded
from swarmshare.storage.disk_names import local_names
from swarmshare.storage.paths import WINDOWS
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.saved_transfers import SavedTransfer
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

MOST_HASHED: Final = 64 * 2**20
"""Bytes of existing files that are looked into before a download starts; the engine looks into the rest."""
_MOST_NAMES: Final = 1000
"""Names that are tried; after so many, the reader of the last one has to think of a better one."""


class NameTakenError(TakenError):
    """A download was not started, because other content has its place; by another name it can be."""

    def __init__(self, manifest: Manifest, folder: Path, path: Path, free_name: str) -> None:
        """``path`` is the first file that belongs to something else; ``free_name`` is a name that is free there."""
        super().__init__(path, Text("storage.taken-content"))
        self.manifest, self.folder, self.free_name = manifest, folder, free_name


def refuse_taken(manifest: Manifest, folder: Path, transfers: Collection[SavedTransfer]) -> None:
    """Raise :class:`NameTakenError` if ``manifest`` cannot go to ``folder``, because of ``transfers`` or the disk.

    Blocks.
    """
    path = _first_of_transfers(manifest, folder, transfers) or _first_on_disk(manifest, folder)
    if path is not None:
        raise NameTakenError(manifest, folder, path, _free_name(manifest, folder, transfers))


def in_common(one: SavedTransfer, other: SavedTransfer) -> Iterator[tuple[int, int]]:
    """Yield the numbers of the files that ``one`` and ``other`` have at the same place, on any file system."""
    places = _places(other, near=_root(one.manifest, one.folder))
    if places:
        for place, number in _places(one, near=_root(other.manifest, other.folder)).items():
            if place in places:
                yield number, places[place]


def _first_of_transfers(manifest: Manifest, folder: Path, transfers: Collection[SavedTransfer]) -> Path | None:
    new = SavedTransfer(manifest=manifest, folder=folder, added_at=0)
    for other in transfers:
        for number, theirs in in_common(new, other):
            one, two = manifest.files[number], other.manifest.files[theirs]
            if (one.length, one.pieces_root) != (two.length, two.pieces_root):
                return folder.joinpath(*local_names(manifest, folder)[number])
    return None


def _first_on_disk(manifest: Manifest, folder: Path) -> Path | None:
    if not os.path.lexists(folder / _top(manifest)):
        return None
    to_hash: list[int] = []
    budget = MOST_HASHED
    paths = [folder.joinpath(*parts) for parts in local_names(manifest, folder)]
    for number, (path, file) in enumerate(zip(paths, manifest.files, strict=True)):
        try:
            status = os.lstat(path)
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and file.symlink is None:
            if status.st_size != file.length:
                return path
            if file.length and file.length <= budget:
                budget -= file.length
                to_hash.append(number)
    storage = TorrentStorage(manifest, folder)
    storage.scan(only_files=to_hash)
    taken = storage.taken(to_hash) - storage.unfinished(to_hash)
    storage.close()
    return paths[min(taken)] if taken else None


def _free_name(manifest: Manifest, folder: Path, transfers: Collection[SavedTransfer]) -> str:
    """``Holiday (2)``, or ``film (2).mkv``."""
    taken = {_root(other.manifest, other.folder) for other in transfers}
    stem, ending = (manifest.name, "") if manifest.in_folder else os.path.splitext(manifest.name)
    name = manifest.name
    for number in range(2, _MOST_NAMES):
        tail = f" ({number}){ending}"
        room = MAX_COMPONENT_BYTES - len(tail.encode())
        name = stem.encode()[: max(room, 0)].decode(errors="ignore") + tail
        renamed = manifest.renamed(name) if len(name.encode()) <= MAX_COMPONENT_BYTES else manifest
        if _root(renamed, folder) not in taken and not os.path.lexists(folder / _top(renamed)):
            break
    return name


def _top(manifest: Manifest) -> str:
    """Return what is in the download folder of it."""
    return manifest.local_paths(windows=WINDOWS)[0][0]


def _root(manifest: Manifest, folder: Path) -> tuple[str, ...]:
    return _key(os.path.realpath(folder), (_top(manifest),))


def _places(saved: SavedTransfer, near: tuple[str, ...]) -> dict[tuple[str, ...], int]:
    """Return the number of each file by its place; none when all of it is somewhere else than ``near``."""
    root = _root(saved.manifest, saved.folder)
    shorter = min(len(root), len(near))
    if root[:shorter] != near[:shorter]:
        return {}
    folder = os.path.realpath(saved.folder)
    paths = local_names(saved.manifest, saved.folder)
    return {_key(folder, parts): number for number, parts in enumerate(paths)}


def _key(folder: str, parts: tuple[str, ...]) -> tuple[str, ...]:
    return *map(folded, folder.split(os.sep)), *map(folded, parts)
