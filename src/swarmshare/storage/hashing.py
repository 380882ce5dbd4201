"""Hashing the pieces of many files on all cores: the one engine under ``create`` and ``verify``.

The work is cut into jobs of some 8 MiB: a run of whole pieces of a large file, or a batch of small ones. Each job is
one call on a worker thread; ``hashlib`` and ``read`` let go of Python's lock, so threads are enough. Jobs are handed
out a few ahead of the results, in order, so memory does not grow with the content and a disk is read front to back.
"""

from __future__ import annotations

import os
from collections import deque
from hashlib import sha1, sha256
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, BinaryIO, Final, NamedTuple, TypeAlias

from swarmshare.errors import CancelledError, StorageError
from swarmshare.manifest.merkle import merkle_root, piece_layer, split_blocks
from swarmshare.storage.files import FileIdentity, open_plain
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

JOB_LENGTH: Final = 8 * 2**20
"""Bytes in a job, unless a piece is longer: long enough that handing it over costs nothing, short enough to cancel."""
JOB_FILES: Final = 256
"""Most files in a job."""
BUFFER_LENGTH: Final = 512 * 2**10
"""Bytes in one read: they fit a core's own cache, so hashing finds them there."""
JOBS_AHEAD: Final = 3
"""Jobs handed out beyond the one each core works on. When they are all taken, the planner waits."""

JOIN_WITHIN: Final = 10.0
"""Seconds that a thread has for the read that it is in; it ends by itself after that."""


class Source(NamedTuple):
    """A file to hash: the first ``length`` bytes of it, which are whole pieces but for the last."""

    path: Path
    """Where it really is: its last component is not followed if it is a link."""
    length: int
    identity: FileIdentity
    """What it was when it was listed; a file that is another by now is an error, not a wrong hash."""


class PieceRun(NamedTuple):
    """Whole pieces of one file: ``length`` bytes at ``offset`` of source number ``source``."""

    source: int
    offset: int
    length: int


class RunHashes(NamedTuple):
    """The hashes of a run: 32 bytes a piece, and for hybrids 20 bytes a piece besides."""

    run: PieceRun
    nodes: bytes
    v1: bytes
    error: StorageError | None
    """Why there are none: the file could not be read, or is not what it was."""


class Hashing(NamedTuple):
    """How to hash: the piece length, and whether v1 hashes are wanted and its short pieces padded (BEP 47)."""

    piece_length: int
    v1: bool = False
    v1_padded: bool = False


_Answer: TypeAlias = "SimpleQueue[list[RunHashes] | BaseException]"
"""Where the outcome of one job comes."""


def hash_sources(sources: Sequence[Source], how: Hashing, cancel: Event | None = None) -> Iterator[RunHashes]:
    """Yield the hashes of every piece of ``sources``, run by run, in order; empty ones have no runs.

    A file of one piece or less yields its root; a longer one the nodes of its piece layer. A source that fails yields a
    :class:`RunHashes` with its ``error`` for each of its runs, and the others go on.

    Raises :class:`CancelledError` soon after ``cancel`` is set. Closing the iterator early stops the threads, too.
    """
    cancel = cancel or Event()
    stop = Event()  # ours: set when the consumer leaves, for whatever reason

    def work(job: list[PieceRun]) -> list[RunHashes]:
        buffer = _Buffer()
        return [_hash_run(sources[run.source], run, how, buffer, (cancel, stop)) for run in job]

    workers = core_count()
    jobs: SimpleQueue[tuple[list[PieceRun], _Answer] | None] = SimpleQueue()
    pending: deque[_Answer] = deque()
    threads = [Thread(target=_serve, args=(jobs, work), name=f"hash_{n}", daemon=True) for n in range(workers)]
    try:
        for thread in threads:
            thread.start()
        for job in _jobs(sources, how.piece_length):
            answer: _Answer = SimpleQueue()
            jobs.put((job, answer))
            pending.append(answer)
            if len(pending) >= workers + JOBS_AHEAD:
                yield from _take(pending.popleft())
        while pending:
            yield from _take(pending.popleft())
    finally:
        stop.set()
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            if thread.is_alive():
                thread.join(JOIN_WITHIN)


def _serve(
    jobs: SimpleQueue[tuple[list[PieceRun], _Answer] | None], work: Callable[[list[PieceRun]], list[RunHashes]]
) -> None:
    """Do jobs until there is None.

    Not an executor of the standard library: its locks are taken in Python code, where Ctrl-C may strike between taking
    one and the block that gives it back. Then everybody waits for ever.
    """
    while (task := jobs.get()) is not None:
        job, answer = task
        try:
            answer.put(work(job))
        except BaseException as error:
            answer.put(error)


def _take(answer: _Answer) -> list[RunHashes]:
    result = answer.get()
    if isinstance(result, BaseException):
        raise result
    return result


def core_count() -> int:
    """How many cores this process may use, which is often fewer than the machine has (taskset, containers)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _jobs(sources: Iterable[Source], piece_length: int) -> Iterator[list[PieceRun]]:
    step = max(piece_length, JOB_LENGTH)
    job: list[PieceRun] = []
    size = 0
    for number, source in enumerate(sources):
        for offset in range(0, source.length, step):
            run = PieceRun(number, offset, min(step, source.length - offset))
            if job and (size + run.length > step or len(job) == JOB_FILES):
                yield job
                job, size = [], 0
            job.append(run)
            size += run.length
    if job:
        yield job


def _hash_run(source: Source, run: PieceRun, how: Hashing, buffer: _Buffer, stops: tuple[Event, Event]) -> RunHashes:
    leaves: list[bytes] = []
    v1 = _V1Pieces(how)
    try:
        with open_plain(source.path) as file:
            _check_unchanged(source, file)
            file.seek(run.offset)
            left = run.length
            while left:
                if stops[0].is_set() or stops[1].is_set():
                    raise CancelledError
                chunk = buffer.whole if left >= BUFFER_LENGTH else buffer.whole[:left]
                _read_full(source, file, chunk)
                blocks = buffer.blocks if left >= BUFFER_LENGTH else split_blocks(chunk)
                leaves += [sha256(block).digest() for block in blocks]
                if how.v1:
                    v1.update(chunk)
                left -= len(chunk)
            _check_unchanged(source, file)
    except StorageError as error:
        return RunHashes(run, b"", b"", error)
    # In one go at the end of the run: it holds Python's lock, and each time it does another thread may wait for it.
    whole = b"".join(leaves)
    nodes = merkle_root(whole) if source.length <= how.piece_length else piece_layer(whole, how.piece_length)
    return RunHashes(run, nodes, v1.finish(), None)


class _Buffer:
    """Where a job reads into, cut into blocks once: the cutting would cost as much as handing them to ``sha256``."""

    def __init__(self) -> None:
        self.whole = memoryview(bytearray(BUFFER_LENGTH))
        self.blocks = split_blocks(self.whole)


def _check_unchanged(source: Source, file: BinaryIO) -> None:
    if FileIdentity.of(os.fstat(file.fileno())) != source.identity:
        raise StorageError(source.path, Text("storage.changed-while-read"), hint=Text("hint.wait-for-writers"))


def _read_full(source: Source, file: BinaryIO, chunk: memoryview) -> None:
    filled = 0
    while filled < len(chunk):
        count = file.readinto(chunk[filled:])  # type: ignore[attr-defined]  # buffering=0 makes it a FileIO
        if not count:
            raise StorageError(source.path, Text("storage.shorter-while-read"))
        filled += count


class _V1Pieces:
    """SHA-1 of each piece of a stream that comes in chunks; each is a divisor or a multiple of a piece."""

    def __init__(self, how: Hashing) -> None:
        self._how = how
        self._done: list[bytes] = []
        self._current = sha1(usedforsecurity=False)
        self._filled = 0

    def update(self, chunk: memoryview) -> None:
        while chunk:
            part = chunk[: self._how.piece_length - self._filled]
            self._current.update(part)
            self._filled += len(part)
            if self._filled == self._how.piece_length:
                self._close_piece()
            chunk = chunk[len(part) :]

    def finish(self) -> bytes:
        if self._filled:
            if self._how.v1_padded:
                padding = self._how.piece_length - self._filled
                for _ in range(padding // len(_ZEROS)):
                    self._current.update(_ZEROS)
                self._current.update(_ZEROS[: padding % len(_ZEROS)])
            self._close_piece()
        return b"".join(self._done)

    def _close_piece(self) -> None:
        self._done.append(self._current.digest())
        self._current = sha1(usedforsecurity=False)
        self._filled = 0


_ZEROS: Final = memoryview(bytes(BUFFER_LENGTH))
