"""One file of a torrent on a disk: where it is, its bytes, and whether it still is what we made or found it to be.

Others have the disk, too. Pieces are held of the very file that they were written to or found in; when that is gone,
replaced, shortened or changed by another program, it is *lost*: nothing is known of it until it is looked at afresh.
"""

from __future__ import annotations

import contextlib
import os
import time
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.storage.faults import LostError, naming
from swarmshare.storage.files import Identity
from swarmshare.storage.places import CHANGED, SHORTER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.storage.opening import OpenFile, OpenFiles, Place
    from swarmshare.storage.places import Whereabouts


CERTAIN_AFTER: Final = 2_000_000_000
"""Nanoseconds after a change within which another one may leave the times of a file as they are: FAT counts in steps of
two seconds. A page that is mapped into memory may change unnoticed for longer, until the system has written it."""


class FileState(NamedTuple):
    """A file as it was when all of our writes to it were on the disk."""

    name: str
    """The name in use, below the download folder, with ``/`` between its components."""
    size: int
    mtime_ns: int
    inode: int
    """Of a file that has its final name; else 0."""
    own: bool
    """Whether that is known to be this torrent's own: see :class:`ContentFile`."""


class Found(NamedTuple):
    """A file as it is now."""

    place: Place
    path: Path
    status: os.stat_result


class ContentFile:
    """A file that belongs ``where``; while it is open, it is among ``opened``.

    A file that has its final name is this torrent's *own* once it was whole: made by us, or found so. Only then is it
    ever written into, to mend it. Anything else of that name belongs to something else, however much of it is right
    (docs/adr/0008).
    """

    def __init__(self, where: Whereabouts, opened: OpenFiles) -> None:
        self._where, self._opened = where, opened
        self._lock = Lock()  # guards all below; held to look, open and rename, never to read, write or flush
        self._place: Place | None = None  # once found the same until look_afresh(): what is held is held of that
        self._lost = False
        self._absent = False  # looked for, and not there
        self._appeared = False  # and there later, by no hand of ours: nobody knows what is in it
        self._extent = 0  # bytes that must be there
        self._state: FileState | None = None  # None from the first write on until it is flushed: it changes by our hand
        self._sure: int | None = None  # the time of change with which nobody can have written to it unnoticed
        self._proven: set[int] = set()  # where pieces begin that were verified at the time of change that is next
        self._proven_at: int | None = None
        self._last: tuple[int, int] | None = None  # size and time when it was found, or after our last write
        self._touched = False  # changed by others since then, so that it may not be what we wrote
        self._own: int | None = None  # the inode of the file that is ours though it has its final name
        self._unfinished: Identity | None = None  # what another program began under that name, and we may go on with
        self._writers = 0  # writes under way
        self._dirty = False  # written since it was flushed

    def make_way(self) -> int:
        """Make its folders, and itself if it is empty; how many bytes it needs from the disk beyond those it has.

        Raises :class:`StorageError` for a name that is taken, a link in the way, or what the system refuses.
        """
        with self._lock:
            self._take_over()
            place, status = self._locate(), None
            if place is not None:
                with contextlib.suppress(LostError):
                    status = self._where.look(place)
            if place is None or status is None or not place.finished:
                self._where.claim()
            elif not self._is_own(place):
                raise self._where.taken(place)
        # A file may have holes, so that it occupies less than its length. Windows does not tell.
        held = 0 if status is None else getattr(status, "st_blocks", status.st_size // 512) * 512
        return max(0, self._where.length - held)

    def read(self, length: int, offset: int) -> tuple[bytes, int | None]:
        """``length`` bytes from ``offset``, and when the file was changed if that leaves doubt whether they are right.

        Raises :class:`StorageError` when they are not there, or the file is found to be lost just now: from then on
        there is doubt until it is scanned.
        """
        with self._using(write=False) as file:
            data = file.read_at(length, offset)
            if len(data) < length:
                raise LostError(file.path, SHORTER)
            return data, self._doubt(file)

    def is_proven(self, offset: int, changed: int) -> bool:
        """Whether the piece at ``offset`` was verified while the file was as it is if it was ``changed`` last then."""
        with self._lock:
            return changed == self._proven_at and offset in self._proven

    def proven(self, offset: int, changed: int) -> None:
        """The piece at ``offset`` is right, and was read after the file was ``changed`` last."""
        with self._lock:
            if changed != self._proven_at:
                self._proven, self._proven_at = set(), changed
            if _is_certain(changed):
                self._proven.add(offset)

    def disproven(self) -> LostError:
        """A piece of it is wrong: it is lost. What to raise."""
        with self._lock:
            self._lost = True
        return LostError(self._where.final, CHANGED)

    def write(self, data: bytes | bytearray | memoryview, offset: int) -> None:
        """Write ``data`` at ``offset``, to the file that was found, or a new one when none was.

        Raises :class:`StorageError`, also when what was written cannot be found by the file's name afterwards.
        """
        left, end = memoryview(data), offset + len(data)
        with self._using(write=True, needed=len(data)) as file, self._writing(file):
            while left:
                left = left[file.write_at(left, end - len(left)) :]
            with self._lock:
                self._look(file.place)
                self._extent = max(self._extent, end)

    def finish(self) -> None:
        """Give the file, all of which is here, its name; nothing happens when it has it.

        Flushes it and its folder. Raises :class:`StorageError`, also for a name that was taken meanwhile.
        """
        with self._lock:
            place = self._locate()
            if place is None and self._where.length:
                raise LostError(self._where.part, "not there")
            if place is not None:
                self._look(place)
                if self._lost or self._appeared:
                    raise LostError(self._where.path(place), "may have lost some of its data")
                if place.finished:
                    self._where.drop_part()
                    return
            self._dirty = False
        with self._using(write=True) as file:
            if os.fstat(file.fd).st_size > self._where.length:
                with self._writing(file):
                    os.ftruncate(file.fd, self._where.length)
            self._flush(file)
            status = os.fstat(file.fd)
            with self._lock:
                self._compare(status)
                if self._touched:
                    self._lost = True
                    raise LostError(file.path, CHANGED)
        flushed = Identity.of(status)
        del file  # Windows renames no open file; whoever comes next opens it again
        with self._lock:
            self._opened.drop(self)
            try:
                place = self._where.rename(flushed)
            except LostError:
                self._lost = True
                raise
            self._place, self._own = place, flushed.inode
            if not self._writers and not self._dirty:
                self._take(Found(place, self._where.path(place), status))
        self._where.sync_folder()

    def state(self) -> FileState | None:
        """The file as it is now, all that was written before this call being on the disk; None if lost or not there."""
        unflushed = False
        try:
            with self._lock:
                if self._locate() is None:
                    return None
                unflushed, self._dirty = self._dirty, False
            if unflushed:
                with self._using(write=True) as file:
                    self._flush(file)
                unflushed = False
            with self._lock:
                if (place := self._locate()) is None:
                    return None
                status = self._look(place)
                self._compare(status)
                state = self._state_of(place, status)
                if not self._writers and not self._dirty:
                    self._state = state
                    changed = status.st_ctime_ns
                    self._sure = changed if _is_certain(max(changed, status.st_mtime_ns)) else None
                return None if self._lost or self._appeared or self._touched else state
        except StorageError:
            with self._lock:
                self._dirty |= unflushed
            return None

    def is_lost(self) -> bool:
        """Whether it is not what we made or found it to be. One that was never there is not lost."""
        with self._lock:
            if self._place is not None and not self._lost:
                with contextlib.suppress(StorageError):  # what cannot be looked at just now may be as it was
                    self._look(self._place)
            return self._lost

    def has_appeared(self) -> bool:
        """Whether it is there now, and was not when we looked for it."""
        with self._lock:
            if self._place is None and self._absent:
                with contextlib.suppress(StorageError):
                    if self._where.is_taken():
                        self._locate()
            return self._appeared

    def close(self) -> None:
        """Close it, or let the threads that use it do so when they are done; the next use opens it again."""
        self._opened.drop(self)

    def look_afresh(self) -> list[Found]:
        """Where it may be now, all that was known of it forgotten, but for what is its own.

        What has its final name comes first; it is that until :meth:`take` says otherwise.
        """
        with self._lock:
            before, self._place = self._place, None
            self._opened.drop(self)
            self._lost = self._absent = self._appeared = self._touched = False
            self._extent, self._state, self._sure, self._proven_at = 0, None, None, None
            self._last, self._unfinished = None, None
            try:
                found = [Found(place, self._where.path(place), self._where.look(place)) for place in self._where.find()]
            except StorageError:
                self._absent = True
                return []
            self._absent = not found
            if found:
                self._dirty &= before is not None and before.inode in {each.place.inode for each in found}
                self._take(found[0])
            return found

    def take(self, found: Found, *, whole: bool, unfinished: bool) -> None:
        """It is what was ``found``: ``whole``, or ``unfinished`` when all that is not right of it is empty."""
        with self._lock:
            self._take(found)
            if found.place.finished and whole:
                self._own = found.status.st_ino
            if found.place.finished and unfinished:
                self._unfinished = Identity.of(found.status)

    def named(self) -> Found | None:
        """What bears its final name and has its length, as far as that can be looked at."""
        with contextlib.suppress(StorageError):
            for place in self._where.find():
                if place.finished:
                    return Found(place, self._where.path(place), self._where.look(place))
        return None

    def own(self, inode: int) -> None:
        """The file of that inode is its own, if it has its final name."""
        with self._lock:
            self._own = inode

    def is_own(self, place: Place) -> bool:
        """Whether what is at ``place`` may be written into."""
        with self._lock:
            return self._is_own(place)

    def is_taken(self) -> bool:
        """Whether its name is borne by something that is not its own."""
        with self._lock:
            try:
                place = self._locate()
            except StorageError:  # a link that leads out, or what we may not look at
                return True
            return self._where.is_named() if place is None or not place.finished else not self._is_own(place)

    def is_unfinished(self) -> bool:
        """Whether what bears its name was begun by another program, and can be gone on with."""
        with self._lock:
            return self._unfinished is not None

    def _is_own(self, place: Place) -> bool:
        return not place.finished or not self._where.length or self._own == place.inode[1]

    def _take(self, found: Found) -> None:
        place, status = found.place, found.status
        self._place = place
        self._extent = min(status.st_size, self._where.length)
        self._last = status.st_size, status.st_mtime_ns
        self._state = None if self._dirty else self._state_of(place, status)

    def _take_over(self) -> None:
        """Go on with what another program began, if that is what was found."""
        found, self._unfinished = self._unfinished, None
        if found is not None and self._place is not None:
            self._opened.drop(self)
            try:
                self._place = self._where.take_over(self._place, found)
            except LostError:
                self._lost = True
                raise

    def _locate(self) -> Place | None:
        if self._place is None:
            self._place = next(iter(self._where.find()), None)
            self._appeared |= self._absent and self._place is not None and self._where.length > 0
            self._absent = self._place is None
        return self._place

    def _compare(self, status: os.stat_result) -> None:
        """Note whether others have changed it since we last looked; while we write ourselves, that cannot be told."""
        if not self._writers and self._last is not None:
            self._touched |= (status.st_size, status.st_mtime_ns) != self._last

    def _look(self, place: Place) -> os.stat_result:
        """What is at ``place``; :class:`LostError` when it is not what we know of."""
        try:
            status = self._where.look(place)
            if self._is_other(status):
                raise LostError(self._where.path(place), SHORTER if status.st_size < self._extent else CHANGED)
        except LostError:
            self._lost = True
            raise
        return status

    def _doubt(self, file: OpenFile) -> int | None:
        """When ``file`` was changed, if what was read of it just now may be wrong."""
        with self._lock:
            known = not (self._lost or self._appeared or self._touched)
            if known and self._state is None:
                return None  # we write to it ourselves
            status = os.fstat(file.fd)
            if known and self._is_other(status):
                raise LostError(file.path, CHANGED)
            if known and status.st_ctime_ns != self._sure:
                self._look(file.place)  # it may have been replaced; what is open is the old one then
            return None if known and status.st_ctime_ns == self._sure else status.st_ctime_ns

    def _is_other(self, status: os.stat_result) -> bool:
        now = (status.st_size, status.st_mtime_ns)
        return status.st_size < self._extent or (self._state is not None and now != self._state[1:3])

    def _open(self, *, write: bool) -> OpenFile:
        file = self._opened.get(self)
        if file is None or (write and not file.writable):
            place = self._locate()
            if place is None:
                if not write:
                    raise LostError(self._where.final, "not there")
                place = self._place = self._where.create()
                self._absent = False
            if write and not self._is_own(place):
                raise self._where.taken(place)
            file = self._opened.open(self, self._where.folder, place, write=write)
        return file

    @contextlib.contextmanager
    def _using(self, *, write: bool, needed: int = 0) -> Iterator[OpenFile]:
        try:
            with self._lock:
                file = self._open(write=write)
            with naming(file.path, needed):
                yield file
        except StorageError as error:
            with self._lock:
                self._opened.drop(self)  # a disk that was away and is back needs it opened again
                place = self._place
                if isinstance(error, LostError) and place is not None:
                    # A file that is reached by links is there, and yet cannot be written to.
                    self._lost |= not write or place.path == place.real
            raise

    @contextlib.contextmanager
    def _writing(self, file: OpenFile) -> Iterator[None]:
        with self._lock:
            status = os.fstat(file.fd)
            self._lost |= self._is_other(status)
            self._compare(status)
            if status.st_size < self._extent:
                raise LostError(file.path, SHORTER)
            self._state = None
            self._writers += 1
        try:
            yield
        finally:
            with self._lock:
                self._writers -= 1
                self._dirty = True
                if not self._writers:
                    with contextlib.suppress(OSError):  # else the next look finds a difference, and it is checked
                        status = os.fstat(file.fd)
                        self._last = status.st_size, status.st_mtime_ns

    def _flush(self, file: OpenFile) -> None:
        try:
            os.fsync(file.fd)
        except OSError:
            with self._lock:
                self._lost = True  # the system may have dropped what it could not write, and says so only once
            if hasattr(os, "posix_fadvise"):  # and what it still has in memory would look right
                with contextlib.suppress(OSError):
                    os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            raise

    def _state_of(self, place: Place, status: os.stat_result) -> FileState:
        inode = place.inode[1] if place.finished else 0
        own = place.finished and self._is_own(place)
        return FileState("/".join(place.path), status.st_size, status.st_mtime_ns, inode, own)


def _is_certain(changed: int) -> bool:
    """Whether a change from now on gives a file another time than ``changed``, in nanoseconds since 1970."""
    return time.time_ns() - changed > CERTAIN_AFTER
