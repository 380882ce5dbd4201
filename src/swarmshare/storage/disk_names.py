"""What the files of a torrent are called on the disk at hand, which may have the rules of Windows (docs/adr/0004)."""

from __future__ import annotations

import contextlib
import errno
import os
from itertools import islice
from typing import TYPE_CHECKING, Final

from swarmshare.storage.files import temporary_name
from swarmshare.storage.paths import WINDOWS, part_names

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest import names
    from swarmshare.manifest.manifest import Manifest

MAX_LOOKED_FOR: Final = 1000
"""Files with two names of which the safe one is looked for: any further ones are called as these are."""
MAX_TRIED: Final = 64
"""Names that are tried on a disk: one for each kind."""
_NOT_WINDOWS: Final = frozenset('<>:"|?*')
_NAME_REFUSED: Final = {errno.EINVAL, errno.EILSEQ, errno.ENOENT, errno.EACCES, errno.EPERM}
"""What systems say of a name that they do not take."""


def local_names(manifest: Manifest, folder: Path) -> list[names.Path]:
    """Where each file of ``manifest`` lands below ``folder``: under its own name, or the one that is safe anywhere.

    The safe names are those of Windows, and of any disk with its rules (see :func:`refuses_names`); they are used where
    a file has one already: whoever finds the files later, on whatever system, finds the same.
    """
    own = manifest.local_paths(windows=WINDOWS)
    if WINDOWS:
        return own
    safe = manifest.local_paths(windows=True)
    if own == safe:
        return own
    parts = part_names(manifest, safe, windows=True)
    for mine, *others in islice(zip(own, safe, parts, strict=True), MAX_LOOKED_FOR):
        if mine != others[0] and any(os.path.lexists(folder.joinpath(*name)) for name in others):
            return own if os.path.lexists(folder.joinpath(*mine)) else safe
    return own


def refuses_names(manifest: Manifest, folder: Path) -> bool:
    """Whether the disk of ``folder`` takes no names that Windows would not take, of those that ``manifest`` has.

    NTFS, exFAT and FAT under Linux, and shares of Windows machines. It is found out by making empty files of such names
    in a folder of our own, which is removed. Raises :class:`OSError` when that folder cannot be made.
    """
    wanted = zip(manifest.local_paths(windows=False), manifest.local_paths(windows=True), strict=True)
    kinds: dict[frozenset[str], str] = {}
    for own, safe in wanted:
        for name, safe_name in zip(own, safe, strict=True):
            if name != safe_name and len(kinds) < MAX_TRIED:
                # One for each set of letters that Windows does not take; the rest are reserved names, and odd ends.
                kinds.setdefault(frozenset(name) & _NOT_WINDOWS or frozenset({name}), name)
    if not kinds:
        return False
    trial = folder / temporary_name()
    trial.mkdir()
    try:
        return any(_refuses(trial / name) for name in kinds.values())
    finally:
        with contextlib.suppress(OSError):
            trial.rmdir()


def _refuses(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        # In a folder that was made for it: what is refused is the name.
        return error.errno in _NAME_REFUSED
    path.unlink()
    return False


def lone_inside(manifest: Manifest, folder: Path, path: names.Path) -> names.Path | None:
    """Return where the only file of ``manifest`` is if it is not at ``path`` below ``folder``, but in a folder there.

    A folder with just one file in it cannot be told from that file alone in BitTorrent v2, so for such a manifest
    ``folder/<declared name>/<file>`` is looked at as well.
    """
    if manifest.in_folder or os.path.isfile(os.path.join(folder, *path)):
        return None
    inside = manifest.declared_name, path[-1]
    return inside if os.path.isfile(os.path.join(folder, *inside)) else None


def existing_paths(manifest: Manifest, folder: Path) -> list[Path]:
    """Where each file of ``manifest`` should be, when its data is in ``folder``; whether it is there is not said.

    ``folder`` is the one that contains the manifest's name; see :func:`lone_inside` for a lone file.
    """
    paths = local_names(manifest, folder)
    inside = lone_inside(manifest, folder, paths[0])
    return [folder.joinpath(*parts) for parts in (paths if inside is None else [inside])]


def choose_names(manifest: Manifest, folder: Path) -> list[names.Path]:
    """Where each file of ``manifest`` lands below ``folder``, which is there, now that files are to be made in it."""
    own = local_names(manifest, folder)
    if WINDOWS or own != manifest.local_paths(windows=False):
        return own
    try:
        return manifest.local_paths(windows=True) if refuses_names(manifest, folder) else own
    except OSError:  # whatever it is: making the files themselves will tell
        return own
