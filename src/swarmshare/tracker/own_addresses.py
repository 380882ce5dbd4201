"""The addresses at which other machines reach a server on this one."""

from __future__ import annotations

import socket
from errno import EADDRINUSE
from ipaddress import ip_address
from typing import Final

EVERYWHERE: Final = "0.0.0.0"
HERE: Final = "127.0.0.1"

_FAR: Final = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
"""Addresses of nobody (RFC 5737, RFC 3849), which are only to be found by the way that leads abroad."""


def own_addresses(listening: str) -> tuple[str, ...]:
    """Return the addresses, one of each family at most, at which a server that listens on ``listening`` is reached.

    Empty when that is this machine only, or when it is in no network.
    """
    try:
        address = ip_address(listening.partition("%")[0])
    except ValueError:
        return ()
    if not address.is_unspecified:
        return () if address.is_loopback else (str(address),)
    found = (_towards(family, far) for family, far in _FAR if address.version == 6 or family == socket.AF_INET)
    return tuple(own for own in found if own is not None and not ip_address(own).is_loopback)


def host_for_neighbours() -> str:
    """Return where to listen for the local network: everywhere, unless the Internet can see this machine.

    Then it is this machine only: somebody has to say first who is to see the server.
    """
    return HERE if any(ip_address(text).is_global for text in own_addresses(EVERYWHERE)) else EVERYWHERE


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now; True as well when that cannot be told, as for a name."""
    try:
        family = socket.AF_INET6 if ip_address(host).version == 6 else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()
    except ValueError:
        return True
    except OSError as error:
        return error.errno != EADDRINUSE
    return True


def _towards(family: socket.AddressFamily, far: str) -> str | None:
    """From which of its addresses this machine would speak to ``far``: connecting a UDP socket sends nothing."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            own: str = probe.getsockname()[0]
            return own.partition("%")[0]
    except OSError:
        return None
