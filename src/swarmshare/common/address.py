"""Addresses of machines, read and written in one form: an IP address alone, or a host with its port."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

from swarmshare.common.sizes import shown
from swarmshare.texts import Text

IPAddress: TypeAlias = IPv4Address | IPv6Address
Address: TypeAlias = tuple[str, int]
"""Host (a literal address, or a name to look up) and port."""

_HOST_PORT: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^\[\]]+)):([0-9]{1,5})", re.DOTALL)


def read_address(text: str, least_port: int = 0) -> Address:
    """Return the host and port of ``HOST:PORT``, or of ``[HOST]:PORT`` for IPv6, with a port of ``least_port`` or more.

    Port 0 means any that is free, which is an address to listen at, but none to dial.

    Raises :class:`ValueError` with a sentence for the user when it is neither.
    """
    match = _HOST_PORT.fullmatch(text)
    if match is None:
        raise ValueError(Text("value.address", value=shown(text)))
    if not least_port <= int(match[3]) <= 65535:
        raise ValueError(Text("value.port", value=shown(text), least=least_port))
    return match[1] or match[2], int(match[3])


def show_address(host: str, port: int) -> str:
    """``host:port`` as people write it, which :func:`read_address` reads: an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def parse_ip(host: str) -> IPAddress | None:
    """Return the IP address that ``host`` is, in its one form; None for a name.

    A zone (``%eth0``) is left out, because it means something on one machine only, and an IPv4 address that is mapped
    into IPv6 (RFC 4291, 2.5.5.2) is the IPv4 one: else one machine would count as two, and a check of what is
    loopback or private would pass it by.
    """
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def parse_peer_ip(host: str) -> IPAddress | None:
    """As :func:`parse_ip`, but None for what names no single machine, too: multicast and unspecified addresses."""
    address = parse_ip(host)
    return None if address is None or address.is_multicast or address.is_unspecified else address


def network_of(host: str) -> str:
    """Return what stands for the owner of an address: of IPv6 its /64, in which anybody has as many as he likes."""
    address = parse_ip(host)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((address, 64), strict=False))
    return host if address is None else str(address)


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine by its own word: a loopback address or ``localhost``; no name is looked up."""
    address = parse_ip(host)
    return host == "localhost" if address is None else address.is_loopback
