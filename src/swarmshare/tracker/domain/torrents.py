"""The ``.torrent`` that a member fetches: the published manifest, with the member's own announce URL in it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from swarmshare.manifest.bencoding import encode_with_raw

if TYPE_CHECKING:
    from swarmshare.manifest.bencoding import Value
    from swarmshare.manifest.manifest import Manifest, Trackers

_WAYS_TO_PEERS: Final = (b"announce", b"announce-list", b"nodes")
"""Keys that say where peers are: trackers (BEP 3, BEP 12) and DHT nodes (BEP 5)."""

# The one thing in a manifest that is secret: whose it is would be told to everybody who fetches it.
_PERSONAL = re.compile(r"/announce/[^/?#]+/?$|[?&](?:passkey|authkey|torrent_pass)=", re.IGNORECASE)


def stored_form(manifest: Manifest) -> bytes:
    """Return ``manifest`` as the catalogue keeps it: without passkeys, and if private without trackers and nodes.

    Its info dictionary stays as it is, to the byte.
    """
    return _with_trackers(manifest, () if manifest.private else _impersonal(manifest.trackers))


def fetched_form(manifest: Manifest, announce_url: str) -> bytes:
    """Return a stored ``manifest`` with ``announce_url`` as its first tracker, or its only one if private (BEP 27)."""
    kept = tuple(tier for urls in manifest.trackers if (tier := tuple(url for url in urls if url != announce_url)))
    return _with_trackers(manifest, ((announce_url,), *kept))


def _impersonal(trackers: Trackers) -> Trackers:
    return tuple(tier for urls in trackers if (tier := tuple(url for url in urls if not _PERSONAL.search(url))))


def _with_trackers(manifest: Manifest, trackers: Trackers) -> bytes:
    dropped = _WAYS_TO_PEERS if manifest.private else _WAYS_TO_PEERS[:2]
    outside: dict[bytes, Value] = {key: value for key, value in manifest.outside.items() if key not in dropped}
    if trackers:
        outside[b"announce"] = trackers[0][0].encode()
    if sum(map(len, trackers)) > 1:
        outside[b"announce-list"] = [[url.encode() for url in tier] for tier in trackers]
    return encode_with_raw(outside, b"info", manifest.info)
