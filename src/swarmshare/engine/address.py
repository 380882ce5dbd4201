"""Network addresses of peers: the type of one, and how it is shown to people."""

from __future__ import annotations

from typing import TypeAlias

Address: TypeAlias = tuple[str, int]
"""Host (a literal IPv4 or IPv6 address, or a name to look up) and TCP port."""


def show_address(host: str, port: int) -> str:
    """Format an address as people write it: ``host:port``, with an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
