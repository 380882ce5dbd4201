"""The BitTorrent v1 half of a hybrid manifest (BEP 52 "upgrade path", BEP 47): written, and held against the v2 half.

A hybrid's ``info`` describes the same bytes twice. To v1 the files are one long stream; padding files fill each file up
to a whole piece, so that pieces mean the same bytes on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.errors import ManifestError
from swarmshare.manifest.bencoding import brief
from swarmshare.texts import Text

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
    """Return the v1 ``files`` list of a folder: each file in tree order, then the padding to the end of its last piece.

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


def check_v1(info: dict[bytes, Value], files: Sequence[FileEntry], piece_length: int, *, lone_name: str | None) -> None:
    """Raise :class:`ManifestError` (rule ``hybrid-...``) unless the v1 half describes just what the v2 half does.

    The same files with bytes in the same order, each padded to a whole piece by one padding file (after the last one it
    may be left out), and the same files without bytes in any order. ``lone_name`` is ``info``'s name when the tree is a
    lone file. As strict as libtorrent: where the halves differ, piece 5 of one would not be piece 5 of the other.
    """
    if b"files" in info and b"length" in info:
        raise ManifestError("hybrid-both", Text("manifest.hybrid-both"))
    if b"length" in info:
        stream = files[0].length
        if files[0].path != (lone_name,) or info[b"length"] != stream or _attr(info) - set(b"xh"):
            raise ManifestError("hybrid-files", Text("manifest.hybrid-lone-file"))
    else:
        stream = _check_file_list(info.get(b"files"), files, piece_length)
    pieces = info.get(b"pieces")
    if not isinstance(pieces, bytes) or len(pieces) != -(-stream // piece_length) * SHA1_LENGTH:
        raise ManifestError("hybrid-pieces", Text("manifest.hybrid-pieces", length=SHA1_LENGTH))


def _check_file_list(listed: Value | None, files: Sequence[FileEntry], piece_length: int) -> int:
    """Return the length of the v1 stream, when its files are those of the v2 tree."""
    if not isinstance(listed, list):
        raise ManifestError("hybrid-files", Text("manifest.hybrid-incomplete"))
    expected = iter([file for file in files if file.length])
    without_bytes = {tuple(part.encode() for part in file.path) for file in files if not file.length}
    stream = padding = 0
    for entry in listed:
        length, path, is_padding = _v1_entry(entry)
        stream += length
        if is_padding:
            if length != padding:
                raise ManifestError("hybrid-align", Text("manifest.hybrid-padding", length=length, due=padding))
            padding = 0
        elif not length:
            if path not in without_bytes:
                raise ManifestError("hybrid-files", Text("manifest.hybrid-empty-file", path=_show(path)))
            without_bytes.remove(path)
        else:
            file = next(expected, None)
            if file is None or tuple(part.encode() for part in file.path) != path or file.length != length:
                raise ManifestError("hybrid-files", Text("manifest.hybrid-order", path=_show(path)))
            # A padding file left out here would shift every v1 piece behind it against the v2 ones.
            if padding:
                raise ManifestError("hybrid-align", Text("manifest.hybrid-alignment", path=_show(path)))
            padding = -length % piece_length
    if next(expected, None) is not None or without_bytes:
        raise ManifestError("hybrid-files", Text("manifest.hybrid-lacks-file"))
    return stream


def _v1_entry(entry: Value) -> tuple[int, tuple[bytes, ...], bool]:
    """Return the length in bytes, the path and whether it is padding, of one entry of the v1 ``files``."""
    if not isinstance(entry, dict):
        raise ManifestError("hybrid-files", Text("manifest.hybrid-entry"))
    length, path, attributes = entry.get(b"length"), entry.get(b"path"), _attr(entry)
    if not isinstance(length, int) or length < 0:
        raise ManifestError("hybrid-files", Text("manifest.hybrid-length"))
    if ord("l") in attributes and (length or ord("p") in attributes):
        raise ManifestError("hybrid-files", Text("manifest.hybrid-link"))
    if not isinstance(path, list) or entry.get(b"path.utf-8", path) != path:
        raise ManifestError("hybrid-files", Text("manifest.hybrid-path"))
    parts = tuple(part for part in path if isinstance(part, bytes))
    if not parts or len(parts) != len(path):
        raise ManifestError("hybrid-files", Text("manifest.hybrid-path-names"))
    return length, parts, ord("p") in attributes


def _attr(entry: dict[bytes, Value]) -> set[int]:
    attributes = entry.get(b"attr", b"")
    if not isinstance(attributes, bytes):
        raise ManifestError("hybrid-files", Text("manifest.hybrid-attr"))
    return set(attributes)


def _show(path: tuple[bytes, ...]) -> str:
    return brief(b"/".join(path[:8]))
