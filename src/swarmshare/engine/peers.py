"""The peers of one torrent that we are connected to: who may join, and the dispatch of what they say."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.address import network_of
from swarmshare.common.bitfield import Bitfield
from swarmshare.common.text import with_user
from swarmshare.engine.extensions import Extensions
from swarmshare.engine.limits import BURST, pass_all
from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.schema.alerts import PeerDropped
from swarmshare.swarm.room import who_makes_room
from swarmshare.texts import Text
from swarmshare.wire.extensions import DONT_HAVE, UPLOAD_ONLY, ExtendedHandshake, decode_dont_have
from swarmshare.wire.messages import (
    BitfieldMessage,
    Choke,
    Extended,
    Hashes,
    HashReject,
    Have,
    HaveAll,
    Interested,
    Message,
    NotInterested,
    Piece,
    Reject,
    Request,
    Suggest,
)
from swarmshare.wire.metadata import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.engine.choking import Choking
    from swarmshare.engine.config import EngineConfig
    from swarmshare.engine.context import TorrentContext
    from swarmshare.engine.downloads import Downloads
    from swarmshare.engine.limits import TorrentLimits
    from swarmshare.engine.listening import Listening
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.smart_ban import SmartBan
    from swarmshare.engine.tls import MembersOnly
    from swarmshare.engine.uploads import Uploads
    from swarmshare.errors import StorageError


_log: Final = logging.getLogger(__name__)


class Peers:
    """The sessions of one torrent; the :class:`~swarmshare.engine.peer_session.SessionOwner` of each of them."""

    def __init__(
        self,
        context: TorrentContext,
        engine: EngineConfig,
        *,
        uploads: Uploads,
        downloads: Downloads,
        smart_ban: SmartBan,
        choking: Choking,
        limits: TorrentLimits,
        listening: Listening,
        on_verifiable: Callable[[list[int]], None],
    ) -> None:
        """Dispatch what peers say to the parts of the torrent.

        Args:
            context: The torrent's shared state.
            engine: The settings of all torrents.
            uploads: Serves what peers ask for.
            downloads: Takes the blocks and hashes that peers send.
            smart_ban: Decides who may not join, and takes hashes, too.
            choking: Decides whom to serve.
            limits: What rates to keep to.
            listening: Where we listen, to be told to peers.
            on_verifiable: Called with the numbers of files that can be verified since their piece layers came.
        """
        self.manifest = context.manifest
        self.picker = context.picker
        self.buffers = downloads.buffers
        self.alone_since = trio.current_time()
        """When the last session ended, or when the torrent was ready to have one."""
        self._context = context
        self._sessions = context.sessions
        self._engine = engine
        self._uploads = uploads
        self._downloads = downloads
        self._smart_ban = smart_ban
        self._choking = choking
        self._limits = limits
        self._listening = listening
        self._on_verifiable = on_verifiable
        self._piece_count = context.layout.piece_count
        self._joined = trio.Event()
        self._extensions = Extensions(self._on_extended_handshake)
        self._extensions.register(METADATA, uploads.answer_metadata)
        self._extensions.register(UPLOAD_ONLY)
        self._extensions.register(DONT_HAVE, self._on_dont_have)

    def with_id(self, peer_id: bytes) -> PeerSession | None:
        """Return the session with a peer that has this id, of several the one that is silent longest; None: none."""
        sessions = [session for session in self._sessions if session.peer_id == peer_id]
        return min(sessions, key=lambda session: session.last_received, default=None)

    def _is_here(self, new: PeerSession) -> bool:
        """Return whether there is a session already with the peer that ``new`` is with, going by its id.

        One that has come to us counts as the same at its own address only: anybody may come with a copy of an id, and
        must not keep out the peer that it belongs to.
        """
        return any(
            session.peer_id == new.peer_id and (new.dialled or session.host == new.host) for session in self._sessions
        )

    def has_room(self, host: str, most: int) -> bool:
        """Return whether a peer at ``host`` would be taken, where ``most`` peers may be there."""
        return len(self._sessions) < most or self._who_makes_room(self._staying(), host) is not None

    def _staying(self) -> list[PeerSession]:
        return [session for session in self._sessions if not session.is_closing]

    @staticmethod
    def _who_makes_room(staying: list[PeerSession], host: str) -> PeerSession | None:
        now = trio.current_time()
        return who_makes_room([session.as_occupant(now) for session in staying], network_of(host))

    async def wait_for_one(self) -> None:
        """Wait until a peer joins."""
        self._joined = trio.Event()
        await self._joined.wait()

    def add(self, session: PeerSession) -> bool:
        """Take a new session and greet the peer; False when there is no room, or no use for it.

        There is no use for a second session with one peer, for one with ourselves, or for one with a banned peer. Where
        all places are taken, the peer that is of the least use makes room, if there is one.
        """
        if session.peer_id == self._engine.peer_id or self._is_here(session):
            return False
        if not self._smart_ban.admit(session):
            return False
        staying = self._staying()
        if len(staying) >= self._engine.max_peers:
            least = self._who_makes_room(staying, session.host)
            if least is None:
                return False
            _log.debug("%s: peer %s makes room", self.manifest.info_hash, least.address)
            least.close()
        self._sessions.add(session)
        self._joined.set()
        _log.debug("%s: peer %s joins", self.manifest.info_hash, with_user(session.user, session.address))
        if session.listens is not None:
            self._context.known_peers.connected(session.listens)
        connection = session.connection
        self.picker.peer_joined(session.has)
        if connection.negotiated.extended:
            handshake = ExtendedHandshake(
                ids=self._extensions.ids,
                client=self._engine.client,
                upload_only=self._context.is_complete,
                port=self._listening.port or None,
                metadata_size=None if self.manifest.private else len(self.manifest.info),
            )
            connection.send_extended(handshake.encode())
        held = self.picker.held
        connection.send_opening(held.to_wire(), held=held.held)
        session.wake()
        return True

    def session_ended(self, session: PeerSession, reason: str) -> None:
        """Forget a session; ``reason`` is what the peer did wrong, empty when nothing."""
        self._sessions.remove(session)
        what = reason or "the connection ended"
        who = with_user(session.user, session.address)
        _log.debug("%s: peer %s (%s) leaves: %s", self.manifest.info_hash, who, session.client, what)
        self.alone_since = trio.current_time()
        if session.listens is not None:
            self._context.known_peers.disconnected(session.listens)
        self._downloads.session_ended(session)
        self.picker.peer_left(session.has)
        self._uploads.super_seeding.forget(session)
        if reason:
            self._context.alert(PeerDropped(self._context.info_hash, session.address, reason, user=session.user))
        self._choking.fill_soon()
        self._downloads.refill_all()

    def handle(self, session: PeerSession, messages: list[Message]) -> None:
        """Dispatch what a peer said in one read, in this order. A plain call: nothing in it waits.

        Raises:
            RemoteProtocolError: A message is wrong; the session is to be ended.
        """
        # Nearly all are blocks or, at a seed, requests, which the connection keeps until they are served. Blocks in a
        # row are passed on together: one call for each would cost as much as what is done with it.
        blocks: list[Block] = []
        for message in messages:
            if isinstance(message, Piece):
                blocks.append(message)
            elif not isinstance(message, Request):
                if blocks:
                    self._downloads.on_blocks(session, blocks)
                    blocks = []
                self._dispatch(session, message)
        if blocks:
            self._downloads.on_blocks(session, blocks)

    def _dispatch(self, session: PeerSession, message: Message) -> None:
        match message:
            case Have(piece):
                if session.has.set(piece):
                    self.picker.peer_has(piece)
                    self._uploads.super_seeding.peer_has(session, piece, session.last_received)
                    if self.picker.wants(piece):
                        session.connection.set_interested(True)
                        session.wake()
            case BitfieldMessage(bits):
                self._set_bits(session, Bitfield.from_wire(bits, self._piece_count))
            case HaveAll():
                self._set_bits(session, Bitfield.full(self._piece_count))
            case Choke():
                self._downloads.choked(session)
            case Reject():
                self._downloads.rejected(session, Block._make(message))
            case Interested():
                self._uploads.grant_fast(session)
                self._choking.fill_soon()
            case NotInterested():
                self._choking.fill_soon()
            case Hashes():
                self._smart_ban.hashes_received(message)
                if files := self._downloads.on_hashes(message):
                    self._on_verifiable(files)
            case HashReject():
                self._downloads.on_hash_reject(session, message)
            case Extended():
                self._extensions.received(session, message)
            case Suggest(piece):
                self._downloads.suggested(session, piece)
            case _:
                pass  # the connection has noted it

    def after_reading(self, session: PeerSession) -> None:
        """Count what came from a peer, and ask it for more."""
        self._downloads.after_reading(session)

    async def wait_to_read(self, count: int) -> None:
        """Wait, after ``count`` bytes were read, while the disk is behind, and for the download limits."""
        await self._context.disk.has_room()
        if self._limits.down:
            await pass_all(self._limits.down, count)

    async def serve(self, session: PeerSession) -> None:
        """Put some of what a peer asked for into its output."""
        await self._uploads.serve(session)

    def largest_send(self) -> int | None:
        """Return how many bytes may be sent at once; None when no limit is set."""
        return BURST if self._limits.up else None

    def on_unreadable(self, error: StorageError) -> None:
        """React to a file that could not be sent from."""
        self._uploads.on_unreadable(error)

    async def wait_to_send(self, count: int) -> None:
        """Wait until the upload limits let ``count`` bytes pass."""
        if self._limits.up:
            await pass_all(self._limits.up, count)

    def sent(self) -> None:
        """Note that the link is in use, for super-seeding."""
        self._uploads.super_seeding.last_sent = trio.current_time()

    def _set_bits(self, session: PeerSession, bits: Bitfield) -> None:
        self.picker.peer_left(session.has)
        session.has = bits
        self.picker.peer_joined(bits)
        session.update_interest()
        self.close_if_useless(session)
        self._downloads.ask_for_layers(session)

    def _on_extended_handshake(self, session: PeerSession, handshake: ExtendedHandshake) -> None:
        session.client, session.ids = handshake.client, handshake.ids
        session.requester.pipeline.peer_limit = handshake.queue
        session.requester.pipeline.peer_longest = session.connection.allow_long(handshake.max_request) // BLOCK_LENGTH
        if session.listens is None and handshake.port is not None:
            session.listens = (session.host, handshake.port)
            self._context.known_peers.connected(session.listens)

    def _on_dont_have(self, session: PeerSession, payload: bytes) -> None:
        piece = decode_dont_have(payload)
        if piece >= self._piece_count:
            raise RemoteProtocolError("piece-range", Text("peer.piece-range", piece=piece, count=self._piece_count))
        session.requester.conduct.has_lost(piece)
        if session.has.clear(piece):
            self.picker.peer_lost(piece)
            session.update_interest()

    def close_revoked(self, members_only: MembersOnly | None) -> None:
        """Close the sessions whose certificates the group's authority has revoked."""
        for session in list(self._sessions):
            identity = session.identity
            if (
                members_only is not None
                and identity is not None
                and members_only.membership.is_revoked(identity.serial)
            ):
                session.close(Text("member.revoked"))

    def close_if_useless(self, session: PeerSession) -> None:
        """Close a session between two seeds: they have nothing to give each other."""
        if session.has.is_full and self.picker.held.is_full:
            session.close()
