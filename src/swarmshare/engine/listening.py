"""Where we listen, from where others may connect, and who was turned away."""

from __future__ import annotations

from contextlib import AsyncExitStack
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.address import show_address
from swarmshare.errors import StorageError
from swarmshare.swarm.diagnosis import Cause, Reach
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.engine.config import EngineConfig

HOSTS: Final = {"localhost": ("127.0.0.1", "::1"), "*": ("0.0.0.0", "::")}
"""Names for one machine's own addresses, of IPv4 and, where there is such a thing, of IPv6."""
BIND_ATTEMPTS: Final = 10
"""Free ports of one address that are tried until one is free at the other, too."""
MAX_TURNED_AWAY: Final = 64
"""Hosts that are remembered as turned away. Beyond it new ones are turned away without a word about them, until the
oldest are forgotten: whoever comes from ever new addresses floods no log."""
FORGET_AFTER: Final = 600.0
"""Seconds until it is forgotten, and may be told again, that a host was turned away."""

_NO_SUCH_FAMILY: Final = {EADDRNOTAVAIL, EAFNOSUPPORT}
_NETWORK: Final = {4: 24, 6: 64}
"""Bits of an address that machines of one network have in common, as far as can be told without asking the system."""


class Listening:
    """The listeners of one engine, and whom it does not let in."""

    def __init__(self, listeners: Sequence[trio.SocketListener] = (), *, neighbours_only: bool = False) -> None:
        names = [listener.socket.getsockname()[:2] for listener in listeners]
        self.addresses = [show_address(*name) for name in names]
        """Where it listens."""
        self.port: int = names[0][1] if names else 0
        """And at which port, as others are told; 0: nowhere."""
        self.neighbours_only = neighbours_only
        self.reach = Reach.NOWHERE
        """From where others may connect."""
        if names:
            shut = all(ip_address(host.partition("%")[0]).is_loopback for host, _ in names)
            self.reach = Reach.MACHINE if shut else Reach.NETWORK if neighbours_only else Reach.ANYWHERE
        self._turned_away: dict[tuple[str, Cause], float] = {}
        """Hosts and why, with when that was last; the oldest first."""

    def admits(self, host: str, own: str) -> bool:
        """Whether ``host`` may connect to ``own``, the address of ours that it has reached."""
        return not self.neighbours_only or is_neighbour(host, own)

    def turned_away(self, host: str, cause: Cause, now: float) -> bool:
        """Remember that ``host`` was turned away; whether that is news, to be told."""
        known = self._turned_away
        for key in [key for key, at in known.items() if now - at > FORGET_AFTER]:
            del known[key]
        if (host, cause) not in known and len(known) >= MAX_TURNED_AWAY:
            return False
        news = known.pop((host, cause), None) is None
        known[host, cause] = now
        return news

    def welcome(self, host: str) -> None:
        """``host`` speaks without encryption after all."""
        self._turned_away.pop((host, Cause.ENCRYPTED), None)

    def hosts(self, cause: Cause, now: float) -> list[str]:
        """Who was turned away for ``cause`` of late; the latest first."""
        recent = [host for (host, why), at in self._turned_away.items() if why is cause and now - at <= FORGET_AFTER]
        return recent[::-1]


def is_neighbour(host: str, own: str) -> bool:
    """Whether ``host`` is in a network of this machine, which it has reached at ``own``: by what it is called.

    That is any address that the Internet does not carry (loopback, private, link-local, shared: RFC 1918, 4193, 3927,
    4291, 6598), and one that begins as ours does.
    """
    theirs, ours = _address(host), _address(own)
    if not theirs.is_global:
        return True
    return theirs.version == ours.version and theirs in ip_network((ours, _NETWORK[ours.version]), strict=False)


def _address(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host.partition("%")[0])
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


async def open_listeners(config: EngineConfig) -> list[trio.SocketListener]:
    """Listen wherever the config wants it. Raises :class:`StorageError` for what cannot be listened on."""
    async with AsyncExitStack() as stack:
        listeners: list[trio.SocketListener] = []
        for host, port in config.listen:
            for listener in await _bind_host(host, port):
                listeners.append(listener)
                stack.push_async_callback(listener.aclose)
        stack.pop_all()
        return listeners


async def _bind_host(host: str, port: int) -> list[trio.SocketListener]:
    """Listen on ``host``, and on all of its addresses at one port."""
    addresses = HOSTS.get(host, (host,))
    for attempt in range(BIND_ATTEMPTS):
        listeners: list[trio.SocketListener] = []
        try:
            for address in addresses:
                number = listeners[0].socket.getsockname()[1] if listeners else port
                try:
                    listeners += await trio.open_tcp_listeners(number, host=address)
                except OSError as error:
                    if not listeners or error.errno not in _NO_SUCH_FAMILY:
                        raise
        except OSError as error:
            for listener in listeners:
                await listener.aclose()
            if port or error.errno != EADDRINUSE or attempt == BIND_ATTEMPTS - 1:
                hint = Text("hint.other-listen")
                raise StorageError(show_address(host, port), os_reason(error), hint=hint) from error
        else:
            break
    return listeners
