"""What is known of one file on the disk, and whether it still is what this torrent made or found it to be.

Only values in memory: the disk is looked at by :mod:`swarmshare.storage.content`, which reports here what it saw.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    import os

    from swarmshare.storage.file_location import Found
    from swarmshare.storage.files import FileIdentity
    from swarmshare.storage.opening import Place

CERTAIN_AFTER: Final = 2_000_000_000
"""Nanoseconds after a change within which another one may leave the times of a file as they are: FAT counts in steps of
two seconds. A page that is mapped into memory may change unnoticed for longer, until the system has written it."""


class FileState(NamedTuple):
    """A file as it was when all of our writes to it were on the disk."""

    name: str
    """The name in use, below the download folder, with ``/`` between its components."""
    size: int
    """In bytes."""
    mtime_ns: int
    """Time of the last change of its content, in nanoseconds since 1970."""
    inode: int
    """Of a file that has its final name; else 0."""
    own: bool
    """Whether that is known to be this torrent's own: see :class:`~swarmshare.storage.content.ContentFile`."""
    mending: bool
    """Whether a person wants it mended, until it is whole again."""


class Condition(Enum):
    """How far what is held of a file can be trusted: see the table of :class:`FileRecord`."""

    UNKNOWN = auto()
    """Not looked for since the record was made or forgotten."""
    ABSENT = auto()
    """Looked for, and nothing there."""
    KNOWN = auto()
    """The very file that was found by a look, or made by us."""
    TOUCHED = auto()
    """Changed by another program between two writes of ours: what is in it may not be what we wrote."""
    APPEARED = auto()
    """Absent before, and put there by another program: nobody knows what is in it."""
    LOST = auto()
    """Gone, replaced, shortened or changed: nothing that was held of it is certain any more."""


class FileRecord:
    """The record of one file of ``length`` bytes: where it is, its condition, and what our own writes do to it.

    ========  =============================================================  ========
    from      event                                                          to
    ========  =============================================================  ========
    UNKNOWN   :meth:`locate`: something is there                             KNOWN
    UNKNOWN   :meth:`locate`: nothing is there                               ABSENT
    ABSENT    :meth:`locate`: something is there, and the file has bytes     APPEARED
    ABSENT    :meth:`locate`: something is there, and the file is empty      KNOWN
    ABSENT    :meth:`hold`: we made it                                       KNOWN
    KNOWN     :meth:`compare`: other size or time than after our last write  TOUCHED
    any       :meth:`lose`: see there                                        LOST
    any       :meth:`forget`: a scan begins                                  UNKNOWN
    ========  =============================================================  ========

    Only a scan leads out of TOUCHED, APPEARED and LOST: it forgets the condition and takes what is there
    (:meth:`take`).

    What has its final name is left alone once another program changed it. It has one more state beside the condition
    (docs/adr/0008), by the flags ``own_inode``, ``edited`` and ``mending``:

    ================  ====================================================  =================
    from              event                                                 to
    ================  ====================================================  =================
    somebody's        :meth:`named`, or a scan finds it whole               own
    own, edited       a scan finds it whole                                 own
    own               a scan finds that pieces of it are wrong              edited
    own, edited       :meth:`own`: a person wants it mended (a recheck)     own and *mending*
    own and mending   all of it is here                                     own
    ================  ====================================================  =================

    Beside the condition there is our own hand, which changes the file, too, and must not be mistaken
    for another program's: while ``writers`` are at it nothing can be compared, and from the first write on until a
    flush (``dirty``) there is no state that the file must have.

    No method is safe to call from two threads at once: the lock of the :class:`ContentFile` guards the record.
    """

    def __init__(self, length: int) -> None:
        self.condition = Condition.UNKNOWN
        self.place: Place | None = None
        """Where it was found or made; None while it is UNKNOWN or ABSENT."""
        self.own_inode: int | None = None
        """Of the file that is ours though it has its final name. Survives a scan: only a whole file gets it."""
        self.edited = False
        """Whether that file is not what it was when it was whole: it is left alone until a person wants it mended."""
        self.mending = False
        """Whether a person wants it mended: what is wrong of it is written over, until it is whole."""
        self.unfinished: FileIdentity | None = None
        """What another program started under the final name, and we may go on with; by the last scan."""
        self.dirty = False
        """Whether it was written since it was flushed."""
        self._length = length
        self._writers = 0
        self._extent = 0  # bytes that must be there
        self._state: FileState | None = None  # None from the first write on until it is flushed
        self._last: tuple[int, int] | None = None  # size and time when it was found, or after our last write
        self._sure: int | None = None  # the time of change with which nobody can have written to it unnoticed
        self._proven: set[int] = set()  # offsets of the pieces that were verified at the time of change that is next
        self._proven_at: int | None = None

    @property
    def is_trusted(self) -> bool:
        """Whether nothing speaks against what is held of it."""
        return self.condition in {Condition.UNKNOWN, Condition.ABSENT, Condition.KNOWN}

    @property
    def is_flushed(self) -> bool:
        """Whether all that we wrote is on the disk and nobody of us is writing, so that its state can be noted."""
        return not self._writers and not self.dirty

    def locate(self, place: Place | None) -> None:
        """Note what a look for the file found: its place, or None for nothing."""
        if self.condition in {Condition.UNKNOWN, Condition.ABSENT}:
            if place is None:
                self.condition = Condition.ABSENT
            elif self.condition is Condition.ABSENT and self._length:
                self.condition = Condition.APPEARED
            else:
                self.condition = Condition.KNOWN
        self.place = place

    def hold(self, place: Place) -> None:
        """Note that it is the file at ``place``: made there by us, where nothing was, or taken by a scan."""
        self.place = place
        if self.condition in {Condition.UNKNOWN, Condition.ABSENT}:
            self.condition = Condition.KNOWN

    def lose(self) -> None:
        """Note that what is held of it is not certain any more.

        Either a look did not find the file as it must be (:meth:`is_other`), or a piece of it was wrong when it was
        read, or the system failed to flush it: it drops what it could not write, and says so only once.
        """
        self.condition = Condition.LOST

    def forget(self) -> Place | None:
        """Forget all but what is its own, for a scan that finds it out afresh; returns where it was."""
        before, self.place = self.place, None
        self.condition, self.edited = Condition.UNKNOWN, False
        self._extent, self._state, self._last, self.unfinished = 0, None, None, None
        self._sure, self._proven_at = None, None
        return before

    def take(self, found: Found) -> None:
        """Hold what was ``found`` for the file from now on: it must stay as it is."""
        place, status = found.place, found.status
        self.hold(place)
        self._extent = min(status.st_size, self._length)
        self._last = status.st_size, status.st_mtime_ns
        self._state = None if self.dirty else self.state_of(place, status)

    def own(self, inode: int, *, whole: bool, mending: bool = False) -> None:
        """Note that the file of ``inode`` is its own, if it is ``whole``, and else whether it is to be mended."""
        self.own_inode, self.mending = inode, mending and not whole
        self.edited = not whole and not mending

    def named(self, found: Found) -> None:
        """Note that we gave it its final name, as it is in ``found``: it is this torrent's own."""
        self.place = found.place
        self.own(found.place.inode[1], whole=True)
        if self.is_flushed:
            self.take(found)

    def is_own(self, place: Place) -> bool:
        """Whether what is at ``place`` is this torrent's own, so that it may be written into (docs/adr/0008)."""
        return not place.finished or not self._length or (self._has_own_inode(place) and not self.edited)

    def is_edited(self, place: Place) -> bool:
        """Return whether what is at ``place`` was this torrent's own and whole, and was changed since."""
        return place.finished and self._has_own_inode(place) and self.edited

    def judge(self, place: Place, *, whole: bool) -> None:
        """Note that a scan found what is at ``place`` to be ``whole``, or not."""
        if place.finished and (whole or self._has_own_inode(place)):
            self.own(place.inode[1], whole=whole, mending=self.mending)

    def _has_own_inode(self, place: Place) -> bool:
        return self.own_inode == place.inode[1]

    def is_shorter(self, status: os.stat_result) -> bool:
        """Whether bytes are missing at the end of those that must be there."""
        return status.st_size < self._extent

    def is_other(self, status: os.stat_result) -> bool:
        """Whether the file must have been changed by another program: shorter, or not as it was when flushed."""
        now = (status.st_size, status.st_mtime_ns)
        return self.is_shorter(status) or (self._state is not None and now != (self._state.size, self._state.mtime_ns))

    def compare(self, status: os.stat_result) -> None:
        """Note whether other programs changed it since our last write; while we write ourselves, nobody can tell."""
        changed = self._last is not None and (status.st_size, status.st_mtime_ns) != self._last
        if changed and not self._writers and self.is_trusted:
            self.condition = Condition.TOUCHED

    def start_write(self) -> None:
        """Note that a thread of ours is about to change it: from now on it has no state that it must keep."""
        self._state = None
        self._writers += 1

    def end_write(self) -> bool:
        """Note that a write is over; returns whether it was the last one, after which :meth:`wrote` is called."""
        self._writers -= 1
        self.dirty = True
        return not self._writers

    def wrote(self, status: os.stat_result) -> None:
        """Note how our writes left the file: another size or time later is another program's doing."""
        self._last = status.st_size, status.st_mtime_ns

    def grow(self, end: int) -> None:
        """Note that we wrote up to byte ``end``: so many must be there from now on."""
        self._extent = max(self._extent, end)

    def state_of(self, place: Place, status: os.stat_result) -> FileState:
        """Return the state that resume data keeps of a file at ``place`` with that ``status``."""
        inode = place.inode[1] if place.finished else 0
        own = place.finished and self._has_own_inode(place)
        return FileState("/".join(place.path), status.st_size, status.st_mtime_ns, inode, own, own and self.mending)

    def note_flushed(self, place: Place, status: os.stat_result) -> FileState | None:
        """Note the state of the file after a flush; returns it, None when it is not to be trusted."""
        state = self.state_of(place, status)
        if self.is_flushed:  # else another thread has written since, and the state is of no moment in particular
            self._state = state
            changed = status.st_ctime_ns
            self._sure = changed if _is_certain(max(changed, status.st_mtime_ns)) else None
        return state if self.is_trusted else None

    @property
    def is_being_written(self) -> bool:
        """Whether our own writes change it, so that its times say nothing of other programs."""
        return self._state is None

    def is_sure(self, status: os.stat_result) -> bool:
        """Whether no change can have gone unnoticed since the file was flushed."""
        return status.st_ctime_ns == self._sure

    def is_proven(self, offset: int, changed: int) -> bool:
        """Whether the piece at ``offset`` was verified in a file that was ``changed`` last then (ns since 1970)."""
        return changed == self._proven_at and offset in self._proven

    def prove(self, offset: int, changed: int) -> None:
        """Note that the piece at ``offset`` is right, and was read after the file was ``changed`` last."""
        if changed != self._proven_at:
            self._proven, self._proven_at = set(), changed
        if _is_certain(changed):
            self._proven.add(offset)


def _is_certain(changed: int) -> bool:
    """Whether a change from now on gives a file another time than ``changed``, in nanoseconds since 1970."""
    return time.time_ns() - changed > CERTAIN_AFTER
