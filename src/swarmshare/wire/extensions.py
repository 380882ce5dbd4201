"""The extension handshake (BEP 10), and the small extensions that need no more than a few bytes: BEP 21, BEP 54."""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import TYPE_CHECKING, Final

from swarmshare.errors import BencodingError, RemoteProtocolError
from swarmshare.manifest.bencoding import Value, decode_document, encode
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.texts import Text
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import MAX_METADATA, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

HANDSHAKE_ID: Final = 0
UPLOAD_ONLY: Final = b"upload_only"
DONT_HAVE: Final = b"lt_donthave"
OUR_IDS: Final[dict[bytes, int]] = {METADATA: 2, UPLOAD_ONLY: 3, DONT_HAVE: 7}
"""The ids under which peers send to us."""

DEFAULT_QUEUE: Final = 250
"""Requests that a peer is asked for at most when it does not say ``reqq``."""
MAX_QUEUE: Final = 2000
"""Requests that we take from one peer (our ``reqq``), and the most that we believe of another; a long one counts as the
leaves that it asks for."""
MAX_REQUEST: Final = 2**20
"""Bytes of the longest request that we take (our ``max_request``), and of the longest that we send."""
_MOST_SAID: Final = 4 * 2**20
"""The greatest ``max_request`` that means anything (docs/extensions.md)."""
MAX_CLIENT_LENGTH: Final = 64
"""Characters of a client's name that are kept."""

_PIECE: Final = Struct(">I")


@dataclass(frozen=True, slots=True)
class ExtendedHandshake:
    """What a peer says of itself. Only the ids need to be right; all else is a courtesy."""

    ids: Mapping[bytes, int] = field(default_factory=lambda: OUR_IDS)
    """By name of the extension: the id that it wants to receive it under."""
    client: str = ""
    """Program and version."""
    queue: int = MAX_QUEUE
    """How many requests it takes at a time (``reqq``)."""
    max_request: int = MAX_REQUEST
    """Bytes of the longest request that it takes: a power of two."""
    port: int | None = None
    """Where it listens."""
    upload_only: bool = False
    """It wants nothing any more (BEP 21)."""
    metadata_size: int | None = None
    """Bytes of the ``info`` dictionary that it can be asked for (BEP 9)."""

    def encode(self) -> Extended:
        """Return the extension handshake as a message (BEP 10)."""
        body: dict[bytes, Value] = {
            b"m": dict(self.ids),
            b"v": self.client.encode(),
            b"reqq": self.queue,
            b"max_request": self.max_request,
        }
        if self.port is not None:
            body[b"p"] = self.port
        if self.upload_only:
            body[b"upload_only"] = 1
        if self.metadata_size is not None:
            body[b"metadata_size"] = self.metadata_size
        return Extended(HANDSHAKE_ID, encode(body))


def decode_extended_handshake(payload: bytes) -> ExtendedHandshake | None:
    """Return the handshake in ``payload``; None when it cannot be read, which is no reason to part. Never raises."""
    try:
        root = decode_document(payload).root
    except BencodingError:
        return None

    def number(key: bytes, least: int, most: int) -> int | None:
        value = root.get(key)
        return value if isinstance(value, int) and least <= value <= most else None

    listed, client = root.get(b"m"), root.get(b"v")
    ids = listed.items() if isinstance(listed, dict) else ()
    return ExtendedHandshake(
        ids={name: value for name, value in ids if isinstance(value, int) and 0 < value < 256},
        client=client.decode("utf-8", "replace")[:MAX_CLIENT_LENGTH] if isinstance(client, bytes) else "",
        max_request=_longest(number(b"max_request", BLOCK_LENGTH, _MOST_SAID)),
        queue=min(number(b"reqq", 1, 2**63) or DEFAULT_QUEUE, MAX_QUEUE),
        port=number(b"p", 1, 65535),
        upload_only=bool(number(b"upload_only", 1, 1)),
        metadata_size=number(b"metadata_size", 1, MAX_METADATA),
    )


def _longest(said: int | None) -> int:
    """Return what a peer takes that says so; whatever is no power of two was not meant for us."""
    return BLOCK_LENGTH if said is None or said & (said - 1) else said


def dont_have(ids: Mapping[bytes, int], piece: int) -> Extended | None:
    """Return the message that a piece was lost (BEP 54), if the peer with these ids understands it."""
    ext_id = ids.get(DONT_HAVE)
    return Extended(ext_id, _PIECE.pack(piece)) if ext_id else None


def decode_dont_have(payload: bytes) -> int:
    """Return the piece that the peer lost."""
    if len(payload) != _PIECE.size:
        raise RemoteProtocolError("donthave-size", Text("peer.donthave-size"))
    piece: int = _PIECE.unpack(payload)[0]
    return piece
