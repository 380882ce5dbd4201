"""Which tracker a command or window means, and the way to it.

What talks HTTP is imported where it is needed: it takes longer to load than most verbs take to run.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from swarmshare.app.config import load_settings
from swarmshare.app.meeting import known_address
from swarmshare.errors import ManifestError, TrackerError
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIns
from swarmshare.texts import Text
from swarmshare.tracker_client.api import TrackerApi

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.sign_ins import SignIn


def signed_in_at(tracker: str | None) -> SignIn:
    """Return the sign-in at ``tracker``; None: at that of the settings, or at the only one there is.

    Raises :class:`TrackerError` when there is none.
    """
    tracker = tracker or load_settings().settings.tracker
    sign_ins = SignIns(swarmshare_home())
    if tracker is not None:
        url = known_address(tracker)
        found = sign_ins.load(url)
        if found is None:
            raise _signed_out(Text("account.signed-out-at", tracker=url), url)
        return found
    every = sign_ins.all()
    if not every:
        raise _signed_out(Text("account.signed-out-everywhere"), "URL")
    if len(every) > 1:
        where = " or ".join(sign_in.tracker for sign_in in every[:5])
        raise TrackerError(
            "which-tracker", Text("account.several-trackers"), hint=Text("hint.add-tracker", tracker=where)
        )
    return every[0]


def only_sign_in() -> SignIn | None:
    """Return the sign-in at the tracker of the settings, or the only one there is; None for several, or none."""
    if load_settings().settings.tracker is not None:
        return signed_in_at(None)
    every = SignIns(swarmshare_home()).all()
    return every[0] if len(every) == 1 else None


def sign_in_for(tracker: str | None) -> SignIn | None:
    """Return the sign-in at ``tracker``; without one, at the only tracker there is, if there is just one."""
    return signed_in_at(tracker) if tracker is not None else only_sign_in()


@contextmanager
def open_tracker(tracker: str, token: str | None = None) -> Iterator[tuple[str, TrackerApi]]:
    """Give the address of a tracker in its one form, and its API, for as long as the context lasts."""
    from swarmshare.tracker_client.http import Connection

    url = known_address(tracker)
    with Connection(url, token) as connection:
        yield url, TrackerApi(connection)


def catalogue_manifest(sign_in: SignIn, info_hash: str) -> Manifest:
    """Return an entry's manifest, by all of its info hash. Raises :class:`TrackerError` or :class:`ManifestError`."""
    with open_tracker(sign_in.tracker, sign_in.token) as (url, api):
        manifest = parse_manifest(api.torrent(info_hash))
    if str(manifest.info_hash) != info_hash:
        raise ManifestError("info-hash", Text("tracker.other-manifest", tracker=url), hint=Text("hint.ask-organiser"))
    return manifest


def _signed_out(message: Text, url: str) -> TrackerError:
    return TrackerError("signed-out", message, hint=Text("hint.try-login", tracker=url))
