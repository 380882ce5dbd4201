"""The disk's side of one torrent: what was found there, pieces on their way to it, and the bookkeeping.

Nothing here waits on the event loop for a file: a call in a worker thread verifies and writes the pieces that are here.
What the disk refuses is tried again until it works; meanwhile the torrent has a problem, which front ends show.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from functools import partial
from operator import itemgetter
from threading import Event
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import trio

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import Priority
from swarmshare.engine.on_demand import OnDemand
from swarmshare.errors import StorageError
from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import leaf_hashes
from swarmshare.storage.files import make_folder
from swarmshare.storage.opening import KeptFolder
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.preparing import Prepared
from swarmshare.storage.resume import Resume, load_resume, save_resume
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from swarmshare.engine.config import TorrentConfig
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.opening import OpenFiles
    from swarmshare.storage.progress import Progress

_QUEUED: Final = 4
"""Pieces that wait for the disk. When there are more, sessions stop reading, and TCP makes the peers wait."""
_QUEUED_BYTES: Final = 4 * 2**20
"""Bytes in all that may wait however many pieces they are: those of small files are small."""
_NAMED_AT_ONCE: Final = 512
"""Most files that get their names in one call of a worker thread: the more there are, the less each waits."""
_WRITING_PER_NAMING: Final = 4.0
"""Times as long as files were named is waited for more of them, if there are more to come."""
_NAMING_COUNTED: Final = 0.25
"""Seconds that count at most of the time that naming took: a slow disk must not keep whole files from their names."""
_WRITTEN_AT_ONCE: Final = 4 * 2**20
"""Bytes of pieces, one more piece at most, that one call in a worker thread verifies and writes: when the disk is
behind, the way there and back is not paid for each piece."""
RETRY_AFTER: Final = 2.0
"""Seconds after which what the disk refused is tried again."""

BLOCKED_FOR: Final = 60.0
"""Seconds after which a file is written to again that took no data: each try costs the download of a piece."""

_Result = TypeVar("_Result")


class PieceOutcome(Enum):
    """What came of a piece that was submitted to be written."""

    VERIFIED = auto()
    """It is right, and on the disk."""
    WRONG = auto()
    """It is not what the manifest says; nothing was written."""
    REFUSED = auto()
    """Its file cannot be written to, as only a person can put right: it is among :attr:`TorrentDisk.blocked` now."""


class WrittenPiece(NamedTuple):
    """A piece that was submitted, and what came of it."""

    piece: int
    data: memoryview
    """Its bytes, which nobody needs any more."""
    outcome: PieceOutcome
    leaves: bytes = b""
    """The hashes of its blocks, 32 bytes each; empty when it was refused."""


class _Checked(NamedTuple):
    """What is known before anything is hashed."""

    right: set[int]
    """Pieces that need not be."""
    doubtful: Collection[int]
    """Files that are to be."""
    looked_at: Collection[int]
    """Files of which it is to be told whether somebody edited them."""


class TorrentDisk:
    """The files of one torrent, on the engine's side."""

    def __init__(
        self,
        manifest: Manifest,
        config: TorrentConfig,
        resume_folder: Path | None,
        opened: OpenFiles,
        *,
        on_problem: Callable[[StorageError | None], None],
        on_notice: Callable[[StorageError], None],
        on_written: Callable[[WrittenPiece], None],
        on_named: Callable[[], None],
        on_unsaved: Callable[[], None],
    ) -> None:
        """Prepare to read and write the files of ``manifest``; nothing is opened yet.

        Args:
            manifest: What the files are to be.
            config: Where they are, and which are wanted.
            resume_folder: Where resume data is kept; None: nowhere.
            opened: The open files of all torrents.
            on_problem: Called with what the disk refuses, and with None when it refuses nothing any more.
            on_notice: Called with what is not as the manifest has it and stops nothing.
            on_written: Called with each piece that was submitted, and what came of it.
                One that is VERIFIED is to be counted (:meth:`count`) there: what follows from a file's last piece
                must not come before the torrent knows of the others.
            on_named: Called when files got their names.
            on_unsaved: Called when the resume data falls behind: it is to be saved (:meth:`save`) some time.
        """
        self.storage = TorrentStorage(manifest, config.folder, opened)
        self.checked = 0.0
        """How much of the check is done, from 0 to 1."""
        self.problem: StorageError | None = None
        """What the disk refuses at present."""
        self._refusals: dict[object, StorageError] = {}
        """What the disk refused last, by the task that is to try it again."""
        self._prepared = trio.Event()
        """Set once :meth:`prepare` has worked: before that there may be no room, and nothing is written."""
        self._folder = config.folder
        self.skipped = {file for file, priority in config.priorities.items() if priority is Priority.SKIP}
        """Files that are not wanted."""
        self.unfinished = set(range(len(manifest.files))) - self.skipped
        """Wanted files that have not got their final name: all pieces of the last one may be here before it has."""
        self.files_done = [0] * len(manifest.files)
        """Bytes of each file that are verified."""
        self.blocked: dict[int, StorageError] = {}
        """Files that cannot be made or written to until a person puts that right, and why; the others go on."""
        self._refused_writes: dict[int, tuple[StorageError, float]] = {}
        """Those that could be made and not be written to, and until when they are not tried again."""
        self._counted = Bitfield(manifest.layout.piece_count)
        """The pieces that these bytes are of."""
        self._manifest = manifest
        self._resume_path = resume_folder / f"{manifest.info_hash}.resume" if resume_folder else None
        self._on_problem = on_problem
        self._on_notice = on_notice
        self._on_written = on_written
        self._on_named = on_named
        self._on_unsaved = on_unsaved
        self.unsaved = False
        """Whether the resume data may be behind what is known of the files."""
        self._waiting: deque[tuple[int, memoryview]] = deque()
        """Pieces whose blocks are all here, on their way to the disk."""
        self._waiting_bytes = 0
        self._writer = OnDemand(self._write_waiting)
        self._waiting_readers = trio.lowlevel.ParkingLot()
        self._unnamed: deque[int] = deque()
        """Files whose pieces are all here, on their way to their names."""
        self._namer = OnDemand(self._name_whole)
        self._collecting = trio.lowlevel.ParkingLot()
        self._naming_took = 0.0
        """Seconds that it took to name files the last time."""
        self._writing = trio.Lock()
        """Held while a thread writes: one is enough, since hashing and writing wait for nothing else."""
        self._naming = trio.Lock()
        """Held while a thread gives names, which waits for the disk; whoever wants both locks takes this one first."""

    def start_in(self, nursery: trio.Nursery) -> None:
        """Write and name files in tasks of ``nursery``, when there is something to write."""
        self._writer.start_in(nursery)
        self._namer.start_in(nursery)

    # ------------------------------------------------------------------ what is there

    async def check(self) -> set[int]:
        """Return the pieces that are right on the disk: by resume data where that can be trusted, else by hashing."""
        named: set[int] = set()
        everything = range(len(self._manifest.files))

        def find() -> _Checked:
            nonlocal named
            if self._resume_path is None:
                resume = Resume(set(), set(everything), set())
            else:
                resume = load_resume(self._resume_path, self._manifest, self.storage)
            named = resume.named
            return _Checked(resume.held, resume.recheck, everything)

        right = await self._scan(find, self.storage.file_states)  # what was hashed is known to be as it was then
        self.unfinished -= named
        return right

    async def prepare(self) -> None:
        """Make folders and empty files, see that there is room for what is missing, and give what is whole its name.

        It may be called again at any time.

        Raises:
            StorageError: The disk refuses something; what it does not refuse was done as far as possible.
        """
        files = self._manifest.files
        missing = [number for number in sorted(self.unfinished) if self.lacks(number) or not files[number].length]
        prepared = await self._attempt(lambda: self.storage.prepare(missing)) if missing else Prepared([], {})
        if missing:
            self._fall_behind()  # a file that somebody else began may be ours now
        for notice in prepared.notices:
            self._on_notice(notice)
        now = trio.current_time()
        self._refused_writes = {file: held for file, held in self._refused_writes.items() if held[1] > now}
        refused = prepared.blocked | {file: error for file, (error, _) in self._refused_writes.items()}
        self.blocked = {file: error for file, error in refused.items() if file in self.unfinished}
        self._prepared.set()
        await self._finish([number for number in sorted(self.unfinished) if not self.lacks(number)])
        if self.blocked and not self.unfinished - set(self.blocked):
            raise next(iter(self.blocked.values()))  # there is nothing else to do

    async def check_lost(self) -> tuple[set[int], set[int]]:
        """Check the files that other programs changed, took away or put back.

        Returns:
            The files, with which :meth:`recount` is to be called, and the pieces of them that are right. Those that
            somebody edited are among :attr:`blocked`, before their pieces are missing: none is to be asked for.

        Raises:
            StorageError: The folder is gone: a disk that somebody pulled out must not be filled anew elsewhere.
        """
        if self._prepared.is_set():
            await self._attempt(self._require_folder)
        lost = await trio.to_thread.run_sync(lambda: self.storage.new_files() | self.storage.lost_files())
        return lost, await self._scan(lambda: _Checked(set(), lost, lost)) if lost else set()

    def recount(self, files: Collection[int], held: Bitfield) -> None:
        """Count anew what is held of ``files`` that were checked; ``held`` has a bit for each piece of the torrent."""
        for file in files:
            self.files_done[file] = 0
            for piece in self._manifest.layout.file_pieces(file):
                self._counted.clear(piece)
            self.count([piece for piece in self._manifest.layout.file_pieces(file) if held.has(piece)])
        self.unfinished |= set(files) - self.skipped

    def want(self, file: int, *, wanted: bool) -> None:
        """Note that a file is wanted from now on, or is no more; :meth:`prepare` makes room for it."""
        if wanted and file in self.skipped:
            self.skipped.discard(file)
            self.unfinished.add(file)
        elif not wanted:
            self.skipped.add(file)
            self.unfinished.discard(file)

    def _require_folder(self) -> None:
        if not self._folder.is_dir():
            raise StorageError(self._folder, Text("storage.gone"), hint=Text("hint.put-back"))

    async def _scan(self, find: Callable[[], _Checked], after: Callable[[], object] | None = None) -> set[int]:
        """Hash the files that ``find`` leaves in doubt, and return the pieces that are right then.

        ``after`` is called if any was hashed; both are called in the thread that hashes. Cancelled, the scan stops
        soon, in its own thread.
        """
        stop = Event()

        def work() -> tuple[set[int], bool, dict[int, StorageError]]:
            right, doubtful, looked_at = find()
            if doubtful:
                right |= self.storage.scan(self._note_progress, stop, doubtful)
                if after is not None:
                    after()
            return right, bool(doubtful), self.storage.edited(looked_at)

        try:
            async with self._naming, self._writing:
                right, was_hashed, edited = await trio.to_thread.run_sync(work, abandon_on_cancel=True)
        finally:
            stop.set()
        self.checked = 1.0
        self.blocked |= edited
        if was_hashed:
            self._fall_behind()
        return right

    def _fall_behind(self) -> None:
        self.unsaved = True
        self._on_unsaved()

    def _note_progress(self, progress: Progress) -> None:
        self.checked = progress.bytes_done / max(1, progress.bytes_total)

    def count(self, pieces: Collection[int]) -> None:
        """Add pieces to what is held; one that was added before is not counted twice."""
        for piece in pieces:
            if self._counted.set(piece):
                span = self._manifest.layout.span(PieceIndex(piece))
                self.files_done[span.file] += span.length

    @property
    def bytes_left(self) -> int:
        """Bytes still to come of the wanted files."""
        files = self._manifest.files
        return sum(files[number].length - self.files_done[number] for number in self.unfinished)

    def lacks(self, file: int) -> bool:
        """Return whether a piece of ``file`` is missing."""
        return self.files_done[file] < self._manifest.files[file].length

    # ------------------------------------------------------------------ pieces on their way

    def submit(self, piece: int, data: memoryview) -> None:
        """Queue a piece whose blocks are all here, to be verified and written."""
        self._waiting.append((piece, data))
        self._waiting_bytes += len(data)
        self._writer.wake()

    async def has_room(self) -> None:
        """Wait while the queue is full; whoever reads from a peer calls this before it reads more."""
        while self._is_full:
            await self._waiting_readers.park()

    @property
    def _is_full(self) -> bool:
        return len(self._waiting) > _QUEUED and self._waiting_bytes > _QUEUED_BYTES

    async def _write_waiting(self) -> None:
        while self._waiting:
            for written in await self._write_next():
                self._on_written(written)

    async def _write_next(self) -> list[WrittenPiece]:
        """Verify pieces that wait, write those that are right, and return what came of them."""
        await self._prepared.wait()
        batch = self._take_batch()
        try:
            written = await self._persist(partial(self._verify_and_write, batch))
        except StorageError as error:
            piece, data = batch[0]
            file = self._manifest.layout.span(PieceIndex(piece)).file
            self._refused_writes[file] = error, trio.current_time() + BLOCKED_FOR
            self.blocked[file] = error
            written = [WrittenPiece(piece, data, PieceOutcome.REFUSED)]
        self._fall_behind()
        again = batch[len(written) :]
        self._waiting.extendleft(reversed(again))
        self._waiting_bytes += sum(len(data) for _, data in again)
        return written

    def _take_batch(self) -> list[tuple[int, memoryview]]:
        """Take pieces from the queue for one call in a worker thread."""
        batch: list[tuple[int, memoryview]] = []
        length = 0
        while self._waiting and length < _WRITTEN_AT_ONCE:
            batch.append(self._waiting.popleft())
            length += len(batch[-1][1])
        batch.sort(key=itemgetter(0))  # so that the files of a folder are together
        self._waiting_bytes -= length
        if not self._is_full:
            self._waiting_readers.unpark_all()
        return batch

    def _verify_and_write(self, batch: list[tuple[int, memoryview]]) -> list[WrittenPiece]:
        """Deal with the pieces of ``batch`` until the disk refuses one; raises StorageError when that is the first."""
        written: list[WrittenPiece] = []
        with KeptFolder() as kept:
            for piece, data in batch:
                leaves = leaf_hashes(data)
                outcome = PieceOutcome.WRONG
                try:
                    if self.storage.verify_leaves(PieceIndex(piece), leaves):
                        self.storage.write(PieceIndex(piece), data, kept)
                        outcome = PieceOutcome.VERIFIED
                except StorageError:
                    if not written:
                        raise
                    break  # what was written is told of first
                written.append(WrittenPiece(piece, data, outcome, leaves))
        return written

    def finish_file_of(self, piece: int) -> None:
        """Have the file of ``piece`` given its name soon, if that was the last piece that it lacked."""
        file = self._manifest.layout.span(PieceIndex(piece)).file
        if not self.lacks(file):
            self._unnamed.append(file)
            self._namer.wake()
            self._collecting.unpark()

    async def _name_whole(self) -> None:
        while self._unnamed:
            await self._name_next()
            self._on_named()

    async def _name_next(self) -> None:
        """Give names to files all of whose pieces are here, when some have come together.

        What is refused is noted, and left to :meth:`prepare`: it may take a check of the file, which this must not wait
        for.
        """
        # Each time costs a turn of the disk's journal, for which writing waits, too: it is worth it for many at once.
        with trio.move_on_after(self._naming_took * _WRITING_PER_NAMING):
            while len(self._unnamed) < min(_NAMED_AT_ONCE, len(self.unfinished)):
                await self._collecting.park()
        began = trio.current_time()
        files = [self._unnamed.popleft() for _ in range(min(len(self._unnamed), _NAMED_AT_ONCE))]
        try:
            await self._finish(files)
        except StorageError as error:
            self.note_refusal(error)
        self._naming_took = min(trio.current_time() - began, _NAMING_COUNTED)

    async def _finish(self, files: list[int]) -> None:
        refused: dict[int, StorageError] = {}
        for first in range(0, len(files), _NAMED_AT_ONCE):
            some = files[first : first + _NAMED_AT_ONCE]
            async with self._naming:
                refused |= await trio.to_thread.run_sync(self._finish_unless_lost, some)
            self._fall_behind()
            self.unfinished -= {file for file in some if file not in refused and not self.lacks(file)}
        for error in refused.values():
            raise error

    def _finish_unless_lost(self, files: list[int]) -> dict[int, StorageError]:
        # A check may have found that one is lost, since it was refused.
        return self.storage.finish_all([file for file in files if not self.lacks(file)])

    # ------------------------------------------------------------------ what the disk refuses, and resume data

    async def _attempt(self, work: Callable[[], _Result]) -> _Result:
        """Run ``work``, which uses the files, in a worker thread, and return its result."""
        async with self._naming, self._writing:
            return await trio.to_thread.run_sync(work)

    async def _persist(self, work: Callable[[], _Result]) -> _Result:
        """Run ``work`` in a worker thread until it works: a full disk or a lost folder is waited for.

        Raises:
            StorageError: Only a person can put right what the disk refuses.
        """
        refused = object()
        while True:
            try:
                async with self._writing:
                    result = await trio.to_thread.run_sync(work)
            except StorageError as error:
                if error.needs_person:
                    self._refusals.pop(refused, None)
                    self._tell_problem()
                    raise
                self._refusals[refused] = error
                self._tell_problem()
                await trio.sleep(RETRY_AFTER)
            else:
                self._refusals.pop(refused, None)
                self._tell_problem()
                return result

    def note_refusal(self, error: StorageError | None) -> None:
        """Note what kept :meth:`prepare` or :meth:`check_lost` from being done; None: nothing does any more."""
        if error is None:
            self._refusals.pop(self, None)
        else:
            self._refusals[self] = error
        self._tell_problem()

    def _tell_problem(self) -> None:
        was, self.problem = self.problem, next(reversed(self._refusals.values()), None)
        if was is not self.problem:
            self._on_problem(self.problem)

    async def save(self, bits: bytes) -> None:
        """Write resume data; ``bits`` is our bitfield (BEP 3). A failure costs only time later, and is passed over."""
        async with self._naming, self._writing:
            self.unsaved = False
            if not await trio.to_thread.run_sync(self._save, bits):
                self.unsaved = True

    async def save_and_close(self, bits: bytes | None) -> None:
        """Write resume data that is behind, unless ``bits`` is None, and close the files; gives up after a second."""
        if not self.unsaved:
            bits = None
        if bits is None and not self.storage.is_open:
            return  # thousands of torrents that nobody asked for are closed at once
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1.0):
            await trio.to_thread.run_sync(self._save_and_close, bits, abandon_on_cancel=True)

    def _save(self, bits: bytes) -> bool:
        """Write resume data, and return whether that is done."""
        if self._resume_path is not None:
            try:
                make_folder(self._resume_path.parent)
                save_resume(self._resume_path, self._manifest, bits, self.storage.file_states())
            except (StorageError, OSError):
                return False
        return True

    def _save_and_close(self, bits: bytes | None) -> None:
        if bits is not None:
            self._save(bits)
        self.storage.close()
