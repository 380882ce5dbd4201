"""A socket to a tracker, by a proxy where one is to be used, with TLS where its address says so."""

from __future__ import annotations

import socket
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from swarmshare.tracker_client.proxies import in_url, proxy_for
from swarmshare.tracker_client.trust import context

if TYPE_CHECKING:
    import ssl

    from swarmshare.tracker_client.proxies import Proxy

_PORTS: Final = {"http": 80, "https": 443}


def dial(tracker: str, timeout: float, tls: ssl.SSLContext | None = None) -> socket.socket:
    """Return a socket that is connected to ``tracker``, ``http(s)://host[:port]``, with TLS for ``https``.

    Args:
        tracker: The address.
        timeout: In seconds, for each address, and the socket's from then on, too.
        tls: Checks the certificate; None: as everywhere in this process (:mod:`swarmshare.tracker_client.trust`).

    Raises:
        OSError: There is no connection, or the proxy makes none.
        TrackerError: A file of certificates cannot be used.
    """
    parts = urlsplit(tracker)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    proxy = proxy_for(tracker)
    connection = socket.create_connection((proxy.host, proxy.port) if proxy else (host, port), timeout)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            make_tunnel(connection, host, port, proxy)
        if parts.scheme == "https":
            return (tls or context(tracker)).wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise
    return connection


def make_tunnel(connection: socket.socket, host: str, port: int, proxy: Proxy) -> None:
    """Make ``connection``, which leads to ``proxy``, lead to ``host`` (CONNECT, RFC 9110). Raises :class:`OSError`."""
    where = f"{in_url(host.encode('idna').decode())}:{port}"
    more = [f"{name}: {value}" for name, value in proxy.headers.items()]
    head = [f"CONNECT {where} HTTP/1.1", f"Host: {where}", *more, "", ""]
    connection.sendall("\r\n".join(head).encode("ascii"))
    # The standard library bounds what it reads. It may read beyond the answer, but behind a tunnel we speak first.
    with HTTPResponse(connection, method="CONNECT") as response:
        try:
            response.begin()
        except (HTTPException, ValueError) as error:
            raise OSError(0, "its answer is not HTTP") from error
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise OSError(0, f"it answers {response.status} {response.reason[:100]}")
