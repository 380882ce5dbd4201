"""Links of a manifest (BEP 47): what each of them leads to, which must be something of the same manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import ManifestError
from swarmshare.manifest import names
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from swarmshare.manifest.manifest import FileEntry

UP: Final = ".."
MAX_HOPS: Final = 32
"""Most links that are followed from one of them to a file or folder: macOS follows no more, and Linux 40."""


class _Target(NamedTuple):
    """What a path leads to when its links are followed."""

    path: names.Path
    """A file or folder, reached through no link."""
    hops: int
    """How many links were followed."""


def place_links(files: Sequence[FileEntry]) -> Iterator[FileEntry]:
    """``files`` with the target of each link as a path from the root of the file tree.

    BEP 47 means it so; libtorrent up to 2.0.11 writes it from the folder of the link, as the link itself says it. As
    with libtorrent, the first of these that is there is meant.

    Raises :class:`ManifestError` (``link-outside``) as :func:`resolve_links` does.
    """
    links = {file.path for file in files if file.symlink is not None}
    if not links:
        yield from files
        return
    there = names.folders_of(file.path for file in files).union(file.path for file in files)
    placed = []
    for file in files:
        if file.symlink is None:
            placed.append(file)
            continue
        ways = [way for way in (_upward(file.symlink), _upward((*file.path[:-1], *file.symlink))) if way]
        found = next((way for way in ways if way in there), None) or next(
            (way for way in ways if _through(way, links)), None
        )
        if found is None:
            raise _refused(file.path)
        placed.append(file._replace(symlink=found))
    resolve_links(placed)
    yield from placed


def _upward(path: names.Path) -> names.Path:
    """``path`` without its steps up; empty when they lead out of it, or when it is longer than any can be."""
    found: list[str] = []
    for part in path[: 2 * names.MAX_DEPTH + 1]:
        if part != UP:
            found.append(part)
        elif found:
            found.pop()
        else:
            return ()
    return tuple(found) if len(path) <= 2 * names.MAX_DEPTH else ()


def _through(path: names.Path, links: Container[names.Path]) -> int:
    """How many parts of ``path`` lead to the first of ``links`` on its way; 0 when there is none."""
    return next((depth for depth in range(1, len(path) + 1) if path[:depth] in links), 0)


def resolve_links(files: Iterable[FileEntry]) -> dict[names.Path, names.Path]:
    """Return the file or folder that each link among ``files`` leads to in the end, by the path of the link.

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
        # To a folder that the link is in: whoever walks the folder would never come to an end.
        if target == link[: len(target)]:
            raise _refused(link)
        resolved[link] = target
    return resolved


def _refused(link: names.Path) -> ManifestError:
    return ManifestError("link-outside", Text("manifest.link-outside", path=repr("/".join(link))))


class _Resolver:
    """Follows each link once, however many others lead through it."""

    def __init__(self, links: dict[names.Path, names.Path], real: set[names.Path]) -> None:
        self._links, self._real = links, real
        self._known: dict[names.Path, _Target | None] = {}  # None while it is being followed

    def link(self, link: names.Path, allowed: int) -> _Target:
        """Return what ``link`` leads to through at most ``allowed`` links, itself among them."""
        # None marks what is being followed: a link that comes back to itself finds it, and is refused below. Each link
        # is followed once, or a few that lead through each other twice would take exponential time.
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
            depth = _through(path, self._links)
            if not depth:
                raise _refused(link)
            target = self.link(path[:depth], allowed + 1 - hops)
            path, hops = target.path + path[depth:], hops + target.hops
        return _Target(path, hops)
