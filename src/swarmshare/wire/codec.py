"""Bytes to messages, bounded, and without a copy of what is long: the reader says where the next bytes belong.

A block's data goes from the kernel into the piece that it is part of, not through here: as soon as its head is read,
``place`` names the destination, and :meth:`MessageReader.buffers` hands that out. The scratch buffer behind it is then
just long enough for the next head, so in a stream of blocks each read ends where the next block's data begins.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH
from swarmshare.wire.messages import (
    AllowedFast,
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    Message,
    NotInterested,
    Piece,
    Reject,
    Request,
    Suggest,
    Unchoke,
)

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_EXTENDED: Final = 64 * 2**10
"""Longest extension message: libtorrent's largest (PEX) is a few KiB, metadata 17 KiB."""
MAX_HASHES: Final = 8192 + 64
"""Most nodes in one ``hashes``: what libtorrent serves at once, and the uncles of the highest tree."""

_HEAD_LENGTH: Final = 13
"""Length, id, piece and begin: what stands before a block's data."""
_SCRATCH_LENGTH: Final = 4096
"""Where short messages are read together. One that comes in the midst of a block's data costs a copy of no more."""
_DHT_PORT: Final = 9

_LENGTH: Final = Struct(">I")
_INDEX: Final = Struct(">I")
_PIECE: Final = Struct(">II")
_RANGE: Final = Struct(">III")
_HASH: Final = Struct(">32sIIII")

_PLAIN: Final[dict[int, Message]] = {
    message.ID: message for message in (Choke(), Unchoke(), Interested(), NotInterested(), HaveAll(), HaveNone())
}
_INDEXED: Final = {kind.ID: kind for kind in (Have, Suggest, AllowedFast)}
_RANGED: Final = {kind.ID: kind for kind in (Request, Cancel, Reject)}
_HASHED: Final = {kind.ID: kind for kind in (HashRequest, HashReject)}


class _Bounds(NamedTuple):
    """Least and most bytes after the id."""

    least: int
    most: int


def _bounds(piece_count: int) -> dict[int, _Bounds]:
    bitfield = -(-piece_count // 8)
    sizes = {BitfieldMessage.ID: _Bounds(bitfield, bitfield), _DHT_PORT: _Bounds(2, 2)}
    sizes |= dict.fromkeys(_PLAIN, _Bounds(0, 0)) | dict.fromkeys(_INDEXED, _Bounds(4, 4))
    sizes |= dict.fromkeys(_RANGED, _Bounds(12, 12)) | dict.fromkeys(_HASHED, _Bounds(48, 48))
    sizes[Piece.ID] = _Bounds(8, 8 + BLOCK_LENGTH)
    sizes[Extended.ID] = _Bounds(1, 1 + MAX_EXTENDED)
    sizes[Hashes.ID] = _Bounds(48, 48 + MAX_HASHES * HASH_LENGTH)
    return sizes


class MessageReader:
    """Turns what is received into messages.

    Use: receive into :meth:`buffers` (in this order, as ``recvmsg_into`` does), and hand the count to :meth:`received`.
    """

    def __init__(self, piece_count: int, place: Callable[[Piece], memoryview]) -> None:
        """``place`` is asked for a view of ``length`` bytes as soon as a block is announced.

        What it returns is written to until the block is complete, whole or not: it must not be looked at before.
        """
        self._bounds = _bounds(piece_count)
        self._place = place
        self._scratch = memoryview(bytearray(_SCRATCH_LENGTH))
        self._filled = 0
        self._rest = self._scratch[:0]
        """What is still missing of the long message under way; empty when there is none."""
        self._body = bytearray()
        self._block: Piece | None = None
        self._id = 0

    def buffers(self) -> list[memoryview]:
        """Where the next bytes belong."""
        if self._rest:
            return [self._rest, self._scratch[:_HEAD_LENGTH]]
        return [self._scratch[self._filled :]]

    def received(self, count: int) -> list[Message]:
        """The messages that are complete now that ``count`` more bytes are in the buffers.

        A :class:`Piece` is returned when all of its data is in place.

        Raises :class:`RemoteProtocolError` for a message that does not exist or has not a size of its own.
        """
        messages: list[Message] = []
        if self._rest:
            taken = min(count, len(self._rest))
            self._rest = self._rest[taken:]
            count -= taken
            if self._rest:
                return messages
            self._finish_long(messages)
        self._filled += count
        at = 0
        while not self._rest and (next_at := self._parse(at, messages)) > at:
            at = next_at
        if at:
            left = self._filled - at
            self._scratch[:left] = bytes(self._scratch[at : self._filled])
            self._filled = left
        return messages

    def _parse(self, at: int, messages: list[Message]) -> int:
        """Read one message that begins at ``at`` of the scratch buffer; returns where the next begins, or ``at``."""
        available = self._filled - at
        if available < 4:
            return at
        length: int = _LENGTH.unpack_from(self._scratch, at)[0]
        if not length:
            return at + 4
        if available < 5:
            return at
        kind = self._scratch[at + 4]
        body_length = length - 1
        bounds = self._bounds.get(kind)
        if bounds is None:
            raise RemoteProtocolError("unknown-id", f"a message with the unknown id {kind}")
        if not bounds.least <= body_length <= bounds.most:
            raise RemoteProtocolError("message-size", f"a message of id {kind} with {body_length:,} bytes")
        if kind == Piece.ID:
            return self._begin_block(at, available, body_length - 8, messages)
        if available >= 4 + length:
            body = bytes(self._scratch[at + 5 : at + 4 + length])
            self._append(messages, kind, body)
            return at + 4 + length
        if 4 + length <= _SCRATCH_LENGTH:
            return at
        self._id, self._body = kind, bytearray(body_length)
        return self._begin_long(memoryview(self._body), at + 5)

    def _begin_block(self, at: int, available: int, length: int, messages: list[Message]) -> int:
        if available < _HEAD_LENGTH:
            return at
        piece, begin = _PIECE.unpack_from(self._scratch, at + 5)
        self._block = block = Piece(piece, begin, length)
        end = self._begin_long(self._place(block), at + _HEAD_LENGTH)
        if not self._rest:
            self._finish_long(messages)
        return end

    def _begin_long(self, target: memoryview, at: int) -> int:
        """What has come of it already is in the scratch buffer, from ``at`` on."""
        taken = min(self._filled - at, len(target))
        target[:taken] = self._scratch[at : at + taken]
        self._rest = target[taken:]
        return at + taken

    def _finish_long(self, messages: list[Message]) -> None:
        if self._block is not None:
            messages.append(self._block)
            self._block = None
        else:
            self._append(messages, self._id, bytes(self._body))
            self._body = bytearray()

    @staticmethod
    def _append(messages: list[Message], kind: int, body: bytes) -> None:
        if kind in _INDEXED:
            messages.append(_INDEXED[kind](*_INDEX.unpack(body)))
        elif kind in _RANGED:
            messages.append(_RANGED[kind](*_RANGE.unpack(body)))
        elif kind in _PLAIN:
            messages.append(_PLAIN[kind])
        elif kind == BitfieldMessage.ID:
            messages.append(BitfieldMessage(body))
        elif kind == Extended.ID:
            messages.append(Extended(body[0], body[1:]))
        elif kind in _HASHED:
            messages.append(_HASHED[kind](*_HASH.unpack(body)))
        elif kind == Hashes.ID:
            if len(body) % HASH_LENGTH != 48 % HASH_LENGTH:
                raise RemoteProtocolError("message-size", "a 'hashes' message with a part of a hash")
            root, base, index, length, proof_layers = _HASH.unpack(body[:48])
            messages.append(Hashes(root, base, index, length, proof_layers, body[48:]))
