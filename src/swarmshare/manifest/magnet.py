"""Magnet links (BEP 9, BEP 52): a swarm's name and where to ask, in one line of text."""

from __future__ import annotations

import re
from base64 import b32decode
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from swarmshare.errors import MagnetError
from swarmshare.manifest.manifest import InfoHash, Manifest

MAX_LENGTH: Final = 65_536
"""Longest link that is looked at, in characters."""
MAX_FIELDS: Final = 1_000

_MULTIHASH = re.compile(r"urn:btmh:1220([0-9a-fA-F]{64})")  # 0x12: SHA-256; 0x20: 32 bytes
_V1_HASH = re.compile(r"urn:btih:(?:([0-9a-fA-F]{40})|([A-Za-z2-7]{32}))")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")


@dataclass(frozen=True, kw_only=True)
class Magnet:
    """What a magnet link says that we can use."""

    info_hash: InfoHash
    info_hash_v1: bytes | None = None
    """A hybrid's other hash, 20 bytes, by which v1 clients know it."""
    name: str = ""
    """A suggestion (``dn``); the manifest's own name is what counts."""
    trackers: tuple[str, ...] = ()
    web_seeds: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    """``host:port`` of peers to try at once (``x.pe``)."""

    def __str__(self) -> str:
        fields = [f"xt=urn:btih:{self.info_hash_v1.hex()}"] if self.info_hash_v1 is not None else []
        fields.append(f"xt=urn:btmh:1220{self.info_hash}")
        if self.name:
            fields.append(f"dn={quote(self.name, safe='')}")
        for key, values in (("tr", self.trackers), ("ws", self.web_seeds), ("x.pe", self.peers)):
            fields += (f"{key}={quote(value, safe='')}" for value in values)
        return "magnet:?" + "&".join(fields)


def magnet_of(manifest: Manifest) -> str:
    """The link that leads to ``manifest``; a hybrid's carries its v1 hash too, so that v1 clients find their swarm."""
    trackers = tuple(url for tier in manifest.trackers for url in tier)
    return str(
        Magnet(
            info_hash=manifest.info_hash,
            info_hash_v1=manifest.info_hash_v1,
            name=manifest.name,
            trackers=trackers,
            web_seeds=manifest.web_seeds,
        )
    )


def parse_magnet(text: str) -> Magnet:
    """The link in ``text``. Fields that are not known are ignored, as are v1 hashes when there are several.

    Raises :class:`MagnetError` when it is no magnet link, or names no BitTorrent v2 content.
    """
    if len(text) > MAX_LENGTH:
        raise MagnetError(f"the magnet link is over {MAX_LENGTH:,} characters long")
    if _CONTROL.search(text):
        raise MagnetError("the magnet link has white space or control characters in it")
    try:
        parts = urlsplit(text)
        fields = parse_qsl(parts.query, max_num_fields=MAX_FIELDS, errors="replace")
    except ValueError as error:
        raise MagnetError(f"the magnet link cannot be read: {error}") from None
    if parts.scheme != "magnet":
        raise MagnetError("a magnet link begins with 'magnet:?'")
    topics = [value for key, value in fields if key == "xt" or key.startswith("xt.")]
    hashes = {bytes.fromhex(match[1]) for topic in topics if (match := _MULTIHASH.fullmatch(topic))}
    if len(hashes) != 1:
        what = "names more than one content" if hashes else "has no BitTorrent v2 hash (xt=urn:btmh:1220...)"
        raise MagnetError(f"the magnet link {what}")

    def every(wanted: str) -> tuple[str, ...]:
        return tuple(value for key, value in fields if key == wanted and not _CONTROL.search(value))

    v1_hashes = {
        bytes.fromhex(match[1]) if match[1] else b32decode(match[2].upper())
        for topic in topics
        if (match := _V1_HASH.fullmatch(topic))
    }
    return Magnet(
        info_hash=InfoHash(hashes.pop()),
        info_hash_v1=v1_hashes.pop() if len(v1_hashes) == 1 else None,
        name=next((value for key, value in fields if key == "dn"), ""),
        trackers=every("tr"),
        web_seeds=every("ws"),
        peers=every("x.pe"),
    )
