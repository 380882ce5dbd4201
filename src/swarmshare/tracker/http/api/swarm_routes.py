"""The route that shows a swarm: its members, and how many hold each piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.catalogue import unknown_entry
from swarmshare.tracker.domain.refusals import Reason
from swarmshare.tracker.http.api import requests
from swarmshare.tracker.http.api.catalogue_routes import parse_info_hash
from swarmshare.tracker.http.api.routes import May

if TYPE_CHECKING:
    from swarmshare.tracker.domain.directory import Holder
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services

MAX_BITFIELDS: Final = 4 * 2**20
"""Most bytes of bitfields in one answer; with many pieces, it has fewer members than asked for."""


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add the route of a swarm to ``routes``; it calls ``services``."""

    @routes.route(
        "GET",
        "/swarms/<string(length=64):info_hash>",
        may=May.MEMBER,
        asks=requests.FindMembers,
        gives=values.SwarmDetail,
        refuses=[Reason.UNKNOWN_ENTRY],
    )
    def swarm(info_hash: str, query: requests.FindMembers, who: Holder) -> values.SwarmDetail:
        """How the swarm of an entry is, and a part of its members in the order in which they came."""
        key = parse_info_hash(info_hash)
        entry = services.directory.entry(key)
        if entry is None:
            raise unknown_entry()
        limit = query.limit
        if query.pieces:
            limit = min(limit, max(1, MAX_BITFIELDS * 8 // entry.piece_count))
        detail = services.registry.detail(key, offset=query.offset, limit=limit, pieces=query.pieces)
        return detail if detail is not None else _nobody(info_hash, entry.piece_count)


def _nobody(info_hash: str, piece_count: int) -> values.SwarmDetail:
    return values.SwarmDetail(
        info_hash=info_hash,
        piece_count=piece_count,
        seeds=0,
        leeches=0,
        downloaded=0,
        copies=0,
        availability=bytes(piece_count),
        total=0,
        members=(),
    )
