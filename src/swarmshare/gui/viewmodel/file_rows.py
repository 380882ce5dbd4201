"""The files of one transfer as the rows of a tree, of which only opened folders are gone through. Pure."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.common.pieces import Priority
from swarmshare.common.text import clean
from swarmshare.gui.viewmodel.cells import Bar, Branch, Column, Label, natural
from swarmshare.gui.words import _, percent, size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.snapshot import TorrentSnapshot


class FileRow(NamedTuple):
    """A file, or a folder: files of one folder stand together in a manifest."""

    first: int
    """The number of its first file."""
    end: int
    """One more than that of its last file."""
    depth: int
    folder: bool
    name: str


class FileTree:
    """Which folders of one manifest are open, and how far its files are."""

    def __init__(self, torrent: TorrentSnapshot) -> None:
        self.manifest: Manifest = torrent.manifest
        self._before = [0, *accumulate(file.length for file in self.manifest.files)]
        count = len(self.manifest.files)
        name = clean(self.manifest.name)
        self._root = FileRow(0, count, 0, self.manifest.in_folder, name)
        self._open = {self._root} if self.manifest.in_folder else set()
        self._in_folder: dict[FileRow, list[FileRow]] = {}
        self._skipped: list[int] = []
        self._preferred: list[int] = []
        self.update(torrent)

    def update(self, torrent: TorrentSnapshot) -> None:
        """Take progress and priorities from a new snapshot."""
        self._torrent = torrent
        self._skipped, self._preferred = sorted(torrent.skipped), sorted(torrent.preferred)

    def rows(self) -> list[FileRow]:
        """Those that can be seen with these folders open."""
        return list(self._below(self._root))

    def fold(self, row: FileRow) -> None:
        """Open a folder, or close it."""
        if row.folder:
            self._open ^= {row}

    def open_all(self) -> None:
        """Open every folder of the tree."""
        pending = [self._root] if self._root.folder else []
        while pending:
            row = pending.pop()
            self._open.add(row)
            pending += [child for child in self._children(row) if child.folder]

    def is_open(self, row: FileRow) -> bool:
        """Whether it is an open folder."""
        return row in self._open

    def _below(self, row: FileRow) -> Iterator[FileRow]:
        yield row
        if row in self._open:
            for child in self._children(row):
                if child.folder:
                    yield from self._below(child)
                else:
                    yield child

    def _children(self, row: FileRow) -> list[FileRow]:
        """Return what is in a folder, as people sort names; looked up once, because a manifest never changes."""
        if row not in self._in_folder:
            self._in_folder[row] = sorted(self._found_in(row), key=lambda child: natural(child.name))
        return self._in_folder[row]

    def _found_in(self, row: FileRow) -> Iterator[FileRow]:
        files, at, depth = self.manifest.files, row.first, row.depth
        while at < row.end:
            path = files[at].path
            if len(path) == depth + 1:
                yield FileRow(at, at + 1, depth + 1, False, clean(path[depth]))
                at += 1
                continue
            end = at + 1
            while end < row.end and len(files[end].path) > depth + 1 and files[end].path[depth] == path[depth]:
                end += 1
            yield FileRow(at, end, depth + 1, True, clean(path[depth]))
            at = end

    # ------------------------------------------------------------------ what is known of a row

    def length(self, row: FileRow) -> int:
        """Return the length of a row in bytes."""
        return self._before[row.end] - self._before[row.first]

    def done(self, row: FileRow) -> float:
        """Return the verified part of a row, from 0 to 1."""
        length, done = self.length(row), sum(self._torrent.files_done[row.first : row.end])
        return done / length if done < length else 1.0

    def ticked(self, row: FileRow) -> bool | None:
        """Whether it is wanted; None: some of it is."""
        skipped = _between(self._skipped, row)
        return True if not skipped else False if skipped == row.end - row.first else None

    def priority(self, row: FileRow) -> Priority | None:
        """None: not the same for all of it."""
        count = row.end - row.first
        skipped, preferred = _between(self._skipped, row), _between(self._preferred, row)
        for priority, many in (
            (Priority.SKIP, skipped),
            (Priority.HIGH, preferred),
            (Priority.NORMAL, count - skipped - preferred),
        ):
            if many == count:
                return priority
        return None

    def branch(self, row: FileRow) -> Branch:
        """Return the name of a row."""
        return Branch(row.name, row.depth, self.is_open(row) if row.folder else None, self.ticked(row))


def _between(numbers: list[int], row: FileRow) -> int:
    return bisect_left(numbers, row.end) - bisect_left(numbers, row.first)


def priority_name(priority: Priority | None) -> str:
    """Return a priority in words."""
    names = {
        Priority.SKIP: _("Do not download"),
        Priority.NORMAL: _("Normal"),
        Priority.HIGH: _("High"),
    }
    return _("Mixed") if priority is None else names[priority]


def file_columns(tree: Callable[[], FileTree]) -> list[Column[FileRow]]:
    """In the language that is spoken now; ``tree`` is the one whose rows are shown."""

    def progress(row: FileRow) -> Bar:
        part = tree().done(row)
        tone = "muted" if tree().ticked(row) is False else "success" if part == 1 else "primary"
        return Bar(part, percent(part), tone)  # type: ignore[arg-type]  # all of them are tones

    def priority(row: FileRow) -> Label:
        level = tree().priority(row)
        if level is Priority.HIGH:
            return Label(priority_name(level), "chevron-double-up", "primary")
        return Label(priority_name(level), "", "muted" if level is Priority.SKIP else "")

    return [
        Column("name", _("Name"), 48, lambda row: tree().branch(row)),
        Column("size", _("Size"), 11, lambda row: size(tree().length(row)), right=True),
        Column("progress", _("Progress"), 20, progress),
        Column("priority", _("Priority"), 18, priority),
    ]
