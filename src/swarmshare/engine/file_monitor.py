"""What a torrent holds on the disk: found at the start, looked for when in doubt, and noted for the next start."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine import disk
from swarmshare.errors import DiskFullError, StorageError
from swarmshare.schema.alerts import FileNotice, PiecesFound, PiecesLost, TorrentRecovered, TorrentWaiting
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.debounce import Debounce
from swarmshare.swarm.picker import PieceState

if TYPE_CHECKING:
    from swarmshare.engine.torrent import Torrent

SAVE_INTERVAL: Final = 30.0
"""Seconds of bookkeeping that a power cut costs: what was written since is verified again."""
MAX_NAMED: Final = 20
"""Files that are named when many were changed."""
LOOK_EVERY: Final = 5.0
"""Seconds between looks at whether what is missing was put back, and what is there is as it was."""
LOOK_SHARE: Final = 0.01
"""The most that these looks take of the time: with very many files they are fewer."""


class FileMonitor:
    """Keeps what the picker counts as held and what is in the files the same."""

    def __init__(self, torrent: Torrent) -> None:
        self.unsaved = False
        """Whether the resume data is behind."""
        self._torrent = torrent
        self._doubtful = trio.Event()
        self._changed: set[int] = set()
        """Files of which pieces were lost."""
        self._told: set[int] = set()
        """Blocked files of which it was told."""
        self._debounce = Debounce()
        self._to_prepare = False
        """Whether the files that are wanted are to be made room for."""

    def on_problem(self, error: StorageError | None) -> None:
        """The disk refuses something; None: no more. What comes and goes is not told again and again."""
        if error is None:
            self._tell_end()
        elif self._debounce.failed(error.code if isinstance(error, DiskFullError) else str(error)):
            self._torrent.alert(TorrentWaiting(self._torrent.manifest.info_hash.full, error.code, error.advice))
            self.look_soon()

    def _tell_end(self) -> None:
        if self._debounce.worked(trio.current_time()):
            self._torrent.alert(TorrentRecovered(self._torrent.manifest.info_hash.full))

    def on_notice(self, error: StorageError) -> None:
        """Something is not as the manifest has it, and stops nothing."""
        self._torrent.alert(FileNotice(self._torrent.manifest.info_hash.full, error.advice))

    @property
    def changed_files(self) -> tuple[str, ...]:
        """The paths of files that were changed or removed by others, and are not whole again: some, if many."""
        self._changed = {file for file in self._changed if self._torrent.disk.lacks(file)}
        files = self._torrent.manifest.files
        return tuple("/".join(files[number].path) for number in sorted(self._changed)[:MAX_NAMED])

    def look_soon(self) -> None:
        """Something is wrong with a file, or more are wanted: see soon whether all is as it should be."""
        self._to_prepare = True
        self._doubtful.set()

    async def start(self) -> None:
        """Find what is there, and try to make room for the rest; what is refused, :meth:`run` tries again."""
        right = await self._torrent.disk.check()
        held = Bitfield(self._torrent.layout.piece_count)
        for piece in right:
            held.set(piece)
        self._torrent.disk.count(right)
        self._torrent.picker.start_with(held)
        await self._prepare()

    async def run(self) -> None:
        """Look after the files and the resume data, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._save_now_and_then)
            nursery.start_soon(self._look_again_and_again)

    async def save_and_close(self) -> None:
        """The end of it; after a check that was not completed, what was known before stays."""
        torrent = self._torrent
        await torrent.disk.save_and_close(torrent.picker.held.to_wire() if torrent.ready.is_set() else None)

    async def _save_now_and_then(self) -> None:
        while True:
            await trio.sleep(SAVE_INTERVAL)
            if self.unsaved:
                self.unsaved = False
                await self._torrent.disk.save(self._torrent.picker.held.to_wire())
                self._doubtful.set()  # what could not be flushed is lost

    async def _look_again_and_again(self) -> None:
        """Look when in doubt, and now and then while anything is missing: nothing here waits for what it clears."""
        torrent, took = self._torrent, 0.0
        while True:
            if torrent.disk.problem is not None:
                pause, self._to_prepare = disk.RETRY_AFTER, True
            elif torrent.disk.blocked:
                pause, self._to_prepare = max(disk.RETRY_AFTER, min(took / LOOK_SHARE, disk.BLOCKED_FOR)), True
            else:
                pause = inf if torrent.is_complete else max(LOOK_EVERY, took / LOOK_SHARE)
                pause = min(pause, self._debounce.due(trio.current_time()))
            with trio.move_on_after(pause):
                await self._doubtful.wait()
            self._doubtful = trio.Event()
            if torrent.disk.problem is None:
                self._tell_end()
            began = trio.current_time()
            await self._look()
            took = trio.current_time() - began

    async def _look(self) -> None:
        torrent = self._torrent
        try:
            files, right = await torrent.disk.check_lost()
        except StorageError as error:
            self._refused(error)
            return
        if files:
            self._compare(files, right)
        if files or self._to_prepare:
            self._to_prepare = False
            await self._prepare()
            torrent.look_for_the_end()
            torrent.downloads.refill_all()

    async def _prepare(self) -> None:
        torrent = self._torrent
        try:
            await torrent.disk.prepare()
        except StorageError as error:
            self._refused(error)
        else:
            torrent.disk.note_refusal(None)
            for file in sorted(set(torrent.disk.blocked) - self._told)[:MAX_NAMED]:
                self._told.add(file)
                self.on_notice(torrent.disk.blocked[file])
        self._told &= set(torrent.disk.blocked)
        torrent.apply_blocked()

    def _refused(self, error: StorageError) -> None:
        self._torrent.disk.note_refusal(error)
        self._doubtful = trio.Event()  # it is tried again, but not at once

    def _compare(self, files: set[int], right: set[int]) -> None:
        """What is held of ``files`` are the pieces that are ``right``, but for those that are on their way to us."""
        torrent = self._torrent
        picker = torrent.picker
        pieces = {piece for file in files for piece in torrent.layout.file_pieces(file)}
        torrent.uploads.forget(pieces)
        lost = [piece for piece in pieces - right if picker.held.has(piece)]
        self._changed |= {torrent.layout.span(torrent.layout.index(piece)).file for piece in lost}
        self._take_back(lost)
        self._put_back([piece for piece in right if picker.state(piece) is PieceState.MISSING])
        torrent.disk.recount(files, picker.held)
        if lost:
            torrent.alert(PiecesLost(torrent.manifest.info_hash.full, len(lost), self.changed_files))

    def _put_back(self, found: list[int]) -> None:
        """Tell everybody that these pieces are held, too."""
        torrent = self._torrent
        for piece in found:
            torrent.picker.verified(piece)
            for port in torrent.ports:
                port.note(gained=piece)
        for session in list(torrent.sessions):
            for piece in found:
                session.connection.send_have(piece)
            torrent.update_interest(session)
        if found:
            self.unsaved = True
            torrent.alert(PiecesFound(torrent.manifest.info_hash.full, len(found)))

    def _take_back(self, lost: list[int]) -> None:
        """Tell everybody that these pieces are not held any more."""
        torrent = self._torrent
        for piece in lost:
            torrent.picker.lost(piece)
            for port in torrent.ports:
                port.note(lost=piece)
        for session in list(torrent.sessions):
            for piece in lost:
                session.tell_dont_have(piece)
            torrent.update_interest(session)
        if lost:
            self.unsaved = True
            torrent.not_complete()
