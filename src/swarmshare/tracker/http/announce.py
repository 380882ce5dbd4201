"""Announce and scrape over HTTP, for ordinary BitTorrent clients (BEP 3, 7, 23, 24, 27, 48).

They are most of what a tracker is asked, so they are a WSGI application of their own in front of Flask, which spends
more time on any request than an announce needs. What must stand before every request, the guard and the proxies'
headers, stands before this one, too (:func:`~swarmshare.tracker.app.create_app`).

A refusal is a bencoded ``failure reason`` with status 200: of any other status, clients only show the number.
"""

from __future__ import annotations

import logging
from ipaddress import ip_address
from time import perf_counter
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import SQLAlchemyError

from swarmshare.errors import AnnounceError
from swarmshare.manifest.bencoding import encode
from swarmshare.texts import Text
from swarmshare.tracker.domain.database_problem import problem_of
from swarmshare.tracker.http.announce_query import parse_announce, parse_scrape
from swarmshare.tracker.swarms.addresses import believable, parse_address, reach
from swarmshare.tracker.swarms.views import AnnounceEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from swarmshare.manifest.bencoding import Value
    from swarmshare.tracker.domain.lookup import Identity, Lookup, SwarmEntry
    from swarmshare.tracker.http.announce_query import AnnounceQuery
    from swarmshare.tracker.http.metrics import AnswerTimes
    from swarmshare.tracker.swarms.addresses import Address
    from swarmshare.tracker.swarms.registry import SwarmRegistry
    from swarmshare.tracker.swarms.store.base import MemberRecord
    from swarmshare.tracker.swarms.views import AnnounceReply

MAX_NUMWANT: Final = 200
"""Most peers in one answer (what libtorrent asks for); 3.6 kB of IPv6 addresses."""
DEFAULT_NUMWANT: Final = 50
_CONTACT: Final = 6
"""Bytes of an IPv4 address and a port."""
_METHODS: Final = ("GET", "HEAD")

_log = logging.getLogger(__name__)


class Announces:
    """Answers ``/announce`` and ``/scrape``, each also with a passkey as the next part of the path."""

    def __init__(self, registry: SwarmRegistry, directory: Lookup, times: AnswerTimes) -> None:
        self._registry = registry
        self._directory = directory
        self._times = times
        self._answers = {"announce": self._announce, "scrape": self._scrape}

    def before(self, app: WSGIApplication) -> WSGIApplication:
        """Return a WSGI application that answers announces and scrapes, and leaves every other path to ``app``."""

        def answering(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            root, *parts = environ.get("PATH_INFO", "").split("/", 3)
            if root or not 1 <= len(parts) <= 2 or not parts[-1] or parts[0] not in self._answers:
                return app(environ, start_response)
            return self._respond(environ, start_response, *parts)

        return answering

    def _respond(
        self, environ: WSGIEnvironment, start_response: StartResponse, what: str, passkey: str | None = None
    ) -> Iterable[bytes]:
        began, method = perf_counter(), environ["REQUEST_METHOD"]
        route = f"/{what}" if passkey is None else f"/{what}/<passkey>"  # never the passkey: this is told, and logged
        status, allow = "200 OK", []
        if method not in _METHODS:
            route, method, status, body = "none", "any", "405 Method Not Allowed", b"405 Method Not Allowed\n"
            allow = [("Allow", ", ".join(_METHODS))]
        else:
            try:
                body = encode(_answer_or_reason(lambda: self._answers[what](environ, passkey)))
            except Exception:
                _log.exception("%s %s failed", method, route)
                status, body = "500 Internal Server Error", b"500 Internal Server Error\n"
        headers = [("Content-Type", "text/plain"), ("Cache-Control", "no-store"), ("Content-Length", str(len(body)))]
        start_response(status, headers + allow)
        self._times.observe(route, method, int(status[:3]), perf_counter() - began)
        return [body] if method != "HEAD" else []

    def _announce(self, environ: WSGIEnvironment, passkey: str | None) -> Value:
        source, identity = _source(environ), self._identify(passkey)
        query = parse_announce(_raw_query(environ))
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

    def _scrape(self, environ: WSGIEnvironment, passkey: str | None) -> Value:
        identity = self._identify(passkey)
        files: dict[bytes, Value] = {}
        for wire_hash in parse_scrape(_raw_query(environ)):
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


def _raw_query(environ: WSGIEnvironment) -> bytes:
    query: str = environ.get("QUERY_STRING", "")
    return query.encode("latin-1")  # WSGI carries bytes as Latin-1 text


def _source(environ: WSGIEnvironment) -> Address:
    source = parse_address(environ.get("REMOTE_ADDR", ""))
    if source is None:
        raise AnnounceError(Text("announce.no-address"))
    return source


def _may_see(entry: SwarmEntry, identity: Identity | None) -> bool:
    return identity is not None or not entry.private


def _answer_or_reason(answer: Callable[[], Value]) -> Value:
    try:
        return answer()
    except AnnounceError as error:
        return {b"failure reason": str(error).encode()}
    except SQLAlchemyError as error:
        if (problem := problem_of(error)) is None:
            raise
        return {b"failure reason": Text("tracker.try-later", what=problem.sentence).encode()}


def _reply(reply: AnnounceReply, query: AnnounceQuery, source: Address) -> Value:
    # Loopback or a private address of another network would send the asker to itself, or to a stranger.
    own = reach(source.packed)
    peers = [(address, peer) for peer in reply.peers for address in peer.addresses if reach(address) >= own]
    value: dict[bytes, Value] = {
        b"interval": reply.interval,
        b"min interval": reply.min_interval,
        b"complete": reply.seeds,
        b"incomplete": reply.leeches,
        b"downloaded": reply.downloaded,
        b"external ip": source.packed,
    }
    if query.compact:
        contacts = [address + peer.port.to_bytes(2, "big") for address, peer in peers]
        value[b"peers"] = b"".join([contact for contact in contacts if len(contact) == _CONTACT])
        value[b"peers6"] = b"".join([contact for contact in contacts if len(contact) != _CONTACT])
    else:
        value[b"peers"] = [_entry(address, peer, with_id=not query.no_peer_id) for address, peer in peers]
    return value


def _entry(address: bytes, peer: MemberRecord, *, with_id: bool) -> dict[bytes, Value]:
    entry: dict[bytes, Value] = {b"ip": str(ip_address(address)).encode(), b"port": peer.port}
    return {**entry, b"peer id": peer.peer_id} if with_id else entry
