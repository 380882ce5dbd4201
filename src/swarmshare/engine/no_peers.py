"""Why nobody is connected to a torrent: collects what is known for :mod:`swarmshare.swarm.diagnosis`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.schema.snapshot import TorrentState
from swarmshare.swarm.diagnosis import Cause, DialResult, Outcome, Situation, explain

if TYPE_CHECKING:
    from swarmshare.engine.torrent import Torrent
    from swarmshare.swarm.diagnosis import NoPeers

PATIENCE: Final = 15.0
"""Seconds without a session before that needs an explanation: a dial takes ten at the most."""
MAX_MEMBERS: Final = 100
"""Members that are looked at; more would only take time."""


def no_peers(torrent: Torrent, now: float) -> NoPeers | None:
    """Return why nobody is connected; None while somebody is, it is too early to tell, or nothing is wrong with it."""
    if torrent.sessions or now - torrent.peers.alone_since < PATIENCE:
        return None
    if torrent.state not in {TorrentState.DOWNLOADING, TorrentState.SEEDING}:
        return None
    listening, banned, known_peers = torrent.listening, torrent.smart_ban.banned, torrent.known_peers
    dials = torrent.dialer.log.recent(now)
    members = dict(list(known_peers.members.items())[:MAX_MEMBERS])
    if torrent.is_complete:  # two that have everything need no connection
        for key in [key for key in members if (bits := known_peers.bits_of(key)) is not None and bits.is_full]:
            for address in members.pop(key).addresses:
                dials.pop(address, None)
    return explain(
        Situation(
            complete=torrent.is_complete,
            hybrid=torrent.manifest.hybrid,
            reach=listening.reach,
            has_tracker=bool(torrent.context.announce_queues),
            tracker_away=any(queue.problem for queue in torrent.context.announce_queues),
            dials={
                address: DialResult(Outcome.BANNED) if address in banned else result
                for address, result in dials.items()
            },
            members=[member.addresses for member in members.values()],
            encrypted=listening.hosts(Cause.ENCRYPTED, now),
            strangers=listening.hosts(Cause.STRANGER, now),
            unproven=listening.hosts(Cause.UNPROVEN, now) if torrent.members_only is not None else (),
            no_certificate=torrent.manifest.ssl_cert is not None and torrent.members_only is None,
        )
    )
