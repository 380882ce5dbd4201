"""Where one file of a torrent belongs below the download folder, and what is there: looking, making, renaming.

Nothing of ours is remembered here (see ``content.py``), and nothing of anybody else's is touched.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import StorageError, TakenError
from swarmshare.storage.disk_names import lone_inside
from swarmshare.storage.faults import IN_THE_WAY, NO_RIGHT, BlockedError, LostError, named, naming
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.opening import (
    OpenFile,
    Place,
    create_file,
    look,
    look_inside,
    move,
    parent_of,
    strange,
)
from swarmshare.storage.paths import resolve_inside
from swarmshare.texts import Text

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest import names
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.opening import KeptFolder

CHANGED: Final = Text("storage.changed")
SHORTER: Final = Text("storage.shorter")
_TAKEN: Final = Text("storage.taken")


class Found(NamedTuple):
    """A file as a look at the disk found it."""

    place: Place
    path: Path
    """Its name for the system, links followed."""
    status: os.stat_result


class FileLocation:
    """File ``number`` of ``manifest`` below ``folder``, called ``final`` there, and ``part`` until it is whole."""

    def __init__(self, manifest: Manifest, number: int, folder: Path, final: names.Path, part: names.Path) -> None:
        self.folder = folder
        self.length = manifest.files[number].length
        self._manifest, self._final, self._part = manifest, final, part

    @property
    def final(self) -> Path:
        """The path of the file once it is whole."""
        return self.folder.joinpath(*self._final)

    @property
    def part(self) -> Path:
        """The path of the file until it is whole."""
        return self.folder.joinpath(*self._part)

    @property
    def parent(self) -> names.Path:
        """The path of the folder that it is in, below the download folder."""
        return self._final[:-1]

    def find(self) -> list[Place]:
        """Where it may be: by its name if it has its length, then what is there of it; links inside are followed.

        Raises :class:`StorageError` for links that lead out, and for what cannot be looked at.
        """
        final, found = lone_inside(self._manifest, self.folder, self._final) or self._final, []
        for path, finished in ((final, True), (self._part, False)):
            try:
                status = look_inside(self.folder, path)
                below, status = self._follow(path) if status is None else (path, status)
            except (FileNotFoundError, NotADirectoryError):
                continue
            if stat.S_ISREG(status.st_mode) and (not finished or status.st_size == self.length):
                found.append(Place(path, below, finished, (status.st_dev, status.st_ino)))
        return found

    def _follow(self, path: names.Path) -> tuple[names.Path, os.stat_result]:
        """Return what is at ``path``, and its path below the folder with links followed; they must stay inside."""
        real = resolve_inside(self.folder.joinpath(*path), self.folder)
        with naming(real):
            status = os.stat(real, follow_symlinks=False)
        return real.relative_to(self.folder.resolve()).parts, status

    def is_taken(self) -> bool:
        """Whether anything is where it could be: much cheaper than :meth:`find`, which tells what it is."""
        taken = os.path.exists(self.final) or os.path.exists(self.part)
        return taken or (not self._manifest.in_folder and bool(self.find()))

    def path(self, place: Place) -> Path:
        """Return the path of ``place``, links followed."""
        return self.folder.joinpath(*place.real)

    def look(self, place: Place) -> os.stat_result:
        """Return what is at ``place``; :class:`LostError` unless it is the very file that was found there."""
        try:
            # Not by Path, which costs as much as looking: there may be very many files.
            status = os.stat(os.path.join(self.folder, *place.real), follow_symlinks=False)
        except OSError as error:
            raise named(self.path(place), error) from error
        if what := strange(status):  # whatever its inode: some systems give that of a removed file to the next
            raise LostError(self.path(place), what, hint=IN_THE_WAY)
        if (status.st_dev, status.st_ino) != place.inode:
            raise LostError(self.path(place), Text("storage.replaced"))
        return status

    def taken(self, place: Place) -> TakenError:
        """Return what to say of a file that was looked into, and is not ours."""
        return TakenError(self.folder.joinpath(*place.path), Text("storage.taken-content"))

    def is_named(self) -> bool:
        """Whether anything bears the final name, be it a file or not."""
        try:
            with parent_of(self.folder, self._final, make=False) as (parent, name):
                return look(name, parent) is not None
        except LostError:  # a folder on the way is not there, or is something else
            return False

    def claim(self, kept: KeptFolder | None = None) -> None:
        """Make its folders, and itself if it is empty, unless one of its names is somebody else's.

        Raises :class:`StorageError`.
        """
        with parent_of(self.folder, self._final, make=True, kept=kept) as (parent, name):
            there, saved = look(name, parent), look(self._part_at(parent), parent)
            if there is not None and (what := self._conflict(there)):
                raise TakenError(self.final, what)
            if saved is not None and (what := strange(saved)):
                raise BlockedError(self.part, what, hint=IN_THE_WAY)
            target = self.part if saved is not None else self.part.parent
            called = str(target) if parent is None else self.part.name if saved is not None else "."
            if not os.access(called, os.W_OK, dir_fd=parent):
                raise BlockedError(target, Text("storage.not-writable"), hint=NO_RIGHT)
            if there is None and not self.length:
                os.close(create_file(name, parent))

    def create(self, kept: KeptFolder | None = None) -> OpenFile:
        """Start it as an empty file that was not there; its folders are made, but for the download folder.

        ``kept`` is the folder of the file before.
        """
        with parent_of(self.folder, self._part, make=True, kept=kept) as (parent, name):
            fd = create_file(name, parent)
            try:
                status = os.fstat(fd)
            except BaseException:
                os.close(fd)
                raise
        place = Place(self._part, self._part, False, (status.st_dev, status.st_ino))
        return OpenFile(fd, self.folder, place, True)

    def rename(self, flushed: FileIdentity, kept: KeptFolder | None = None) -> Place:
        """Give the part its final name, if it is whole and still as it was when it was ``flushed``.

        Raises :class:`LostError` when it is not, and :class:`TakenError` when the name is taken.
        """
        with parent_of(self.folder, self._final, make=False, kept=kept) as (parent, name):
            part = self._part_at(parent)
            status = look(part, parent)
            if status is None or FileIdentity.of(status) != flushed or flushed.size != self.length:
                raise LostError(self.part, CHANGED)
            if not move(part, name, parent):
                raise TakenError(self.final, _TAKEN)
        return Place(self._final, self._final, True, (flushed.device, flushed.inode))

    def take_over(self, place: Place, found: FileIdentity) -> Place:
        """Make a part of what another program began at ``place``, if it is still as it was ``found``.

        A new name, because one without ``.part`` promises the content, and because only one torrent can give it one.
        Raises :class:`LostError` when it has changed, and :class:`TakenError` where writing might change another file.
        """
        if not place.path == place.real == self._final:
            raise self.taken(place)  # what is reached by links, or in the other folder, is not ours to rename
        with parent_of(self.folder, place.path, make=False) as (parent, name):
            status = look(name, parent)
            if status is None or FileIdentity.of(status) != found:
                raise LostError(self.final, CHANGED)
            if status.st_nlink > 1:
                raise self.taken(place)  # writing into a part would change the file of the other name, too
            if not move(name, self._part_at(parent), parent):
                raise LostError(self.part, CHANGED)
        return Place(self._part, self._part, False, place.inode)

    def drop_part(self) -> None:
        """Remove the part, which is not needed any more; if that is refused, nothing but space is lost."""
        with contextlib.suppress(StorageError), parent_of(self.folder, self._part, make=False) as (parent, name):
            if (saved := look(name, parent)) is not None and not strange(saved):
                os.unlink(name, dir_fd=parent)

    def sync_folder(self) -> None:
        """Make the renames in its folder survive a power cut, where the system lets one ask for it."""
        with parent_of(self.folder, self._final, make=False) as (parent, _):
            if parent is not None:
                os.fsync(parent)

    def _part_at(self, parent: int | None) -> str:
        """Return what a call with ``dir_fd=parent`` is told of the part."""
        return str(self.part) if parent is None else self._part[-1]

    def _conflict(self, status: os.stat_result) -> Text | None:
        """Why what bears the final name is in the way; None when it is not."""
        if what := strange(status):
            return what
        if status.st_size != self.length:
            return Text("storage.taken-size", size=status.st_size, length=self.length)
        return _TAKEN if self.length else None
