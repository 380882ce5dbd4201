"""What settings and sign-ins mean for an engine: how it listens, and which trackers a torrent talks to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from swarmshare.engine.config import EngineConfig
from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason
from swarmshare.storage.home import swarmshare_home

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.app.config import Settings
    from swarmshare.engine.ports import Announcer
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn


def engine_config(settings: Settings, resume: Path) -> EngineConfig:
    """An engine as the settings want it, with its resume data in the folder ``resume``."""
    return EngineConfig(
        listen=settings.listen,
        resume_folder=resume,
        max_peers=settings.max_peers,
        limit_up=settings.limit_up,
        limit_down=settings.limit_down,
    )


def resume_folder() -> Path:
    """The folder of this user's resume data, made when it is not there. Raises :class:`StorageError`."""
    folder = swarmshare_home() / "resume"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "Set SWARMSHARE_HOME to a folder that you may write to."
        raise StorageError(folder, os_reason(error), hint=hint) from error
    return folder


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
