"""Addresses of peers: how far each reaches, which of them an announce may claim, and who is told of them."""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from ipaddress import ip_address
from typing import TypeAlias

from swarmshare.common.address import IPAddress, parse_peer_ip

Address: TypeAlias = IPAddress


class Reach(IntEnum):
    """Which machines an address means the same one to; a wider reach is larger.

    Nobody is told of an address with a smaller reach than its own: loopback would be the asker itself, a private
    address somebody else.
    """

    MACHINE = 0
    """Loopback: the machine itself."""
    NETWORK = 1
    """Private, link-local, shared (RFC 1918, 4193, 6598): the machines of one network."""
    WORLD = 2


parse_address = lru_cache(maxsize=4096)(parse_peer_ip)
"""The address that a peer could have in a text, remembered: each announce of a machine has the same."""


@lru_cache(maxsize=4096)
def reach(packed: bytes) -> Reach:
    """Return how far an address reaches; ``packed`` is its 4 or 16 bytes."""
    address = ip_address(packed)
    if address.is_loopback:
        return Reach.MACHINE
    return Reach.WORLD if address.is_global else Reach.NETWORK


def believable(claim: Address, source: Address) -> bool:
    """Whether a peer that speaks from ``source`` may say that ``claim`` is its address, too.

    BEP 7 lets a peer with two protocols name its other address. It may do so inside one machine or one private network
    only: elsewhere it could send a swarm of strangers against anybody. Its address of the same protocol is known.
    """
    own = reach(source.packed)
    return claim.version != source.version and own is not Reach.WORLD and reach(claim.packed) is own
