"""The engine: many torrents behind the same listening ports, and the connections between them and the world."""

from __future__ import annotations

import random
from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from errno import EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.announcing import TorrentPort
from swarmshare.engine.config import show_address
from swarmshare.engine.descriptors import divide_descriptors
from swarmshare.engine.dialer import Dialer
from swarmshare.engine.greeting import HANDSHAKE_TIMEOUT, dial, receive_handshake
from swarmshare.engine.limits import new_bucket
from swarmshare.engine.peer_session import PeerSession
from swarmshare.engine.pictures import torrent_snapshot
from swarmshare.engine.torrent import Torrent
from swarmshare.engine.unwrap import lone_exception
from swarmshare.errors import RemoteProtocolError, StorageError
from swarmshare.schema.alerts import OpenFilesLimit
from swarmshare.schema.snapshot import EngineSnapshot
from swarmshare.storage.files import os_reason
from swarmshare.storage.opening import OpenFiles, is_limit
from swarmshare.wire.handshake import Handshake

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from swarmshare.engine.config import Address, EngineConfig, TorrentConfig
    from swarmshare.engine.ports import Announcer
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert

MAX_HALF_OPEN: Final = 20
"""Dials under way at the same time."""
MAX_GREETING: Final = 100
"""Accepted connections that have not said yet what they want. More are closed at once."""
HOSTS: Final = {"localhost": ("127.0.0.1", "::1"), "*": ("0.0.0.0", "::")}
"""Names for one machine's own addresses, of IPv4 and, where there is such a thing, of IPv6."""
ACCEPT_AGAIN: Final = 0.1
"""Seconds until another connection is accepted, after one that the system had no room for."""
BIND_ATTEMPTS: Final = 10
"""Free ports of one address that are tried until one is free at the other, too."""
MAX_ALERTS: Final = 10_000
"""Alerts that nobody has taken yet; the oldest go first."""

UNREACHABLE_PORT: Final = 1
"""Where we are said to listen when we do not: trackers refuse a 0."""

_NO_SUCH_FAMILY: Final = {EADDRNOTAVAIL, EAFNOSUPPORT}


@asynccontextmanager
async def open_engine(config: EngineConfig) -> AsyncIterator[Engine]:
    """An engine that listens, unless the config has nowhere to.

    Leaving stops everything in order, saves what is known, and takes two seconds at most.
    Raises :class:`StorageError` when an address cannot be listened on.
    """
    listeners = await _bind(config)
    with lone_exception():
        async with trio.open_nursery() as nursery:
            engine = Engine(config, nursery, listeners)
            try:
                yield engine
            finally:
                nursery.cancel_scope.cancel()


async def _bind(config: EngineConfig) -> list[trio.SocketListener]:
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
                hint = "Choose another address or port with --listen."
                raise StorageError(show_address(host, port), os_reason(error), hint=hint) from error
        else:
            break
    return listeners


class Engine:
    """All torrents of this process."""

    def __init__(self, config: EngineConfig, nursery: trio.Nursery, listeners: list[trio.SocketListener]) -> None:
        self.config = config
        self.addresses = [show_address(*listener.socket.getsockname()[:2]) for listener in listeners]
        """Where it listens."""
        self.port = listeners[0].socket.getsockname()[1] if listeners else 0
        """And at which port, as others are told; 0: nowhere."""
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        """Facts, oldest first; a face takes them from the left."""
        self._nursery = nursery
        self._torrents: dict[bytes, Torrent] = {}
        """By every hash that a handshake may name."""
        self._half_open = trio.CapacityLimiter(MAX_HALF_OPEN)
        self._greeting = 0
        self._up, self._down = (new_bucket(rate) if rate else None for rate in (config.limit_up, config.limit_down))
        self._rng = random.Random()
        self._descriptors = divide_descriptors()
        self._opened = OpenFiles(self._descriptors.files)
        """The open files of all torrents."""
        self._connections = 0
        """Accepted or dialled, and dials under way."""
        self._told_of_limit = False
        for listener in listeners:
            nursery.start_soon(self._listen, listener)

    def add(self, manifest: Manifest, config: TorrentConfig) -> Torrent:
        """Share a manifest: check what is there, download what is wanted, serve what is held."""
        torrent = Torrent(
            manifest,
            config,
            self.config,
            opened=self._opened,
            alert=self.alerts.append,
            on_limit=self._tell_of_limit,
            port=self.port,
            limit_up=self._up,
            limit_down=self._down,
        )
        self._torrents[manifest.info_hash.truncated] = torrent
        if manifest.info_hash_v1 is not None:
            self._torrents[manifest.info_hash_v1] = torrent
        self._nursery.start_soon(self._host, torrent)
        return torrent

    async def remove(self, torrent: Torrent) -> None:
        """Stop sharing: connections are closed, what is known is saved; the files stay as they are."""
        torrent.scope.cancel()
        await torrent.gone.wait()

    def limit(self, up: float | None, down: float | None) -> None:
        """Give at most ``up`` and take at most ``down`` bytes a second from now on, all torrents together."""
        self._up, self._down = (new_bucket(rate) if rate else None for rate in (up, down))
        for torrent in dict.fromkeys(self._torrents.values()):
            torrent.limit_whole(self._up, self._down)

    def snapshot(self) -> EngineSnapshot:
        """How things stand."""
        torrents = dict.fromkeys(self._torrents.values())
        return EngineSnapshot(tuple(self.addresses), tuple(map(torrent_snapshot, torrents)))

    async def _host(self, torrent: Torrent) -> None:
        """All that is done for one torrent, until it is removed."""

        def may_dial(address: Address) -> bool:
            room = len(torrent.sessions) < self.config.max_peers and self._connections < self._descriptors.connections
            return room and address not in torrent.downloads.blame.banned and not torrent.others.is_here(address)

        dialer = Dialer(torrent.config.peers, partial(self._dial_and_share, torrent), may_dial, self._rng)
        try:
            with torrent.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(torrent.run)
                    await torrent.ready.wait()
                    nursery.start_soon(dialer.run)
                    for announcer in torrent.config.announcers:
                        nursery.start_soon(self._announce, torrent, announcer, dialer)
        finally:
            for key in [key for key, known in self._torrents.items() if known is torrent]:
                del self._torrents[key]
            torrent.gone.set()

    async def _announce(self, torrent: Torrent, announcer: Announcer, dialer: Dialer) -> None:
        port = TorrentPort(torrent, dialer, self.config.peer_id, self.port or UNREACHABLE_PORT)
        torrent.ports.append(port)
        try:
            await announcer.run(port)
        finally:
            torrent.ports.remove(port)
            port.close()

    # ------------------------------------------------------------------ connections

    async def _listen(self, listener: trio.SocketListener) -> None:
        """Accept connections until cancelled."""
        with listener.socket:
            while True:
                try:
                    stream = await listener.accept()
                except OSError as error:
                    if not is_limit(error):
                        raise
                    self._tell_of_limit()
                    await trio.sleep(ACCEPT_AGAIN)
                    continue
                if self._connections >= self._descriptors.connections:
                    self._tell_of_limit()
                    await trio.aclose_forcefully(stream)
                    continue
                self._nursery.start_soon(self._accept, stream)

    def _tell_of_limit(self) -> None:
        """The system does not let us open as much as is needed: once is enough, it stays so."""
        if not self._told_of_limit:
            self._told_of_limit = True
            self.alerts.append(OpenFilesLimit(self._descriptors.limit))

    async def _accept(self, stream: trio.SocketStream) -> None:
        self._connections += 1
        try:
            await self._greet_and_share(stream)
        finally:
            self._connections -= 1
            await trio.aclose_forcefully(stream)

    async def _greet_and_share(self, stream: trio.SocketStream) -> None:
        if self._greeting >= MAX_GREETING:
            return
        self._greeting += 1
        try:
            session = await self._greet(stream)
        except (RemoteProtocolError, OSError, trio.BrokenResourceError, trio.TooSlowError):
            session = None
        finally:
            self._greeting -= 1
        if session is not None:
            await self._share(session)

    async def _greet(self, stream: trio.SocketStream) -> PeerSession | None:
        """Answer a handshake; None when it is for nothing that we have."""
        with trio.fail_after(HANDSHAKE_TIMEOUT):
            theirs = await receive_handshake(stream)
            torrent = self._torrents.get(theirs.info_hash)
            if torrent is None:
                return None
            await torrent.ready.wait()
            manifest = torrent.manifest
            if theirs.info_hash == manifest.info_hash_v1 and theirs.v2:
                # A hybrid's upgrade (BEP 52): answering with the v2 hash makes it a v2 connection.
                theirs = theirs._replace(info_hash=manifest.info_hash.truncated)
            ours = Handshake(theirs.info_hash, self.config.peer_id)
            await stream.send_all(ours.encode())
        return PeerSession(torrent, stream, theirs, ours, dialled=False)

    async def _dial_and_share(self, torrent: Torrent, address: Address) -> bool:
        self._connections += 1
        try:
            async with self._half_open:
                info_hash = torrent.manifest.info_hash.truncated
                stream, theirs, ours = await dial(address, info_hash, self.config.peer_id)
            return await self._share(PeerSession(torrent, stream, theirs, ours, dialled=True))
        except (RemoteProtocolError, OSError, trio.BrokenResourceError, trio.TooSlowError):
            return False
        finally:
            self._connections -= 1

    @staticmethod
    async def _share(session: PeerSession) -> bool:
        """Share until the connection ends; False when there was no use for it."""
        if not session.torrent.add_session(session):
            await trio.aclose_forcefully(session.stream)
            return False
        await session.run()
        return True
