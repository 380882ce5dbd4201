"""Where the files of a manifest are on this machine."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError
from swarmshare.storage.files import os_reason

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

WINDOWS: Final = os.name == "nt"


def existing_paths(manifest: Manifest, folder: Path) -> list[Path]:
    """Where each file of ``manifest`` should be, when its data is in ``folder``; whether it is there is not said.

    ``folder`` is the one that contains the manifest's name. A folder with just one file in it cannot be told from that
    file alone in BitTorrent v2, so for such a manifest ``folder/<declared name>/<file>`` is looked at as well.
    """
    paths = [folder.joinpath(*parts) for parts in manifest.local_paths(windows=WINDOWS)]
    if not manifest.in_folder and not os.path.isfile(paths[0]):
        inside = folder / manifest.declared_name / paths[0].name
        if os.path.isfile(inside):
            return [inside]
    return paths


def resolve_inside(path: Path, folder: Path) -> Path:
    """``path`` with its links followed, as long as they stay in ``folder``; :class:`StorageError` when they leave it.

    Raises :class:`FileNotFoundError` or :class:`NotADirectoryError` when there is nothing.
    """
    try:
        real = path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, RuntimeError) as error:
        raise StorageError(path, os_reason(error) if isinstance(error, OSError) else "links in a circle") from error
    if not real.is_relative_to(folder.resolve()):
        raise StorageError(path, "a link that leads outside the folder")
    return real
