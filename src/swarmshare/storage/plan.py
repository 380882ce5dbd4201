"""Finding out what a folder holds before a byte of it is hashed, and refusing then what could not be shared later."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.errors import ManifestError, StorageError
from swarmshare.manifest import names
from swarmshare.manifest.build import canonical_key
from swarmshare.storage.files import FileIdentity
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

DEFAULT_EXCLUDES: Final = (
    ".DS_Store", "._*", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd", ".TemporaryItems",
    "Thumbs.db", "ehthumbs.db", "desktop.ini", "$RECYCLE.BIN", "System Volume Information",
    ".directory", ".Trash-*", ".nfs*",
)  # fmt: skip
"""Droppings of desktops and file servers, which nobody means to share."""
_RENAME_OR_EXCLUDE: Final = Text("hint.rename-or-exclude")
MAX_ENTRIES: Final = 1_000_000
"""Most files and folders of one walk. A few links to folders that have links themselves can make billions of paths."""


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file that will be shared, as it was when the folder was walked."""

    path: names.Path
    """Its name in the manifest, below the manifest's own."""
    source: Path
    """Where its bytes really are (a link is followed before, never while reading)."""
    executable: bool
    identity: FileIdentity

    @property
    def length(self) -> int:
        """The length of the file in bytes, when it was listed."""
        return self.identity.size


@dataclass(frozen=True, slots=True)
class SharePlan:
    """What will be shared: the files that a walk found, and what it left out."""

    name: str
    in_folder: bool
    """False when a single file is shared, which is then called ``name``."""
    files: tuple[PlannedFile, ...]
    """In canonical order."""
    skipped: tuple[tuple[Path, Text], ...]
    """What will not be shared, and why: links that lead outside, pipes and sockets."""
    excluded: int
    """How many files and folders a pattern left out."""

    @property
    def total_length(self) -> int:
        """The length of all files together, in bytes."""
        return sum(file.length for file in self.files)


def make_plan(
    root: Path, *, name: str | None = None, exclude: Sequence[str] = (), output: Path | None = None
) -> SharePlan:
    """Return what sharing ``root``, a file or a folder, under ``name`` (by default its own) would share.

    ``exclude`` adds shell patterns to :data:`DEFAULT_EXCLUDES`; each is tried on a name and on a path below ``root``.
    ``output`` is the manifest about to be written: it is left out, by whatever link it is reached. A link is followed
    when it leads to something inside ``root`` that is not excluded; else it is skipped, and the plan says so.

    Raises :class:`StorageError` for what cannot be read, :class:`ManifestError` for what cannot be in a manifest.
    """
    try:
        real_root = root.resolve(strict=True)
        status = real_root.stat()
        replaced = output.parent.resolve() / output.name if output is not None else None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        reason = os_reason(error) if isinstance(error, OSError) else Text("storage.link-circle")
        raise StorageError(root, reason) from error
    if name is None:
        name = real_root.name
        _check_name(name, root, Text("hint.rename"))
    else:
        _check_name(name, root, Text("hint.other-given-name"))
    walk = _Walk(real_root, (*DEFAULT_EXCLUDES, *exclude), replaced)
    if stat.S_ISDIR(status.st_mode):
        files = sorted(walk.folder(real_root, (), frozenset()), key=lambda file: canonical_key(file.path))
    elif not stat.S_ISREG(status.st_mode):
        raise StorageError(root, Text("storage.neither"))
    elif replaced in {real_root, root.parent.resolve() / root.name}:
        raise StorageError(root, Text("share.output-is-source"), hint=Text("hint.other-output"))
    else:
        files = [_planned((name,), real_root, status)]
    if not any(file.length for file in files):
        raise StorageError(root, Text("share.no-bytes"))
    _check_portable(root, name, files)
    return SharePlan(name, stat.S_ISDIR(status.st_mode), tuple(files), tuple(walk.skipped), walk.excluded)


def _planned(path: names.Path, source: Path, status: os.stat_result) -> PlannedFile:
    return PlannedFile(path, source, bool(status.st_mode & stat.S_IXUSR), FileIdentity.of(status))


class _Walk:
    """One walk over a folder: which files, and what it passed over."""

    def __init__(self, root: Path, patterns: Sequence[str], replaced: Path | None) -> None:
        self._root = root
        self._patterns = patterns
        self._replaced = replaced
        self._entries = 0
        self.skipped: list[tuple[Path, Text]] = []
        self.excluded = 0

    def folder(self, folder: Path, above: names.Path, entered: frozenset[Path]) -> Iterator[PlannedFile]:
        """Yield the files below ``folder``, whose path in the manifest is ``above``; ``entered`` has those it is in."""
        if len(above) >= names.MAX_DEPTH:
            raise ManifestError(
                "path-deep", Text("share.path-deep", folder=folder, limit=names.MAX_DEPTH), hint=Text("hint.exclude")
            )
        try:
            with os.scandir(folder) as entries:
                listed = list(entries)
        except OSError as error:
            raise StorageError(folder, os_reason(error)) from error
        for entry in listed:
            self._entries += 1
            if self._entries > MAX_ENTRIES:
                raise StorageError(self._root, Text("share.too-many-files", limit=MAX_ENTRIES))
            path = (*above, entry.name)
            if self._is_excluded(path):
                self.excluded += 1
                continue
            try:
                yield from self._entry(entry, path, entered | {folder})
            except OSError as error:
                raise StorageError(entry.path, os_reason(error)) from error

    def _entry(self, entry: os.DirEntry[str], path: names.Path, entered: frozenset[Path]) -> Iterator[PlannedFile]:
        source = Path(entry.path)
        if source == self._replaced:
            return
        if entry.is_symlink():
            target = self._inside(source)
            if isinstance(target, Text):
                self.skipped.append((source, target))
                return
            source = target
        status = os.stat(source, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode) and source in entered:
            self.skipped.append((Path(entry.path), Text("share.link-above")))
        elif stat.S_ISDIR(status.st_mode):
            _check_name(path[-1], source)
            yield from self.folder(source, path, entered)
        elif stat.S_ISREG(status.st_mode):
            _check_name(path[-1], source)
            yield _planned(path, source, status)
        else:
            self.skipped.append((source, Text("storage.not-regular")))

    def _inside(self, link: Path) -> Path | Text:
        """Return what a link leads to, or why it is not followed."""
        try:
            target = link.resolve(strict=True)
        except (OSError, RuntimeError):
            return Text("share.link-to-nothing")
        if not target.is_relative_to(self._root):
            return Text("share.link-outside")
        parts = target.relative_to(self._root).parts
        if target == self._replaced or any(self._is_excluded(parts[:depth]) for depth in range(1, len(parts) + 1)):
            return Text("share.link-left-out")
        return target

    def _is_excluded(self, path: names.Path) -> bool:
        return names.matches(path[-1], self._patterns) or names.matches("/".join(path), self._patterns)


def _check_name(name: str, path: Path, hint: Text = _RENAME_OR_EXCLUDE) -> None:
    """Refuse a name that we would refuse in a manifest here, where its owner can still change it."""
    try:
        names.check_component(name.encode(errors="surrogateescape"), str(path))
    except ManifestError as error:
        raise ManifestError(error.rule, error.message, hint=hint) from None


def _check_portable(root: Path, name: str, files: Sequence[PlannedFile]) -> None:
    """Refuse two names that are one to some file system: the receivers would get other names than the sharer has."""
    paths = [(name, *file.path) for file in files]
    for path, placed in zip(paths, names.local_paths(paths, windows=False), strict=True):
        if path != placed:
            raise ManifestError(
                "name-clash",
                Text("share.name-clash", folder=root, path=repr("/".join(path[1:]))),
                hint=Text("hint.rename-one"),
            )
