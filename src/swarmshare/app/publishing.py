"""From a file or folder to something that is shared: hashing it, putting it into a catalogue, being its first seed.

Every function works on files or asks a tracker, and takes its time; none of them knows of an engine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from swarmshare import __version__
from swarmshare.app.signed_in import open_tracker
from swarmshare.common.bitfield import Bitfield
from swarmshare.errors import TrackerError
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.resume import save_resume
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from threading import Event

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.plan import SharePlan
    from swarmshare.storage.progress import OnProgress
    from swarmshare.storage.sign_ins import SignIn


class Hashed(NamedTuple):
    """What a file or folder became."""

    manifest: Manifest
    folder: Path
    """The one that contains the manifest's name."""
    plan: SharePlan


def describe(*, private: bool, comment: str, now: int) -> Description:
    """Return what a manifest of ours says; ``now`` in seconds since 1970."""
    return Description(private=private, comment=comment, created_by=f"SwarmShare {__version__}", creation_date=now)


def hash_path(
    path: Path,
    about: Description,
    *,
    piece_length: int | None = None,
    hybrid: bool = False,
    exclude: Sequence[str] = (),
    before: Callable[[int], None] | None = None,
    progress: OnProgress | None = None,
    cancel: Event | None = None,
) -> Hashed:
    """Make a manifest of what is at ``path``; raises as :func:`~swarmshare.storage.create.create_manifest` does."""
    plan = make_plan(path, exclude=exclude)
    manifest = create_manifest(
        plan, about, piece_length=piece_length, hybrid=hybrid, before=before, progress=progress, cancel=cancel
    )
    # A folder with one file only is that file, to BitTorrent v2.
    whole = Path(os.path.realpath(path))
    return Hashed(manifest, whole if plan.in_folder and not manifest.in_folder else whole.parent, plan)


def ask_before(sign_in: SignIn) -> Callable[[int], None]:
    """See whether one may publish at a tracker, before hashing for hours; raises :class:`TrackerError`.

    What is returned takes the length of a manifest in bytes, and raises the same when the tracker would not take it.
    """
    with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        largest = api.account().max_manifest

    def check(length: int) -> None:
        if length > largest:
            raise TrackerError(
                "manifest-size",
                Text("publish.too-large", length=length, largest=largest),
                hint=Text("hint.larger-pieces"),
            )

    return check


def publish(manifest: Manifest, sign_in: SignIn) -> Manifest:
    """Put it into the catalogue; as it is there, with the tracker's announce URL. Raises :class:`TrackerError`."""
    with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
        entry = api.publish(manifest.encode())
        return parse_manifest(api.torrent(entry.info_hash))


def remember_whole(manifest: Manifest, folder: Path, resume: Path) -> None:
    """Write the resume data that hashing has just shown to be right: everything is there."""
    bits = Bitfield.full(manifest.layout.piece_count).to_wire()
    states = TorrentStorage(manifest, folder).file_states()
    save_resume(resume / f"{manifest.info_hash}.resume", manifest, bits, states)
