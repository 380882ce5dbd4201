"""Which trackers a torrent talks to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from swarmshare.engine.ports import Announcer
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn


def announcers_for(manifest: Manifest, sign_in: SignIn | None) -> tuple[Announcer, ...]:
    """The tracker that one is signed in at, live, and the manifest's own announce URLs.

    A private manifest never uses any tracker that it does not name (BEP 27).
    """
    announcers: list[Announcer] = []  # their modules take longer to load than most verbs to run: only when needed
    tiers = [list(tier) for tier in manifest.trackers]
    if sign_in is not None and (not manifest.private or any(_same(url, sign_in.tracker) for t in tiers for url in t)):
        from swarmshare.tracker_client.client import TrackerAnnouncer

        announcers.append(TrackerAnnouncer(sign_in.tracker, sign_in.token))
        # It knows us by the live connection already.
        tiers = [[url for url in tier if not _same(url, sign_in.tracker)] for tier in tiers]
    if tiers := [tier for tier in tiers if tier]:
        from swarmshare.tracker_client.http_announce import HttpAnnouncer

        announcers.append(HttpAnnouncer(tiers, random.Random()))
    return tuple(announcers)


def _same(url: str, tracker: str) -> bool:
    """Whether both are at one place."""
    one, other = urlsplit(url), urlsplit(tracker)
    return (one.scheme, one.netloc.lower()) == (other.scheme, other.netloc.lower())
