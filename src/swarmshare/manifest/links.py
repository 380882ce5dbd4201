"""Links of a manifest (BEP 47): what each of them leads to, which must be something of the same manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import ManifestError
from swarmshare.manifest import names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.manifest.manifest import FileEntry

MAX_HOPS: Final = 32
"""Most links that are followed from one of them to a file or folder: macOS follows no more, and Linux 40."""


class _Target(NamedTuple):
    """What a path leads to when its links are followed."""

    path: names.Path
    """A file or folder, reached through no link."""
    hops: int
    """How many links were followed."""


def resolve_links(files: Iterable[FileEntry]) -> dict[names.Path, names.Path]:
    """The file or folder that each link among ``files`` leads to in the end, by the path of the link.

    A link may lead to another one or through one, as those of shared libraries do.

    Raises :class:`ManifestError` (``link-outside``) for one that leads to nothing in ``files``, in a circle, through
    more than :data:`MAX_HOPS` others, or to a folder that it is in.
    """
    files = list(files)
    links = {file.path: file.symlink for file in files if file.symlink is not None}
    if not links:
        return {}
    paths = [file.path for file in files]
    real = {path for path in paths if path not in links} | names.folders_of(paths)
    resolver = _Resolver(links, real)
    resolved = {}
    for link in links:
        target = resolver.link(link, MAX_HOPS).path
        if target == link[: len(target)]:
            raise _refused(link)
        resolved[link] = target
    return resolved


def _refused(link: names.Path) -> ManifestError:
    return ManifestError("link-outside", f"{'/'.join(link)!r} links to something that is not in this manifest")


class _Resolver:
    """Follows each link once, however many others lead through it."""

    def __init__(self, links: dict[names.Path, names.Path], real: set[names.Path]) -> None:
        self._links, self._real = links, real
        self._known: dict[names.Path, _Target | None] = {}  # None while it is being followed

    def link(self, link: names.Path, allowed: int) -> _Target:
        """What ``link`` leads to through at most ``allowed`` links, itself among them."""
        if link not in self._known and allowed:
            self._known[link] = None
            self._known[link] = self._path(link, allowed - 1)
        target = self._known.get(link)
        if target is None or target.hops > allowed:
            raise _refused(link)
        return target

    def _path(self, link: names.Path, allowed: int) -> _Target:
        path, hops = self._links[link], 1
        while path not in self._real:
            # The length first: what follows takes the square of it.
            within = range(1, len(path) + 1) if len(path) <= 2 * names.MAX_DEPTH else ()
            depth = next((depth for depth in within if path[:depth] in self._links), 0)
            if not depth:
                raise _refused(link)
            target = self.link(path[:depth], allowed + 1 - hops)
            path, hops = target.path + path[depth:], hops + target.hops
        return _Target(path, hops)
