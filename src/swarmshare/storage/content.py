"""The bytes of one file of a torrent on a disk: reading, writing and flushing them, by several threads at once.

Other programs use the disk, too. Pieces are held of the very file that they were written to or found in; when that is
gone, replaced, shortened or changed by another program, it is *lost*: nothing is known of it until it is looked at
afresh. What is known is kept in :mod:`swarmshare.storage.file_record`; :mod:`swarmshare.storage.final_name` gives the
file its name once it is whole.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from swarmshare.errors import StorageError
from swarmshare.storage.faults import BlockedError, LostError, named
from swarmshare.storage.file_location import CHANGED, SHORTER, Found
from swarmshare.storage.file_record import Condition, FileRecord
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.opening import open_file
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.storage.file_location import FileLocation
    from swarmshare.storage.file_record import FileState
    from swarmshare.storage.opening import KeptFolder, OpenFile, OpenFiles, Place


class ContentFile:
    """A file that belongs ``where``; while it is open, it is among ``opened``.

    A file that has its final name is this torrent's *own* once it was whole: made by us, or found so. If another
    program changes it after that, it is *edited*, and left alone until a person wants it mended. Anything else of that
    name belongs to something else, however much of it is right (docs/adr/0008).

    Every method may be called from several threads at once, but for those that say that ``lock`` must be held. It is
    held to look at the file, open it and rename it, never to read, write or flush: these may take seconds.
    """

    def __init__(self, where: FileLocation, opened: OpenFiles) -> None:
        self.where, self._opened = where, opened
        self.lock = Lock()
        """Guards ``record``."""
        self.record = FileRecord(where.length)

    def read(self, length: int, offset: int) -> tuple[bytes, int | None]:
        """Read ``length`` bytes from ``offset``.

        Returns them, and when the file was changed (nanoseconds since 1970) if that leaves doubt whether they are
        right, else None. Raises :class:`StorageError` when they are not there, or the file is found to be lost just
        now: from then on there is doubt until it is scanned.
        """
        with self.using(write=False) as file:
            data = file.read_at(length, offset)
            if len(data) < length:
                raise LostError(file.path, SHORTER)
            # Asked after the read: a change during it shows in the times by now, one before it did already.
            return data, self.doubt(file)

    def open_trusted(self, offset: int) -> OpenFile | None:
        """Return the file, open for reading; None when there is doubt whether the piece at ``offset`` is right.

        Raises :class:`StorageError` when it is not there, or is found to be lost just now.
        """
        with self.using(write=False) as file:
            changed = self.doubt(file)
            return file if changed is None or self.is_proven(offset, changed) else None

    def doubt(self, file: OpenFile) -> int | None:
        """When ``file`` was changed (nanoseconds since 1970), if what was read of it just now may be wrong."""
        with self.lock:
            record, trusted = self.record, self.record.is_trusted
            if trusted and record.is_being_written:
                return None  # our own writes change the times all along; looking at each read would tell nothing
            status = os.fstat(file.fd)
            if trusted and record.is_other(status):
                raise LostError(file.path, CHANGED)
            if trusted and not record.is_sure(status):
                self.look(file.place)  # it may have been replaced; what is open is the old one then
            return None if trusted and record.is_sure(status) else status.st_ctime_ns

    def is_proven(self, offset: int, changed: int) -> bool:
        """Whether the piece at ``offset`` was verified while the file was as it is if it was ``changed`` last then."""
        with self.lock:
            return self.record.is_proven(offset, changed)

    def prove(self, offset: int, changed: int) -> None:
        """Note that the piece at ``offset`` is right, and was read after the file was ``changed`` last."""
        with self.lock:
            self.record.prove(offset, changed)

    def disprove(self) -> LostError:
        """Note that a piece of it is wrong, so that it is lost; returns the error to raise."""
        with self.lock:
            self.record.lose()
        return LostError(self.where.final, CHANGED)

    def write(self, data: bytes | bytearray | memoryview, offset: int, kept: KeptFolder | None = None) -> None:
        """Write ``data`` at ``offset``, to the file that was found, or a new one when none was.

        ``kept`` is the folder of the file before, if several are written.
        Raises :class:`StorageError`, also when what was written cannot be found by the file's name afterwards.
        """
        left, end = memoryview(data), offset + len(data)
        with self.using(write=True, needed=len(data), kept=kept) as file, self.writing(file):
            while left:
                left = left[file.write_at(left, end - len(left)) :]
            with self.lock:
                self.look(file.place)  # a removed file takes writes as well as any other
                self.record.grow(end)

    def state(self) -> FileState | None:
        """Flush what was written before this call, and return the file as it is now; None if lost or not there."""
        unflushed = False
        try:
            with self.lock:
                if self.locate() is None:
                    return None
                # Taken before the flush: what another thread writes during it makes the file dirty again.
                unflushed, self.record.dirty = self.record.dirty, False
            if unflushed:
                with self.using(write=True) as file:
                    self.flush(file)
                unflushed = False
            with self.lock:
                if (place := self.locate()) is None:
                    return None
                status = self.look(place)
                self.record.compare(status)
                return self.record.note_flushed(place, status)
        except StorageError:
            with self.lock:
                self.record.dirty |= unflushed
            return None

    def is_lost(self) -> bool:
        """Whether it is not what we made or found it to be. One that was never there is not lost."""
        with self.lock:
            if self.record.place is not None and self.record.condition is not Condition.LOST:
                with contextlib.suppress(StorageError):  # what cannot be looked at just now may be as it was
                    self.look(self.record.place)
            return self.record.condition is Condition.LOST

    def has_appeared(self) -> bool:
        """Whether it is there now, and was not when we looked for it."""
        with self.lock:
            if self.record.condition is Condition.ABSENT:
                with contextlib.suppress(StorageError):
                    if self.where.is_taken():
                        self.locate()
            return self.record.condition is Condition.APPEARED

    def look_afresh(self) -> list[Found]:
        """Forget all that is known of the file but what is its own, and return where it may be now.

        What has its final name comes first; it is that until :meth:`take` says otherwise.
        """
        with self.lock:
            before = self.record.forget()
            self._opened.drop(self)
            try:
                found = [Found(place, self.where.path(place), self.where.look(place)) for place in self.where.find()]
            except StorageError:
                found = []
            if found:
                # A flush is owed to the file that was written to, not to another that has its name now.
                self.record.dirty &= before is not None and before.inode in {each.place.inode for each in found}
                self.record.take(found[0])
            else:
                self.record.locate(None)
            return found

    def take(self, found: Found, *, whole: bool, unfinished: bool) -> None:
        """Hold what was ``found``: it is ``whole``, or ``unfinished`` when all that is not right of it is empty."""
        with self.lock:
            self.record.take(found)
            self.record.judge(found.place, whole=whole)
            if found.place.finished and unfinished and not self.record.edited:
                self.record.unfinished = FileIdentity.of(found.status)

    def named(self) -> Found | None:
        """Return what bears its final name and has its length, as far as that can be looked at."""
        with contextlib.suppress(StorageError):
            for place in self.where.find():
                if place.finished:
                    return Found(place, self.where.path(place), self.where.look(place))
        return None

    def own(self, inode: int, *, whole: bool, mending: bool) -> None:
        """Note that the file of that inode is its own, if it has its final name: see :meth:`FileRecord.own`."""
        with self.lock:
            self.record.own(inode, whole=whole, mending=mending)

    def refusal(self, place: Place) -> StorageError | None:
        """Return why what is at ``place`` may not be written into; None when it may. ``lock`` must be held."""
        if self.record.is_own(place):
            return None
        if self.record.is_edited(place):
            return BlockedError(self.where.path(place), Text("storage.edited"), hint=Text("hint.edited"))
        return self.where.taken(place)

    def edited(self) -> StorageError | None:
        """Return why it is left alone when another program changed it since it was whole; None when none did."""
        with self.lock:
            place = self.record.place
            return self.refusal(place) if place is not None and self.record.is_edited(place) else None

    def is_own(self, place: Place) -> bool:
        """Whether what is at ``place`` may be written into."""
        with self.lock:
            return self.record.is_own(place)

    def is_taken(self) -> bool:
        """Whether its name is borne by something that is not its own."""
        with self.lock:
            try:
                place = self.locate()
            except StorageError:  # a link that leads out, or what we may not look at
                return True
            return self.where.is_named() if place is None or not place.finished else not self.record.is_own(place)

    def is_unfinished(self) -> bool:
        """Whether what bears its name was started by another program, and can be gone on with."""
        with self.lock:
            return self.record.unfinished is not None

    def close(self) -> None:
        """Close it, or let the threads that use it do so when they are done; the next use opens it again."""
        self._opened.drop(self)

    def locate(self) -> Place | None:
        """Where it is, looked for if that is not known; None when it is not there. ``lock`` must be held."""
        if self.record.place is None:
            self.record.locate(next(iter(self.where.find()), None))
        return self.record.place

    def look(self, place: Place) -> os.stat_result:
        """Return what is at ``place``; :class:`LostError` when it is not what we know of. ``lock`` must be held."""
        try:
            status = self.where.look(place)
            if self.record.is_other(status):
                raise LostError(self.where.path(place), SHORTER if self.record.is_shorter(status) else CHANGED)
        except LostError:
            self.record.lose()
            raise
        return status

    @contextlib.contextmanager
    def using(self, *, write: bool, needed: int = 0, kept: KeptFolder | None = None) -> Iterator[OpenFile]:
        """Open it for the body, to read or to ``write`` ``needed`` bytes; errors of the system come as ours."""
        try:
            with self.lock:
                file = self._open(write=write, kept=kept)
            try:
                yield file
            except OSError as error:
                raise named(file.path, error, needed) from error
        except StorageError as error:
            with self.lock:
                self._opened.drop(self)  # a disk that was away and is back needs it opened again
                place = self.record.place
                # A file that is reached by links is there, and yet cannot be written to.
                if isinstance(error, LostError) and place is not None and (not write or place.path == place.real):
                    self.record.lose()
            raise

    @contextlib.contextmanager
    def writing(self, file: OpenFile) -> Iterator[None]:
        """Change ``file`` in the body, so that it is not mistaken for a change by another program."""
        with self.lock:
            status = os.fstat(file.fd)
            if self.record.is_other(status):
                self.record.lose()
            self.record.compare(status)
            if self.record.is_shorter(status):
                raise LostError(file.path, SHORTER)
            self.record.start_write()
        try:
            yield
        finally:  # also after an error: some of it may have been written
            with self.lock:
                if self.record.end_write():
                    with contextlib.suppress(OSError):  # else the next look finds a difference, and it is checked
                        self.record.wrote(os.fstat(file.fd))

    def flush(self, file: OpenFile) -> None:
        """Wait until what was written to ``file`` is on the disk; raises :class:`OSError`, and it is lost then."""
        try:
            os.fsync(file.fd)
        except OSError:
            with self.lock:
                self.record.lose()  # the system may have dropped what it could not write, and says so only once
            if hasattr(os, "posix_fadvise"):  # and what it still has in memory would look right
                with contextlib.suppress(OSError):
                    os.posix_fadvise(file.fd, 0, 0, os.POSIX_FADV_DONTNEED)
            raise

    def _open(self, *, write: bool, kept: KeptFolder | None) -> OpenFile:
        file = self._opened.get(self)
        if file is None or (write and not file.writable):
            place = self.locate()
            if place is None:
                if not write:
                    raise LostError(self.where.final, Text("storage.not-there"))
                file = self._opened.open(self, partial(self.where.create, kept))
                self.record.hold(file.place)
                return file
            if write and (refusal := self.refusal(place)) is not None:
                raise refusal
            file = self._opened.open(self, partial(open_file, self.where.folder, place, write=write))
        return file
