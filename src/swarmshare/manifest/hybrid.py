"""The BitTorrent v1 half of a hybrid manifest (BEP 52 "upgrade path", BEP 47): written, and held against the v2 half.

A hybrid's ``info`` describes the same bytes twice. To v1 the files are one long stream; padding files fill each file up
to a whole piece, so that pieces mean the same bytes on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.errors import ManifestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from swarmshare.manifest.bencoding import Value
    from swarmshare.manifest.manifest import FileEntry

SHA1_LENGTH: Final = 20
"""Bytes in a v1 piece hash."""


def is_hybrid(info: dict[bytes, Value]) -> bool:
    """Whether ``info`` speaks of v1 at all; then all of v1 must be there and agree (:func:`check_v1`)."""
    return any(key in info for key in (b"pieces", b"files", b"length"))


def v1_files(files: Iterable[FileEntry], piece_length: int) -> list[Value]:
    """The v1 ``files`` list of a folder: each file in tree order, then the padding to the end of its last piece.

    The last file is padded too, unless it is the only one: libtorrent has done so since 2.0.8, and the info hash must
    be the one it would make.
    """
    files = list(files)
    listed: list[Value] = []
    for file in files:
        entry: dict[bytes, Value] = {b"length": file.length, b"path": [part.encode() for part in file.path]}
        if attributes := attr(file):
            entry[b"attr"] = attributes
        listed.append(entry)
        if len(files) > 1 and (pad := -file.length % piece_length):
            listed.append({b"attr": b"p", b"length": pad, b"path": [b".pad", str(pad).encode()]})
    return listed


def attr(file: FileEntry) -> bytes:
    """BEP 47's ``attr`` of a file, for either half."""
    return b"x" if file.executable else b""


def check_v1(info: dict[bytes, Value], name: str, files: Sequence[FileEntry], piece_length: int) -> None:
    """Raise :class:`ManifestError` (rule ``hybrid-...``) unless the v1 half describes just the bytes of the v2 half.

    As libtorrent does, it compares the paths, sizes and piece alignment of all files that have bytes; padding after the
    last file may be there or not.
    """
    if b"files" in info and b"length" in info:
        raise ManifestError("hybrid-both", "info has both 'files' and 'length': BitTorrent v1 allows one of them")
    if b"length" in info:
        stream = info[b"length"]
        if len(files) != 1 or files[0].path != (name,) or files[0].length != stream:
            raise ManifestError("hybrid-files", "the v1 'length' is not that of the one file of the v2 file tree")
    else:
        stream = _check_file_list(info.get(b"files"), files, piece_length)
    pieces = info.get(b"pieces")
    assert isinstance(stream, int)
    if not isinstance(pieces, bytes) or len(pieces) != -(-stream // piece_length) * SHA1_LENGTH:
        raise ManifestError("hybrid-pieces", f"the v1 'pieces' are not {SHA1_LENGTH} bytes for each piece")


def _check_file_list(listed: Value | None, files: Sequence[FileEntry], piece_length: int) -> int:
    """The length of the v1 stream, when its files are those of the v2 tree."""
    if not isinstance(listed, list):
        raise ManifestError("hybrid-files", "a v2 manifest with v1 'pieces' needs v1 'files' or 'length' too")
    expected = iter([file for file in files if file.length])
    stream = 0
    for entry in listed:
        if not isinstance(entry, dict):
            raise ManifestError("hybrid-files", "an entry of the v1 'files' is not a dictionary")
        length, attributes = entry.get(b"length"), entry.get(b"attr", b"")
        if not isinstance(length, int) or length < 0 or not isinstance(attributes, bytes):
            raise ManifestError("hybrid-files", "an entry of the v1 'files' has no valid 'length' or 'attr'")
        if length and b"p" not in attributes and b"l" not in attributes:
            file = next(expected, None)
            if file is None or [part.encode() for part in file.path] != entry.get(b"path") or file.length != length:
                path = entry.get(b"path")
                raise ManifestError("hybrid-files", f"the v1 file {path!r} is not the next one of the v2 file tree")
            if stream % piece_length:
                raise ManifestError("hybrid-align", f"the v1 file {'/'.join(file.path)!r} does not begin on a piece")
        stream += length
    if (file := next(expected, None)) is not None:
        raise ManifestError("hybrid-files", f"the v1 'files' lack {'/'.join(file.path)!r} of the v2 file tree")
    return stream
