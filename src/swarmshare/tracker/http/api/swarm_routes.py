"""The route that shows a swarm: its members, and how often each piece is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.catalogue import unknown_entry
from swarmshare.tracker.domain.refusals import Reason
from swarmshare.tracker.http.api import requests
from swarmshare.tracker.http.api.catalogue_routes import parse_info_hash
from swarmshare.tracker.http.api.routes import May
from swarmshare.tracker.swarms.views import SwarmDetail

if TYPE_CHECKING:
    from swarmshare.tracker.domain.directory import Holder
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services
    from swarmshare.tracker.swarms.views import MemberDetail

MAX_BITFIELDS: Final = 4 * 2**20
"""Most bytes of bitfields in one answer; with many pieces, it has fewer members than asked for."""


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add it to ``routes``."""

    @routes.route(
        "GET",
        "/swarms/<string(length=64):info_hash>",
        may=May.MEMBER,
        asks=requests.FindMembers,
        gives=values.Swarm,
        refuses=[Reason.UNKNOWN_ENTRY],
    )
    def swarm(info_hash: str, query: requests.FindMembers, who: Holder) -> values.Swarm:
        """How the swarm of an entry is, and a part of its members in the order in which they came."""
        key = parse_info_hash(info_hash)
        entry = services.directory.entry(key)
        if entry is None:
            raise unknown_entry()
        detail = services.registry.detail(key)
        if detail is None:
            detail = SwarmDetail(0, 0, 0, 0, entry.piece_count, bytes(entry.piece_count), ())
        limit = query.limit
        if query.pieces:
            limit = min(limit, max(1, MAX_BITFIELDS * 8 // entry.piece_count))
        return values.Swarm(
            info_hash=info_hash,
            piece_count=detail.piece_count,
            seeds=detail.seeds,
            leeches=detail.leeches,
            downloaded=detail.downloaded,
            copies=detail.copies,
            availability=detail.availability,
            total=len(detail.members),
            members=[
                _member(member, pieces=query.pieces) for member in detail.members[query.offset : query.offset + limit]
            ],
        )


def _member(member: MemberDetail, *, pieces: bool) -> values.Member:
    return values.Member(
        number=member.number,
        user=member.user,
        addresses=list(member.addresses),
        port=member.port,
        live=member.live,
        pieces=member.pieces if pieces else None,
        share=member.share,
        left=member.left,
        uploaded=member.uploaded,
        downloaded=member.downloaded,
        rate_up=member.rate_up,
        rate_down=member.rate_down,
        blamed=member.blamed,
    )
