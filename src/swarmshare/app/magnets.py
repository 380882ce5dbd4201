"""From a magnet link to a manifest: from the group's catalogue, else from peers that have it (BEP 9)."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.common.address import read_address
from swarmshare.engine.metadata import find_info
from swarmshare.errors import SwarmShareError
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.saved_transfers import MAX_HOST
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.common.address import Address
    from swarmshare.manifest.bencoding import Value
    from swarmshare.manifest.magnet import Magnet
    from swarmshare.manifest.manifest import Manifest

PATIENCE: Final = 60.0
"""Seconds for finding somebody who gives it."""

MAX_PEERS: Final = 50
"""Peers of one link that are dialled, and remembered; a link may come from anybody, so further ones are not."""


async def manifest_of(magnet: Magnet, peers: Iterable[Address] = ()) -> Manifest:
    """Return what the link names, from ``peers``, from those that the link names, and from those its trackers know.

    Its piece layers are yet to come. Raises :class:`SwarmShareError` when nobody gives it in time.
    """
    from swarmshare.tracker_client.http_announce import HttpAnnouncer  # it takes long to load

    known = [*peers, *peers_of(magnet)]
    if not known and not magnet.trackers:
        message = Text("magnet.nobody-to-ask")
        raise SwarmShareError(message, hint=Text("hint.torrent-file"))
    finders = [HttpAnnouncer([[url] for url in magnet.trackers], random.Random())] if magnet.trackers else []
    with trio.move_on_after(PATIENCE):
        info = await find_info(magnet.info_hash, known, finders, info_hash_v1=magnet.info_hash_v1)
        return parse_manifest(_with_trackers(info, magnet.trackers))
    raise SwarmShareError(
        Text("magnet.nobody-answers", seconds=round(PATIENCE)),
        hint=Text("hint.sharer-online"),
    )


def peers_of(magnet: Magnet) -> tuple[Address, ...]:
    """Return the peers that the link names, as far as possible: they have what it leads to, not only its manifest."""
    found: dict[Address, None] = {}
    for peer in magnet.peers:
        try:
            host, port = read_address(peer)
        except ValueError:
            continue  # a hint that is none
        if len(host) <= MAX_HOST:
            found[host, port] = None
    return tuple(found)[:MAX_PEERS]


def _with_trackers(info: bytes, trackers: tuple[str, ...]) -> bytes:
    urls = [url.encode() for url in trackers]
    outside: dict[bytes, Value] = {b"announce": urls[0], b"announce-list": [[url] for url in urls]} if urls else {}
    return encode_with_raw(outside, b"info", info)
