"""Opening files below a folder so that no link in it leads out of it, and keeping some of them open.

Where the system has ``openat``, each folder on the way is opened from the one above, and none of them may be a link;
elsewhere (Windows) the whole path is looked at first.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from swarmshare.errors import StorageError
from swarmshare.storage.faults import LINK, BlockedError, LostError, named
from swarmshare.storage.paths import WINDOWS, resolve_inside
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator
    from pathlib import Path

    from swarmshare.manifest import names

MAX_OPEN: Final = 64
"""Most files open at a time where nobody says how many: well below the 256 that some systems allow."""

_NONE_LEFT: Final = {errno.EMFILE, errno.ENFILE}
_HAS_DIR_FD: Final = os.open in os.supports_dir_fd
_HAS_PREAD: Final = hasattr(os, "pread")
# Between a look at a name and its opening, another program may put a link there (O_NOFOLLOW), or a pipe, on which an
# open would wait for ever (O_NONBLOCK). O_BINARY: Windows would translate line ends.
_FILE: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_FOLDER: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)


class Place(NamedTuple):
    """Where the bytes of a file are: a path below the folder."""

    path: names.Path
    real: names.Path
    """The same with links followed, for reading."""
    finished: bool
    """Whether it has its final name."""
    inode: tuple[int, int]
    """Device and inode: another file of that name does not have the pieces that this one has."""


class OpenFile:
    """An open file; closed when the last thread that uses it lets go of it, so never during a read or write."""

    def __init__(self, fd: int, folder: Path, place: Place, writable: bool) -> None:
        self.fd, self.place, self.writable = fd, place, writable
        self._folder = folder
        self._lock = Lock()

    @property
    def path(self) -> Path:
        """Its path, for messages: made when it is wanted, as there may be very many files."""
        return self._folder.joinpath(*self.place.path)

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)

    def read_at(self, length: int, offset: int) -> bytes:
        """Read at most ``length`` bytes from ``offset``; fewer only where the file ends. Raises :class:`OSError`."""
        if _HAS_PREAD:
            return os.pread(self.fd, length, offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.read(self.fd, length)

    def write_at(self, data: memoryview, offset: int) -> int:
        """Write ``data`` at ``offset``; returns how many bytes of it the system took. Raises :class:`OSError`."""
        if _HAS_PREAD:
            return os.pwrite(self.fd, data, offset)
        with self._lock:
            os.lseek(self.fd, offset, os.SEEK_SET)
            return os.write(self.fd, data)


class OpenFiles:
    """Files that stay open from one use to the next, of any number of torrents: at most ``limit``.

    The one used longest ago is closed first. Threads that use files which are not kept any more have these besides.
    """

    def __init__(self, limit: int = MAX_OPEN) -> None:
        self._limit = limit
        self._lock = Lock()
        self._files: OrderedDict[Hashable, OpenFile] = OrderedDict()

    def get(self, key: Hashable) -> OpenFile | None:
        """Return the open file of ``key``, which counts as used just now; None when it is not open."""
        with self._lock:
            if key in self._files:
                self._files.move_to_end(key)
            return self._files.get(key)

    def open(self, key: Hashable, opening: Callable[[], OpenFile]) -> OpenFile:
        """Open a file by ``opening``, and keep it in place of what :meth:`get` had for ``key``, if anything.

        When the system allows no more open files, all that are kept are closed first: other parts of the program may
        have taken more than their share. Raises :class:`StorageError`.
        """
        try:
            file = opening()
        except StorageError as error:
            if not is_limit(error):
                raise
            self.clear()
            file = opening()
        with self._lock:
            self._files[key] = file
            if len(self._files) > self._limit:
                self._files.popitem(last=False)
        return file

    def drop(self, key: Hashable) -> None:
        """Close the file of ``key``, or let the threads that use it do so when they are done."""
        with self._lock:
            self._files.pop(key, None)

    def has_any(self, keys: Iterable[Hashable]) -> bool:
        """Return whether a file of one of ``keys`` is open."""
        with self._lock:
            return not self._files.keys().isdisjoint(keys)

    def clear(self) -> None:
        """Close all that no thread is using: the next use opens them again."""
        with self._lock:
            self._files.clear()


def is_limit(error: BaseException) -> bool:
    """Whether the system refused because too many files and connections are open: an :class:`OSError`, or ours."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return isinstance(cause, OSError) and cause.errno in _NONE_LEFT


def open_file(folder: Path, place: Place, *, write: bool) -> OpenFile:
    """Return the file at ``place`` below ``folder``. Writing goes through no link, and to no file with a second name.

    Raises :class:`LostError` when it is not there, or not the one that ``place`` is about, and :class:`StorageError`.
    """
    with parent_of(folder, place.path if write else place.real, make=False) as (parent, name):
        fd = os.open(name, (os.O_RDWR if write else os.O_RDONLY) | _FILE, dir_fd=parent)
        file = OpenFile(fd, folder, place, write)
        status = os.fstat(file.fd)
    if (status.st_dev, status.st_ino) != place.inode:
        raise LostError(file.path, Text("storage.other-file"))
    if write and status.st_nlink > 1:
        raise BlockedError(file.path, Text("storage.hard-link"), hint=Text("hint.copy-in-place"))
    return file


def create_file(name: str, parent: int | None) -> int:
    """Make an empty file that is not there yet; returns its descriptor, to read and write."""
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FILE, 0o666, dir_fd=parent)


class KeptFolder:
    """The folder that a pass over many files came to last: the next file is in the same one, if they are in order.

    It is for one pass in one thread. What is moved away during it is used where it is by then, as it is between any
    opening of a folder and a call with its descriptor.
    """

    def __init__(self) -> None:
        self._fd: int | None = None
        self._path: tuple[Path, names.Path] | None = None

    def __enter__(self) -> Self:
        """Keep it until the end of the context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd = None

    def get(self, folder: Path, path: names.Path) -> int | None:
        """Return its descriptor if it is the one at ``path`` below ``folder``, else None."""
        return self._fd if self._path == (folder, path) else None

    def hold(self, folder: Path, path: names.Path, fd: int) -> None:
        """Keep ``fd``, of the folder at ``path`` below ``folder``, in place of the one before, which is closed."""
        self.__exit__()
        self._fd, self._path = fd, (folder, path)


@contextlib.contextmanager
def parent_of(
    folder: Path, path: names.Path, *, make: bool, kept: KeptFolder | None = None
) -> Iterator[tuple[int | None, str]]:
    """Open the folder of ``path`` below ``folder``, as a descriptor, and the name in it, for calls with ``dir_fd``.

    No link below ``folder`` is followed. Where the system has no such calls, None and the whole path, whose folders
    led nowhere else when they were looked at. With ``make``, folders below ``folder`` that are not there are made. The
    descriptor is that of ``kept``, if it has it, and is kept there.

    Raises :class:`StorageError` for any :class:`OSError`, in the body, too.
    """
    parent = None if kept is None else kept.get(folder, path[:-1])
    if parent is None:
        parent = _open_parent(folder, path, make=make)
        if parent is not None and kept is not None:
            kept.hold(folder, path[:-1], parent)
    try:
        yield parent, path[-1] if parent is not None else str(folder.joinpath(*path))
    except OSError as error:
        raise named(folder.joinpath(*path), error) from error
    finally:
        if parent is not None and kept is None:
            os.close(parent)


def _open_parent(folder: Path, path: names.Path, *, make: bool) -> int | None:
    here, parent = folder, None
    try:
        if _HAS_DIR_FD:
            parent = os.open(folder, _FOLDER)
        for part in path[:-1]:
            here /= part
            if parent is None:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(here)
                resolve_inside(here, folder)
                continue
            above = parent
            try:
                parent = os.open(part, _FOLDER | _FILE, dir_fd=above)
            except FileNotFoundError:
                if not make:
                    raise
                parent = _make_folder(part, above)
            os.close(above)
        if parent is None and (here / path[-1]).is_symlink():
            here /= path[-1]
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    except BaseException as error:
        if parent is not None:
            os.close(parent)
        if isinstance(error, OSError):
            raise named(here, error) from error
        raise
    return parent


def _make_folder(name: str, above: int) -> int:
    """Make a folder below the one with descriptor ``above``, and return its own."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=above)
        with contextlib.suppress(OSError):  # a folder that a power cut takes away takes what is in it along
            os.fsync(above)
    return os.open(name, _FOLDER | _FILE, dir_fd=above)


def look_inside(folder: Path, path: names.Path) -> os.stat_result | None:
    """Return what is at ``path`` below ``folder``; None when a link is on the way, or it cannot be told so simply.

    It costs a fraction of following the whole path, and there may be very many files. Raises
    :class:`FileNotFoundError` and :class:`NotADirectoryError` when there is nothing.
    """
    if WINDOWS:  # whose junctions lead away and are no links
        return None
    here, status = os.fspath(folder), None
    try:
        for part in path:
            here = f"{here}/{part}"
            status = os.lstat(here)
            if stat.S_ISLNK(status.st_mode):
                return None
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError:
        return None
    return status


def look(name: str, parent: int | None) -> os.stat_result | None:
    """Return what bears ``name``, links not followed; None when nothing does."""
    try:
        return os.stat(name, dir_fd=parent, follow_symlinks=False)
    except FileNotFoundError:
        return None


def move(old: str, new: str, parent: int | None) -> bool:
    """Give a file another name in its folder, unless something bears that; says whether it was done."""
    try:
        # A rename would replace what came between a look and it; a second name is only given if it is free.
        os.link(old, new, src_dir_fd=parent, dst_dir_fd=parent, follow_symlinks=False)
    except FileExistsError:
        return False
    except (OSError, NotImplementedError):  # there are no hard links here: FAT, some network drives, Windows
        if look(new, parent) is not None:
            return False
        os.rename(old, new, src_dir_fd=parent, dst_dir_fd=parent)
    else:
        os.unlink(old, dir_fd=parent)
    return True


def strange(status: os.stat_result) -> Text | None:
    """Why what is there can be no file of ours, whatever is in it; None when it could be one."""
    if stat.S_ISLNK(status.st_mode):
        return LINK
    return None if stat.S_ISREG(status.st_mode) else Text("storage.not-regular")
