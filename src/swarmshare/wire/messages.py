"""The messages that peers exchange after the handshake: BEP 3, 6 (fast), 10 (extended), 52 (hashes).

Each class knows its id and how it is written. Integers on the wire are big-endian; 32 bits hold all that are here.
"""

from __future__ import annotations

from dataclasses import dataclass
from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final, TypeAlias

from swarmshare.manifest.layout import Block

if TYPE_CHECKING:
    from collections.abc import Iterable

_HEAD: Final = Struct(">IB")
_INDEX: Final = Struct(">IBI")
_BLOCK: Final = Struct(">IBIII")
_PIECE: Final = Struct(">IBII")
_HASH: Final = Struct(">IB32sIIII")
_EXTENDED: Final = Struct(">IBB")

KEEP_ALIVE: Final = bytes(4)
"""The message of no length: it says that one is still there."""


@dataclass(frozen=True, slots=True)
class _Plain:
    """A message that is nothing but its id."""

    ID: ClassVar[int]

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _HEAD.pack(1, self.ID)


@dataclass(frozen=True, slots=True)
class _Index:
    """A message about one piece."""

    ID: ClassVar[int]
    piece: int

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _INDEX.pack(5, self.ID, self.piece)


def encode_requests(blocks: Iterable[Block]) -> bytes:
    """Return the bytes of a :class:`Request` for each of ``blocks``; thousands of them leave in a second."""
    pack, kind = _BLOCK.pack, Request.ID
    return b"".join([pack(13, kind, piece, begin, length) for piece, begin, length in blocks])


def encode_piece_heads(blocks: Iterable[Block]) -> bytes:
    """Return the bytes of a :class:`Piece` for each of ``blocks``: what stands before the data, 13 bytes each."""
    pack, kind = _PIECE.pack, Piece.ID
    return b"".join([pack(9 + length, kind, piece, begin) for piece, begin, length in blocks])


class _AboutBlock(Block):
    """A message about one block. As a tuple it equals the block, so ask for its type when that matters."""

    __slots__ = ()
    ID: ClassVar[int]

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _BLOCK.pack(13, self.ID, *self)


@dataclass(frozen=True, slots=True)
class _HashRange:
    """A message about ``length`` nodes from ``index`` of layer ``base`` in the tree of ``root`` (BEP 52)."""

    ID: ClassVar[int]
    root: bytes
    base: int
    index: int
    length: int
    proof_layers: int

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _HASH.pack(49, self.ID, self.root, self.base, self.index, self.length, self.proof_layers)


class Choke(_Plain):
    """I answer no more requests and forget those that I have (BEP 3); with BEP 6, I reject them."""

    ID = 0


class Unchoke(_Plain):
    """You may request blocks from now on."""

    ID = 1


class Interested(_Plain):
    """You have pieces that I want."""

    ID = 2


class NotInterested(_Plain):
    """You have none that I want."""

    ID = 3


class Have(_Index):
    """I have this piece now (BEP 3)."""

    ID = 4


@dataclass(frozen=True, slots=True)
class BitfieldMessage:
    """I have these pieces: one bit a piece, the first one in the highest bit of the first byte."""

    ID: ClassVar[int] = 5
    bits: bytes

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _HEAD.pack(1 + len(self.bits), self.ID) + self.bits


class Request(_AboutBlock):
    """Send me this block (BEP 3)."""

    __slots__ = ()
    ID = 6


class Piece(Block):
    """The head of the message that carries a block; ``length`` bytes of data follow it, and never pass through here."""

    __slots__ = ()
    ID: ClassVar[int] = 7

    def encode(self) -> bytes:
        """Return the bytes to send before the data."""
        return encode_piece_heads([self])


class Cancel(_AboutBlock):
    """I do not need this block any more."""

    __slots__ = ()
    ID = 8


class Suggest(_Index):
    """You might ask for this piece (BEP 6)."""

    ID = 13


class HaveAll(_Plain):
    """I am a seed (BEP 6)."""

    ID = 14


class HaveNone(_Plain):
    """I have nothing yet (BEP 6)."""

    ID = 15


class Reject(_AboutBlock):
    """I will not answer this request (BEP 6)."""

    __slots__ = ()
    ID = 16


class AllowedFast(_Index):
    """You may request this piece even while I choke you (BEP 6)."""

    ID = 17


@dataclass(frozen=True, slots=True)
class Extended:
    """A message of an extension (BEP 10); ``ext_id`` 0 is the extension handshake."""

    ID: ClassVar[int] = 20
    ext_id: int
    payload: bytes

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        return _EXTENDED.pack(2 + len(self.payload), self.ID, self.ext_id) + self.payload


class HashRequest(_HashRange):
    """Send me these nodes, with the uncles that prove them."""

    ID = 21


@dataclass(frozen=True, slots=True)
class Hashes(_HashRange):
    """The nodes that were asked for, then the uncles: see :meth:`swarmshare.manifest.merkle.HashTree.hashes`."""

    ID = 22
    hashes: bytes

    def encode(self) -> bytes:
        """Return the message as it is sent, with its length and id."""
        head = _HASH.pack(
            49 + len(self.hashes), self.ID, self.root, self.base, self.index, self.length, self.proof_layers
        )
        return head + self.hashes

    @property
    def request(self) -> HashRequest:
        """The request that this answers, as it was sent."""
        return HashRequest(self.root, self.base, self.index, self.length, self.proof_layers)


class HashReject(_HashRange):
    """I will not answer this hash request."""

    ID = 23

    @property
    def request(self) -> HashRequest:
        """The request that this answers, as it was sent."""
        return HashRequest(self.root, self.base, self.index, self.length, self.proof_layers)


Message: TypeAlias = (
    Choke | Unchoke | Interested | NotInterested | Have | BitfieldMessage | Request | Piece | Cancel | Suggest | HaveAll
    | HaveNone | Reject | AllowedFast | Extended | HashRequest | Hashes | HashReject
)  # fmt: skip
"""Whatever is sent and received. Keep-alives, and BEP 5's port of a DHT node, are dropped where they are decoded."""
