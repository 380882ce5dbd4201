"""A socket to a tracker, with TLS where its address says so."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit

import requests

_PORTS: Final = {"http": 80, "https": 443}


def dial(tracker: str, timeout: float) -> socket.socket:
    """Connect to ``http(s)://host[:port]``; raises :class:`OSError`. ``timeout`` is the socket's from then on, too."""
    parts = urlsplit(tracker)
    host = parts.hostname or ""
    connection = socket.create_connection((host, parts.port or _PORTS[parts.scheme]), timeout)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "https":
            return _trusted(tracker).wrap_socket(connection, server_hostname=host)
    except BaseException:
        connection.close()
        raise
    return connection


def _trusted(tracker: str) -> ssl.SSLContext:
    """Whom the HTTP side (:mod:`requests`) trusts, the bundle that its environment names included."""
    with requests.Session() as session:
        bundle = session.merge_environment_settings(tracker, {}, None, None, None)["verify"]
    where = requests.utils.DEFAULT_CA_BUNDLE_PATH if bundle is True else str(bundle)
    if os.path.isdir(where):
        return ssl.create_default_context(capath=where)
    return ssl.create_default_context(cafile=where)


def reason(error: OSError, timeout: float) -> str:
    """Why there is no connection, in a few words."""
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:.0f} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate cannot be trusted ({error.verify_message})"
    return error.strerror.lower() if error.strerror else "the connection broke"
