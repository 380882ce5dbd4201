"""What a torrent holds on the disk: found at the start, checked when in doubt, and saved for the next start."""

from __future__ import annotations

import logging
from math import inf
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState
from swarmshare.engine import disk
from swarmshare.engine.on_demand import OnDemand
from swarmshare.errors import DiskFullError, StorageError
from swarmshare.schema.alerts import FileNotice, PiecesFound, PiecesLost, TorrentRecovered, TorrentWaiting
from swarmshare.swarm.debounce import Debounce

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from swarmshare.engine.context import TorrentContext

SAVE_INTERVAL: Final = 30.0
"""Seconds of bookkeeping that a power cut costs: what was written since is verified again."""
MAX_NAMED: Final = 20
"""Files that are named when many were changed."""
CHECK_INTERVAL: Final = 5.0
"""Seconds between checks of whether what is missing was put back, and what is there is as it was."""
CHECK_SHARE: Final = 0.01
"""The most that these checks take of the time: with very many files they are fewer."""

_log: Final = logging.getLogger(__name__)


class FileMonitor:
    """Keeps what the picker counts as held and what is in the files the same."""

    def __init__(
        self, context: TorrentContext, on_suspect: Callable[[Collection[int]], None], on_checked: Callable[[], None]
    ) -> None:
        """Look after the files of ``context``.

        Args:
            context: The torrent's shared state; pieces found and lost are told to its sessions and announcers here.
            on_suspect: Called with pieces whose bytes on the disk may have changed, whatever is in memory of them.
            on_checked: Called after each check, when more may be wanted, writable or whole than before.
        """
        self._context = context
        self._disk = context.disk
        self._on_suspect = on_suspect
        self._on_checked = on_checked
        self._doubtful = trio.Event()
        self._changed: set[int] = set()
        """Files of which pieces were lost."""
        self._told: set[int] = set()
        """Blocked files that an alert has named."""
        self._debounce = Debounce()
        self._to_prepare = False
        """Whether room is to be made for the wanted files."""
        self._saver = OnDemand(self._save_now_and_then)

    def on_problem(self, error: StorageError | None) -> None:
        """Alert that the disk refuses something, or (None) nothing any more; what comes and goes is told once."""
        if error is None:
            self._tell_end()
        elif self._debounce.failed(error.code if isinstance(error, DiskFullError) else str(error)):
            _log.warning("%s: the disk: %s", self._context.manifest.info_hash, error)
            self._context.alert(TorrentWaiting(self._context.info_hash, error.code, error.advice))
            self.check_soon()

    def _tell_end(self) -> None:
        if self._debounce.worked(trio.current_time()):
            _log.warning("%s: the disk works again", self._context.manifest.info_hash)
            self._context.alert(TorrentRecovered(self._context.info_hash))

    def on_notice(self, error: StorageError) -> None:
        """Alert that something is not as the manifest has it, which stops nothing."""
        self._context.alert(FileNotice(self._context.info_hash, error.advice))

    @property
    def changed_files(self) -> tuple[str, ...]:
        """The paths of files that other programs changed or removed, and that are not whole again: some, if many."""
        self._changed = {file for file in self._changed if self._disk.lacks(file)}
        files = self._context.manifest.files
        return tuple("/".join(files[number].path) for number in sorted(self._changed)[:MAX_NAMED])

    def check_soon(self) -> None:
        """Check soon whether all is as it should be: something is wrong with a file, or more are wanted."""
        self._to_prepare = True
        self._doubtful.set()

    async def start(self) -> None:
        """Find what is there, and try to make room for the rest; what is refused, :meth:`run` tries again."""
        right = await self._disk.check()
        held = Bitfield(self._context.layout.piece_count)
        for piece in right:
            held.set(piece)
        self._disk.count(right)
        self._context.picker.start_with(held)
        await self._prepare()

    def start_in(self, nursery: trio.Nursery) -> None:
        """Look after the files and the resume data in tasks of ``nursery``."""
        self._saver.start_in(nursery)
        nursery.start_soon(self._check_repeatedly)

    def save_soon(self) -> None:
        """Save the resume data, which is behind, with what else changes until then."""
        self._saver.wake()

    async def _save_now_and_then(self) -> None:
        while self._disk.unsaved:
            await trio.sleep(SAVE_INTERVAL)
            await self._disk.save(self._context.picker.held.to_wire())
            self._doubtful.set()  # what could not be flushed is lost

    async def _check_repeatedly(self) -> None:
        """Look when in doubt, and now and then while anything is missing: nothing here waits for what it clears."""
        took = 0.0
        while True:
            if self._disk.problem is not None:
                pause, self._to_prepare = disk.RETRY_AFTER, True
            elif self._disk.blocked:
                pause, self._to_prepare = max(disk.RETRY_AFTER, min(took / CHECK_SHARE, disk.BLOCKED_FOR)), True
            else:
                pause = inf if self._context.is_complete else max(CHECK_INTERVAL, took / CHECK_SHARE)
                pause = min(pause, self._debounce.due(trio.current_time()))
            with trio.move_on_after(pause):
                await self._doubtful.wait()
            self._doubtful = trio.Event()
            if self._disk.problem is None:
                self._tell_end()
            began = trio.current_time()
            await self._check()
            took = trio.current_time() - began

    async def _check(self) -> None:
        try:
            files, right = await self._disk.check_lost()
        except StorageError as error:
            self._refused(error)
            return
        if files:
            self._on_checked()
            self._compare(files, right)
        if files or self._to_prepare:
            self._to_prepare = False
            await self._prepare()
            self._on_checked()

    async def _prepare(self) -> None:
        disk = self._disk
        try:
            await disk.prepare()
        except StorageError as error:
            self._refused(error)
        else:
            disk.note_refusal(None)
            for file in sorted(set(disk.blocked) - self._told)[:MAX_NAMED]:
                self._told.add(file)
                self.on_notice(disk.blocked[file])
        self._told &= set(disk.blocked)

    def _refused(self, error: StorageError) -> None:
        self._disk.note_refusal(error)
        self._doubtful = trio.Event()  # it is tried again, but not at once

    def _compare(self, files: set[int], right: set[int]) -> None:
        """Hold, of ``files``, the pieces that are ``right``, but for those that are on their way to us."""
        context, picker = self._context, self._context.picker
        pieces = {piece for file in files for piece in context.layout.file_pieces(file)}
        self._on_suspect(pieces)
        lost = [piece for piece in pieces - right if picker.held.has(piece)]
        self._changed |= {context.layout.span(context.layout.index(piece)).file for piece in lost}
        self._take_back(lost)
        self._put_back([piece for piece in right if picker.state(piece) is PieceState.MISSING])
        self._disk.recount(files, picker.held)
        if lost:
            context.alert(PiecesLost(context.info_hash, len(lost), self.changed_files))

    def _put_back(self, found: list[int]) -> None:
        """Tell everybody that these pieces are held, too."""
        context = self._context
        for piece in found:
            context.picker.verified(piece)
            context.announce(gained=piece)
        for session in list(context.sessions):
            for piece in found:
                session.connection.send_have(piece)
            session.update_interest()
        if found:
            context.alert(PiecesFound(context.info_hash, len(found)))

    def _take_back(self, lost: list[int]) -> None:
        """Tell everybody that these pieces are not held any more."""
        context = self._context
        for piece in lost:
            context.picker.lost(piece)
            context.announce(lost=piece)
        for session in list(context.sessions):
            for piece in lost:
                session.send_dont_have(piece)
            session.update_interest()
        if lost:
            context.is_complete = False
