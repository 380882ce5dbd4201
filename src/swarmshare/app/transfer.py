"""One transfer: what is saved of it, the engine's torrent while it runs, and its line in the snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from swarmshare.app.resting import resting
from swarmshare.app.snapshot import TransferSnapshot
from swarmshare.common.pieces import PieceState
from swarmshare.engine.no_peers import no_peers
from swarmshare.engine.snapshots import torrent_snapshot
from swarmshare.schema.snapshot import TorrentState, count_only_here, count_served

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.common.pieces import Priority
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.snapshot import TorrentSnapshot
    from swarmshare.storage.saved_transfers import SavedTransfer

COUNT_EVERY: Final = 2.0
"""Seconds between two counts of copies: each takes a look at every piece."""
UNSERVED_AFTER: Final = 15.0
"""Seconds without anybody who has what is missing before that is said: a tracker and peers have answered by then."""
SHOW_LAST: Final = 5.0
"""Seconds after a restart until it is believed that nobody is there: a tracker and peers have answered by then."""
LOOK_EVERY: Final = 1.0
"""Seconds between two looks at what nobody is connected to, of a few transfers."""
LOOKS_A_SECOND: Final = 1000
"""Most of these looks in a second: of very many transfers, each waits longer for its turn."""


class Transfer:
    """A transfer, which runs between :meth:`start` and :meth:`stop`, and is paused otherwise.

    ==========  ===================================  =============================================
    state       ``torrent``                          leaves by
    ==========  ===================================  =============================================
    paused      None; the last snapshot is kept      :meth:`start`
    stopping    still there, :meth:`look_last` done  :meth:`stop`
    running     the engine's                         :meth:`look_last`, then :meth:`stop`
    ==========  ===================================  =============================================

    Whoever changes ``saved`` has it written by :class:`~swarmshare.app.ledger.Ledger`.
    """

    def __init__(self, saved: SavedTransfer, last: TorrentSnapshot | None = None) -> None:
        """``last`` is the last snapshot of a paused one, as of when it ran."""
        self.torrent: Torrent | None = None
        """The engine's torrent; None while it is paused."""
        self._saved = saved
        self._last = last
        self._line: TransferSnapshot | None = None
        self._seen: object = None
        """What the line was made of."""
        self._stage: object = None
        """How far it had come, by which a change is seen without a look."""
        self._look_at = self._count_at = 0.0
        """When to look again, and to count."""
        self._copies = (0, 0, 0)
        self._last_seen: tuple[bytes, int] | None = None
        """Availability and seeds as of :meth:`look_last`."""
        self._before: tuple[bytes, int] | None = None
        """What the other machines held when it ran before, until it is known what they hold now: likewise."""
        self._started: float | None = None
        """When a running one was looked at first."""
        self._unserved_since: float | None = None
        self._counted_seeds = 0
        self._held = -1
        self._bytes = (0, 0)

    # ------------------------------------------------------------------ running or paused

    @property
    def saved(self) -> SavedTransfer:
        """What is written to the disk, without the bytes since it was started: :attr:`totals` has those."""
        return self._saved

    @saved.setter
    def saved(self, saved: SavedTransfer) -> None:
        self._saved = saved
        self._line = None
        self._held = -1

    @property
    def manifest(self) -> Manifest:
        """The manifest of what is shared or downloaded."""
        return self._saved.manifest

    @property
    def totals(self) -> SavedTransfer:
        """``saved`` with the totals as of now."""
        if self.torrent is None:
            return self._saved
        return replace(
            self._saved,
            downloaded=self._saved.downloaded + self.torrent.downloads.received,
            uploaded=self._saved.uploaded + self.torrent.uploads.sent,
        )

    def start(self, torrent: Torrent) -> None:
        """Run as ``torrent`` from now on."""
        self.torrent = torrent
        if self._last is not None and (self._last.seeds or any(self._last.availability)):
            self._before = self._last.availability, self._last.seeds
        self._started = self._line = self._last = None
        self._held = -1
        self._look_at = self._count_at = 0.0
        self._unserved_since = None

    def look_last(self, now: float) -> None:
        """Note what the other machines hold before it stops: the snapshot of a paused transfer shows that."""
        if self.torrent is not None:
            self.line(now)
            self._last_seen = self._holders(self.torrent, now)

    def stop(self) -> None:
        """Stop running: keep the last snapshot, and add the torrent's bytes to the totals."""
        if self.torrent is not None:
            snapshot = torrent_snapshot(self.torrent)
            availability, seeds = self._last_seen or (snapshot.availability, snapshot.seeds)
            self._last_seen = self._before = None
            self._last = resting(replace(snapshot, availability=availability, seeds=seeds), self.totals)
            self._saved = self.totals
            self.torrent = self._line = None

    def want(self, files: Mapping[int, Priority]) -> None:
        """Set the priorities of files by their numbers in the manifest; numbers that do not exist are ignored."""
        there = {number: priority for number, priority in files.items() if 0 <= number < len(self.manifest.files)}
        self.saved = replace(self._saved, priorities={**self._saved.priorities, **there})
        if self.torrent is not None:
            for number, priority in there.items():
                self.torrent.want(number, priority)
        elif self._last is not None:
            self._last = resting(self._last, self._saved)

    # ------------------------------------------------------------------ snapshots

    def snapshot(self) -> TorrentSnapshot | None:
        """Return everything about it; of a paused one, as of when it ran last. None: it has not run yet."""
        if self.torrent is not None:
            snapshot = torrent_snapshot(self.torrent)
            saved = self._saved
            availability, seeds = self._before or (snapshot.availability, snapshot.seeds)
            return replace(
                snapshot,
                downloaded=saved.downloaded + snapshot.downloaded,
                uploaded=saved.uploaded + snapshot.uploaded,
                availability=availability,
                seeds=seeds,
            )
        return self._last

    def line(self, now: float, look_every: float = LOOK_EVERY) -> TransferSnapshot:
        """Return its line; the same object as long as nothing changes, which a window compares with ``is``.

        While nobody is connected, all of it is looked at every ``look_every`` seconds only.
        """
        torrent = self.torrent
        if torrent is None:
            if self._line is None:
                self._line = self._resting_line()
            return self._line
        stage = torrent.ready.is_set(), torrent.disk.checked, torrent.disk.problem
        idle = now < self._look_at and not torrent.sessions and stage == self._stage
        if self._line is not None and (idle or torrent.scope.cancel_called):
            return self._line
        self._stage = stage
        rates = torrent.downloads.meter.rate(now), torrent.uploads.meter.rate(now)
        if now >= self._count_at or torrent.picker.seeds != self._counted_seeds:
            self._count_at = now + COUNT_EVERY
            self._count(torrent, now)
        alone = no_peers(torrent, now)
        seen = (
            rates,
            torrent.state,
            torrent.disk.problem,
            torrent.file_monitor.changed_files,
            torrent.disk.checked,
            torrent.picker.held.held,
            torrent.downloads.received,
            torrent.uploads.sent,
            len(torrent.sessions),
            alone,
            torrent.picker.seeds,
            self._copies,
            self._is_unserved(now),
        )
        if self._line is None or seen != self._seen:
            self._seen = seen
            self._line = self._working_line(
                torrent, *rates, no_peers=alone.message if alone else "", unserved=self._is_unserved(now)
            )
        self._look_at = now if any(rates) else now + look_every
        return self._line

    def _count(self, torrent: Torrent, now: float) -> None:
        picker = torrent.picker
        availability, seeds = self._holders(torrent, now)
        only_here = 0 if seeds else count_only_here(picker.states, availability)
        copies = min(availability, default=0) + seeds
        self._copies, self._counted_seeds = (copies, only_here, torrent.known_peers.announced_only), picker.seeds
        if torrent.state is not TorrentState.DOWNLOADING or picker.seeds or _is_served(torrent):
            self._unserved_since = None
        elif self._unserved_since is None:
            self._unserved_since = now

    def _holders(self, torrent: Torrent, now: float) -> tuple[bytes, int]:
        """Return what the other machines hold: as it was last, if it was started just now and nobody is there yet."""
        availability, seeds = torrent.picker.availability, torrent.picker.seeds
        if self._before is None:
            return availability, seeds
        if self._started is None:
            self._started = now
        if seeds or any(availability) or now - self._started >= SHOW_LAST:
            self._before = None
            return availability, seeds
        return self._before

    def _is_unserved(self, now: float) -> bool:
        """Whether it is known well enough that nobody has what is missing: those who come tell what they hold later."""
        return self._unserved_since is not None and now - self._unserved_since >= UNSERVED_AFTER

    def _sum(self, torrent: Torrent) -> tuple[int, int]:
        """Bytes of the files that are wanted, and how many of them are here."""
        if torrent.picker.held.held != self._held:
            self._held = torrent.picker.held.held
            disk, files = torrent.disk, torrent.manifest.files
            total = torrent.manifest.total_length - sum(files[number].length for number in disk.skipped)
            done = sum(disk.files_done) - sum(disk.files_done[number] for number in disk.skipped)
            self._bytes = total, done
        return self._bytes

    def _working_line(
        self, torrent: Torrent, rate_down: float, rate_up: float, *, no_peers: str, unserved: bool
    ) -> TransferSnapshot:
        state = torrent.state
        total, done = self._sum(torrent)
        return replace(
            self._plain_line(),
            state=state,
            no_peers=no_peers,
            unserved=unserved,
            downloaded=self._saved.downloaded + torrent.downloads.received,
            uploaded=self._saved.uploaded + torrent.uploads.sent,
            problem=torrent.disk.problem.advice if torrent.disk.problem else "",
            changed_files=torrent.file_monitor.changed_files,
            bytes_total=total,
            bytes_done=done,
            checked=torrent.disk.checked,
            rate_down=rate_down,
            rate_up=rate_up,
            peers=len(torrent.sessions),
            seeds=torrent.picker.seeds,
            eta=(total - done) / rate_down if state is TorrentState.DOWNLOADING and rate_down > 0 else None,
        )

    def _resting_line(self) -> TransferSnapshot:
        last, line = self._last, self._plain_line()
        if last is None:
            return line
        return replace(line, bytes_total=last.bytes_total, bytes_done=last.bytes_done, checked=last.checked)

    def _plain_line(self) -> TransferSnapshot:
        """Return a line without what only a running transfer has."""
        saved = self._saved
        copies, only_here, announced_only = self._copies
        return TransferSnapshot(
            info_hash=saved.info_hash,
            name=saved.manifest.name,
            folder=saved.folder,
            state=TorrentState.PAUSED if saved.paused else TorrentState.CHECKING,  # soon, by the next engine
            problem="",
            no_peers="",
            unserved=False,
            bytes_total=saved.manifest.total_length,
            bytes_done=0,
            checked=0.0,
            rate_down=0.0,
            rate_up=0.0,
            downloaded=saved.downloaded,
            uploaded=saved.uploaded,
            peers=0,
            seeds=0,
            copies=copies,
            announced_only=announced_only,
            only_here=only_here,
            eta=None,
            added_at=saved.added_at,
            shared=saved.shared,
            sequential=saved.sequential,
            limit_up=saved.limit_up,
            limit_down=saved.limit_down,
        )


def _is_served(torrent: Torrent) -> bool:
    """Whether somebody is known to hold a piece that is missing and wanted."""
    states = bytearray(torrent.picker.states)
    for file in torrent.disk.skipped:
        pieces = torrent.manifest.layout.file_pieces(file)
        states[pieces.start : pieces.stop] = bytes([PieceState.HELD]) * len(pieces)
    return count_served(bytes(states), torrent.picker.availability) > 0
