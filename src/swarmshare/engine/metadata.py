"""Fetching the ``info`` dictionary that belongs to an info hash from peers that have it (BEP 9).

A magnet link has no more than the hash and where to ask. What comes proves itself against the hash, so it does not
matter whom it comes from.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

import trio

from swarmshare.engine.announcer import Changes, TransferStats
from swarmshare.engine.config import new_peer_id
from swarmshare.engine.handshaking import DIAL_ERRORS, dial, receive_some, send_all
from swarmshare.errors import RemoteProtocolError
from swarmshare.swarm.diagnosis import NO_LISTENING
from swarmshare.texts import Text
from swarmshare.wire.extensions import HANDSHAKE_ID, OUR_IDS, ExtendedHandshake, decode_extended_handshake
from swarmshare.wire.handshake import dial_handshakes
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import (
    DATA,
    METADATA,
    METADATA_PIECE,
    REJECT,
    REQUEST,
    MetadataMessage,
    decode_metadata,
    metadata_pieces,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import AnnounceContext
    from swarmshare.engine.transport import Transport
    from swarmshare.manifest.manifest import InfoHash

AT_ONCE: Final = 5
"""Peers that are asked at the same time."""
MAX_FOUND: Final = 200
"""Addresses that are tried; beyond it new ones are dropped."""
AGAIN: Final = 5.0
"""Seconds until a peer that did not give it is asked again."""
FETCH_WITHIN: Final = 120.0
"""Seconds that one peer has for all of it."""
RECEIVE: Final = 2**16
"""Bytes that are received at once at most."""
MAX_MESSAGE: Final = 2**20
"""Bytes of the longest message that is read and passed over, such as a bitfield; a longer one ends the connection."""


class Finder(Protocol):
    """An announcer that needs no manifest, such as an ordinary tracker's."""

    async def run(self, view: AnnounceContext) -> None:
        """Announce and report addresses until cancelled; never raises for what a tracker or a network does."""


async def find_info(
    info_hash: InfoHash, peers: Iterable[Address], finders: Sequence[Finder], *, info_hash_v1: bytes | None = None
) -> bytes:
    """Fetch the ``info`` dictionary with this hash; goes on until a peer gives it, so the caller sets an end.

    Args:
        info_hash: The v2 hash that it must have.
        peers: Whom to ask from the start.
        finders: Announcers that report more peers.
        info_hash_v1: A hybrid's v1 hash (20 bytes), for peers that know it by that alone.

    Returns:
        The dictionary as it was encoded by whoever made it.
    """
    peer_id = new_peer_id()
    found: list[bytes] = []
    limiter = trio.CapacityLimiter(AT_ONCE)
    async with trio.open_nursery() as nursery:

        async def ask(address: Address) -> None:
            while True:
                async with limiter:
                    with suppress(*DIAL_ERRORS):
                        found.append(await fetch_info(info_hash, address, peer_id, info_hash_v1))
                        nursery.cancel_scope.cancel()
                        return
                await trio.sleep(AGAIN)

        hashes = (info_hash.truncated, *((info_hash_v1,) if info_hash_v1 else ()))
        search = _Search(hashes, peer_id, lambda address: nursery.start_soon(ask, address))
        search.found(list(peers))
        for finder in finders:
            nursery.start_soon(finder.run, search)
        await trio.sleep_forever()
    return found[0]


async def fetch_info(info_hash: InfoHash, address: Address, peer_id: bytes, info_hash_v1: bytes | None = None) -> bytes:
    """Fetch the ``info`` dictionary from one peer, in its encoded form.

    Args:
        info_hash: The v2 hash that it must have.
        address: Where the peer listens.
        peer_id: Our peer id, 20 bytes.
        info_hash_v1: A hybrid's v1 hash (20 bytes); None: it is none.

    Raises:
        RemoteProtocolError: The peer has none, or a wrong one.
        OSError: There is no connection; any of :data:`~swarmshare.engine.handshaking.DIAL_ERRORS` may be raised.
    """
    transport, theirs, _ = await dial(address, dial_handshakes(info_hash.truncated, info_hash_v1, peer_id))
    with transport, trio.fail_after(FETCH_WITHIN):
        if not theirs.extended:
            raise RemoteProtocolError("metadata", Text("metadata.no-extensions"))
        messages = _Messages(transport)
        await messages.send(ExtendedHandshake().encode())
        handshake = await messages.handshake()
        ext_id, length = handshake.ids.get(METADATA), handshake.metadata_size
        if not ext_id or not length:
            raise RemoteProtocolError("metadata", Text("metadata.none"))
        info = b"".join([await _part(messages, ext_id, piece, length) for piece in range(metadata_pieces(length))])
    if sha256(info).digest() != info_hash.full:
        raise RemoteProtocolError("metadata", Text("metadata.other"))
    return info


async def _part(messages: _Messages, ext_id: int, piece: int, length: int) -> bytes | memoryview:
    await messages.send(Extended(ext_id, MetadataMessage(REQUEST, piece).encode()))
    while True:
        answer = decode_metadata(await messages.extended(OUR_IDS[METADATA]))
        if answer.piece != piece:
            continue
        if answer.kind == REJECT:
            raise RemoteProtocolError("metadata", Text("metadata.rejected"))
        if answer.kind == DATA:
            if len(answer.data) != min(METADATA_PIECE, length - piece * METADATA_PIECE):
                raise RemoteProtocolError("metadata", Text("metadata.part-size"))
            return answer.data


class _Messages:
    """The extended messages of a connection that is used for this alone; all other messages are passed over."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._data = bytearray()

    async def send(self, message: Extended) -> None:
        """Send ``message`` and wait until the system has taken it."""
        await send_all(self._transport, message.encode())

    async def handshake(self) -> ExtendedHandshake:
        """Return the peer's next extension handshake that can be read (BEP 10)."""
        while True:
            handshake = decode_extended_handshake(await self.extended(HANDSHAKE_ID))
            if handshake is not None:
                return handshake

    async def extended(self, ext_id: int) -> bytes:
        """Return the payload of the next message with this id of ours."""
        while True:
            body = await self._take(int.from_bytes(await self._take(4), "big"))
            if body[:2] == bytes((Extended.ID, ext_id)):
                return body[2:]

    async def _take(self, count: int) -> bytes:
        if count > MAX_MESSAGE:
            raise RemoteProtocolError("metadata", Text("peer.message-length", length=count))
        while len(self._data) < count:
            part = await receive_some(self._transport, RECEIVE)
            if not part:
                raise RemoteProtocolError("metadata", Text("metadata.hung-up"))
            self._data += part
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken


class _Search:
    """A torrent of which nothing but the hash is known, as an :class:`~.announcer.AnnounceContext` for finders."""

    port = NO_LISTENING
    complete = False

    def __init__(self, wire_hashes: tuple[bytes, ...], peer_id: bytes, ask: Callable[[Address], None]) -> None:
        self.wire_hashes = wire_hashes
        self.peer_id = peer_id
        self._ask = ask
        self._known: set[Address] = set()

    def stats(self) -> TransferStats:
        """Return no traffic and a little left, as libtorrent does: with nothing left trackers take us for a seed."""
        return TransferStats(0, 0, METADATA_PIECE, 0, 0)

    async def changed(self) -> None:
        """Wait until cancelled: there is nothing that could change."""
        await trio.sleep_forever()

    def changes(self) -> Changes:
        """Return no change: nothing is held, and nothing is lost."""
        return Changes(set(), set(), set())

    def found(self, addresses: Sequence[Address]) -> None:
        """Ask those of ``addresses`` that were not asked before."""
        for address in addresses:
            if address not in self._known and len(self._known) < MAX_FOUND:
                self._known.add(address)
                self._ask(address)

    def report_problem(self, message: str) -> None:
        """Pass over that a tracker has a problem: another one may find peers."""
