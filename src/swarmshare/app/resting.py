"""Snapshots of paused transfers: from resume data after a start, else from the torrent's last snapshot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.manifest.layout import PieceIndex
from swarmshare.schema.snapshot import TorrentSnapshot, TorrentState
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.resume import load_resume

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.storage.saved_transfers import SavedTransfer

_STATES: Final = bytes((PieceState.MISSING, PieceState.HELD)).ljust(256)
_ON_ITS_WAY_NO_MORE: Final = bytes(state if state == PieceState.HELD else PieceState.MISSING for state in range(256))


def resting_snapshot(saved: SavedTransfer, resume: Path) -> TorrentSnapshot:
    """Return what is held, as far as the resume data in the folder ``resume`` can be trusted.

    It looks at every file's size and times, so it belongs in a thread.
    """
    manifest = saved.manifest
    storage = TorrentStorage(manifest, saved.folder)
    try:
        found = load_resume(resume / f"{manifest.info_hash}.resume", manifest, storage).held
    finally:
        storage.close()
    held = Bitfield(manifest.layout.piece_count)
    files_done = [0] * len(manifest.files)
    for piece in found:
        held.set(piece)
        span = manifest.layout.span(PieceIndex(piece))
        files_done[span.file] += span.length
    last = TorrentSnapshot(
        manifest=manifest,
        state=TorrentState.PAUSED,
        error="",
        checked=1.0,
        bytes_total=0,
        bytes_done=0,
        files_done=tuple(files_done),
        skipped=frozenset(),
        pieces_done=held.held,
        rate_down=0.0,
        rate_up=0.0,
        downloaded=0,
        uploaded=0,
        peers=(),
        piece_states=bytes(held.flags().translate(_STATES)),
        availability=bytes(manifest.layout.piece_count),
        seeds=0,
        members=(),
        tracker_problem="",
    )
    return resting(last, saved)


def resting(last: TorrentSnapshot, saved: SavedTransfer) -> TorrentSnapshot:
    """Return ``last`` as paused: no peers and no rates, and with the priorities and totals of ``saved``."""
    manifest, files_done = last.manifest, last.files_done
    skipped = frozenset(number for number, priority in saved.priorities.items() if priority is Priority.SKIP)
    return replace(
        last,
        state=TorrentState.PAUSED,
        error="",
        bytes_total=manifest.total_length - sum(manifest.files[number].length for number in skipped),
        bytes_done=sum(files_done) - sum(files_done[number] for number in skipped),
        skipped=skipped,
        rate_down=0.0,
        rate_up=0.0,
        downloaded=saved.downloaded,
        uploaded=saved.uploaded,
        piece_states=last.piece_states.translate(_ON_ITS_WAY_NO_MORE),
        peers=(),
        members=(),
        tracker_problem="",
    )
