"""From hashes to a manifest: the ``info`` dictionary of BEP 52, with the v1 half of a hybrid on request.

What is built is parsed again before anyone gets it, so we can never publish what we would refuse to read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from swarmshare.manifest import hybrid, names
from swarmshare.manifest.bencoding import Value, encode
from swarmshare.manifest.layout import PieceLayout
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.manifest.parse import MAX_PIECE_LENGTH, MAX_PIECES, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from swarmshare.manifest.manifest import FileEntry, Manifest, Trackers

AIM_PIECES: Final = 2048
"""Pieces that the automatic choice aims at: enough to spread over many peers, few enough to announce one by one."""
MAX_AUTO_PIECE_LENGTH: Final = 16 * 2**20
"""Where the automatic choice stops growing: a piece in flight costs that much memory, a bad one that much traffic."""


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a manifest says beside the files themselves. Of it, ``private`` and ``ssl_cert`` change the info hash."""

    trackers: Trackers = ()
    web_seeds: tuple[str, ...] = ()
    private: bool = False
    ssl_cert: bytes | None = None
    """The certificate, in PEM form, of the authority whose members alone may join."""
    comment: str = ""
    created_by: str = ""
    creation_date: int | None = None


def choose_piece_length(file_lengths: Sequence[int], *, is_hybrid: bool) -> int:
    """Return the piece length for ``--piece-size auto``, in bytes: a power of two.

    The smallest that keeps the content within 2,048 pieces, from 16 KiB (up to 32 MiB of content) to 16 MiB (from
    16 GiB on). A hybrid's files are padded to whole pieces and v1 clients hash the padding too, so there it is no more
    than the average file, rounded up: many small files then cost little more padding than they have bytes.
    """
    total = sum(file_lengths)
    length = _power_of_two(-(-total // AIM_PIECES))
    if is_hybrid:
        length = min(length, _power_of_two(-(-total // max(1, len(file_lengths)))))
    length = min(length, MAX_AUTO_PIECE_LENGTH)
    while PieceLayout(length, file_lengths).piece_count > MAX_PIECES and length < MAX_PIECE_LENGTH:
        length *= 2
    return length


def build_manifest(
    *,
    name: str,
    in_folder: bool,
    files: Sequence[FileEntry],
    piece_length: int,
    piece_layers: Mapping[bytes, bytes],
    v1_pieces: bytes | None,
    about: Description,
) -> Manifest:
    """Return the manifest of ``files`` (in canonical order), hybrid when ``v1_pieces`` (20 bytes a piece) are given.

    ``in_folder`` says whether the files lie in a folder called ``name``, or ``name`` is the one file.

    Raises :class:`~swarmshare.errors.ManifestError` when that breaks a rule.
    """
    info: dict[bytes, Value] = {
        b"file tree": _tree(files),
        b"meta version": 2,
        b"name": name.encode(),
        b"piece length": piece_length,
    }
    if v1_pieces is not None:
        info[b"pieces"] = v1_pieces
        if in_folder:
            info[b"files"] = hybrid.v1_files(files, piece_length)
        else:
            info[b"length"] = files[0].length
            if attributes := hybrid.attr(files[0]):
                info[b"attr"] = attributes
    if about.private:
        info[b"private"] = 1
    if about.ssl_cert is not None:
        info[b"ssl-cert"] = about.ssl_cert
    return parse_manifest(encode({b"info": info, b"piece layers": dict(piece_layers), **_outside(about)}))


def _outside(about: Description) -> dict[bytes, Value]:
    outside: dict[bytes, Value] = {}
    if about.trackers:
        outside[b"announce"] = about.trackers[0][0].encode()
        if sum(map(len, about.trackers)) > 1:
            outside[b"announce-list"] = [[url.encode() for url in tier] for tier in about.trackers]
    if about.web_seeds:
        outside[b"url-list"] = [url.encode() for url in about.web_seeds]
    if about.comment:
        outside[b"comment"] = about.comment.encode()
    if about.created_by:
        outside[b"created by"] = about.created_by.encode()
    if about.creation_date is not None:
        outside[b"creation date"] = about.creation_date
    return outside


def _tree(files: Sequence[FileEntry]) -> dict[bytes, Value]:
    root: dict[bytes, Value] = {}
    for file in files:
        entry: dict[bytes, Value] = {b"length": file.length}
        if file.pieces_root is not None:
            entry[b"pieces root"] = file.pieces_root
        if attributes := hybrid.attr(file):
            entry[b"attr"] = attributes
        folder = root
        for part in file.path[:-1]:
            below = folder.setdefault(part.encode(), {})
            assert isinstance(below, dict)
            folder = below
        folder[file.path[-1].encode()] = {b"": entry}
    return root


def canonical_key(path: names.Path) -> tuple[bytes, ...]:
    """Sorts paths as the file tree does: by raw UTF-8 bytes, folder by folder (BEP 52)."""
    return tuple(part.encode() for part in path)


def _power_of_two(length: int) -> int:
    return max(BLOCK_LENGTH, 1 << (length - 1).bit_length())
