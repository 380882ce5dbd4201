"""Where the files of a manifest are on this machine."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Final

from swarmshare.manifest import names
from swarmshare.storage.faults import IN_THE_WAY, BlockedError, named
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

WINDOWS: Final = os.name == "nt"
PART: Final = ".part"
"""What a file's name ends in until it is whole, after some digits of the info hash."""
PART_DIGITS: Final = 16
"""Hexadecimal digits of the info hash in such a name: nobody can make a torrent whose parts have those of another."""


def part_paths(manifest: Manifest, final: Sequence[names.Path] | None = None) -> list[names.Path]:
    """Return a name for each file until it is whole: no other file's, nor another torrent's for one of the same name.

    ``final`` are the names that they get then, by default those of this system.
    """
    if final is None:
        final = manifest.local_paths(windows=WINDOWS)
    return part_names(manifest, final, windows=WINDOWS or final == manifest.local_paths(windows=True))


def part_names(manifest: Manifest, final: Sequence[names.Path], *, windows: bool) -> list[names.Path]:
    """Return the same, where ``windows`` says whether ``final`` are names as Windows has them."""
    ending = f".{str(manifest.info_hash)[:PART_DIGITS]}{PART}"
    room = names.MAX_COMPONENT_BYTES - len(ending)
    parts = [(*path[:-1], path[-1].encode()[:room].decode(errors="ignore") + ending) for path in final]
    return names.local_paths([*final, *parts], windows=windows)[len(final) :]


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
        raise BlockedError(path, Text("storage.link-outside"), hint=IN_THE_WAY)
    return real
