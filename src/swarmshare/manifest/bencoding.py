"""Bencoding (BEP 3): a strict shell round bencode.py, in bytes mode.

bencode.py alone reads ``i1_0e``, ``i 5e``, ``1_0:`` and cut-off strings, lets the last of two equal keys win, and has
no bound but depth. Here all of those are refused, with the offset, whatever the place. The one liberty left is the
*order* of dictionary keys, because real files have it outside ``info``; a :class:`Document` says which values have it.

This is the only module that sees the untyped library.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple, TypeAlias

from bencodepy import Bencached, BencodeDecoder, BencodeEncoder

from swarmshare.errors import BencodingError
from swarmshare.texts import Text

Value: TypeAlias = "int | bytes | list[Value] | dict[bytes, Value]"
"""Anything that bencoding can hold."""

MAX_BYTES: Final = 128 * 2**20
"""Largest document: 2^21 pieces are 64 MiB of piece layers, and as much again for names."""
MAX_ITEMS: Final = 3_000_000
"""Most values in one document (libtorrent's bound): each costs us some 100 bytes of memory, however few on the wire."""
MAX_DEPTH: Final = 100
"""Deepest nesting (libtorrent's bound), far from Python's recursion limit."""

_MAX_LENGTH_DIGITS: Final = 9
_MAX_INT_DIGITS: Final = 20
_INT64: Final = range(-(2**63), 2**63)
_END: Final = ord("e")


class Document(NamedTuple):
    """A decoded top-level dictionary, and where in the bytes each of its values stands.

    A key that is not in ``disordered`` has a canonical value: ``encode(root[key]) == data[spans[key]]``, because every
    other second way to write a value was refused.
    """

    root: dict[bytes, Value]
    spans: dict[bytes, slice]
    disordered: set[bytes]


class _StrictDecoder(BencodeDecoder):  # type: ignore[misc]  # bencode.py has no types
    """bencode.py's dispatch by first byte, with each reader replaced by one that refuses what no encoder writes."""

    def __init__(self) -> None:
        super().__init__(encoding=None)
        self.items_left = MAX_ITEMS
        self.spans: dict[bytes, slice] = {}
        self.disordered: set[bytes] = set()
        self._last_disorder = -1

    def decode_any(self, data: bytes, at: int, depth: int) -> tuple[Any, int]:
        self.items_left -= 1
        if self.items_left < 0:
            raise BencodingError(Text("bencoding.too-many", limit=MAX_ITEMS), at)
        try:
            read = self.decode_func[data[at : at + 1]]
        except KeyError:
            what = Text("bencoding.too-early") if at >= len(data) else Text("bencoding.unexpected")
            raise BencodingError(what, at) from None
        value: tuple[Any, int] = read(data, at, depth=depth)
        return value

    def decode_int(self, data: bytes, at: int, **_: Any) -> tuple[int, int]:
        end = data.find(b"e", at, at + _MAX_INT_DIGITS + 2)
        digits = data[at + 1 : end]
        magnitude = digits[1:] if digits[:1] == b"-" else digits
        # isdigit() of bytes is ASCII only; "-0" and leading zeros have one spelling too many.
        if end < 0 or not magnitude.isdigit() or (magnitude[:1] == b"0" and digits != b"0"):
            raise BencodingError(Text("bencoding.integer-form"), at)
        value = int(digits)
        if value not in _INT64:
            raise BencodingError(Text("bencoding.integer-size"), at)
        return value, end + 1

    def decode_string(self, data: bytes, at: int, **_: Any) -> tuple[bytes, int]:
        colon = data.find(b":", at, at + _MAX_LENGTH_DIGITS + 1)
        digits = data[at:colon]
        if colon < 0 or not digits.isdigit() or (digits[:1] == b"0" and digits != b"0"):
            raise BencodingError(Text("bencoding.length-form"), at)
        end = colon + 1 + int(digits)
        if end > len(data):
            raise BencodingError(Text("bencoding.string-long"), at)
        return data[colon + 1 : end], end

    def decode_list(self, data: bytes, at: int, *, depth: int = 0, **_: Any) -> tuple[list[Any], int]:
        self._check_depth(depth, at)
        items: list[Any] = []
        at += 1
        while at >= len(data) or data[at] != _END:
            item, at = self.decode_any(data, at, depth + 1)
            items.append(item)
        return items, at + 1

    def decode_dict(self, data: bytes, at: int, *, depth: int = 0, **_: Any) -> tuple[dict[bytes, Any], int]:
        self._check_depth(depth, at)
        items: dict[bytes, Any] = {}
        previous = b""
        at += 1
        while at >= len(data) or data[at] != _END:
            key, start = self.decode_string(data, at)
            # Which of two equal keys counts differs from client to client: an attacker's choice, so nobody's.
            if key in items:
                raise BencodingError(Text("bencoding.same-key"), at)
            if key < previous:
                self._last_disorder = at
            previous = key
            items[key], at = self.decode_any(data, start, depth + 1)
            if depth == 0:
                self.spans[key] = slice(start, at)
                if self._last_disorder >= start:
                    self.disordered.add(key)
        return items, at + 1

    def _check_depth(self, depth: int, at: int) -> None:
        if depth > MAX_DEPTH:
            raise BencodingError(Text("bencoding.too-deep", limit=MAX_DEPTH), at)


def brief(value: Value | None) -> str:
    """Return a value for an error's text: what an attacker wrote may be long, and need not be repeated."""
    if isinstance(value, bytes):
        return repr(value[:32]) + ("..." if len(value) > 32 else "")
    if value is None:
        return "missing"
    return repr(value) if isinstance(value, int) else f"a {type(value).__name__}"


def decode_document(data: bytes) -> Document:
    """Decode one dictionary that fills ``data``; white space after it is let pass, as libtorrent does.

    Raises :class:`BencodingError` for anything else, and for more than ``MAX_BYTES``, ``MAX_ITEMS`` or ``MAX_DEPTH``.
    """
    if len(data) > MAX_BYTES:
        raise BencodingError(Text("bencoding.too-long", limit=MAX_BYTES), MAX_BYTES)
    if data[:1] != b"d":
        raise BencodingError(Text("bencoding.no-dictionary"), 0)
    decoder = _StrictDecoder()
    root, end = decoder.decode_any(data, 0, 0)
    if data[end:].strip():
        raise BencodingError(Text("bencoding.trailing"), end)
    return Document(root, decoder.spans, decoder.disordered)


def encode(value: Value) -> bytes:
    """Return the canonical encoding of ``value``: keys sorted as raw bytes, integers and lengths in their one form."""
    return bytes(BencodeEncoder().encode(value))


def encode_with_raw(values: dict[bytes, Value], key: bytes, raw: bytes) -> bytes:
    """Return the canonical encoding of ``values`` with ``key`` added, whose value is the already encoded ``raw``."""
    return bytes(BencodeEncoder().encode({**values, key: Bencached(raw)}))
