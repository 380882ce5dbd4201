"""Snapshots of what is at work: the only thing that a face sees of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.schema.snapshot import PeerSnapshot, TorrentSnapshot

if TYPE_CHECKING:
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent


def torrent_snapshot(torrent: Torrent) -> TorrentSnapshot:
    """How things stand: a few copies of memory, however many pieces there are."""
    now = trio.current_time()
    disk, picker, files = torrent.disk, torrent.picker, torrent.manifest.files
    skipped = torrent.config.skip_files
    return TorrentSnapshot(
        manifest=torrent.manifest,
        state=torrent.state,
        error=disk.trouble.advice if disk.trouble else "",
        checked=disk.checked,
        bytes_total=torrent.manifest.total_length - sum(files[number].length for number in skipped),
        bytes_done=sum(disk.files_done) - sum(disk.files_done[number] for number in skipped),
        files_done=tuple(disk.files_done),
        skipped=skipped,
        pieces_done=picker.held.held,
        rate_down=torrent.meter_down.rate(now),
        rate_up=torrent.meter_up.rate(now),
        downloaded=torrent.downloaded,
        uploaded=torrent.uploaded,
        peers=tuple(_peer_snapshot(session, now) for session in torrent.sessions),
        piece_states=picker.states,
        availability=picker.availability,
        seeds=picker.seeds,
    )


def _peer_snapshot(session: PeerSession, now: float) -> PeerSnapshot:
    return PeerSnapshot(
        address=session.address,
        client=session.client,
        pieces=session.has.held,
        rate_down=session.meter_down.rate(now),
        rate_up=session.meter_up.rate(now),
        downloaded=session.downloaded,
        uploaded=session.uploaded,
        choking_us=session.connection.peer_choking,
        interested=session.connection.peer_interested,
        bits=session.has.to_wire(),
    )
