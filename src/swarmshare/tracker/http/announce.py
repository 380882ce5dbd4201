"""Announce and scrape over HTTP, for ordinary BitTorrent clients (BEP 3, 7, 23, 24, 27, 48).

A refusal is a bencoded ``failure reason`` with status 200: of any other status, clients only show the number.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from flask import Blueprint, Response, request
from sqlalchemy.exc import SQLAlchemyError

from swarmshare.errors import AnnounceError
from swarmshare.manifest.bencoding import encode
from swarmshare.texts import Text
from swarmshare.tracker.domain.database_problem import problem_of
from swarmshare.tracker.http.announce_query import parse_announce, parse_scrape
from swarmshare.tracker.swarms.addresses import believable, parse_address, visible
from swarmshare.tracker.swarms.views import AnnounceEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.manifest.bencoding import Value
    from swarmshare.tracker.domain.lookup import Identity, Lookup, SwarmEntry
    from swarmshare.tracker.http.announce_query import AnnounceQuery
    from swarmshare.tracker.swarms.addresses import Address
    from swarmshare.tracker.swarms.registry import SwarmRegistry
    from swarmshare.tracker.swarms.views import AnnounceReply, Contact

MAX_NUMWANT: Final = 200
"""Most peers in one answer (what libtorrent asks for); 3.6 kB of IPv6 addresses."""
DEFAULT_NUMWANT: Final = 50


def blueprint(registry: SwarmRegistry, directory: Lookup) -> Blueprint:
    """Return the routes ``/announce`` and ``/scrape``, each also with a passkey as the next part of the path."""
    views = _AnnounceViews(registry, directory)
    routes = Blueprint("announce", __name__)
    for path, view in (("/announce", views.announce), ("/scrape", views.scrape)):
        routes.add_url_rule(path, view_func=view, methods=["GET"])
        routes.add_url_rule(f"{path}/<passkey>", view_func=view, methods=["GET"])
    return routes


class _AnnounceViews:
    """The views of announce and scrape."""

    def __init__(self, registry: SwarmRegistry, directory: Lookup) -> None:
        self._registry = registry
        self._directory = directory

    def announce(self, passkey: str | None = None) -> Response:
        """Answers a client that tells how far it is, and asks for peers."""
        return _bencoded(lambda: self._announce(_raw_query(), _source(), passkey))

    def scrape(self, passkey: str | None = None) -> Response:
        """Answers a client that asks how many take part in some swarms (BEP 48)."""
        return _bencoded(lambda: self._scrape(_raw_query(), passkey))

    def _announce(self, raw: bytes, source: Address, passkey: str | None) -> Value:
        identity = self._identify(passkey)
        query = parse_announce(raw)
        entry = self._directory.entry_by_wire_hash(query.wire_hash)
        if entry is None:
            raise AnnounceError(Text("announce.unknown"))
        if not _may_see(entry, identity):
            raise AnnounceError(Text("announce.private"))
        claims = [claim for claim in query.claims if believable(claim, source)]
        numwant = DEFAULT_NUMWANT if query.numwant is None else min(query.numwant, MAX_NUMWANT)
        reply = self._registry.announce(
            entry,
            query.peer_id,
            wire_hash=query.wire_hash,
            addresses=[source, *claims[:1]],
            port=query.port,
            left=min(query.left, entry.total_length),
            uploaded=query.uploaded,
            downloaded=query.downloaded,
            event=query.event,
            numwant=0 if query.event is AnnounceEvent.STOPPED else numwant,
            key=query.key,
            identity=identity,
        )
        return _reply(reply, query, source)

    def _scrape(self, raw: bytes, passkey: str | None) -> Value:
        identity = self._identify(passkey)
        files: dict[bytes, Value] = {}
        for wire_hash in parse_scrape(raw):
            entry = self._directory.entry_by_wire_hash(wire_hash)
            if entry is not None and _may_see(entry, identity):
                counts = self._registry.counts(entry.info_hash)
                files[wire_hash] = {
                    b"complete": counts.seeds,
                    b"downloaded": counts.completed,
                    b"incomplete": counts.leeches,
                }
        return {b"files": files}

    def _identify(self, passkey: str | None) -> Identity | None:
        if passkey is None:
            return None
        identity = self._directory.by_passkey(passkey)
        if identity is None:
            raise AnnounceError(Text("announce.passkey"))
        return identity


def _raw_query() -> bytes:
    # WSGI carries bytes as Latin-1 text. request.args would read them as UTF-8 and spoil the hashes.
    return str(request.environ.get("QUERY_STRING", "")).encode("latin-1")


def _source() -> Address:
    source = parse_address(request.remote_addr or "")
    if source is None:
        raise AnnounceError(Text("announce.no-address"))
    return source


def _may_see(entry: SwarmEntry, identity: Identity | None) -> bool:
    return identity is not None or not entry.private


def _bencoded(answer: Callable[[], Value]) -> Response:
    try:
        value = answer()
    except AnnounceError as error:
        value = {b"failure reason": str(error).encode()}
    except SQLAlchemyError as error:
        if (problem := problem_of(error)) is None:
            raise
        value = {b"failure reason": Text("tracker.try-later", what=problem.sentence).encode()}
    return Response(encode(value), content_type="text/plain", headers={"Cache-Control": "no-store"})


def _reply(reply: AnnounceReply, query: AnnounceQuery, source: Address) -> Value:
    # Loopback or a private address of another network would send the asker to itself, or to a stranger.
    peers = [peer for peer in reply.peers if visible(peer.address, source)]
    value: dict[bytes, Value] = {
        b"interval": reply.interval,
        b"min interval": reply.min_interval,
        b"complete": reply.seeds,
        b"incomplete": reply.leeches,
        b"downloaded": reply.downloaded,
        b"external ip": source.packed,
    }
    if query.compact:
        value[b"peers"] = b"".join(_contact(peer) for peer in peers if len(peer.address) == 4)
        value[b"peers6"] = b"".join(_contact(peer) for peer in peers if len(peer.address) == 16)
    else:
        value[b"peers"] = [_entry(peer, with_id=not query.no_peer_id) for peer in peers]
    return value


def _contact(peer: Contact) -> bytes:
    return peer.address + peer.port.to_bytes(2, "big")


def _entry(peer: Contact, *, with_id: bool) -> dict[bytes, Value]:
    entry: dict[bytes, Value] = {b"ip": str(ip_address(peer.address)).encode(), b"port": peer.port}
    return {**entry, b"peer id": peer.peer_id} if with_id else entry
