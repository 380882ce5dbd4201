"""Verifying data against a manifest: which files are right, and which bytes of the others are not."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from swarmshare.errors import StorageError
from swarmshare.manifest.merkle import HASH_LENGTH, merkle_root, piece_height
from swarmshare.storage.disk_names import existing_paths, local_names
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.hashing import Hashing, Source, hash_sources
from swarmshare.storage.links import links_of, wrong_link
from swarmshare.storage.paths import resolve_inside
from swarmshare.storage.progress import Meter, OnProgress
from swarmshare.texts import Text, about, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from threading import Event

    from swarmshare.manifest.manifest import FileEntry, Manifest
    from swarmshare.storage.links import ManifestLink


class FileVerdict(Enum):
    """The outcome of verifying one file."""

    OK = "ok"
    BAD = "bad"
    """The right size, but some bytes are wrong; or not the link that it should be."""
    SHORT = "short"
    LONG = "long"
    MISSING = "missing"
    UNREADABLE = "unreadable"
    """It could not be read, changed while it was, or is no plain file inside the folder."""


class ByteRange(NamedTuple):
    """Bytes from ``start`` up to, not including, ``end``."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class FileReport:
    """What verifying found out about one file."""

    file: FileEntry
    path: Path
    verdict: FileVerdict
    wrong: tuple[ByteRange, ...] = ()
    """What is not as the manifest has it, as finely as its hashes tell: to the piece, or the file if it is smaller."""
    actual_length: int | None = None
    """In bytes, when there is a file."""
    error: Text | None = None
    """Why it is ``UNREADABLE``, or what is wrong with a link."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What verifying found out about all files of a manifest."""

    files: tuple[FileReport, ...]

    @property
    def bad(self) -> tuple[FileReport, ...]:
        """The reports of the files that are not right."""
        return tuple(report for report in self.files if report.verdict is not FileVerdict.OK)


@dataclass(slots=True)
class _Checked:
    """A file that is being verified: what a look at the disk found, and the hashes so far."""

    file: FileEntry
    path: Path
    source: Source | None = None
    actual_length: int | None = None
    missing: bool = False
    error: Text | None = None
    nodes: list[bytes] = field(default_factory=list)


def verify_data(
    manifest: Manifest, folder: Path, *, progress: OnProgress | None = None, cancel: Event | None = None
) -> VerifyReport:
    """Check every byte of ``manifest``'s files below ``folder``, the one that contains the manifest's name.

    Reads only; links are followed as long as they stay in ``folder``. A file without its piece layer is checked as a
    whole against its root. Blocks; ``progress`` is called in this thread, ``cancel`` may be set from any.

    Raises :class:`~swarmshare.errors.CancelledError`; whatever is wrong with the files is in the report.
    """
    paths = existing_paths(manifest, folder)
    links = links_of(manifest, local_names(manifest, folder))
    entries = zip(manifest.files, paths, strict=True)
    files = [_look_at(file, path, folder) for file, path in entries if file.symlink is None]
    readable = [checked for checked in files if checked.source is not None]
    sources = [checked.source for checked in readable if checked.source is not None]
    meter = Meter(sum(source.length for source in sources), len(sources), progress)
    for hashed in hash_sources(sources, Hashing(manifest.piece_length), cancel):
        checked = readable[hashed.run.source]
        checked.nodes.append(hashed.nodes)
        if hashed.error is not None:
            checked.error = hashed.error.message
        meter.advance(hashed.run.length, hashed.run.offset + hashed.run.length == sources[hashed.run.source].length)
    reports = [_judge(manifest, checked) for checked in files]
    reports += (_judge_link(manifest.files[number], paths[number], folder, link) for number, link in links.items())
    return VerifyReport(tuple(reports))


def _look_at(file: FileEntry, path: Path, folder: Path) -> _Checked:
    checked = _Checked(file, path)
    try:
        real = resolve_inside(path, folder)
        status = os.stat(real, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            raise StorageError(path, Text("storage.not-regular"))
    except (FileNotFoundError, NotADirectoryError):
        checked.missing = True
    except StorageError as error:
        checked.error = error.message
    except OSError as error:
        checked.error = about(path, os_reason(error))
    else:
        checked.actual_length = status.st_size
        checked.source = Source(real, min(status.st_size, file.length), FileIdentity.of(status))
    return checked


def _judge(manifest: Manifest, checked: _Checked) -> FileReport:
    file, actual = checked.file, checked.actual_length
    if checked.missing:
        return FileReport(file, checked.path, FileVerdict.MISSING, _ranges([(0, file.length)]))
    if checked.error or actual is None:
        return FileReport(
            file, checked.path, FileVerdict.UNREADABLE, _ranges([(0, file.length)]), actual, checked.error
        )
    wrong = list(_wrong_pieces(manifest, checked, min(actual, file.length)))
    if actual > file.length:
        verdict = FileVerdict.LONG
        wrong.append((file.length, actual))
    elif actual < file.length:
        verdict = FileVerdict.SHORT
    else:
        verdict = FileVerdict.BAD if wrong else FileVerdict.OK
    return FileReport(file, checked.path, verdict, _ranges(wrong), actual)


def _judge_link(file: FileEntry, path: Path, folder: Path, link: ManifestLink) -> FileReport:
    try:
        if not os.path.lexists(path):
            return FileReport(file, path, FileVerdict.MISSING)
        why = wrong_link(folder, link)
    except OSError as error:
        return FileReport(file, path, FileVerdict.UNREADABLE, error=about(path, os_reason(error)))
    return FileReport(file, path, FileVerdict.BAD if why else FileVerdict.OK, error=why)


def _wrong_pieces(manifest: Manifest, checked: _Checked, hashed_length: int) -> Iterator[tuple[int, int]]:
    file, piece_length = checked.file, manifest.piece_length
    expected = manifest.piece_hashes(file)
    found = b"".join(checked.nodes)
    if expected is None:
        # Without its layer a file is one claim: all of it, or none.
        if hashed_length < file.length or merkle_root(found, piece_height(piece_length)) != file.pieces_root:
            yield 0, file.length
        return
    for piece in range(len(expected) // HASH_LENGTH):
        start, end = piece * piece_length, min((piece + 1) * piece_length, file.length)
        node = slice(piece * HASH_LENGTH, (piece + 1) * HASH_LENGTH)
        if found[node] != expected[node]:
            yield start, end


def _ranges(wrong: list[tuple[int, int]]) -> tuple[ByteRange, ...]:
    """``wrong`` (in order) with neighbours joined and empty ones left out."""
    joined: list[ByteRange] = []
    for start, end in wrong:
        if joined and joined[-1].end == start:
            joined[-1] = ByteRange(joined[-1].start, end)
        elif end > start:
            joined.append(ByteRange(start, end))
    return tuple(joined)
