"""The engine: many torrents behind the same listening sockets, and the connections that they accept and dial."""

from __future__ import annotations

import logging
from collections import deque
from contextlib import ExitStack, asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.address import network_of, show_address
from swarmshare.engine.descriptors import divide_descriptors
from swarmshare.engine.dialer import most_dialled
from swarmshare.engine.handshaking import (
    DIAL_ERRORS,
    ENCRYPTED,
    HANDSHAKE_TIMEOUT,
    dial,
    open_transport,
    receive_handshake,
    result_of,
    send_all,
)
from swarmshare.engine.limits import new_bucket
from swarmshare.engine.listening import Listening, open_listeners
from swarmshare.engine.peer_session import PeerSession
from swarmshare.engine.snapshots import torrent_snapshot
from swarmshare.engine.tls import CERTIFICATE, FIRST_BYTE, TlsListener, hash_in
from swarmshare.engine.torrent import Torrent
from swarmshare.engine.torrent_view import TorrentView
from swarmshare.engine.unwrap import lone_exception
from swarmshare.errors import RemoteProtocolError
from swarmshare.schema.alerts import ConnectionFailed, OpenFilesLimit
from swarmshare.schema.snapshot import EngineSnapshot
from swarmshare.storage.opening import OpenFiles
from swarmshare.swarm.diagnosis import Cause, DialResult, Outcome
from swarmshare.swarm.room import PendingHandshakes
from swarmshare.texts import Text
from swarmshare.wire.handshake import Handshake, dial_handshakes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import Announcer
    from swarmshare.engine.config import EngineConfig, TorrentConfig
    from swarmshare.engine.tls import MembersOnly
    from swarmshare.engine.transport import Transport
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert

MAX_HALF_OPEN: Final = 20
"""Dials under way at the same time."""
MAX_HANDSHAKING: Final = 100
"""Accepted connections that have not sent their handshake yet. With more, older ones are closed."""
MAX_ALERTS: Final = 10_000
"""Alerts that no front end has taken yet; beyond it the oldest are dropped."""


_log: Final = logging.getLogger(__name__)


@asynccontextmanager
async def open_engine(
    config: EngineConfig, *, transport: Callable[[trio.SocketStream], Transport] = open_transport
) -> AsyncIterator[Engine]:
    """Open an engine that listens where ``config`` says, and close it on leaving.

    Leaving stops everything in order, saves what is known, and takes two seconds at most.

    Args:
        config: The settings of all torrents.
        transport: Takes over each new connection, accepted or dialled, and carries its bytes; tests have one in memory.

    Raises:
        StorageError: An address cannot be listened on.
    """
    listeners = await open_listeners(config)
    with lone_exception():
        async with trio.open_nursery() as nursery:
            engine = Engine(config, nursery, listeners, transport)
            try:
                yield engine
            finally:
                nursery.cancel_scope.cancel()


class Engine:
    """All torrents of this process; made by :func:`open_engine`, and used on its trio thread only."""

    def __init__(
        self,
        config: EngineConfig,
        nursery: trio.Nursery,
        listeners: list[trio.SocketListener],
        transport: Callable[[trio.SocketStream], Transport],
    ) -> None:
        """Accept connections at ``listeners`` from now on, in ``nursery``, which is to be cancelled at the end.

        ``transport`` is as :func:`open_engine` has it.
        """
        self.config = config
        self._transport = transport
        self.listening = Listening(listeners, neighbours_only=config.neighbours_only)
        self.alerts: deque[Alert] = deque(maxlen=MAX_ALERTS)
        """Facts, the oldest first; a front end takes them from the left."""
        self._nursery = nursery
        self._torrents: dict[bytes, Torrent] = {}
        """By every info hash that a handshake may have (20 bytes)."""
        self._half_open = trio.CapacityLimiter(MAX_HALF_OPEN)
        self._handshaking = PendingHandshakes(MAX_HANDSHAKING)
        self._up, self._down = (new_bucket(rate) if rate else None for rate in (config.limit_up, config.limit_down))
        self._tls = TlsListener(self._members_only)
        self._descriptors = divide_descriptors()
        self._opened = OpenFiles(self._descriptors.files)
        """The open files of all torrents."""
        self._connections = 0
        """How many connections are open, dials under way included."""
        self._told_of_limit = False
        _log.info("listens at %s", self.listening.addresses)
        nursery.start_soon(self.listening.serve, self._accept, self._has_room, self._tell_of_limit)

    @property
    def addresses(self) -> list[str]:
        """Where the engine listens, for people: ``host:port`` each."""
        return self.listening.addresses

    def add(self, manifest: Manifest, config: TorrentConfig) -> Torrent:
        """Start to share ``manifest``: check what is on the disk, download what is wanted, serve what is held."""
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
        for key in _keys(manifest):
            self._torrents[key] = torrent
        _log.info("%s: added, in %s", manifest.info_hash, config.folder)
        self._nursery.start_soon(self._host, torrent)
        return torrent

    async def remove(self, torrent: Torrent) -> None:
        """Stop sharing ``torrent``: close its connections and save what is known; the files stay as they are."""
        torrent.scope.cancel()
        await torrent.gone.wait()

    def limit(self, up: float | None, down: float | None) -> None:
        """Send at most ``up`` and receive at most ``down`` bytes a second from now on, all torrents together."""
        self._up, self._down = (new_bucket(rate) if rate else None for rate in (up, down))
        for torrent in dict.fromkeys(self._torrents.values()):
            torrent.limits.set_engine(self._up, self._down)

    def close_revoked(self) -> None:
        """Close the sessions of peers whose certificates were revoked; to be called when a revocation list came."""
        for torrent in dict.fromkeys(self._torrents.values()):
            torrent.peers.close_revoked(torrent.members_only)

    def snapshot(self) -> EngineSnapshot:
        """Return the state of all torrents as of now, as values that front ends may keep."""
        torrents = dict.fromkeys(self._torrents.values())
        return EngineSnapshot(tuple(self.addresses), tuple(map(torrent_snapshot, torrents)))

    async def _host(self, torrent: Torrent) -> None:
        """Run one torrent, its dialler and its announcers until it is removed."""
        manifest = torrent.manifest

        def may_dial(address: Address) -> bool:
            given = address in torrent.config.peers
            most = self.config.max_peers if given else most_dialled(self.config.max_peers)
            if manifest.ssl_cert is not None and torrent.members_only is None:
                return False
            fits = torrent.peers.has_room(address[0], most) and self._connections < self._descriptors.connections
            return fits and address not in torrent.smart_ban.banned and not torrent.known_peers.is_here(address)

        try:
            with torrent.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(torrent.run)
                    await torrent.ready.wait()
                    nursery.start_soon(torrent.dialer.run, partial(self._dial_and_share, torrent), may_dial)
                    for announcer in torrent.config.announcers:
                        nursery.start_soon(self._announce, torrent, announcer)
        finally:
            for key in _keys(torrent.manifest):
                if self._torrents.get(key) is torrent:
                    del self._torrents[key]
            _log.info("%s: stopped", torrent.manifest.info_hash)
            torrent.gone.set()

    async def _announce(self, torrent: Torrent, announcer: Announcer) -> None:
        view = TorrentView(torrent, self.config.peer_id)
        torrent.context.announce_queues.append(view.queue)
        try:
            await announcer.run(view)
        finally:
            torrent.context.announce_queues.remove(view.queue)
            view.close()

    # ------------------------------------------------------------------ connections

    def _members_only(self, info_hash: bytes) -> MembersOnly | None:
        """Return what the torrent with this hash (20 bytes) asks of connections; None if they cannot use TLS."""
        torrent = self._torrents.get(info_hash)
        return torrent.members_only if torrent is not None else None

    def _has_room(self) -> bool:
        """Return whether another connection may be open; tells of the limit if not."""
        if self._connections < self._descriptors.connections:
            return True
        self._tell_of_limit()
        return False

    def _tell_of_limit(self) -> None:
        """Alert, once, that the system does not let us open as much as is needed."""
        if not self._told_of_limit:
            self._told_of_limit = True
            self.alerts.append(OpenFilesLimit(self._descriptors.limit))

    async def _accept(self, stream: trio.SocketStream) -> None:
        self._connections += 1
        try:
            own = stream.socket.getsockname()[0]
            try:
                transport = self._transport(stream)
            except OSError:
                return
            with ExitStack() as stack:
                stack.enter_context(transport)
                await self._exchange_and_share(transport, own, stack)
        finally:
            self._connections -= 1

    async def _exchange_and_share(self, transport: Transport, own: str, stack: ExitStack) -> None:
        accepted = None
        with (
            trio.CancelScope() as scope,
            self._handshaking.place(network_of(transport.host), scope.cancel),
            suppress(*DIAL_ERRORS),
        ):
            accepted = await self._exchange_handshakes(transport, own, stack)
        if accepted is not None:
            await self._share(*accepted)

    def _turn_away(self, host: str, cause: Cause, message: str) -> None:
        _log.debug("host %s is turned away: %s", host, message)
        if self.listening.turned_away(host, cause, trio.current_time()):
            self.alerts.append(ConnectionFailed(None, host, cause, message))

    async def _exchange_handshakes(
        self, transport: Transport, own: str, stack: ExitStack
    ) -> tuple[Torrent, PeerSession] | None:
        """Answer a handshake; None when it is for no torrent of ours, or the host may not connect to ``own``.

        ``stack`` closes the connection, which a handshake of TLS makes another one.
        """
        host = transport.host
        if not self.listening.admits(host, own):
            self._turn_away(host, Cause.STRANGER, Text("peer.stranger"))
            return None
        with trio.fail_after(HANDSHAKE_TIMEOUT):
            wanted = None
            try:
                if await transport.begins_with(FIRST_BYTE):
                    secure = stack.enter_context(await self._tls.accept(transport))
                    transport, wanted = secure, hash_in(secure.server_name)
                theirs = await receive_handshake(transport)
            except RemoteProtocolError as error:
                if error.rule == ENCRYPTED:
                    self._turn_away(host, Cause.ENCRYPTED, Text("peer.encrypted"))
                elif error.rule == CERTIFICATE:
                    self._turn_away(host, Cause.UNPROVEN, error.message)
                raise
            self.listening.welcome(host)
            torrent = self._torrents.get(theirs.info_hash)
            if torrent is None:
                return None
            # The certificate was checked for the torrent that TLS was asked for; it must not open another one.
            if torrent is not self._torrents.get(wanted or theirs.info_hash):
                return None
            if wanted is None and torrent.manifest.ssl_cert is not None:
                self._turn_away(host, Cause.UNPROVEN, Text("member.plain"))
                return None
            await torrent.ready.wait()
            manifest = torrent.manifest
            if theirs.info_hash == manifest.info_hash_v1 and theirs.v2:
                # A hybrid's upgrade (BEP 52): answering with the v2 hash makes it a v2 connection.
                theirs = theirs._replace(info_hash=manifest.info_hash.truncated)
            ours = Handshake(theirs.info_hash, self.config.peer_id)
            await send_all(transport, ours.encode())
        return torrent, PeerSession(torrent.peers, transport, theirs, ours, dialled=False)

    async def _dial_and_share(self, torrent: Torrent, address: Address) -> DialResult:
        self._connections += 1
        try:
            result = await self._share_by_dialling(torrent, address)
        finally:
            self._connections -= 1
        _log.debug("%s: dialled %s: %s", torrent.manifest.info_hash, show_address(*address), result.outcome.name)
        if torrent.dialer.log.record(address, result, trio.current_time()):
            reason = result.reason or Text("peer.hung-up-mse")
            info_hash = torrent.manifest.info_hash.full
            self.alerts.append(ConnectionFailed(info_hash, show_address(*address), Cause(result.outcome.value), reason))
        return result

    async def _share_by_dialling(self, torrent: Torrent, address: Address) -> DialResult:
        manifest = torrent.manifest
        openings = dial_handshakes(manifest.info_hash.truncated, manifest.info_hash_v1, self.config.peer_id)
        try:
            async with self._half_open:
                transport, theirs, ours = await dial(address, openings, self._transport, torrent.members_only)
        except DIAL_ERRORS as error:
            return result_of(error)
        with transport:
            session = PeerSession(torrent.peers, transport, theirs, ours, dialled=True)
            return DialResult(Outcome.CONNECTED if await self._share(torrent, session) else Outcome.NOT_WANTED)

    @staticmethod
    async def _share(torrent: Torrent, session: PeerSession) -> bool:
        """Share until the connection ends; False when there was no use for it."""
        before = torrent.peers.with_id(session.peer_id)
        if before is not None and not await before.is_alive():
            before.close()
            await before.ended.wait()
        if torrent.scope.cancel_called or not torrent.peers.add(session):
            return False
        async with trio.open_nursery() as nursery:
            if before is not None and not before.ended.is_set():
                nursery.start_soon(before.close_when_dead)
            await session.run()
            nursery.cancel_scope.cancel()
        return True


def _keys(manifest: Manifest) -> list[bytes]:
    """Return every info hash that a handshake about ``manifest`` may have, 20 bytes each."""
    v1 = manifest.info_hash_v1
    return [manifest.info_hash.truncated] if v1 is None else [manifest.info_hash.truncated, v1]
