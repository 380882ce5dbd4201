"""The first words of a connection, before it belongs to a torrent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.errors import RemoteProtocolError
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, PREFIX, Handshake, decode_handshake

if TYPE_CHECKING:
    from swarmshare.engine.config import Address

CONNECT_TIMEOUT: Final = 10.0
"""Seconds until a dial is given up."""
HANDSHAKE_TIMEOUT: Final = 10.0
"""Seconds that the other side has for its 68 bytes."""


async def dial(address: Address, info_hash: bytes, peer_id: bytes) -> tuple[trio.SocketStream, Handshake, Handshake]:
    """A connection to a peer, about the torrent with this hash of 20 bytes; its handshake, and ours.

    Raises :class:`RemoteProtocolError`, :class:`OSError`, ``trio.BrokenResourceError`` or ``trio.TooSlowError``.
    """
    with trio.fail_after(CONNECT_TIMEOUT):
        stream = await trio.open_tcp_stream(*address)
    try:
        ours = Handshake(info_hash, peer_id)
        with trio.fail_after(HANDSHAKE_TIMEOUT):
            await stream.send_all(ours.encode())
            theirs = await receive_handshake(stream)
        if theirs.info_hash != info_hash:
            raise RemoteProtocolError("handshake", "the peer answered for another torrent")
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream, theirs, ours


async def receive_handshake(stream: trio.SocketStream) -> Handshake:
    """What the other side says first. Raises :class:`RemoteProtocolError` when that is something else."""
    data = b""
    while len(data) < HANDSHAKE_LENGTH:
        part = await stream.receive_some(HANDSHAKE_LENGTH - len(data))
        data += part
        # Whoever speaks something else (an encrypted handshake) is told so at once, and comes back in plain text.
        if not part or not data.startswith(PREFIX[: len(data)]):
            raise RemoteProtocolError("handshake", "the connection does not begin with a BitTorrent handshake")
    return decode_handshake(data)
