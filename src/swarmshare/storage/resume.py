"""Resume data: which pieces were right when we last looked, so that a start need not hash everything again.

A small file of our own, and yet not believed: it begins with the SHA-256 of the rest, and a file of the torrent that is
not just as it was (length and time of change) is hashed again.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.errors import BencodingError, StorageError
from swarmshare.manifest.bencoding import Value, decode_document, encode
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.content import FileState
    from swarmshare.storage.pieces import TorrentStorage

FORMAT: Final = 1
"""The version of what is written; any other is not read, which costs no more than hashing."""

_DIGEST_LENGTH: Final = 32
_FILE_LENGTH: Final = 64
"""More bytes than one file's length and time take."""


class Resume(NamedTuple):
    """What can be believed of resume data."""

    held: set[int]
    """The numbers of the pieces that are right."""
    recheck: set[int]
    """The numbers of the files of which nothing is known until :meth:`TorrentStorage.scan`; no piece of theirs is in
    ``held``."""


def save_resume(path: Path, manifest: Manifest, bits: bytes, states: Sequence[FileState | None]) -> None:
    """Write to ``path`` that the pieces in ``bits`` are right, the highest bit of the first byte being piece 0.

    ``bits`` must have been taken before ``states`` (:meth:`TorrentStorage.file_states`): then each of its pieces is on
    the disk by now. Whole or not at all. Raises :class:`StorageError`.
    """
    files: list[Value] = [[state.size, state.mtime_ns] if state is not None else [] for state in states]
    body = encode({b"files": files, b"format": FORMAT, b"info hash": manifest.info_hash.full, b"pieces": bits})
    write_atomic(path, sha256(body).digest() + body)


def load_resume(path: Path, manifest: Manifest, storage: TorrentStorage) -> Resume:
    """What was saved at ``path``, as far as it is about ``manifest`` and the files of ``storage`` are as they were.

    Raises nothing for what is wrong with any of them: that is to be checked again.
    """
    layout = manifest.layout
    saved = _read(path, manifest)
    held: set[int] = set()
    recheck: set[int] = set()
    # Told for all files in any case: it is what later changes are noticed against.
    for number, state in enumerate(storage.file_states()):
        pieces = layout.file_pieces(number)
        if not pieces:
            continue
        if saved is None:
            recheck.add(number)
            continue
        bits, files = saved
        claimed = [piece for piece in pieces if bits[piece >> 3] & 0x80 >> (piece & 7)]
        if files[number] != ([state.size, state.mtime_ns] if state is not None else []):
            recheck.add(number)
        elif state is not None:
            held.update(claimed)
        elif claimed:
            recheck.add(number)
    return Resume(held, recheck)


def _read(path: Path, manifest: Manifest) -> tuple[bytes, list[Value]] | None:
    """The bits and the files that were saved, if they have the shape that ``manifest`` gives them."""
    count = manifest.layout.piece_count
    try:
        data = read_small(path, 1024 + (count + 7) // 8 + _FILE_LENGTH * len(manifest.files))
        digest, body = data[:_DIGEST_LENGTH], data[_DIGEST_LENGTH:]
        if sha256(body).digest() != digest:
            return None
        root = decode_document(body).root
    except (StorageError, BencodingError):
        return None
    bits, files = root.get(b"pieces"), root.get(b"files")
    if root.get(b"format") != FORMAT or root.get(b"info hash") != manifest.info_hash.full:
        return None
    if not isinstance(bits, bytes) or len(bits) != (count + 7) // 8 or int.from_bytes(bits) & (1 << -count % 8) - 1:
        return None
    if not isinstance(files, list) or len(files) != len(manifest.files):
        return None
    return bits, files
