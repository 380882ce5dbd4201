"""Making room for a download before its first byte comes: folders, names, space on the disk, links."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import DiskFullError, StorageError, TakenError
from swarmshare.storage.faults import BlockedError, naming
from swarmshare.storage.files import make_folder
from swarmshare.storage.final_name import make_way
from swarmshare.storage.links import make_link
from swarmshare.storage.opening import KeptFolder
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from swarmshare.storage.content import ContentFile
    from swarmshare.storage.links import ManifestLink

MAX_NOTICES: Final = 5
"""Most links, and most names, that are told of at a time: where one cannot be made, none can."""


class Prepared(NamedTuple):
    """What there is to tell when files were made room for."""

    notices: list[StorageError]
    """What is not as the manifest has it, and stops nothing: some of it, if much. Links hold no data."""
    blocked: dict[int, StorageError]
    """Files that cannot be made, by number, and why, while others can."""


def make_download_folder(folder: Path) -> None:
    """Make ``folder`` and those above it; raises :class:`StorageError`."""
    with naming(folder):
        try:
            make_folder(folder)
        except FileNotFoundError as error:  # in a place where nothing can be made
            raise BlockedError(folder, Text("storage.cannot-be-made"), hint=Text("hint.other-folder")) from error


def make_room(folder: Path, files: Mapping[int, ContentFile]) -> dict[int, StorageError]:
    """Make the folders below ``folder`` of ``files``, by number, and see whether the disk has room for all of them.

    Returns those that the disk refuses as only a person can put right, and why; the others do not wait for it.

    Raises :class:`~swarmshare.errors.DiskFullError`, :class:`~swarmshare.errors.TakenError`, or
    :class:`~swarmshare.errors.StorageError` when the system refuses all of it.
    """
    blocked: dict[int, StorageError] = {}
    missing = 0
    with KeptFolder() as kept:
        for number, file in files.items():
            try:
                missing += make_way(file, kept)
            except TakenError:  # the folder may be that of something else
                raise
            except StorageError as error:
                if not error.needs_person:
                    raise
                blocked[number] = error
    if blocked and len(blocked) == len(files):
        raise next(iter(blocked.values()))
    if missing:
        with naming(folder):
            free = shutil.disk_usage(folder).free
        if missing > free:
            raise DiskFullError(folder, missing, free)
    return blocked


def make_links(folder: Path, links: Iterable[ManifestLink]) -> list[StorageError]:
    """Make ``links`` below ``folder``; returns what to tell of those that cannot be made, at most ``MAX_NOTICES``."""
    notices: list[StorageError] = []
    for link in links:
        try:
            make_link(folder, link)
        except StorageError as error:
            if len(notices) < MAX_NOTICES:
                notices.append(error)
    return notices
