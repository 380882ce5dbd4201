"""An announce to an ordinary tracker as a URL, and the bytes that it answers as values (BEP 3, 7, 23, 24).

Answers are read as leniently as is safe: what is wrong in one peer or one number costs that one only.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import quote_from_bytes, urldefrag

from swarmshare.common.text import MAX_TEXT, clean
from swarmshare.errors import BencodingError, TrackerError
from swarmshare.manifest.bencoding import Value, decode_document
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import TransferStats

Event: TypeAlias = Literal["", "started", "completed", "stopped"]

DEFAULT_INTERVAL: Final = 1800
"""Seconds from one announce to the next, where the tracker does not say."""
MIN_INTERVAL: Final = 30
MAX_INTERVAL: Final = 3600
"""Both whatever the tracker says: so it can neither make us flood somebody, nor make us go silent."""
MAX_PEERS: Final = 200
"""Peers that are asked for, and the most of each kind (``peers``, ``peers6``) that are taken."""

_MAX_TRACKER_ID: Final = 256
_CONTACT: Final = 6
_CONTACT6: Final = 18


class AnnounceRequest(NamedTuple):
    """One announce of ours, before it is a URL."""

    wire_hash: bytes
    """v1 or truncated v2 info hash, 20 bytes."""
    peer_id: bytes
    port: int
    stats: TransferStats
    key: str
    """By which the tracker knows us again at another address."""
    event: Event
    tracker_id: bytes | None
    """What the tracker wants back from us."""

    def url(self, announce_url: str) -> str:
        """Return the URL of this announce at a tracker's ``announce_url``."""
        fields = {
            "info_hash": quote_from_bytes(self.wire_hash, safe=""),
            "peer_id": quote_from_bytes(self.peer_id, safe=""),
            "port": self.port,
            "uploaded": self.stats.uploaded,
            "downloaded": self.stats.downloaded,
            "left": self.stats.left,
            "key": self.key,
            "numwant": 0 if self.event == "stopped" else MAX_PEERS,
            "compact": 1,
            "no_peer_id": 1,
        }
        if self.event:
            fields["event"] = self.event
        if self.tracker_id is not None:
            fields["trackerid"] = quote_from_bytes(self.tracker_id, safe="")
        base = urldefrag(announce_url).url
        return base + ("&" if "?" in base else "?") + "&".join(f"{name}={value}" for name, value in fields.items())


class Reply(NamedTuple):
    """The answer to an announce, checked. The address that the tracker sees us at (BEP 24) is not believed."""

    interval: int
    """Seconds to the next announce, within our bounds."""
    peers: tuple[Address, ...]
    """Each once, literal addresses only: a name would be looked up for whoever chose it."""
    warning: str
    """One line; may be empty."""
    tracker_id: bytes | None


def parse_reply(body: bytes, peer_id: bytes, *, from_loopback: bool) -> Reply:
    """Return the answer in ``body``, without ourselves where we are listed by our ``peer_id``.

    Addresses on loopback are taken from a tracker on loopback only: any other would send us to ourselves.

    Raises:
        TrackerError: ``refused``, with the tracker's own words, or ``not-a-tracker``.
    """
    try:
        root = decode_document(body).root
    except BencodingError as error:
        raise TrackerError("not-a-tracker", Text("tracker.no-tracker")) from error
    if b"failure reason" in root:
        raise TrackerError("refused", _failure(root))
    found = (*_contacts(root.get(b"peers"), _CONTACT, peer_id), *_contacts(root.get(b"peers6"), _CONTACT6, peer_id))
    interval = max(_number(root, b"interval") or DEFAULT_INTERVAL, _number(root, b"min interval"))
    tracker_id = root.get(b"tracker id")
    return Reply(
        interval=min(max(interval, MIN_INTERVAL), MAX_INTERVAL),
        peers=tuple(dict.fromkeys((str(ip), port) for ip, port in found if _dialable(ip, port, from_loopback))),
        warning=_text(root, b"warning message"),
        tracker_id=tracker_id if isinstance(tracker_id, bytes) and len(tracker_id) <= _MAX_TRACKER_ID else None,
    )


def _failure(root: dict[bytes, Value]) -> Text:
    said = _text(root, b"failure reason")
    return Text("tracker.says", text=said) if said else Text("tracker.does-not-say")


def _text(root: dict[bytes, Value], key: bytes) -> str:
    value = root.get(key)
    if not isinstance(value, bytes):
        return ""
    return clean(value[: 8 * MAX_TEXT].decode("utf-8", "replace").strip(), MAX_TEXT)


def _number(root: dict[bytes, Value], key: bytes) -> int:
    value = root.get(key)
    return value if isinstance(value, int) else 0


def _contacts(value: Value | None, size: int, peer_id: bytes) -> Iterator[tuple[IPv4Address | IPv6Address, int]]:
    """Peers in either form: bytes of an address and a port each (BEP 23, 7), or a list of dictionaries (BEP 3)."""
    if isinstance(value, bytes):
        whole = min(len(value) // size, MAX_PEERS) * size
        for at in range(0, whole, size):
            yield ip_address(value[at : at + size - 2]), int.from_bytes(value[at + size - 2 : at + size], "big")
    elif isinstance(value, list):
        for peer in value[:MAX_PEERS]:
            if not isinstance(peer, dict) or peer.get(b"peer id") == peer_id:
                continue
            host, port = peer.get(b"ip"), peer.get(b"port")
            if isinstance(host, bytes) and isinstance(port, int):
                try:
                    yield ip_address(host.decode("latin-1")), port
                except ValueError:
                    continue


def _dialable(address: IPv4Address | IPv6Address, port: int, from_loopback: bool) -> bool:
    if isinstance(address, IPv6Address) and (address.ipv4_mapped or address.scope_id):
        return False  # IPv4 has a form of its own, and a zone means something on the tracker's machine only
    if address.is_loopback:
        usable = from_loopback
    else:
        usable = not (address.is_multicast or address.is_unspecified or address == IPv4Address("255.255.255.255"))
    return usable and 1 <= port <= 65535
