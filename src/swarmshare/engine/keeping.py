"""What a torrent holds on the disk: found at the start, looked for when in doubt, and noted for the next start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.schema.alerts import PiecesLost, TorrentPaused, TorrentResumed
from swarmshare.swarm.bitfield import Bitfield

if TYPE_CHECKING:
    from swarmshare.engine.torrent import Torrent
    from swarmshare.errors import StorageError

SAVE_INTERVAL: Final = 30.0
"""Seconds of bookkeeping that a power cut costs: what was written since is verified again."""


class Keeping:
    """Keeps what the picker counts as held and what is in the files the same."""

    def __init__(self, torrent: Torrent) -> None:
        self.unsaved = False
        """Whether the resume data is behind."""
        self._torrent = torrent
        self._doubtful = trio.Event()

    def on_trouble(self, error: StorageError | None) -> None:
        """The disk refuses something; None: no more."""
        info_hash = self._torrent.manifest.info_hash.full
        if error is None:
            self._torrent.alert(TorrentResumed(info_hash))
        else:
            self._torrent.alert(TorrentPaused(info_hash, error.code, error.advice))
            self.look_soon()

    def look_soon(self) -> None:
        """Something is wrong with a file, or more are wanted: see soon whether all is as it should be."""
        self._doubtful.set()

    async def start(self) -> None:
        """Find what is there, and make room for the rest."""
        disk = self._torrent.disk
        right = await disk.check()
        held = Bitfield(self._torrent.layout.piece_count)
        for piece in right:
            held.set(piece)
        disk.count(right)
        self._torrent.picker.start_with(held)
        await disk.start()

    async def run(self) -> None:
        """Look after the files and the resume data, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._save_now_and_then)
            nursery.start_soon(self._look_when_in_doubt)

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

    async def _look_when_in_doubt(self) -> None:
        torrent = self._torrent
        while True:
            await self._doubtful.wait()
            self._doubtful = trio.Event()
            pieces, right = await torrent.disk.check_lost()
            torrent.uploads.forget(pieces)
            self._take_back([piece for piece in pieces - right if torrent.picker.held.has(piece)])
            await torrent.disk.start()
            torrent.look_for_the_end()
            torrent.downloads.refill_all()

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
            torrent.alert(PiecesLost(torrent.manifest.info_hash.full, len(lost)))
