"""Whether a tracker brings other machines here, so that they should be able to connect to us."""

from __future__ import annotations

import socket
from typing import Final
from urllib.parse import urlsplit

from swarmshare.app.compose import is_on_this_machine
from swarmshare.tracker.own_addresses import own_addresses
from swarmshare.tracker_client.proxies import in_url

_PORTS: Final = {"http": 80, "https": 443}
_PATIENCE: Final = 1.0
"""Seconds for a connection from this machine to itself, which is made or refused at once."""


def serves_other_machines(url: str) -> bool:
    """Whether other machines can reach a tracker: it is on one, or it is here and listens for the network as well."""
    return address_for_others(url) is not None


def address_for_others(url: str) -> str | None:
    """How other machines reach a tracker; None: they do not.

    Whoever is beside a tracker of one's own is signed in by an address of this machine, which says nothing about
    that: so the tracker's port is tried at the address that the network sees.
    """
    if not is_on_this_machine(url):
        return url
    parts = urlsplit(url)
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # no port has such a number
        return None
    for own in own_addresses("::"):
        if port is not None and _answers(own, port):
            return f"{parts.scheme}://{in_url(own)}:{port}"
    return None


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except OSError:
        return False
    return True
