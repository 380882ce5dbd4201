"""Which requests come in at all: only those whose ``Host`` is one of our names, and whose ``Origin`` is our own page.

A page of another site can make a browser send requests here. When its own name is made to mean our address (DNS
rebinding), the browser takes our answers for that page's own; but it still says that other name in ``Host``. An address
literal cannot be rebound. So the names that are ours are let in, and any address.

This stands before everything, Socket.IO too, which never asks Flask.
"""

from __future__ import annotations

import logging
import re
import socket
from functools import lru_cache
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from swarmshare.manifest.bencoding import encode
from swarmshare.texts import Text
from swarmshare.tracker.http.api.answers import problem_details

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from swarmshare.tracker.config import TrackerConfig

_log: Final = logging.getLogger(__name__)

_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[0-9a-z._-]{1,253}))(?::[0-9]{1,5})?", re.IGNORECASE)
_ANNOUNCES: Final = ("/announce", "/scrape")


class Guard:
    """Knows our names, and stands in front of a WSGI application."""

    def __init__(self, config: TrackerConfig) -> None:
        self._names = {name.lower() for name in (*config.hosts, *own_names())}
        self._origins: set[str] = set()
        if config.public_url is not None:
            parts = urlsplit(config.public_url)
            self._names.add(parts.hostname or "")
            self._origins.add(f"{parts.scheme}://{parts.netloc}".lower())

    def before(self, app: WSGIApplication) -> WSGIApplication:
        """Return ``app`` behind this guard: a request that is not for us gets a refusal instead."""

        def guarded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            host, origin = environ.get("HTTP_HOST"), environ.get("HTTP_ORIGIN")
            if host is not None and not (self._is_ours(host) or (_is_announce(environ) and _is_bare_ipv6(host))):
                return _refuse(environ, start_response, HTTPStatus.MISDIRECTED_REQUEST, "host", _not_ours(host))
            if not self.is_own_origin(origin, environ):
                return _refuse(environ, start_response, HTTPStatus.FORBIDDEN, "origin", Text("request.origin"))
            return app(environ, start_response)

        return guarded

    def is_own_origin(self, origin: str | None, environ: WSGIEnvironment) -> bool:
        """Whether the page that sent a request with this ``Origin`` is one of ours; programs have none."""
        if origin is None:
            return True
        own = f"{environ['wsgi.url_scheme']}://{environ.get('HTTP_HOST')}"
        return origin.lower() == own.lower() or origin.lower() in self._origins

    def _is_ours(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        name = match["v6"] or match["name"]
        return name.lower().removesuffix(".") in self._names or _is_address(name)


def _is_announce(environ: WSGIEnvironment) -> bool:
    path: str = environ.get("PATH_INFO", "")
    return path.startswith(_ANNOUNCES)


def _is_bare_ipv6(host: str) -> bool:
    """Whether ``host`` is an IPv6 address without its brackets, as libtorrent up to 2.0.11 sends it: ``::1:6969``.

    No browser does, and nothing is linked to from the answer to an announce.
    """
    address, _, port = host.rpartition(":")
    return (_is_address(address) and ":" in address and port.isdecimal()) or (":" in host and _is_address(host))


def _not_ours(host: str) -> Text:
    return Text("request.host", name=ascii(host[:80]))


def own_names() -> set[str]:
    """Return the names, in lower case, that this machine goes by in its own network."""
    name = socket.gethostname().lower()
    short = name.partition(".")[0]
    return {"localhost", name, short, f"{short}.local"}


@lru_cache(maxsize=256)  # nearly every request says the same one
def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _refuse(
    environ: WSGIEnvironment, start_response: StartResponse, status: HTTPStatus, code: str, message: Text
) -> Iterable[bytes]:
    _log.debug("a request from %s is refused: %s", environ.get("REMOTE_ADDR"), message)
    if _is_announce(environ):  # of any other status, clients only show the number
        body, media_type, status = encode({b"failure reason": message.encode()}), "text/plain", HTTPStatus.OK
    else:
        body, media_type = msgspec.json.encode(problem_details(code, message)), "application/json"
    start_response(
        f"{status.value} {status.phrase}", [("Content-Type", media_type), ("Content-Length", str(len(body)))]
    )
    return [body]
