"""What settings and sign-ins mean for an engine: how it listens, and which trackers a torrent talks to."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from swarmshare.app.config import DEFAULT
from swarmshare.common.address import is_loopback
from swarmshare.engine.config import EngineConfig
from swarmshare.errors import StorageError
from swarmshare.storage.files import make_folder, remove_leftovers
from swarmshare.storage.home import swarmshare_home
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.app.config import Configuration
    from swarmshare.engine.announcer import Announcer
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn


EVERYWHERE: Final = (("*", 0),)
"""Listening on all addresses of this machine, at any free port."""


def engine_config(configuration: Configuration, resume: Path, *, for_network: bool) -> EngineConfig:
    """Return an engine as the settings want it, with its resume data in the folder ``resume``.

    Where nobody has set where to listen, ``for_network`` says whether it is on all addresses, for the machines of the
    networks that this one is in, or on this machine only.
    """
    settings = configuration.settings
    by_default = configuration.sources["listen"] == DEFAULT
    return EngineConfig(
        listen=EVERYWHERE if by_default and for_network else settings.listen,
        neighbours_only=by_default,
        resume_folder=resume,
        max_peers=settings.max_peers,
        limit_up=settings.limit_up,
        limit_down=settings.limit_down,
    )


def resume_folder() -> Path:
    """Return the folder of this user's resume data, made when it is not there. Raises :class:`StorageError`."""
    folder = swarmshare_home() / "resume"
    try:
        make_folder(folder)
    except OSError as error:
        hint = Text("hint.home-writable")
        raise StorageError(folder, os_reason(error), hint=hint) from error
    remove_leftovers(folder)
    return folder


def trackers_of(manifest: Manifest, sign_in: SignIn | None) -> Iterator[str]:
    """Yield the addresses of all trackers that :func:`announcers_for` announces to."""
    if sign_in is not None and _may_use(sign_in, manifest):
        yield sign_in.tracker
    yield from (url for tier in manifest.trackers for url in tier)


def is_on_this_machine(url: str) -> bool:
    """Whether ``url`` leads to this machine, by what it says: names are not looked up."""
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def announcers_for(manifest: Manifest, sign_in: SignIn | None) -> tuple[Announcer, ...]:
    """Return the tracker that one is signed in at, live, and the manifest's own announce URLs.

    A private manifest never uses any tracker that it does not name (BEP 27).
    """
    announcers: list[Announcer] = []  # their modules take longer to load than most verbs to run: only when needed
    tiers = [list(tier) for tier in manifest.trackers]
    if sign_in is not None and _may_use(sign_in, manifest):
        from swarmshare.tracker_client.client import TrackerAnnouncer

        announcers.append(TrackerAnnouncer(sign_in.tracker, sign_in.token))
        # It knows us by the live connection already.
        tiers = [[url for url in tier if not _same(url, sign_in.tracker)] for tier in tiers]
    if tiers := [tier for tier in tiers if tier]:
        from swarmshare.tracker_client.http_announce import HttpAnnouncer

        announcers.append(HttpAnnouncer(tiers, random.Random()))
    return tuple(announcers)


def _may_use(sign_in: SignIn, manifest: Manifest) -> bool:
    return not manifest.private or any(_same(url, sign_in.tracker) for tier in manifest.trackers for url in tier)


def _same(url: str, tracker: str) -> bool:
    """Whether both are at one place, whether by TLS or not: a tracker speaks both languages on its one port."""
    return _place(url) == _place(tracker)


def _place(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or {"http": 80, "https": 443}.get(parts.scheme)
