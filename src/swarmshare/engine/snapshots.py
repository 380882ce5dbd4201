"""Snapshots of running torrents: the only thing that a front end sees of the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.common.address import show_address
from swarmshare.common.pieces import Priority
from swarmshare.engine.no_peers import no_peers
from swarmshare.schema.snapshot import MemberSnapshot, PeerSnapshot, TorrentSnapshot

if TYPE_CHECKING:
    from collections.abc import Hashable

    from swarmshare.engine.announcer import Member
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent


def torrent_snapshot(torrent: Torrent) -> TorrentSnapshot:
    """Return the state of ``torrent`` as of now; it costs a few copies of memory, however many pieces there are."""
    now = trio.current_time()
    disk, picker, files = torrent.disk, torrent.picker, torrent.manifest.files
    skipped = torrent.disk.skipped
    return TorrentSnapshot(
        manifest=torrent.manifest,
        state=torrent.state,
        error=disk.problem.advice if disk.problem else "",
        checked=disk.checked,
        bytes_total=torrent.manifest.total_length - sum(files[number].length for number in skipped),
        bytes_done=sum(disk.files_done) - sum(disk.files_done[number] for number in skipped),
        files_done=tuple(disk.files_done),
        skipped=frozenset(skipped),
        pieces_done=picker.held.held,
        rate_down=torrent.downloads.meter.rate(now),
        rate_up=torrent.uploads.meter.rate(now),
        downloaded=torrent.downloads.received,
        uploaded=torrent.uploads.sent,
        peers=tuple(_peer_snapshot(torrent, session, now) for session in torrent.sessions),
        piece_states=picker.states,
        availability=picker.availability,
        seeds=picker.seeds,
        members=tuple(_member_snapshot(torrent, key, member) for key, member in torrent.known_peers.members.items()),
        tracker_problem=next((queue.problem for queue in torrent.context.announce_queues if queue.problem), ""),
        changed_files=torrent.file_monitor.changed_files,
        no_peers=no_peers(torrent, now),
        preferred=frozenset(file for file, priority in enumerate(torrent.priorities) if priority is Priority.HIGH),
    )


def _member_snapshot(torrent: Torrent, key: Hashable, member: Member) -> MemberSnapshot:
    bits = torrent.known_peers.bits_of(key)
    return MemberSnapshot(
        user=member.user,
        addresses=tuple(show_address(*address) for address in member.addresses),
        live=member.live,
        connected=torrent.known_peers.is_connected(key),
        bits=bits.to_wire() if bits is not None else None,
        complete=bits is not None and bits.is_full,
    )


def _peer_snapshot(torrent: Torrent, session: PeerSession, now: float) -> PeerSnapshot:
    return PeerSnapshot(
        address=session.address,
        user=session.identity.user if session.identity is not None else torrent.known_peers.user_at(session.listens),
        client=session.client,
        pieces=session.has.held,
        rate_down=session.meter_down.rate(now),
        rate_up=session.meter_up.rate(now),
        downloaded=session.downloaded,
        uploaded=session.uploaded,
        choking_us=session.connection.peer_choking,
        interested=session.connection.peer_interested,
        bits=session.has.to_wire(),
        proven=session.identity is not None,
    )
