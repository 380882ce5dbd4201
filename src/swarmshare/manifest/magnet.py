"""Magnet links (BEP 9, BEP 52): a swarm's name and where to ask, in one line of text."""

from __future__ import annotations

import re
from base64 import b32decode
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote, unquote_plus

from swarmshare.errors import MagnetError
from swarmshare.manifest.manifest import InfoHash, Manifest
from swarmshare.texts import Text

MAX_LENGTH: Final = 65_536
"""Longest link that is looked at, in characters."""
MAX_FIELDS: Final = 1_000

_SCHEME = re.compile(r"magnet:(?://)?\??", re.IGNORECASE)
_MULTIHASH = re.compile(r"urn:btmh:1220([0-9a-f]{64})", re.IGNORECASE)  # 0x12: SHA-256; 0x20: 32 bytes
_CUT = re.compile(r"urn:btmh:1220([0-9a-f]*)", re.IGNORECASE)
_V1_HASH = re.compile(r"urn:btih:(?:([0-9a-f]{40})|([a-z2-7]{32}))", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")
_SPACE = re.compile(r"\s+")
_NUMBERED = re.compile(r"\.[0-9]+\Z")  # "xt.1" beside "xt"
_AMPERSAND = re.compile(r"&(?:amp|#0*38|#x0*26);", re.IGNORECASE)
_LINE_BREAK = re.compile(r"[\r\n][\r\n \t>]*")  # and the ">" of a quoted mail
_AROUND: Final = " \t\r\n\v\f\xa0<>\"'`\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u200b\ufeff"
"""What may surround a link that was copied out of a text."""


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
    """Return the link that leads to ``manifest``, as others may see it; a hybrid's has its v1 hash, too.

    A private manifest's trackers are left out: its announce URL has the passkey of whoever fetched it. Members of the
    group need none, because the catalogue has what the link names.
    """
    trackers = tuple(url for tier in manifest.trackers for url in tier) if not manifest.private else ()
    return str(
        Magnet(
            info_hash=manifest.info_hash,
            info_hash_v1=manifest.info_hash_v1,
            name=manifest.name,
            trackers=trackers,
            web_seeds=manifest.web_seeds,
        )
    )


def is_magnet(text: str) -> bool:
    """Whether ``text``, as somebody pasted it, is meant as a magnet link; a wrong one is one too."""
    return _SCHEME.match(_as_typed(text[:MAX_LENGTH])) is not None


def parse_magnet(text: str) -> Magnet:
    """Return the link in ``text``. Fields that are not known are ignored, as are v1 hashes when there are several.

    Text is taken as people paste it: in quotes or ``<>``, broken into lines by mail, with the ``&amp;`` of a web page,
    in upper case, and with spaces or ``#`` in the name, which are part of it. No digit of the hash may be missing.

    Raises :class:`MagnetError` when it is no magnet link, or names no BitTorrent v2 content.
    """
    if len(text) > MAX_LENGTH:
        raise MagnetError(Text("magnet.too-long", limit=MAX_LENGTH))
    text = _as_typed(text)
    scheme = _SCHEME.match(text)
    if scheme is None:
        raise MagnetError(Text("magnet.scheme"))
    query = _AMPERSAND.sub("&", text[scheme.end() :])
    if query.count("&") >= MAX_FIELDS:
        raise MagnetError(Text("magnet.too-many-parts", limit=MAX_FIELDS))
    fields = [_field(part) for part in query.split("&")]
    topics = [value for key, value in fields if key == "xt"]
    hashes = {bytes.fromhex(match[1]) for topic in topics if (match := _MULTIHASH.fullmatch(topic))}
    if len(hashes) != 1:
        raise MagnetError(Text("magnet.several") if hashes else _what_is_wrong(topics))

    def every(wanted: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(value for key, value in fields if key == wanted and _is_plain(value)))

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


def _as_typed(text: str) -> str:
    """``text`` in one line, without what surrounds it."""
    return _LINE_BREAK.sub("", text.strip(_AROUND))


def _field(text: str) -> tuple[str, str]:
    """Return the key and the value of one part: a space was typed only in the name, elsewhere it came in on the way."""
    key, _, value = text.partition("=")
    key = _NUMBERED.sub("", _SPACE.sub("", key).lower())
    if key == "dn":
        return key, unquote_plus(value.strip())
    return key, unquote(_SPACE.sub("", value))


def _is_plain(value: str) -> bool:
    return bool(value) and _CONTROL.search(value) is None


def _what_is_wrong(topics: list[str]) -> Text:
    """Why none of ``topics`` will do."""
    lengths = [len(match[1]) for topic in topics if (match := _CUT.fullmatch(topic))]
    if lengths:
        return Text("magnet.cut", count=lengths[0])
    if any(topic.lower().startswith("urn:btih:") for topic in topics):
        return Text("magnet.v1")
    return Text("magnet.no-hash")
