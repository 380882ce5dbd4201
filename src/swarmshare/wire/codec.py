"""Bytes to messages, bounded, and without a copy of what is long: the reader says where the next bytes belong.

A block's data goes from the kernel into the piece that it is part of, not through here: as soon as its head is read,
``place`` names the destination, and :meth:`MessageReader.buffers` hands that out. Most peers answer in order, so the
places of the blocks that should come next, each with room for its head, are handed out behind it: then one read takes
many blocks. Where the guess was wrong, what was read is copied to where it belongs.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import chain
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import RemoteProtocolError
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH
from swarmshare.texts import Text
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
    encode_piece_heads,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.manifest.layout import Block

MAX_EXTENDED: Final = 64 * 2**10
"""Longest extension message: libtorrent's largest (PEX) is a few KiB, metadata 17 KiB."""
MAX_HASHES: Final = 8192 + 64
"""Most nodes in one ``hashes``: what libtorrent serves at once, and the uncles of the highest tree."""
MAX_GUESSES: Final = 32
"""Blocks that one read may take behind the one that is under way."""
_GUESSED_LENGTH: Final = 2**20
"""Bytes of these blocks, unless one alone is longer: a place for each is taken in advance."""

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
_REQUEST: Final = Struct(">IBIII")
"""A whole request, with its length and id."""

_PLAIN: Final[dict[int, Message]] = {
    message.ID: message for message in (Choke(), Unchoke(), Interested(), NotInterested(), HaveAll(), HaveNone())
}
_INDEXED: Final = {kind.ID: kind for kind in (Have, Suggest, AllowedFast)}
_RANGED: Final[dict[int, type[Cancel | Reject]]] = {kind.ID: kind for kind in (Cancel, Reject)}
_HASHED: Final = {kind.ID: kind for kind in (HashRequest, HashReject)}


class _Bounds(NamedTuple):
    """Least and most bytes after the id."""

    least: int
    most: int


def _bounds(piece_count: int) -> dict[int, _Bounds]:
    bitfield = -(-piece_count // 8)
    sizes = {BitfieldMessage.ID: _Bounds(bitfield, bitfield), _DHT_PORT: _Bounds(2, 2)}
    sizes |= dict.fromkeys(_PLAIN, _Bounds(0, 0)) | dict.fromkeys(_INDEXED, _Bounds(4, 4))
    sizes |= dict.fromkeys((Request.ID, *_RANGED), _Bounds(12, 12)) | dict.fromkeys(_HASHED, _Bounds(48, 48))
    sizes[Piece.ID] = _Bounds(8, 8 + BLOCK_LENGTH)  # unless long ones are asked for
    sizes[Extended.ID] = _Bounds(1, 1 + MAX_EXTENDED)
    sizes[Hashes.ID] = _Bounds(48, 48 + MAX_HASHES * HASH_LENGTH)
    return sizes


class _Guesses:
    """The blocks that should come next, by the order in which they were asked for: one read takes many of them.

    Each fact is a list of its own, not each block: so what one read took of them is found and compared for all
    together, where a step of Python for each would be most of what a block costs.
    """

    def __init__(self) -> None:
        self._heads = bytearray((MAX_GUESSES + 1) * _HEAD_LENGTH)
        """Where the heads are read to, in a row, whatever is between them in the stream."""
        heads = memoryview(self._heads)
        self._head_views = [heads[at : at + _HEAD_LENGTH] for at in range(0, len(heads), _HEAD_LENGTH)]
        self.clear()

    def clear(self) -> None:
        """Expect nothing: what was expected is written to no more."""
        self.blocks: list[Piece] = []
        self.places: list[memoryview] = []
        """Where the data of each belongs."""
        self.ends = [0]
        """How many bytes of the stream none of them, the first, the first two and so on are, heads included."""
        self.taken = 0
        """How many have come or are under way; the rest is still to be guessed right."""
        self._expected = b""
        """The heads that all of them have, if they come."""

    def set(self, upcoming: Iterable[tuple[Block, memoryview]], current: Piece) -> None:
        """Expect ``upcoming`` except ``current``, which is under way."""
        self.clear()
        blocks, places, ends = self.blocks, self.places, self.ends
        end = 0
        for block, place in upcoming:
            if block != current:
                blocks.append(tuple.__new__(Piece, block))
                places.append(place)
                end += _HEAD_LENGTH + len(place)
                ends.append(end)
                if end >= _GUESSED_LENGTH:
                    break
        self._expected = encode_piece_heads(blocks)

    @property
    def left(self) -> int:
        """How many are still to come."""
        return len(self.blocks) - self.taken

    @property
    def buffers(self) -> chain[memoryview]:
        """Where the bytes of those that are still to come belong: a head, its data, the next head."""
        return chain.from_iterable(zip(self._head_views[self.taken :], self.places[self.taken :], strict=False))

    def count_right(self, heads: int) -> int:
        """Return how many of the first ``heads`` heads, all of which were read, are the expected ones."""
        while self._heads[: heads * _HEAD_LENGTH] != self._expected[: heads * _HEAD_LENGTH]:
            heads -= 1
        return heads


class MessageReader:
    """Turns what is received into messages.

    Use: receive into :meth:`buffers` (in this order, as ``recvmsg_into`` does), and hand the count to :meth:`received`.
    """

    def __init__(
        self,
        piece_count: int,
        place: Callable[[Block], memoryview],
        upcoming: Callable[[int], Iterable[tuple[Block, memoryview]]] = lambda _: (),
    ) -> None:
        """``place`` is asked for a view of ``length`` bytes as soon as a block is announced.

        ``upcoming`` is asked for as many blocks as given, in the order in which they should come, with their places.
        What either returns may be written to until its block is complete, or :meth:`forget` is called.
        """
        self._bounds = _bounds(piece_count)
        self._place = place
        self._upcoming = upcoming
        self._scratch = memoryview(bytearray(_SCRATCH_LENGTH))
        self._filled = 0
        self._rest = self._scratch[:0]
        """What is still missing of the long message under way; empty when there is none."""
        self._body = bytearray()
        self._block: Piece | None = None
        self._id = 0
        self._guesses = _Guesses()
        self._depth = 1
        """How many blocks to guess: more while the guesses are right."""

    def allow_long(self, length: int) -> None:
        """Take blocks of up to ``length`` bytes from now on: whoever asks for as much has to expect it."""
        self._bounds[Piece.ID] = _Bounds(8, 8 + length)

    @property
    def part_length(self) -> int:
        """How many bytes are here of the block under way; 0 when there is none."""
        return self._block.length - len(self._rest) if self._block is not None else 0

    def buffers(self) -> list[memoryview]:
        """Where the next bytes of the stream belong, as for ``recvmsg_into``; good for one read."""
        guesses = self._guesses
        if not self._rest:
            guesses.clear()
            return [self._scratch[self._filled :]]
        if not guesses.left and self._block is not None:
            guesses.set(self._upcoming(self._depth + 1), self._block)
        return [self._rest, *guesses.buffers, self._scratch[:_HEAD_LENGTH]]

    def forget(self) -> None:
        """Write no more to what ``upcoming`` gave: other blocks will come than seemed."""
        self._guesses.clear()

    def received(self, count: int) -> list[Message]:
        """Return the messages that are complete now that ``count`` more bytes are in the buffers.

        A :class:`Piece` is returned when all of its data is in place.

        Raises :class:`RemoteProtocolError` for a message that does not exist or has not a size of its own.
        """
        messages: list[Message] = []
        # The buffers were handed out in this order: the rest of the long message, the guesses, the scratch.
        if self._rest:
            taken = min(count, len(self._rest))
            self._rest = self._rest[taken:]
            if self._rest:
                return messages
            self._finish_long(messages)
            count = self._take_guesses(count - taken, messages)
        self._filled += count
        if self._filled:
            data = self._scratch[: self._filled]
            at = self._parse_all(data, messages)
            self._filled -= at
            if at and self._filled:
                self._scratch[: self._filled] = bytes(data[at:])
        return messages

    def _take_guesses(self, count: int, messages: list[Message]) -> int:
        """Deal with ``count`` bytes behind a long message; how many of them are in the scratch buffer in the end."""
        guesses = self._guesses
        ends, first = guesses.ends, guesses.taken
        end = ends[first] + count
        whole = bisect_right(ends, end, first) - 1
        under_way = whole < len(guesses.blocks) and end - ends[whole] >= _HEAD_LENGTH
        # The heads are part of what was read: only when they are byte for byte those of the guesses are the bytes that
        # follow the guessed blocks', and in their place already. A peer cannot make us take one block for another.
        right = guesses.count_right(whole + under_way)
        guesses.taken = taken = min(whole, right)
        messages += guesses.blocks[first:taken]
        count = end - ends[taken]
        if not guesses.left:
            if taken > first:
                self._depth = min(2 * self._depth, MAX_GUESSES)
            return count
        if not count:
            return 0
        if right == taken:  # another message follows, or not even a whole head
            return self._spill(count, messages)
        self._block = guesses.blocks[taken]
        self._rest = guesses.places[taken][count - _HEAD_LENGTH :]
        guesses.taken += 1
        return 0

    def _spill(self, count: int, messages: list[Message]) -> int:
        """Something else came than was guessed: take it out of the buffers that it went to."""
        data = memoryview(b"".join([*self._guesses.buffers, self._scratch[:_HEAD_LENGTH]]))[:count]
        if count >= _HEAD_LENGTH:
            self._depth = max(1, self._depth // 2)
        self._guesses.clear()
        left = data[self._parse_all(data, messages) :]
        self._scratch[: len(left)] = left
        return len(left)

    def _parse_all(self, data: memoryview, messages: list[Message]) -> int:
        """Read the messages in ``data``; returns where the first one begins that is not complete."""
        at = 0
        while not self._rest and (next_at := self._parse(data, at, messages)) > at:
            at = next_at
        return at

    def _parse(self, data: memoryview, at: int, messages: list[Message]) -> int:
        """Read one message that begins at ``at`` of ``data``; returns where the next begins, or ``at``."""
        available = len(data) - at
        if available < 4:
            return at
        length: int = _LENGTH.unpack_from(data, at)[0]
        if not length:
            return at + 4
        if available < 5:
            return at
        kind = data[at + 4]
        body_length = length - 1
        bounds = self._bounds.get(kind)
        # Before anything is allocated or waited for: the length is the peer's word, and may say 4 GiB.
        if bounds is None:
            raise RemoteProtocolError("unknown-id", Text("peer.unknown-id", kind=kind))
        if not bounds.least <= body_length <= bounds.most:
            raise RemoteProtocolError("message-size", Text("peer.message-size", kind=kind, length=body_length))
        if kind == Piece.ID:
            return self._begin_block(data, at, body_length - 8, messages)
        if available >= 4 + length:
            if kind == Request.ID:
                return self._parse_requests(data, at, messages)
            self._append(messages, kind, bytes(data[at + 5 : at + 4 + length]))
            return at + 4 + length
        # A short message waits in the scratch buffer for its rest; one that would not fit there gets a body of its own.
        if 4 + length <= _SCRATCH_LENGTH:
            return at
        self._id, self._body = kind, bytearray(body_length)
        return self._begin_long(memoryview(self._body), data, at + 5)

    @staticmethod
    def _parse_requests(data: memoryview, at: int, messages: list[Message]) -> int:
        """Read the requests in a row that begin at ``at``: most of what a seed receives, and all of one size."""
        end = at + (len(data) - at) // _REQUEST.size * _REQUEST.size
        for length, kind, piece, begin, size in _REQUEST.iter_unpack(data[at:end]):
            if kind != Request.ID or length != _REQUEST.size - 4:
                break
            messages.append(tuple.__new__(Request, (piece, begin, size)))
            at += _REQUEST.size
        return at

    def _begin_block(self, data: memoryview, at: int, length: int, messages: list[Message]) -> int:
        if len(data) - at < _HEAD_LENGTH:
            return at
        piece, begin = _PIECE.unpack_from(data, at + 5)
        self._block = block = Piece(piece, begin, length)
        end = self._begin_long(self._place(block), data, at + _HEAD_LENGTH)
        if not self._rest:
            self._finish_long(messages)
        return end

    def _begin_long(self, target: memoryview, data: memoryview, at: int) -> int:
        """Copy to ``target`` what of it is in ``data`` from ``at`` on, and expect the rest; returns where it ends."""
        taken = min(len(data) - at, len(target))
        target[:taken] = data[at : at + taken]
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
            messages.append(_RANGED[kind]._make(_RANGE.unpack(body)))
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
                raise RemoteProtocolError("message-size", Text("peer.hashes-size"))
            root, base, index, length, proof_layers = _HASH.unpack(body[:48])
            messages.append(Hashes(root, base, index, length, proof_layers, body[48:]))
