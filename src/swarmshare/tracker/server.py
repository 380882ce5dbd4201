"""The tracker as a process: it listens, serves with gevent until it is told to stop, and stops cleanly.

``gevent.monkey.patch_all()`` must have been called before anything else was imported.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple, ParamSpec, TypeVar
from urllib.parse import urlsplit

import gevent
from gevent.event import Event
from gevent.os import tp_read
from gevent.pool import Pool
from gevent.threadpool import ThreadPool
from sqlalchemy.exc import SQLAlchemyError

from swarmshare.common.address import is_loopback, show_address
from swarmshare.errors import SwarmShareError
from swarmshare.identity.authority import IDENTITY, Authority
from swarmshare.identity.group_id import GroupId
from swarmshare.identity.group_link import GroupLink
from swarmshare.texts import Text, about, os_reason, system_says
from swarmshare.tracker.app import EXTENSION, create_app
from swarmshare.tracker.client_handler import ClientHandler
from swarmshare.tracker.http.guard import own_names
from swarmshare.tracker.own_addresses import HERE, own_addresses
from swarmshare.tracker.realtime.transport import use_for
from swarmshare.tracker.tls_server import ServerTls, TwoLanguageServer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from swarmshare.tracker.config import TrackerConfig
    from swarmshare.tracker.services import Services

_log: Final = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

BACKLOG: Final = 1024
"""Connections that may wait to be accepted: a whole class may come back at once."""
WORKERS: Final = 2
"""Long computations at a time; a password takes 64 MiB, a large manifest some hundred."""
STOPPING: Final = 2.0
"""Seconds that requests have to end when the tracker is told to stop."""
HERE_IPV6: Final = "::1"

OTHER_FILES: Final = 100
"""Open files that are no connections: the database, the libraries, the log."""
WITHOUT_LIMIT: Final = 2**31


class ListenError(SwarmShareError):
    """The address to listen on cannot be had."""

    code = "listen"
    hint = Text("hint.listen-elsewhere")


class Ready(NamedTuple):
    """A tracker that accepts connections."""

    addresses: tuple[str, ...]
    """``host:port`` of each that it listens on."""
    url: str
    """Where people reach it."""
    setup_token: str | None
    """Makes the first organiser; None when there is one."""
    group_link: str | None
    """What leads other machines here, and proves the tracker to them; None behind a proxy, which has its own name."""


def serve(
    config: TrackerConfig,
    listen: Sequence[tuple[str, int]],
    on_ready: Callable[[Ready], None],
    leash: int | None = None,
) -> None:
    """Serve until a signal (SIGINT or SIGTERM) comes, at each host and port of ``listen``.

    A host may be ``*``: every address, of both protocols.

    With a file descriptor as ``leash``, its end ends the server, too. Raises :class:`ListenError`,
    :class:`~swarmshare.errors.StorageError` for an identity that cannot be used, or
    :class:`~swarmshare.tracker.domain.database_problem.DatabaseError`.
    """
    workers = ThreadPool(WORKERS)
    with ExitStack() as stack:
        listeners = [stack.enter_context(closing(_listen(host, port))) for host, port in listen]
        found = (own_addresses(listener.getsockname()[0]) for listener in listeners)
        own = tuple(dict.fromkeys(address for addresses in found for address in addresses))
        authority = partial(Authority.open_or_create, config.data / IDENTITY)
        app = create_app(replace(config, own_addresses=own), open_authority=authority, offload=_Workers(workers))
        services = app.extensions[EXTENSION]
        use_for(services.socketio)
        # No log of requests: there are passkeys in their paths. What goes wrong inside is logged by the application.
        pool = Pool(min(config.max_connections, most_connections()))
        tls = ServerTls(services.authority, _names(config), (*own, HERE, HERE_IPV6))
        options = {"log": None, "error_log": None, "handler_class": ClientHandler, "spawn": pool, "tls": tls}
        servers = [TwoLanguageServer(listener, app.wsgi_app, **options) for listener in listeners]
        stop = Event()
        handlers = [gevent.signal_handler(number, stop.set) for number in (signal.SIGINT, signal.SIGTERM)]
        watch = gevent.spawn(_wait_for_the_end, leash, stop) if leash is not None else None
        try:
            setup_token = _setup_token(services)
            for server in servers:
                server.start()
            group = GroupId.of(services.authority.certificate_pem)
            ready = _ready(listeners, own, config.public_url, setup_token, group)
            _log.info("listens at %s", ", ".join(ready.addresses))
            on_ready(ready)
            stop.wait()
        finally:
            _log.info("stops")
            for handler in handlers:
                handler.cancel()
            if watch is not None:
                watch.kill(block=False)
            gevent.joinall([gevent.spawn(server.stop, STOPPING) for server in servers])
            workers.kill()
            services.close()


def _setup_token(services: Services) -> str | None:
    try:
        return services.accounts.new_setup_token()
    except SQLAlchemyError as error:
        raise services.database.failure(error) from error


def _wait_for_the_end(leash: int, stop: Event) -> None:
    while tp_read(leash, 4096):
        pass
    stop.set()


class _Workers:
    """An :class:`~swarmshare.tracker.domain.offload.Offload` to a pool of threads."""

    def __init__(self, pool: ThreadPool) -> None:
        self._pool = pool

    def __call__(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return or raise what ``work`` does in one of the threads."""
        result: T
        result, error = self._pool.apply(_caught, (work, args, kwargs))
        if error is not None:
            raise error
        return result


def _caught(work: Callable[..., object], args: Any, kwargs: Any) -> tuple[object, Exception | None]:
    """Return an error instead of raising it: gevent prints what a thread raises, even when somebody waits for it."""
    try:
        return work(*args, **kwargs), None
    except Exception as error:
        return None, error


def most_connections() -> int:
    """How many connections there may be, after asking the system for as many as it gives."""
    if sys.platform == "win32":
        return WITHOUT_LIMIT
    import resource

    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems promise more than they give
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        limit = most
    return WITHOUT_LIMIT if limit == resource.RLIM_INFINITY else max(1, limit - OTHER_FILES)


def _listen(host: str, port: int) -> socket.socket:
    both = host == "*" and socket.has_dualstack_ipv6()
    where = host if host != "*" else "::" if both else "0.0.0.0"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(where, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(about(host, system_says(error.strerror or str(error), error.errno))) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Inherited by each connection: a head and a body leave as two segments, and the second would wait for a
        # delayed acknowledgement of the first, some 40 ms for every answer on a connection that is kept.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not both)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise ListenError(about(f"{host}:{port}", os_reason(error))) from error
    return listener


def _ready(
    listeners: Sequence[socket.socket],
    own: tuple[str, ...],
    public_url: str | None,
    setup_token: str | None,
    group: GroupId,
) -> Ready:
    names = [listener.getsockname()[:2] for listener in listeners]
    # What other machines reach comes first, whatever was named first.
    host, port = min(names, key=lambda name: is_loopback(name[0]))
    reached = host if not ip_address(host.partition("%")[0]).is_unspecified else next(iter(own), "127.0.0.1")
    url = (public_url or f"http://{_in_url(reached)}:{port}").rstrip("/")
    link = str(GroupLink(reached.partition("%")[0], port, group)) if public_url is None else None
    return Ready(tuple(show_address(*name) for name in names), url, setup_token, link)


def _names(config: TrackerConfig) -> tuple[str, ...]:
    """Return the DNS names by which the tracker may be reached, for browsers that believe its authority."""
    public = urlsplit(config.public_url or "").hostname or ""
    return (*own_names(), *sorted(config.hosts), public)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
