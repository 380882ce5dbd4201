"""Where the files of a manifest are on this machine."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from swarmshare.manifest import names
from swarmshare.storage.faults import IN_THE_WAY, BlockedError, named

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

WINDOWS: Final = os.name == "nt"
PART: Final = ".part"
"""What a file's name ends in until it is whole, after some digits of the info hash."""
PART_DIGITS: Final = 16
"""Hexadecimal digits of the info hash in such a name: nobody can make a torrent whose parts have those of another."""


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


def part_paths(manifest: Manifest) -> list[names.Path]:
    """A name for each file until it is whole: no other file's, and no other torrent's for a file of the same name."""
    final = manifest.local_paths(windows=WINDOWS)
    ending = f".{str(manifest.info_hash)[:PART_DIGITS]}{PART}"
    room = names.MAX_COMPONENT_BYTES - len(ending)
    parts = [(*path[:-1], path[-1].encode()[:room].decode(errors="ignore") + ending) for path in final]
    return names.local_paths([*final, *parts], windows=WINDOWS)[len(final) :]


def resolve_inside(path: Path, folder: Path) -> Path:
    """``path`` with its links followed, as long as they stay in ``folder``; :class:`StorageError` when they leave it.

    Raises :class:`FileNotFoundError` or :class:`NotADirectoryError` when there is nothing.
    """
    try:
        real = path.resolve(strict=True)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise named(path, error) from error
    except RuntimeError as error:  # Python 3.11 and 3.12, for links in a circle
        raise named(path, OSError(errno.ELOOP, os.strerror(errno.ELOOP))) from error
    if not real.is_relative_to(folder.resolve()):
        raise BlockedError(path, "a link that leads outside the folder", hint=IN_THE_WAY)
    return real
