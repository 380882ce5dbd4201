"""Which pieces a peer may request while it is choked (BEP 6): few, and the same ones however often it comes back."""

from __future__ import annotations

from hashlib import sha1
from ipaddress import IPv4Address
from typing import Final

GRANTED: Final = 5
"""Pieces that a newcomer may request while choked; who has that many needs no such help."""


def allowed_fast_set(address: str, info_hash: bytes, piece_count: int, count: int = GRANTED) -> list[int]:
    """``count`` pieces (or all there are), drawn by the peer's network and the 20-byte info hash of the connection.

    BEP 6 says it of IPv4 only: empty for any other ``address``.
    """
    try:
        network = int(IPv4Address(address)) & 0xFFFFFF00
    except ValueError:
        return []
    drawn: dict[int, None] = {}
    digest = network.to_bytes(4, "big") + info_hash
    while len(drawn) < min(count, piece_count):
        digest = sha1(digest, usedforsecurity=False).digest()
        for at in range(0, 20, 4):
            drawn[int.from_bytes(digest[at : at + 4], "big") % piece_count] = None
    return list(drawn)[: min(count, piece_count)]
