"""The engine: many torrents behind the same listening ports, and the connections between them and the world."""

from __future__ import annotations

import random
from collections import deque
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.address import show_address
from swarmshare.engine.announcing import TorrentView
from swarmshare.engine.descriptors import divide_descriptors
from swarmshare.engine.dialer import Dialer
from swarmshare.engine.handshaking import (
    DIAL_ERRORS,
    ENCRYPTED,
    HANDSHAKE_TIMEOUT,
    dial,
    receive_handshake,
    result_of,
)
from swarmshare.engine.limits import new_bucket
from swarmshare.engine.listening import Listening, open_listeners
from swarmshare.engine.peer_session import PeerSession
from swarmshare.engine.snapshots import torrent_snapshot
from swarmshare.engine.torrent import Torrent
from swarmshare.engine.transport import Transport
from swarmshare.engine.unwrap import lone_exception
from swarmshare.errors import RemoteProtocolError
from swarmshare.schema.alerts import ConnectionFailed, OpenFilesLimit
from swarmshare.schema.snapshot import EngineSnapshot
from swarmshare.storage.opening import OpenFiles, is_limit
from swarmshare.swarm.diagnosis import NO_LISTENING, Cause, DialResult, Outcome
from swarmshare.texts import Text
from swarmshare.wire.handshake import Handshake, dial_handshakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert

MAX_HALF_OPEN: Final = 20
"""Dials under way at the same time."""
MAX_HANDSHAKING: Final = 100
"""Accepted connections that have not said yet what they want. More are closed at once."""
ACCEPT_AGAIN: Final = 0.1
"""Seconds until another connection is accepted, after one that the system had no room for."""
MAX_ALERTS: Final = 10_000
"""Alerts that nobody has taken yet; the oldest go first."""


@asynccontextmanager
async def open_engine(config: EngineConfig) -> AsyncIterator[Engine]:
    """An engine that listens, unless the config has nowhere to.

    Leaving stops everything in order, saves what is known, and takes two seconds at most.
    Raises :class:`StorageError` when an address cannot be listened on.
    """
    listeners = await open_listeners(config)
    with lone_exception():
        async with trio.open_nursery() as nursery:
            engine = Engine(config, nursery, listeners)
            try:
                yield engine
            finally:
                nursery.cancel_scope.cancel()


class Engine:
    """All torrents of this process."""

    def __init__(self, config: EngineConfig, nursery: trio.Nursery, listeners: list[trio.SocketListener]) -> None:
        self.config = config
        self.listening = Listening(listeners, neighbours_only=config.neighbours_only)
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        """Facts, oldest first; a face takes them from the left."""
        self._nursery = nursery
        self._torrents: dict[bytes, Torrent] = {}
        """By every hash that a handshake may name."""
        self._half_open = trio.CapacityLimiter(MAX_HALF_OPEN)
        self._handshaking = 0
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

    @property
    def addresses(self) -> list[str]:
        """Where it listens."""
        return self.listening.addresses

    def add(self, manifest: Manifest, config: TorrentConfig) -> Torrent:
        """Share a manifest: check what is there, download what is wanted, serve what is held."""
        torrent = Torrent(
            manifest,
            config,
            self.config,
            opened=self._opened,
            alert=self.alerts.append,
            on_limit=self._tell_of_limit,
            listening=self.listening,
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
            torrent.limits.set_engine(self._up, self._down)

    def snapshot(self) -> EngineSnapshot:
        """How things stand."""
        torrents = dict.fromkeys(self._torrents.values())
        return EngineSnapshot(tuple(self.addresses), tuple(map(torrent_snapshot, torrents)))

    async def _host(self, torrent: Torrent) -> None:
        """All that is done for one torrent, until it is removed."""

        def may_dial(address: Address) -> bool:
            room = len(torrent.sessions) < self.config.max_peers and self._connections < self._descriptors.connections
            return room and address not in torrent.smart_ban.banned and not torrent.known_peers.is_here(address)

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
        view = TorrentView(torrent, dialer, self.config.peer_id, self.listening.port or NO_LISTENING)
        torrent.context.announce_queues.append(view.queue)
        try:
            await announcer.run(view)
        finally:
            torrent.context.announce_queues.remove(view.queue)
            view.close()

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
            await self._exchange_and_share(stream)
        finally:
            self._connections -= 1
            await trio.aclose_forcefully(stream)

    async def _exchange_and_share(self, stream: trio.SocketStream) -> None:
        if self._handshaking >= MAX_HANDSHAKING:
            return
        self._handshaking += 1
        try:
            accepted = await self._exchange_handshakes(stream)
        except DIAL_ERRORS:
            accepted = None
        finally:
            self._handshaking -= 1
        if accepted is not None:
            await self._share(*accepted)

    def _turn_away(self, host: str, cause: Cause, message: str) -> None:
        if self.listening.turned_away(host, cause, trio.current_time()):
            self.alerts.append(ConnectionFailed(None, host, cause, message))

    async def _exchange_handshakes(self, stream: trio.SocketStream) -> tuple[Torrent, PeerSession] | None:
        """Answer a handshake; None when it is for nothing that we have, or from somebody who may not connect."""
        host, own = stream.socket.getpeername()[0], stream.socket.getsockname()[0]
        if not self.listening.admits(host, own):
            self._turn_away(host, Cause.STRANGER, Text("peer.stranger"))
            return None
        with trio.fail_after(HANDSHAKE_TIMEOUT):
            try:
                theirs = await receive_handshake(stream)
            except RemoteProtocolError as error:
                if error.rule == ENCRYPTED:
                    reason = Text("peer.encrypted")
                    self._turn_away(host, Cause.ENCRYPTED, reason)
                raise
            self.listening.welcome(host)
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
        return torrent, PeerSession(torrent.peers, Transport(stream), theirs, ours, dialled=False)

    async def _dial_and_share(self, torrent: Torrent, address: Address) -> DialResult:
        self._connections += 1
        try:
            result = await self._share_by_dialling(torrent, address)
        finally:
            self._connections -= 1
        if torrent.dial_log.note(address, result, trio.current_time()):
            reason = Text("peer.hung-up-mse")
            info_hash = torrent.manifest.info_hash.full
            self.alerts.append(ConnectionFailed(info_hash, show_address(*address), Cause.HUNG_UP, reason))
        return result

    async def _share_by_dialling(self, torrent: Torrent, address: Address) -> DialResult:
        manifest = torrent.manifest
        openings = dial_handshakes(manifest.info_hash.truncated, manifest.info_hash_v1, self.config.peer_id)
        try:
            async with self._half_open:
                stream, theirs, ours = await dial(address, openings)
            session = PeerSession(torrent.peers, Transport(stream), theirs, ours, dialled=True)
        except DIAL_ERRORS as error:
            return result_of(error)
        return DialResult(Outcome.ENDED if await self._share(torrent, session) else Outcome.NOT_WANTED)

    @staticmethod
    async def _share(torrent: Torrent, session: PeerSession) -> bool:
        """Share until the connection ends, and close it; False when there was no use for it."""
        with session.transport:
            before = torrent.peers.with_id(session.peer_id)
            if before is not None and not await before.is_alive():
                before.close()
                await before.ended.wait()
            if torrent.scope.cancel_called or not torrent.peers.add(session):
                return False
            await session.run()
            return True
