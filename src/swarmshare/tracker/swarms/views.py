"""Members and swarms as others are told of them: connected peers, ordinary clients, and people."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.schema.tracker_events import AvailabilityChanges, Holds, MemberChanges, MemberInfo, MemberPieces, Push
from swarmshare.tracker.domain.values import MemberView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.tracker.swarms.store.base import MemberRecord, SwarmChanges


class AnnounceEvent(StrEnum):
    """Why an ordinary client announces (BEP 3)."""

    NONE = ""
    STARTED = "started"
    COMPLETED = "completed"
    STOPPED = "stopped"
    PAUSED = "paused"
    """BEP 21: it has all it wants, though not everything."""


class AnnounceReply(NamedTuple):
    """The answer to an announce, before it is bencoded."""

    interval: int
    """Seconds to the next announce."""
    min_interval: int
    """Seconds that must pass before it."""
    seeds: int
    leeches: int
    downloaded: int
    """How many members completed since the tracker started."""
    peers: Sequence[MemberRecord]
    """Whom to dial."""


def peer_view(member: MemberRecord, piece_count: int) -> MemberInfo:
    """Return a member as connected peers are told of it, without its pieces."""
    if member.pieces is None:
        holds = Holds.UNKNOWN
    elif member.held == piece_count:
        holds = Holds.ALL
    else:
        holds = Holds.SOME if member.held else Holds.NONE
    addresses = tuple(map(_text, member.addresses))
    share = _share(member, piece_count)
    return MemberInfo(member.number, member.user, addresses, member.port, bool(member.session), holds, share)


def holding(member: MemberRecord, piece_count: int) -> MemberPieces:
    """Return a member and its pieces, as connected peers are told of them."""
    return MemberPieces(peer_view(member, piece_count), member.pieces)


def push(info_hash: bytes, changes: SwarmChanges) -> Push:
    """Return the event that tells all connected members of a swarm what changed in it."""
    told: MemberChanges | AvailabilityChanges
    if changes.detailed:
        joined = tuple(holding(member, changes.piece_count) for member in changes.joined)
        told = MemberChanges(joined, changes.left, changes.gained, changes.lost)
    else:
        told = AvailabilityChanges(changes.changed, changes.availability)
    return Push(info_hash, changes.epoch, changes.seq, changes.seeds, changes.leeches, told)


def member_view(member: MemberRecord, piece_count: int, *, pieces: bool) -> MemberView:
    """Return a member as people see it; with its bitfield if ``pieces``, and if it is known."""
    return MemberView(
        number=member.number,
        user=member.user,
        addresses=tuple(map(_text, member.addresses)),
        port=member.port,
        live=bool(member.session),
        pieces=member.pieces if pieces else None,
        share=_share(member, piece_count),
        left=member.left,
        uploaded=member.uploaded,
        downloaded=member.downloaded,
        rate_up=member.rate_up,
        rate_down=member.rate_down,
        blamed=member.blamed,
    )


def _share(member: MemberRecord, piece_count: int) -> float:
    if not member.held and piece_count:
        return 0.0
    return round(member.held / piece_count, 4) if piece_count else float(not member.left)


@lru_cache(maxsize=8192)
def _text(packed: bytes) -> str:
    return str(ip_address(packed))
