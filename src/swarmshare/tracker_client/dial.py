"""A socket to a tracker, by a proxy where one is to be used, with TLS where its address says so."""

from __future__ import annotations

import os
import socket
import ssl
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import requests

from swarmshare.tracker_client.proxies import in_url, proxy_for

if TYPE_CHECKING:
    from swarmshare.tracker_client.proxies import Proxy

MAX_WORDS: Final = 200
"""Letters of what went wrong; some of them may be a stranger's."""
_PORTS: Final = {"http": 80, "https": 443}


def dial(tracker: str, timeout: float) -> socket.socket:
    """Connect to ``http(s)://host[:port]``; raises :class:`OSError`. ``timeout`` is the socket's from then on, too."""
    parts = urlsplit(tracker)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    proxy = proxy_for(tracker)
    connection = socket.create_connection((proxy.host, proxy.port) if proxy else (host, port), timeout)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if proxy is not None:
            make_tunnel(connection, host, port, proxy)
        if parts.scheme == "https":
            return _trusted(tracker).wrap_socket(connection, server_hostname=host)
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


def _trusted(tracker: str) -> ssl.SSLContext:
    """Whom the HTTP side (:mod:`requests`) trusts, the bundle that its environment names included."""
    with requests.Session() as session:
        bundle = session.merge_environment_settings(tracker, {}, None, None, None)["verify"]
    where = requests.utils.DEFAULT_CA_BUNDLE_PATH if bundle is True else str(bundle)
    if os.path.isdir(where):
        return ssl.create_default_context(capath=where)
    return ssl.create_default_context(cafile=where)


def reason(error: BaseException, timeout: float) -> str:
    """Why there is no connection, in a few words; what libraries wrapped is looked for below."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, (TimeoutError, requests.Timeout)):
            return f"no answer within {timeout:.0f} s"
        if isinstance(found, ssl.SSLCertVerificationError):
            return f"its certificate cannot be trusted ({found.verify_message})"
        if isinstance(found, OSError) and (text := found.strerror or (str(found) if type(found) is OSError else "")):
            return text[:1].lower() + text[1:MAX_WORDS]
        inner = (argument for argument in found.args if isinstance(argument, BaseException))
        found = found.__cause__ or found.__context__ or next(inner, None)  # urllib3 wraps in either way
    return "the connection broke"
