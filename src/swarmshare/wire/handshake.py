"""The 68 bytes that open a connection (BEP 3), and what they settle: extensions, and v1 or v2 (BEP 52).

It stands apart from :mod:`~swarmshare.wire.connection` because whoever accepts a connection learns from it which
torrent, and so which connection, this is.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from swarmshare.errors import RemoteProtocolError
from swarmshare.texts import Text

HANDSHAKE_LENGTH: Final = 68
"""Bytes of the whole handshake."""
PREFIX: Final = b"\x13BitTorrent protocol"
"""What a plain-text handshake begins with. Anything else (an encrypted one, most likely) is to be closed at once: the
other side then tries again in plain text."""

_KEY: Final = 40
"""Different bytes, among the first 68, that only a Diffie-Hellman key has: what any other protocol begins with repeats
itself. Of 68 random bytes fewer are different once in some 10**9 times."""
_TLS: Final = b"\x16\x03"

_EXTENDED: Final = (5, 0x10)
_FAST: Final = (7, 0x04)
_V2: Final = (7, 0x10)


class Handshake(NamedTuple):
    """What one side says in its handshake (BEP 3)."""

    info_hash: bytes
    """20 bytes: the truncated v2 hash, or a hybrid's v1 hash."""
    peer_id: bytes
    """20 bytes, random for each run of the program."""
    fast: bool = True
    """BEP 6."""
    extended: bool = True
    """BEP 10."""
    v2: bool = True
    """With a v1 hash: "I could speak v2 on this connection" (BEP 52, upgrade path). With a v2 hash: nothing new."""

    def encode(self) -> bytes:
        """Return the 68 bytes that are sent."""
        reserved = bytearray(8)
        for wanted, (byte, bit) in ((self.fast, _FAST), (self.extended, _EXTENDED), (self.v2, _V2)):
            if wanted:
                reserved[byte] |= bit
        return PREFIX + bytes(reserved) + self.info_hash + self.peer_id


def decode_handshake(data: bytes) -> Handshake:
    """Return the handshake in exactly ``HANDSHAKE_LENGTH`` bytes; bits that are not known are ignored.

    Raises :class:`RemoteProtocolError` when it does not begin as one.
    """
    if not data.startswith(PREFIX) or len(data) != HANDSHAKE_LENGTH:
        raise RemoteProtocolError("handshake", Text("peer.no-handshake"))
    reserved = data[20:28]
    fast, extended, v2 = (bool(reserved[byte] & bit) for byte, bit in (_FAST, _EXTENDED, _V2))
    return Handshake(data[28:48], data[48:68], fast, extended, v2)


def dial_handshakes(info_hash: bytes, info_hash_v1: bytes | None, peer_id: bytes) -> tuple[Handshake, ...]:
    """Return what to open a connection with, to be tried in turn on peers that hang up without a word.

    Of a hybrid that is its v1 hash first, with the bit that asks for v2: who can speak v2 answers with the v2 hash
    (BEP 52), who cannot knows this hash only. Who joined by the v2 hash alone knows only that. The last one is always
    by the v2 hash, ``info_hash`` (20 bytes).
    """
    hashes = (info_hash,) if info_hash_v1 is None else (info_hash_v1, info_hash)
    return tuple(Handshake(wire_hash, peer_id) for wire_hash in hashes)


def looks_encrypted(data: bytes) -> bool:
    """Whether the first 68 bytes of a connection that is no handshake are those of an encrypted one (MSE).

    That begins with a key of 96 bytes, which are random to all but its owner. It cannot be told for sure.
    """
    return len(data) == HANDSHAKE_LENGTH and len(set(data)) >= _KEY and not data.startswith(_TLS)
