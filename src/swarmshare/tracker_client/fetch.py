"""One GET to a stranger over HTTP or HTTPS, in a worker thread: bounded in bytes, in time and in redirects.

Nothing but the URL itself goes out, and nothing of ``~/.netrc``. Behind a proxy, nobody here sees where a name leads:
then it is the proxy's part to keep strangers' URLs away from what is near to it.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import trio

from swarmshare import __version__
from swarmshare.common.address import is_loopback
from swarmshare.errors import TrackerError
from swarmshare.texts import Text
from swarmshare.tracker_client.dial import make_tunnel
from swarmshare.tracker_client.failures import failure
from swarmshare.tracker_client.proxies import in_url, proxy_for, through
from swarmshare.tracker_client.trust import context

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

TIMEOUT: Final = 15.0
"""Seconds for all of it, from the look-up of the name to the last byte."""
MAX_BODY: Final = 2**20
MAX_REDIRECTS: Final = 5
MAX_THREADS: Final = 16
"""Of all announces of the process; more wait for their turn, and their time does not run meanwhile."""

_MAX_ADDRESSES: Final = 4
"""Addresses of one host that are tried; each has its share of the time, so a dead one does not hide the next."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_ASKED_FOR: Final = {"User-Agent": f"SwarmShare/{__version__}", "Accept-Encoding": "identity", "Connection": "close"}
_LOOPBACK_PATH: Final = "/announce"

_limiters: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("announce threads")


class Page(NamedTuple):
    """The answer to a GET, whatever its status."""

    status: int
    reason: str
    """Whatever the server wrote beside the status."""
    body: bytes
    from_loopback: bool
    """Whether the server is on this machine."""
    url: str
    """Where it came from, redirects followed."""


async def get(url: str, read: Callable[[Page], T]) -> T:
    """Return what ``read`` makes, in the same thread, of the page at ``url``, whatever its status.

    When cancelled, the connection is cut, so that the thread ends too. Raises what ``read`` does, too.

    Raises:
        TrackerError: There is no page (``unreachable``, ``not-a-tracker``).
    """
    request = _Request(url)
    with trio.CancelScope() as scope:

        def start_clock() -> None:
            scope.deadline = trio.current_time() + TIMEOUT

        def work() -> T:
            trio.from_thread.run_sync(start_clock)
            return read(request.perform())

        try:
            return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=_limiter())
        finally:
            request.cut()
    raise _late(url)


class _Request:
    """A GET in one thread, which another thread may cut."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: socket.socket | None = None
        self._cut = False

    def cut(self) -> None:
        """Make the thread end, wherever it waits (but in the look-up of a name). May be called at any time."""
        self._cut = True
        if (sock := self._socket) is not None:
            with suppress(OSError):
                # Not close(): the other thread may be in recv. Nor SSLSocket's own, which it cannot bear meanwhile.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def perform(self) -> Page:
        """Return the page, after up to :data:`MAX_REDIRECTS` redirects; raise :class:`TrackerError`."""
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            try:
                found = self._visit(urlsplit(url))
                if isinstance(found, Page):
                    return found
                url = urljoin(url, found)
            except TrackerError:
                raise
            except (OSError, HTTPException, ValueError) as error:  # ValueError: of URLs, ports and names of hosts
                raise _unreachable(url, error) from error
        raise TrackerError("not-a-tracker", Text("tracker.redirects", limit=MAX_REDIRECTS))

    def _visit(self, parts: SplitResult) -> Page | str:
        """Return the page, or where else to look."""
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TrackerError("not-a-tracker", Text("tracker.bad-scheme"))
        secure = parts.scheme == "https"
        host, port = parts.hostname, parts.port or (443 if secure else 80)
        proxy = proxy_for(parts.geturl())
        try:
            sock = self._connect(*((proxy.host, proxy.port) if proxy else (host, port)))
            from_loopback = proxy is None and is_loopback(sock.getpeername()[0])
            if from_loopback and not parts.path.startswith(_LOOPBACK_PATH):
                # A manifest or a redirect, both a stranger's, could make us ask anything of this machine's services.
                raise TrackerError("not-a-tracker", Text("tracker.only-path", path=_LOOPBACK_PATH))
            headers = _ASKED_FOR
            if secure:
                if proxy:
                    make_tunnel(sock, host, port, proxy)
                secured = context(parts.geturl())
                sock = secured.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
                self._keep(sock)
                sock.do_handshake()
            connection = HTTPSConnection(host, port) if secure else HTTPConnection(host, port)
            connection.sock = sock
            path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
            query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]") if parts.query else ""
            if proxy and not secure:
                path = f"http://{in_url(host.encode('idna').decode())}:{port}{path}"
                headers = {**headers, **proxy.headers}
            connection.request("GET", path + query, headers=headers)
            with connection.getresponse() as response:
                where = response.getheader("Location") if response.status in _REDIRECTS else None
                return where or Page(response.status, response.reason, _body(response), from_loopback, parts.geturl())
        finally:
            self._close()

    def _connect(self, host: str, port: int) -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[:_MAX_ADDRESSES]
        failure = OSError("no address")
        for family, kind, protocol, _, address in found:
            try:
                sock = socket.socket(family, kind, protocol)  # an address of a protocol that is switched off fails here
                self._keep(sock)
                sock.settimeout(TIMEOUT / len(found))
                sock.connect(address)
            except OSError as error:
                self._close()
                failure = error
            else:
                sock.settimeout(TIMEOUT)
                return sock
        raise failure

    def _keep(self, sock: socket.socket) -> None:
        """Let ``sock`` be the one that :meth:`cut` cuts."""
        self._socket = sock
        if self._cut:  # before there was one to cut
            raise _late(self._url)

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def _body(response: HTTPResponse) -> bytes:
    body = response.read(MAX_BODY + 1)
    if len(body) > MAX_BODY:
        raise TrackerError("not-a-tracker", Text("tracker.answer-long", limit=MAX_BODY))
    return body


def _limiter() -> trio.CapacityLimiter:
    # One for each trio run: a thread that outlives its run would never give its token back.
    try:
        return _limiters.get()
    except LookupError:
        limiter = trio.CapacityLimiter(MAX_THREADS)
        _limiters.set(limiter)
        return limiter


def _late(url: str) -> TrackerError:
    return TrackerError("unreachable", through(url, Text("tracker.no-answer", seconds=round(TIMEOUT))))


def _unreachable(url: str, error: Exception) -> TrackerError:
    if not isinstance(error, (OSError, HTTPException)):
        return TrackerError("not-a-tracker", Text("tracker.bad-address"))
    rule, what, hint = failure(url, error, TIMEOUT)
    return TrackerError(rule, what, hint=hint)
