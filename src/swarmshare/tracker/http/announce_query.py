"""Announces and scrapes of ordinary clients, parsed from the raw bytes of their query (BEP 3, 7, 23, 48).

Hashes and peer ids are any 20 bytes, percent-encoded: never text, and ``+`` is no space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from swarmshare.errors import AnnounceError
from swarmshare.texts import Text
from swarmshare.tracker.swarms.addresses import parse_address
from swarmshare.tracker.swarms.views import AnnounceEvent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.tracker.swarms.addresses import Address

MAX_QUERY: Final = 8192
"""Bytes of a query; some 100 hashes of a scrape."""
HASH_LENGTH: Final = 20

_ONCE: Final = frozenset(
    b"info_hash peer_id port uploaded downloaded left event numwant compact no_peer_id key".split()
)
"""What an announce may say, each once: of two, nobody knows which is meant. What else a client adds is let pass."""
_ADDRESSES: Final = frozenset((b"ip", b"ipv4", b"ipv6"))
"""What it may say as often as it has addresses: libtorrent does."""
MAX_CLAIMS: Final = 8
"""Addresses of one announce that are looked at; those after them are not."""
_MAX_KEY: Final = 64
_MAX_COUNT: Final = 2**64 - 1
"""Some clients announce 2^63 - 1 or 2^64 - 1 bytes left while they have no metadata."""


class AnnounceQuery(NamedTuple):
    """An announce whose every value is in its range."""

    wire_hash: bytes
    """v1 or truncated v2 info hash, 20 bytes."""
    peer_id: bytes
    port: int
    uploaded: int
    downloaded: int
    left: int
    """Bytes still wanted."""
    event: AnnounceEvent
    numwant: int | None
    """Most peers it wants; None when it leaves that to us."""
    compact: bool
    """BEP 23: peers as bytes, unless it asks for dictionaries."""
    no_peer_id: bool
    key: bytes
    """Its secret, by which it is known again at another address; may be empty."""
    claims: tuple[Address, ...]
    """Addresses that it says it has, as ``ip``, ``ipv4`` or ``ipv6`` (BEP 3, 7), in its order, each once."""


def parse_announce(query: bytes) -> AnnounceQuery:
    """Return the announce in a raw query string.

    An address that cannot be read, such as a name, is left out, and so is one beyond the first :data:`MAX_CLAIMS`.

    Raises:
        AnnounceError: A value is missing, twice there or out of its range.
    """
    values: dict[bytes, bytes] = {}
    claims: dict[Address, None] = {}
    for name, value in _fields(query):
        if name in _ADDRESSES:
            if len(claims) < MAX_CLAIMS and (address := parse_address(value.decode("latin-1"))) is not None:
                claims[address] = None
        elif name in _ONCE:
            if name in values:
                raise AnnounceError(Text("announce.field-twice", name=name.decode()))
            values[name] = value
    numwant = values.get(b"numwant", b"-1")
    return AnnounceQuery(
        wire_hash=_twenty_bytes(values, b"info_hash"),
        peer_id=_twenty_bytes(values, b"peer_id"),
        port=_number(values, b"port", 1, 65535),
        uploaded=_number(values, b"uploaded", 0, _MAX_COUNT),
        downloaded=_number(values, b"downloaded", 0, _MAX_COUNT),
        left=_number(values, b"left", 0, _MAX_COUNT),
        event=_event(values.get(b"event", b"")),
        numwant=None if numwant == b"-1" else _number(values, b"numwant", 0, _MAX_COUNT),
        compact=values.get(b"compact") != b"0",
        no_peer_id=values.get(b"no_peer_id") == b"1",
        key=_key(values.get(b"key", b"")),
        claims=tuple(claims),
    )


def parse_scrape(query: bytes) -> list[bytes]:
    """Return the hashes that a scrape asks for, 20 bytes each, each once.

    Raises:
        AnnounceError: There is none (this tracker does not tell all that it has), or one has a wrong length.
    """
    hashes = dict.fromkeys(value for name, value in _fields(query) if name == b"info_hash")
    if not hashes:
        raise AnnounceError(Text("announce.no-info-hash"))
    for wire_hash in hashes:
        if len(wire_hash) != HASH_LENGTH:
            raise AnnounceError(Text("announce.info-hash-length", length=HASH_LENGTH))
    return list(hashes)


def _fields(query: bytes) -> Iterator[tuple[bytes, bytes]]:
    if len(query) > MAX_QUERY:
        raise AnnounceError(Text("announce.query-long", limit=str(MAX_QUERY)))
    for field in query.split(b"&"):
        name, _, value = field.partition(b"=")
        yield unquote_to_bytes(name), unquote_to_bytes(value)


def _twenty_bytes(values: dict[bytes, bytes], name: bytes) -> bytes:
    value = _required(values, name)
    if len(value) != HASH_LENGTH:
        raise AnnounceError(Text("announce.field-length", name=name.decode(), length=HASH_LENGTH))
    return value


def _number(values: dict[bytes, bytes], name: bytes, least: int, most: int) -> int:
    digits = _required(values, name)
    # bytes.isdigit() is ASCII only: no sign, no space, no underscore; and the length bounds the work of int().
    if not digits.isdigit() or len(digits) > len(str(most)) or not least <= int(digits) <= most:
        raise AnnounceError(Text("announce.field-range", name=name.decode(), least=str(least), most=str(most)))
    return int(digits)


def _required(values: dict[bytes, bytes], name: bytes) -> bytes:
    try:
        return values[name]
    except KeyError:
        raise AnnounceError(Text("announce.field-missing", name=name.decode())) from None


def _event(value: bytes) -> AnnounceEvent:
    try:
        # libtorrent leaves it out when there is none; other clients send it empty, or this word of BEP 15.
        return AnnounceEvent.NONE if value == b"none" else AnnounceEvent(value.decode("latin-1"))
    except ValueError:
        raise AnnounceError(Text("announce.event")) from None


def _key(value: bytes) -> bytes:
    if len(value) > _MAX_KEY:
        raise AnnounceError(Text("announce.key-long", limit=_MAX_KEY))
    return value
