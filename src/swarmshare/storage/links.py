"""The links of a manifest (BEP 47) on a disk: made inside the folder of the torrent, and held against what is there.

A link carries no data, so one that cannot be made, or whose name is taken, stops nothing: it is told, and the rest goes
on. What a link says is relative, as libtorrent writes it, so that the folder can be moved.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.manifest import names
from swarmshare.manifest.links import resolve_links
from swarmshare.storage.faults import IN_THE_WAY
from swarmshare.storage.opening import look, parent_of
from swarmshare.storage.paths import WINDOWS
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.manifest.manifest import Manifest

NO_LINKS: Final = Text("hint.links")


class ManifestLink(NamedTuple):
    """A link of a manifest, and what it leads to; both below the download folder, as this system calls them."""

    path: names.Path
    target: names.Path
    to_folder: bool
    """Windows has two kinds of links."""

    @property
    def text(self) -> str:
        """What it says: the way to its target from the folder that it is in."""
        return os.path.relpath(os.path.join(*self.target), os.path.join(*self.path[:-1]))


def links_of(manifest: Manifest, local: Iterable[names.Path]) -> dict[int, ManifestLink]:
    """Return the links of ``manifest`` by the number of their file; ``local`` says where each of its files lands.

    A link to another link leads to that one; one that leads through another link leads straight to where that ends.
    """
    ends = resolve_links(manifest.files)
    if not ends:
        return {}
    local = list(local)
    windows = WINDOWS or local != manifest.local_paths(windows=False)
    places = {file.path: place for file, place in zip(manifest.files, local, strict=True)}
    links = {}
    for number, file in enumerate(manifest.files):
        if file.symlink is None:
            continue
        target = file.symlink if file.symlink in places else ends[file.path]
        links[number] = ManifestLink(
            places[file.path],
            places.get(target) or names.local_paths([(manifest.name, *target)], windows=windows)[0],
            ends[file.path] not in places,
        )
    return links


def make_link(folder: Path, link: ManifestLink) -> None:
    """Make ``link`` below ``folder`` unless it is there; raises :class:`StorageError` when that cannot be."""
    path = folder.joinpath(*link.path)
    with parent_of(folder, link.path, make=True) as (parent, name):
        if look(name, parent) is not None:
            if why := wrong_link(folder, link):
                raise StorageError(path, Text("link.left-alone", why=why), hint=IN_THE_WAY)
            return
        if not _is_inside(folder, link):  # somebody's own links may lie on the way to the target
            raise StorageError(path, Text("link.outside"), hint=NO_LINKS)
        try:
            os.symlink(link.text, name, target_is_directory=link.to_folder, dir_fd=parent)
        except OSError as error:
            raise StorageError(path, Text("link.refused", reason=os_reason(error)), hint=NO_LINKS) from error


def wrong_link(folder: Path, link: ManifestLink) -> Text | None:
    """Return what is wrong with what is called like ``link`` below ``folder``; None when it leads where it should."""
    path = folder.joinpath(*link.path)
    if not os.path.islink(path):
        return Text("link.not-a-link", target=link.text)
    if os.path.realpath(path) != os.path.realpath(folder.joinpath(*link.target)) or not _is_inside(folder, link):
        return Text("link.other-target", other=os.readlink(path), target=link.text)
    return None


def _is_inside(folder: Path, link: ManifestLink) -> bool:
    """Whether the target of ``link``, by whatever links it is reached, is in the folder of the torrent."""
    top = os.path.realpath(folder / link.path[0])
    return Path(os.path.realpath(folder.joinpath(*link.target))).is_relative_to(top)
