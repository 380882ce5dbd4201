"""The final name of a file: kept free while the file grows under a part's name, and given to it once it is whole.

A name without ``.part`` is a promise, also after a power cut: whatever bears it is the whole content. So the content
is on the disk before the name is given, and the name is never given over something else.
"""

from __future__ import annotations

import contextlib
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final, TypeVar

from swarmshare.errors import StorageError
from swarmshare.storage.faults import LostError
from swarmshare.storage.file_location import CHANGED, Found
from swarmshare.storage.file_record import Condition
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.opening import KeptFolder
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from swarmshare.storage.content import ContentFile

FLUSHED_AT_ONCE: Final = 16
"""Files that wait for the disk at the same time: it writes its journal once for all of these, not once for each."""
STARTED_UP_TO: Final = 2**20
"""Bytes of the longest file that the system is told to write before anybody waits for it."""

_Result = TypeVar("_Result")


def make_way(file: ContentFile, kept: KeptFolder) -> int:
    """Make the folders of ``file``, and itself if it is empty; ``kept`` is that of the file before.

    Returns how many bytes it needs from the disk beyond those it has. Raises :class:`StorageError` for a name that is
    taken, a link in the way, or what the system refuses.
    """
    with file.lock:
        _take_over(file)
        place, status = file.locate(), None
        if place is not None:
            with contextlib.suppress(LostError):
                status = file.where.look(place)
        if place is None or status is None or not place.finished:
            file.where.claim(kept)
        elif (refusal := file.refusal(place)) is not None:
            raise refusal
    # A file may have holes, so that it occupies less than its length. Windows does not tell.
    held = 0 if status is None else getattr(status, "st_blocks", status.st_size // 512) * 512
    return max(0, file.where.length - held)


def finish(files: Mapping[int, ContentFile]) -> dict[int, StorageError]:
    """Give ``files``, by number, all of each of which is here, their names; nothing happens to one that has it.

    Each is flushed before it gets its name, and the folder of each afterwards, once. Returns those that are refused,
    and why, names that were taken meanwhile among them; the others do not wait for these.
    """
    refused: dict[int, StorageError] = {}
    unnamed = [file for file in files.items() if _tried(_is_named, file, refused) is False]
    if len(unnamed) > 1:
        unnamed = [file for file in unnamed if _tried(_start_flush, file, refused)]
    flushed = _together(_flush_whole, unnamed, refused)
    whole = [(file, status) for file, status in zip(unnamed, flushed, strict=True) if status is not None]
    whole.sort(key=lambda each: each[0][1].where.parent)
    last: list[tuple[int, ContentFile]] = []
    with KeptFolder() as kept:
        for _, same in groupby(whole, lambda each: each[0][1].where.parent):
            for file, status in same:
                _tried(partial(_give_name, flushed=status, kept=kept), file, refused)
            last.append(file)
    _together(_sync_folder, last, refused)
    return refused


def _together(
    work: Callable[[ContentFile], _Result], files: list[tuple[int, ContentFile]], refused: dict[int, StorageError]
) -> list[_Result | None]:
    """Do what waits for the disk to each of ``files``, in threads: several that wait at once wait as long as one."""
    workers = min(FLUSHED_AT_ONCE, len(files))
    if workers < 2:
        return [_tried(work, file, refused) for file in files]
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda file: _tried(work, file, refused), files))


def _tried(
    work: Callable[[ContentFile], _Result], file: tuple[int, ContentFile], refused: dict[int, StorageError]
) -> _Result | None:
    """Return what ``work`` makes of the file; None when the disk refuses it, which is noted by the file's number."""
    try:
        return work(file[1])
    except StorageError as error:
        refused[file[0]] = error
        return None


def _sync_folder(file: ContentFile) -> None:
    file.where.sync_folder()


def _give_name(file: ContentFile, flushed: os.stat_result, kept: KeptFolder) -> None:
    """Rename the part if it is as it was when it was ``flushed``; ``kept`` is the folder of the file before."""
    with file.lock:
        file.close()  # Windows renames no open file; whoever comes next opens it again
        try:
            place = file.where.rename(FileIdentity.of(flushed), kept)
        except LostError:
            file.record.lose()
            raise
        file.record.named(Found(place, file.where.path(place), flushed))


def _is_named(file: ContentFile) -> bool:
    """Whether ``file`` has its name; else it is about to be flushed. :class:`LostError` unless it may be whole."""
    with file.lock:
        place = file.locate()
        if place is None:
            if file.where.length:
                raise LostError(file.where.part, Text("storage.not-there"))
        else:
            file.look(place)
            if file.record.condition in {Condition.LOST, Condition.APPEARED}:
                raise LostError(file.where.path(place), Text("storage.may-have-lost"))
            if place.finished:
                file.record.judge(place, whole=True)
                file.where.drop_part()
                return True
        # Before the flush, not after: whatever another thread writes during it must be flushed once more.
        file.record.dirty = False
    return False


def _start_flush(file: ContentFile) -> bool:
    """Have the system start to write ``file`` to the disk, if it is small, so that one turn of the journal has many.

    The call is meant to drop what is in memory. That is written first, and stays; of a large file much would go.
    Returns True.
    """
    if file.where.length <= STARTED_UP_TO and hasattr(os, "posix_fadvise"):
        with file.using(write=True) as opened, contextlib.suppress(OSError):
            os.posix_fadvise(opened.fd, 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def _flush_whole(file: ContentFile) -> os.stat_result:
    """Put ``file`` on the disk at its own length; what the system says of it then."""
    with file.using(write=True) as opened:
        if os.fstat(opened.fd).st_size > file.where.length:
            with file.writing(opened):
                os.ftruncate(opened.fd, file.where.length)
        file.flush(opened)
        status = os.fstat(opened.fd)
        with file.lock:
            file.record.compare(status)
            if not file.record.is_trusted:
                file.record.lose()
                raise LostError(opened.path, CHANGED)
    return status


def _take_over(file: ContentFile) -> None:
    """Go on with what another program started, if that is what was found; ``lock`` is held."""
    record = file.record
    found, record.unfinished = record.unfinished, None
    if found is not None and record.place is not None:
        file.close()
        try:
            record.place = file.where.take_over(record.place, found)
        except LostError:
            record.lose()
            raise
