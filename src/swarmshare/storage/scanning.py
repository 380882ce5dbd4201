"""Which pieces of a torrent's files are right on the disk, by hashing whatever may be one of them.

A file may be there twice: what has its final name, and a part. Each is a candidate; all are hashed in one go, on all
cores, and the best one of each file is taken.
"""

from __future__ import annotations

import contextlib
import os
from itertools import groupby
from typing import TYPE_CHECKING

from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import HASH_LENGTH
from swarmshare.storage.files import FileIdentity
from swarmshare.storage.hashing import Hashing, RunHashes, Source, hash_sources
from swarmshare.storage.progress import Meter, OnProgress

if TYPE_CHECKING:
    from collections.abc import Mapping
    from threading import Event

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.content import ContentFile
    from swarmshare.storage.file_location import Found
    from swarmshare.storage.piece_hashes import PieceHashes


def scan_files(
    files: Mapping[int, ContentFile],
    manifest: Manifest,
    hashes: PieceHashes,
    progress: OnProgress | None,
    cancel: Event | None,
) -> set[int]:
    """Take ``files``, by their number in ``manifest``, as they are now; returns the numbers of the right pieces.

    A file without its piece layer has all or none of its pieces; if all, ``hashes`` has its layer afterwards. Blocks;
    ``progress`` is called in this thread. Raises :class:`~swarmshare.errors.CancelledError` soon after ``cancel`` is
    set.
    """
    candidates = [_Candidate(number, found) for number, file in files.items() for found in file.look_afresh()]
    _hash(candidates, manifest, hashes, progress, cancel)
    right: set[int] = set()
    for number, same in groupby(candidates, lambda each: each.number):
        right |= _take_best(files[number], [*same], len(manifest.layout.file_pieces(number)))
    return right


def is_whole(number: int, found: Found, manifest: Manifest, hashes: PieceHashes) -> bool:
    """Whether what was ``found`` is all of file ``number``. Reads and hashes it."""
    candidate = _Candidate(number, found)
    _hash([candidate], manifest, hashes, None, None)
    return len(candidate.right) == len(manifest.layout.file_pieces(number))


class _Candidate:
    """What may be file ``number``, before and after it was hashed."""

    def __init__(self, number: int, found: Found) -> None:
        self.number, self.found = number, found
        self.right: set[int] = set()
        """The numbers of the pieces that are right, among those of the torrent."""
        self.unfinished = False
        """Whether some of it is right, and all of the rest is empty."""

    def source(self, manifest: Manifest) -> Source | None:
        """Return what to hash of it, as far as it is whole pieces; None when there is nothing."""
        path, status = self.found.path, self.found.status
        length = manifest.files[self.number].length
        if status.st_size < length:
            length = status.st_size - status.st_size % manifest.piece_length
        return Source(path, length, FileIdentity.of(status)) if length else None


def _hash(
    candidates: list[_Candidate],
    manifest: Manifest,
    hashes: PieceHashes,
    progress: OnProgress | None,
    cancel: Event | None,
) -> None:
    sourced = [(candidate, candidate.source(manifest)) for candidate in candidates]
    to_hash = [(candidate, source) for candidate, source in sourced if source is not None]
    meter = Meter(sum(source.length for _, source in to_hash), len(to_hash), progress)
    runs: list[RunHashes] = []
    for hashed in hash_sources([source for _, source in to_hash], Hashing(manifest.piece_length), cancel):
        candidate, source = to_hash[hashed.run.source]
        runs.append(hashed)
        is_last = hashed.run.offset + hashed.run.length == source.length
        if is_last:
            _judge(candidate, source, runs, manifest, hashes)
            runs.clear()
        meter.advance(hashed.run.length, is_last)


def _judge(
    candidate: _Candidate, source: Source, runs: list[RunHashes], manifest: Manifest, hashes: PieceHashes
) -> None:
    """Note which pieces are right, after all of the candidate was hashed in ``runs``."""
    try:
        if FileIdentity.of(os.stat(source.path, follow_symlinks=False)) != source.identity:
            return  # what was hashed first may have changed since
    except OSError:
        return
    number = candidate.number
    pieces = manifest.layout.file_pieces(number)
    if hashes.layer(number) is None:
        root = manifest.files[number].pieces_root
        assert root is not None  # it has pieces
        with contextlib.suppress(ValueError):
            hashes.set_layer(root, b"".join(hashed.nodes for hashed in runs))
    expected = hashes.layer(number) or b""
    seen = 0
    has_data = has_other = False
    for hashed in runs:
        first = hashed.run.offset // manifest.piece_length
        for i in range(len(hashed.nodes) // HASH_LENGTH):
            node, piece = hashed.nodes[i * HASH_LENGTH : (i + 1) * HASH_LENGTH], PieceIndex(pieces[first + i])
            seen += 1
            if node == expected[(first + i) * HASH_LENGTH : (first + i + 1) * HASH_LENGTH]:
                candidate.right.add(piece)
                has_data = has_data or node != hashes.empty(piece)
            else:
                has_other = has_other or node != hashes.empty(piece)
    whole = len(candidate.right) == len(pieces)
    # What could not be read may be anything, so that nothing may be written over it.
    candidate.unfinished = has_data and not has_other and not whole and seen == len(pieces)


def _take_best(file: ContentFile, candidates: list[_Candidate], piece_count: int) -> set[int]:
    """Take the best of what there is of ``file``, the one with its name being first; which pieces that has."""
    for candidate in candidates:
        found = candidate.found
        whole = len(candidate.right) == piece_count
        # Nothing may be written into somebody else's file: with a part beside it, the part can be completed.
        if found.place.finished and len(candidates) > 1 and not whole and not file.is_own(found.place):
            continue
        file.take(found, whole=whole, unfinished=candidate.unfinished and len(candidates) == 1)
        return candidate.right
    raise AssertionError("one with a part's name is always good enough")
