"""Listening sockets: where we listen, from where peers may connect, and who was turned away."""

from __future__ import annotations

from contextlib import AsyncExitStack
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from ipaddress import ip_network
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.address import is_loopback, parse_ip, show_address
from swarmshare.errors import StorageError
from swarmshare.storage.opening import is_limit
from swarmshare.swarm.diagnosis import Cause, ListenReach
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from swarmshare.common.address import IPAddress
    from swarmshare.engine.config import EngineConfig

HOSTS: Final = {"localhost": ("127.0.0.1", "::1"), "*": ("0.0.0.0", "::")}
"""Names for one machine's own addresses, of IPv4 and, where there is such a thing, of IPv6."""
ACCEPT_AGAIN: Final = 0.1
"""Seconds until another connection is accepted, after one that the system had no room for."""
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
    """The listening sockets of one engine, its own addresses, and the hosts that it does not let in."""

    def __init__(self, listeners: Sequence[trio.SocketListener] = (), *, neighbours_only: bool = False) -> None:
        """Listen with ``listeners``; with ``neighbours_only`` only hosts of our own networks are let in."""
        self._listeners = listeners
        names = [listener.socket.getsockname()[:2] for listener in listeners]
        self.addresses = [show_address(*name) for name in names]
        """Where it listens, for people."""
        self.port: int = names[0][1] if names else 0
        """The TCP port that peers and trackers are told, each time they are: it may change. 0: it listens nowhere."""
        self.neighbours_only = neighbours_only
        self.reach = ListenReach.NOWHERE
        """From where peers may connect."""
        if names:
            shut = all(is_loopback(host) for host, _ in names)
            self.reach = (
                ListenReach.MACHINE if shut else ListenReach.NETWORK if neighbours_only else ListenReach.ANYWHERE
            )
        self._turned_away: dict[tuple[str, Cause], float] = {}
        """Hosts and why, with when that was last; the oldest first."""

    async def serve(
        self,
        accept: Callable[[trio.SocketStream], Awaitable[None]],
        has_room: Callable[[], bool],
        on_limit: Callable[[], None],
    ) -> None:
        """Accept connections at all addresses until cancelled, then close the listening sockets.

        Args:
            accept: Run in a task of its own with each connection; it closes the connection and raises nothing.
            has_room: Whether another connection may be open now; if not, it is closed at once.
            on_limit: Called when the system lets us open no more.
        """
        async with trio.open_nursery() as nursery:

            async def serve_at(listener: trio.SocketListener) -> None:
                with listener.socket:
                    while True:
                        try:
                            stream = await listener.accept()
                        except OSError as error:
                            if not is_limit(error):
                                raise
                            on_limit()
                            await trio.sleep(ACCEPT_AGAIN)
                            continue
                        if has_room():
                            nursery.start_soon(accept, stream)
                        else:
                            await trio.aclose_forcefully(stream)

            for listener in self._listeners:
                nursery.start_soon(serve_at, listener)

    def admits(self, host: str, own: str) -> bool:
        """Return whether ``host`` may connect to ``own``, the address of ours that it has reached."""
        return not self.neighbours_only or is_neighbour(host, own)

    def turned_away(self, host: str, cause: Cause, now: float) -> bool:
        """Remember that ``host`` was turned away for ``cause``; returns whether that is to be told, as it is new."""
        known = self._turned_away
        for key in [key for key, at in known.items() if now - at > FORGET_AFTER]:
            del known[key]
        if (host, cause) not in known and len(known) >= MAX_TURNED_AWAY:
            return False
        news = known.pop((host, cause), None) is None
        known[host, cause] = now
        return news

    def welcome(self, host: str) -> None:
        """Forget that ``host`` was turned away for encryption: it speaks without, after all."""
        self._turned_away.pop((host, Cause.ENCRYPTED), None)

    def hosts(self, cause: Cause, now: float) -> list[str]:
        """Return the hosts that were turned away for ``cause`` of late, the latest first."""
        recent = [host for (host, why), at in self._turned_away.items() if why is cause and now - at <= FORGET_AFTER]
        return recent[::-1]


def is_neighbour(host: str, own: str) -> bool:
    """Return whether ``host`` is in a network of this machine, which it has reached at ``own``, going by its address.

    That is any address that the Internet does not carry (loopback, private, link-local, shared: RFC 1918, 4193, 3927,
    4291, 6598), and one that begins as ours does.
    """
    theirs, ours = _address(host), _address(own)
    if not theirs.is_global:
        return True
    return theirs.version == ours.version and theirs in ip_network((ours, _NETWORK[ours.version]), strict=False)


def _address(host: str) -> IPAddress:
    address = parse_ip(host)
    assert address is not None, "sockets tell no names"
    return address


async def open_listeners(config: EngineConfig) -> list[trio.SocketListener]:
    """Open the listening sockets that ``config`` wants.

    Raises:
        StorageError: An address cannot be listened on; what was opened before is closed.
    """
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
