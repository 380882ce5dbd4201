"""Asking a peer for the ``info`` dictionary of a torrent (BEP 9), of which one knows only the info hash."""

from __future__ import annotations

from typing import Final, NamedTuple

from swarmshare.errors import BencodingError, RemoteProtocolError
from swarmshare.manifest.bencoding import decode_document, encode
from swarmshare.texts import Text

METADATA: Final = b"ut_metadata"
METADATA_PIECE: Final = 16 * 2**10
"""Bytes of the dictionary that one message carries; the last one has the rest."""
MAX_METADATA: Final = 16 * 2**20
"""Bytes of a dictionary that are fetched. Four times what libtorrent takes."""
REQUEST, DATA, REJECT = range(3)

_MAX_HEAD: Final = 200
"""Bytes in which the message's own dictionary ends."""


class MetadataMessage(NamedTuple):
    """One message of ``ut_metadata``, the extension of BEP 9."""

    kind: int
    """REQUEST, DATA or REJECT; others are to be ignored."""
    piece: int
    data: bytes | memoryview = b""
    total: int = 0
    """With DATA: bytes of the whole dictionary."""

    def encode(self) -> bytes:
        """Return the payload to send, under the id that the peer gave."""
        head = {b"msg_type": self.kind, b"piece": self.piece}
        return encode(dict(head)) if self.kind != DATA else encode({**head, b"total_size": self.total}) + self.data


def decode_metadata(payload: bytes) -> MetadataMessage:
    """Return the message in ``payload``. Raises :class:`RemoteProtocolError` when it is none."""
    # A dictionary of numbers, the last of which ends together with it; what follows is data.
    end = payload.find(b"ee", 0, _MAX_HEAD) + 2
    try:
        root = decode_document(payload[:end]).root
    except BencodingError as error:
        raise RemoteProtocolError("metadata", Text("metadata.unreadable")) from error
    kind, piece, total = root.get(b"msg_type"), root.get(b"piece"), root.get(b"total_size", 0)
    if not (isinstance(kind, int) and isinstance(piece, int) and isinstance(total, int)) or min(kind, piece, total) < 0:
        raise RemoteProtocolError("metadata", Text("metadata.says-nothing"))
    return MetadataMessage(kind, piece, payload[end:] if kind == DATA else b"", total)


def metadata_pieces(length: int) -> int:
    """How many messages a dictionary of ``length`` bytes takes."""
    return -(-length // METADATA_PIECE)


def answer_metadata(request: MetadataMessage, info: bytes) -> MetadataMessage:
    """Return what to answer to a request, of one who has the whole dictionary."""
    begin = request.piece * METADATA_PIECE
    if begin >= len(info):
        return MetadataMessage(REJECT, request.piece)
    return MetadataMessage(DATA, request.piece, info[begin : begin + METADATA_PIECE], len(info))
