"""Resume data: which pieces were right when we last looked, so that a start need not hash everything again.

A small file of our own, and yet not believed: it begins with the SHA-256 of the rest, and a file of the torrent that is
not just as it was (length and time of change) is hashed again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.common.bits import check_bits, has_piece
from swarmshare.errors import BencodingError, StorageError
from swarmshare.manifest.bencoding import Value, decode_document, encode
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.file_record import FileState
    from swarmshare.storage.pieces import TorrentStorage

FORMAT: Final = 1
"""The version of what is written; any other is not read, which costs no more than hashing."""

_DIGEST_LENGTH: Final = 32
_NOT_BELIEVED: Final = [-1, 0]
"""A size and time that no file has."""
_MENDING: Final = 1
"""The fourth number of a file: a person wants it mended (docs/adr/0008)."""
_FILE_LENGTH: Final = 112
"""More bytes than one file's length, time, inode and that number take."""


class Resume(NamedTuple):
    """What can be believed of resume data, held against the files as they are now."""

    held: set[int]
    """The numbers of the pieces that are right."""
    recheck: set[int]
    """The numbers of the files of which nothing is known until :meth:`TorrentStorage.scan`; no piece of theirs is in
    ``held``."""
    named: set[int]
    """The numbers of the files that are whole and have their final names."""


def save_resume(path: Path, manifest: Manifest, bits: bytes, states: Sequence[FileState | None]) -> None:
    """Write to ``path`` that the pieces in ``bits`` are right, the highest bit of the first byte being piece 0.

    ``bits`` must have been taken before ``states`` (:meth:`TorrentStorage.file_states`): then each of its pieces is on
    the disk by now. Whole or not at all. Raises :class:`StorageError`.
    """
    before = _read(path, manifest) if None in states else None
    files: list[Value] = []
    for number, state in enumerate(states):
        if state is None:
            inode = before[1][number][2:] if before is not None else []
            # What nobody can tell about just now is its own all the same.
            files.append([*_NOT_BELIEVED, *inode] if inode else [])
        else:
            whole = all(_bits(bits, manifest.layout.file_pieces(number)))
            mending = [_MENDING] if state.mending and not whole else []
            own = [state.inode, *mending] if (state.own or whole) and state.inode else []
            files.append([state.size, state.mtime_ns, *own])
    _write(path, manifest, bits, files)


def load_resume(path: Path, manifest: Manifest, storage: TorrentStorage) -> Resume:
    """Return what was saved at ``path`` about ``manifest``, as far as the files of ``storage`` are as they were.

    Raises nothing for what is wrong with any of them: that is to be checked again.
    """
    layout = manifest.layout
    saved = _read(path, manifest)
    held: set[int] = set()
    recheck: set[int] = set()
    named: set[int] = set()
    # Told for all files in any case: it is what later changes are noticed against.
    for number, state in enumerate(storage.file_states()):
        pieces = layout.file_pieces(number)
        if not pieces:
            continue
        if saved is None:
            recheck.add(number)
            continue
        bits, files = saved
        entry = files[number]
        claimed = [piece for piece, claim in zip(pieces, _bits(bits, pieces), strict=True) if claim]
        unchanged = entry[:2] == ([state.size, state.mtime_ns] if state is not None else [])
        if len(entry) > 2:
            whole = unchanged and len(claimed) == len(pieces)
            storage.own(number, entry[2], whole=whole, mending=entry[3:] == [_MENDING])
        if not unchanged:
            recheck.add(number)
        elif state is not None:
            held.update(claimed)
            if state.inode and len(claimed) == len(pieces):
                storage.own(number, state.inode)
                named.add(number)
        elif claimed:
            recheck.add(number)
    return Resume(held, recheck, named)


def forget_pieces(path: Path, manifest: Manifest) -> None:
    """Believe nothing of what was saved at ``path`` any more, but for which files are the torrent's own.

    A person wants that: what is wrong of these files is fetched again, and written over what others have changed.
    Raises :class:`StorageError`.
    """
    if (saved := _read(path, manifest)) is not None:
        files: list[Value] = [[*_NOT_BELIEVED, entry[2], _MENDING] if len(entry) > 2 else [] for entry in saved[1]]
        _write(path, manifest, bytes((manifest.layout.piece_count + 7) // 8), files)


def _write(path: Path, manifest: Manifest, bits: bytes, files: list[Value]) -> None:
    body = encode({b"files": files, b"format": FORMAT, b"info hash": manifest.info_hash.full, b"pieces": bits})
    write_atomic(path, sha256(body).digest() + body)


def _bits(bits: bytes, pieces: range) -> list[bool]:
    return [has_piece(bits, piece) for piece in pieces]


def _read(path: Path, manifest: Manifest) -> tuple[bytes, list[list[int]]] | None:
    """Return the bits and the files that were saved, if they have the shape that ``manifest`` gives them."""
    count = manifest.layout.piece_count
    try:
        data = read_small(path, 1024 + (count + 7) // 8 + _FILE_LENGTH * len(manifest.files))
        digest, body = data[:_DIGEST_LENGTH], data[_DIGEST_LENGTH:]
        if sha256(body).digest() != digest:
            return None
        root = decode_document(body).root
    except (StorageError, BencodingError):
        return None
    # Every shape is checked, in spite of the digest: what is wrong costs a check of the data, and never a wrong piece.
    bits, files = root.get(b"pieces"), root.get(b"files")
    if root.get(b"format") != FORMAT or root.get(b"info hash") != manifest.info_hash.full:
        return None
    if not isinstance(bits, bytes):
        return None
    try:
        check_bits(bits, count)
    except ValueError:
        return None
    if not isinstance(files, list) or len(files) != len(manifest.files):
        return None
    entries: list[list[int]] = []
    for entry in files:
        numbers = [each for each in entry if isinstance(each, int)] if isinstance(entry, list) else _NOT_BELIEVED
        good = isinstance(entry, list) and len(numbers) == len(entry) and len(entry) in (0, 2, 3, 4)
        entries.append(numbers if good else _NOT_BELIEVED)
    return bits, entries
