"""What each door shows of a swarm and its members."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.schema.tracker_events import AvailabilityChanges, Holding, Holds, MemberChanges, Peer, Push

if TYPE_CHECKING:
    from swarmshare.tracker.swarms.store import Changes, Member


class SwarmCounts(NamedTuple):
    """A swarm as ``scrape`` has it (BEP 48)."""

    complete: int
    incomplete: int
    downloaded: int
    """How many completed in it since the tracker started."""


class SwarmSummary(NamedTuple):
    """A swarm in a line of a list."""

    seeds: int
    peers: int
    """All members, seeds included."""
    copies: int
    """How many members hold the rarest piece, up to 255; 0 when some piece is held by nobody we know of."""


class MemberDetail(NamedTuple):
    """A member, as people see it."""

    number: int
    account: int | None
    user: str
    """Empty when it announces without a passkey."""
    addresses: tuple[str, ...]
    port: int
    live: bool
    """Connected to the tracker; False: an ordinary client, known by its last announce."""
    pieces: bytes | None
    """Its bitfield; None: unknown, see ``share``."""
    share: float
    """How much of everything it holds, 0 to 1."""
    left: int
    """Bytes, as all that follow."""
    uploaded: int
    downloaded: int
    rate_up: int
    """A second."""
    rate_down: int
    blamed: int
    """How many accounts reported it for wrong data."""


class SwarmDetail(NamedTuple):
    """A swarm with all its members."""

    seeds: int
    leeches: int
    downloaded: int
    copies: int
    piece_count: int
    availability: bytes
    """How many members hold each piece; 255: that many, or more."""
    members: tuple[MemberDetail, ...]


class Contact(NamedTuple):
    """Where an ordinary client can reach another member."""

    address: bytes
    """4 or 16 bytes."""
    port: int
    peer_id: bytes


class AnnounceReply(NamedTuple):
    """What an announce is answered with."""

    interval: int
    """Seconds, as the next."""
    min_interval: int
    seeds: int
    leeches: int
    downloaded: int
    peers: tuple[Contact, ...]


def peer(member: Member, piece_count: int) -> Peer:
    """A member, as other peers see it."""
    if member.pieces is None:
        holds = Holds.UNKNOWN
    elif member.held == piece_count:
        holds = Holds.ALL
    else:
        holds = Holds.SOME if member.held else Holds.NONE
    return Peer(
        member=member.number,
        user=member.user,
        addresses=tuple(map(_text, member.addresses)),
        port=member.port,
        live=bool(member.session),
        holds=holds,
        share=_share(member, piece_count),
    )


def holding(member: Member, piece_count: int) -> Holding:
    """A member and its pieces, as other peers see them."""
    return Holding(peer(member, piece_count), member.pieces)


def push(info_hash: bytes, changes: Changes) -> Push:
    """What all live members of a swarm are told."""
    told: MemberChanges | AvailabilityChanges
    if changes.detailed:
        joined = tuple(holding(member, changes.piece_count) for member in changes.joined)
        told = MemberChanges(joined, changes.left, changes.gained, changes.lost)
    else:
        told = AvailabilityChanges(changes.changed, changes.availability)
    return Push(info_hash, changes.epoch, changes.seq, changes.seeds, changes.leeches, told)


def member_detail(member: Member, piece_count: int) -> MemberDetail:
    """A member, as people see it."""
    return MemberDetail(
        number=member.number,
        account=member.account,
        user=member.user,
        addresses=tuple(map(_text, member.addresses)),
        port=member.port,
        live=bool(member.session),
        pieces=member.pieces,
        share=_share(member, piece_count),
        left=member.left,
        uploaded=member.uploaded,
        downloaded=member.downloaded,
        rate_up=member.rate_up,
        rate_down=member.rate_down,
        blamed=member.blamed,
    )


def _share(member: Member, piece_count: int) -> float:
    return round(member.held / piece_count, 4) if piece_count else float(not member.left)


@lru_cache(maxsize=8192)
def _text(packed: bytes) -> str:
    return str(ip_address(packed))
