"""Finding the ``info`` dictionary that belongs to an info hash, among those who have it (BEP 9).

A magnet link says no more than the hash and where to ask. What comes proves itself against the hash, so it does not
matter whom it comes from.
"""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final, Protocol

import trio

from swarmshare.engine.announcer import Changes, TransferStats
from swarmshare.engine.config import new_peer_id
from swarmshare.engine.handshaking import DIAL_ERRORS, dial
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

    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import AnnounceContext
    from swarmshare.manifest.manifest import InfoHash

AT_ONCE: Final = 5
"""Peers that are asked at the same time."""
MAX_FOUND: Final = 200
"""Addresses that are tried; more are not looked at."""
AGAIN: Final = 5.0
"""Seconds until a peer that did not give it is asked again."""
FETCH_WITHIN: Final = 120.0
"""Seconds that one peer has for all of it."""
MAX_MESSAGE: Final = 2**20
"""Bytes of a message that is passed over, such as a bitfield."""


class Finder(Protocol):
    """Somebody who knows addresses of peers: an announcer that needs no manifest."""

    async def run(self, view: AnnounceContext) -> None:
        """See :class:`~swarmshare.engine.announcer.Announcer`."""


async def find_info(
    info_hash: InfoHash, peers: Iterable[Address], finders: Sequence[Finder], *, info_hash_v1: bytes | None = None
) -> bytes:
    """The encoded ``info`` dictionary with this hash, from ``peers`` or from whom ``finders`` find.

    With a hybrid's v1 hash (20 bytes) those are asked, too, who know it by that alone.

    It goes on until somebody gives it: the caller sets an end.
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
    """The encoded ``info`` dictionary, from one peer.

    Raises :class:`RemoteProtocolError` when it has none or a wrong one, and what :func:`~.handshaking.dial` raises.
    """
    stream, theirs, _ = await dial(address, dial_handshakes(info_hash.truncated, info_hash_v1, peer_id))
    with trio.fail_after(FETCH_WITHIN):
        async with stream:
            if not theirs.extended:
                raise RemoteProtocolError("metadata", Text("metadata.no-extensions"))
            messages = _Messages(stream)
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
    """The messages of a connection that is about nothing but this; all others are passed over."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._data = bytearray()

    async def send(self, message: Extended) -> None:
        await self._stream.send_all(message.encode())

    async def handshake(self) -> ExtendedHandshake:
        """What the peer says of itself."""
        while True:
            handshake = decode_extended_handshake(await self.extended(HANDSHAKE_ID))
            if handshake is not None:
                return handshake

    async def extended(self, ext_id: int) -> bytes:
        """The payload of the next message with this id."""
        while True:
            body = await self._take(int.from_bytes(await self._take(4), "big"))
            if body[:2] == bytes((Extended.ID, ext_id)):
                return body[2:]

    async def _take(self, count: int) -> bytes:
        if count > MAX_MESSAGE:
            raise RemoteProtocolError("metadata", Text("peer.message-length", length=count))
        while len(self._data) < count:
            part = await self._stream.receive_some()
            if not part:
                raise RemoteProtocolError("metadata", Text("metadata.hung-up"))
            self._data += part
        taken = bytes(self._data[:count])
        del self._data[:count]
        return taken


class _Search:
    """A torrent of which nothing is known yet, as trackers see it."""

    port = NO_LISTENING
    complete = False

    def __init__(self, wire_hashes: tuple[bytes, ...], peer_id: bytes, ask: Callable[[Address], None]) -> None:
        self.wire_hashes = wire_hashes
        self.peer_id = peer_id
        self._ask = ask
        self._known: set[Address] = set()

    def stats(self) -> TransferStats:
        """As libtorrent has it: there is a little left, or trackers would take us for a seed."""
        return TransferStats(0, 0, METADATA_PIECE, 0, 0)

    async def changed(self) -> None:
        """Nothing ever does."""
        await trio.sleep_forever()

    def changes(self) -> Changes:
        """Nothing."""
        return Changes(set(), set(), set())

    def found(self, addresses: Sequence[Address]) -> None:
        """Ask who is new."""
        for address in addresses:
            if address not in self._known and len(self._known) < MAX_FOUND:
                self._known.add(address)
                self._ask(address)

    def tell_problem(self, message: str) -> None:
        """There may be others."""
