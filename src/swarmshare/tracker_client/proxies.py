"""The proxy of a request to a tracker, if any: one policy for the HTTP API, the live connection and announces.

The environment says it (``http_proxy``, ``https_proxy``, ``all_proxy``, ``no_proxy``), or the system's settings where
there are such, as :mod:`requests` reads them. What is near is never asked for through a proxy: no proxy of the outer
world finds what is on this machine or in this network. Names are not looked up for that, which may be what a proxy is
there for: those that cannot be of the outer world are known by their form, for any other there is ``no_proxy``.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from socket import inet_aton
from typing import Final
from urllib.parse import unquote, urlsplit

from swarmshare.common.address import parse_ip
from swarmshare.texts import Text

_NEAR: Final = (".localhost", ".local", ".lan", ".internal", ".home.arpa")
"""How names end that mean something on one machine or in one network only (RFC 6761, 6762, 8375)."""


class ProxyUrlError(OSError):
    """A proxy is set that cannot be used; the text says which, without the password."""

    def __init__(self, where: str) -> None:
        super().__init__(0, Text("proxy.scheme", source=where))


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy. As text it is told to people: where it is, and who says so."""

    url: str = field(repr=False)
    """With name and password, if it has any."""
    host: str
    port: int
    authorization: str = field(repr=False)
    """For ``Proxy-Authorization``; empty: none."""
    source: str
    """The variable that names it."""

    @property
    def headers(self) -> dict[str, str]:
        """The headers that the proxy wants with each request."""
        return {"Proxy-Authorization": self.authorization} if self.authorization else {}

    @property
    def told(self) -> Text:
        """Where it is, and who says so."""
        return Text("proxy.at", url=f"http://{in_url(self.host)}:{self.port}", source=self.source)

    def __str__(self) -> str:
        return str(self.told)


def is_near(host: str) -> bool:
    """Whether ``host`` is on this machine or in this network: loopback, link-local, private, shared (RFC 6598).

    Of names, those without a dot and those that RFCs keep for it are; nothing is looked up.
    """
    address = parse_ip(host)
    if address is None:
        try:
            address = IPv4Address(inet_aton(host))  # "127.1", which the system takes for an address, too
        except (OSError, UnicodeError):
            name = host.lower().rstrip(".")
            return "." not in name or name.endswith(_NEAR)
    return not address.is_global


def proxy_for(url: str) -> Proxy | None:
    """Return the proxy for ``url`` (``http`` or ``https``), None for none; raise :class:`ProxyUrlError`."""
    parts = urlsplit(url)
    if is_near(parts.hostname or ""):
        return None
    from requests.utils import get_environ_proxies, select_proxy  # they take long to load

    found = select_proxy(url, get_environ_proxies(url))
    return _read(found if "://" in found else f"http://{found}", _source(parts.scheme)) if found else None


def through(url: str, what: Text) -> Text:
    """Return ``what``, which is wrong with ``url``, and which proxy is between, if there is one."""
    try:
        proxy = proxy_for(url)
    except ProxyUrlError:
        return what
    return Text("proxy.through", proxy=proxy.told, what=what) if proxy else what


def in_url(host: str) -> str:
    """Return ``host`` as a URL has it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _read(url: str, source: str) -> Proxy:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme != "http":
        raise ProxyUrlError(source)
    authorization = ""
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        authorization = f"Basic {base64.b64encode(secret).decode()}"
    return Proxy(url, host, port or 80, authorization, source)


def _source(scheme: str) -> str:
    names = (f"{scheme}_proxy", "all_proxy")
    spelled = (spelling for name in names for spelling in (name, name.upper()))
    return next((name for name in spelled if os.environ.get(name)), Text("proxy.system"))
