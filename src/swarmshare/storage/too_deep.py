"""The mistake of naming the shared folder itself where the folder that contains it is meant."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError
from swarmshare.storage.disk_names import local_names
from swarmshare.texts import Text

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

LOOKED_AT: Final = 100
"""Files that are looked for; when none of the first ones is there, nothing is."""


def refuse_too_deep(manifest: Manifest, folder: Path) -> None:
    """Raise :class:`StorageError` when ``folder`` is not what contains the manifest's name, but what has that name.

    That is said only when files of ``manifest`` are right there, and nothing is where they should be.
    """
    whole = folder.absolute()
    paths = local_names(manifest, whole.parent)
    name = paths[0][0]
    if os.path.lexists(whole / name) or whole.name not in {name, manifest.name}:
        return
    if manifest.in_folder:
        there = any(os.path.isfile(whole.joinpath(*path[1:])) for path in islice(paths, LOOKED_AT))
    else:
        there = os.path.isfile(whole)
    if there:
        raise StorageError(
            folder,
            Text("share.content-itself", name=manifest.name, folder=whole.parent),
            hint=Text("hint.containing-folder"),
        )
