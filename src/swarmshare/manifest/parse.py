"""From the bytes of a ``.torrent`` file to a :class:`Manifest`, or to the one rule that it breaks.

Everything is checked here, once: whoever holds a Manifest may trust each of its fields. What the rules are, and where
libtorrent is milder, is listed in ``docs/manifests.md``.
"""

from __future__ import annotations

import re
from hashlib import sha1, sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from swarmshare.errors import BencodingError, ManifestError
from swarmshare.manifest import hybrid, names
from swarmshare.manifest.bencoding import Value, brief, decode_document
from swarmshare.manifest.links import UP, place_links
from swarmshare.manifest.manifest import FileEntry, InfoHash, Manifest, Trackers
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, merkle_root, piece_height

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIECE_LENGTH: Final = 2**28
"""The largest power of two that libtorrent takes."""
MAX_PIECES: Final = 2**21
"""As libtorrent: it bounds bitfields to 256 KiB and piece layers to 64 MiB."""

MAX_PATH_PARTS: Final = 2**23
"""Most components of all paths together: deep folders cost nothing in the tree, but each file's path repeats them."""

_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")


def parse_manifest(data: bytes) -> Manifest:
    """The manifest in ``data``, validated in full.

    Inside ``info`` every non-canonical form is refused; outside it, disorder of keys and white space at the end are let
    pass. Piece layers may be missing (see ``Manifest.missing_layers``) but not wrong.

    Raises :class:`ManifestError`, and nothing else, for any bytes that are not such a manifest.
    """
    try:
        document = decode_document(data)
    except BencodingError as error:
        raise ManifestError("bencoding", str(error)) from error
    outside = document.root
    info = outside.pop(b"info", None)
    if not isinstance(info, dict):
        raise ManifestError("info", "there is no 'info' dictionary, so this is not a BitTorrent manifest")
    raw_info = data[document.spans[b"info"]]
    _check_version(info)
    if b"info" in document.disordered:
        raise ManifestError("canonical", "the keys inside 'info' are not in order: its info hash would be ambiguous")

    piece_length = _piece_length(info)
    files = tuple(place_links(tuple(_files(info, piece_length))))
    declared_name = _name(info)
    in_folder = b"files" in info or not _is_lone_file(info[b"file tree"])
    is_hybrid = hybrid.is_hybrid(info)
    if is_hybrid:
        hybrid.check_v1(info, files, piece_length, lone_name=None if in_folder else declared_name)
    layers = _piece_layers(outside.get(b"piece layers", {}), files, piece_length)
    return Manifest(
        info=raw_info,
        outside=MappingProxyType(outside),
        info_hash=InfoHash(sha256(raw_info).digest()),
        info_hash_v1=sha1(raw_info, usedforsecurity=False).digest() if is_hybrid else None,
        # libtorrent knows a lone file by its key in the tree, and ignores 'name'; so it is on disk.
        name=declared_name if in_folder else files[0].path[0],
        in_folder=in_folder,
        declared_name=declared_name,
        piece_length=piece_length,
        files=files,
        piece_layers=MappingProxyType(layers),
        missing_layers=frozenset(
            file.pieces_root
            for file in files
            if file.length > piece_length and file.pieces_root is not None and file.pieces_root not in layers
        ),
        private=_is_private(info),
        trackers=_trackers(outside),
        web_seeds=_web_seeds(outside),
        comment=_text(outside, b"comment"),
        created_by=_text(outside, b"created by"),
        creation_date=_date(outside),
    )


def _check_version(info: dict[bytes, Value]) -> None:
    version = info.get(b"meta version")
    if version is None:
        if b"file tree" in info:
            raise ManifestError("version", "there is a 'file tree' but no 'meta version'")
        raise ManifestError(
            "version-1",
            "this is a BitTorrent v1 manifest",
            hint="SwarmShare shares by BitTorrent v2 (BEP 52): make a v2 or hybrid manifest of the same files.",
        )
    if version != 2:
        raise ManifestError("version", f"'meta version' is {brief(version)}; the one known here is 2 (BEP 52)")


def _name(info: dict[bytes, Value]) -> str:
    name = info.get(b"name.utf-8")  # before UTF-8 was the rule; libtorrent still prefers it
    if not isinstance(name, bytes):
        name = info.get(b"name")
    if not isinstance(name, bytes):
        raise ManifestError("name-missing", "info has no 'name' string")
    return names.check_component(name, "name")


def _piece_length(info: dict[bytes, Value]) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int) or length < BLOCK_LENGTH or length & (length - 1) or length > MAX_PIECE_LENGTH:
        raise ManifestError(
            "piece-length",
            f"'piece length' is {brief(length)}, not a power of two from {BLOCK_LENGTH:,} to {MAX_PIECE_LENGTH:,}",
        )
    return length


def _files(info: dict[bytes, Value], piece_length: int) -> Iterator[FileEntry]:
    """The files of the tree in canonical order, with the bounds that only the whole list can break."""
    tree = info.get(b"file tree")
    if not isinstance(tree, dict):
        raise ManifestError("tree", "info has no 'file tree' dictionary")
    if b"" in tree:
        raise ManifestError("tree-root", "the root of the file tree is itself a file")
    pieces = parts = 0
    # Both bounds grow file by file, so that a tree of a few bytes a file is refused before it has filled the memory.
    for file in _walk(tree, (), 0):
        parts += len(file.path)
        if parts > MAX_PATH_PARTS:
            raise ManifestError("paths", f"the paths of all files have more than {MAX_PATH_PARTS:,} parts")
        pieces += -(-file.length // piece_length)
        if pieces > MAX_PIECES:
            raise ManifestError("pieces", f"there are more than {MAX_PIECES:,} pieces")
        yield file
    if not pieces:
        raise ManifestError("tree-empty", "there is no file with any bytes in it")


def _is_lone_file(tree: Value) -> bool:
    return (
        isinstance(tree, dict)
        and len(tree) == 1
        and all(b"" in node for node in tree.values() if isinstance(node, dict))
    )


def _walk(folder: dict[bytes, Value], parents: names.Path, parents_bytes: int) -> Iterator[FileEntry]:
    # Depth and length of a path are checked on the way down: the recursion ends before Python's own limit does.
    for key, node in folder.items():
        path = (*parents, names.check_component(key, "file tree"))
        path_bytes = parents_bytes + 1 + len(key)
        if len(path) > names.MAX_DEPTH:
            raise ManifestError("path-deep", f"the path {'/'.join(path)[:40]!r}... has over {names.MAX_DEPTH} parts")
        if path_bytes > names.MAX_PATH_BYTES:
            raise ManifestError(
                "path-long", f"the path {'/'.join(path)[:40]!r}... is over {names.MAX_PATH_BYTES:,} bytes"
            )
        if not isinstance(node, dict):
            raise ManifestError("tree", f"file tree: {key!r} is neither a file nor a folder")
        if b"" not in node:
            yield from _walk(node, path, path_bytes)
        elif len(node) > 1:
            raise ManifestError("tree-sibling", f"file tree: {key!r} is a file and a folder at once")
        else:
            yield _file(path, node[b""])


def _file(path: names.Path, entry: Value) -> FileEntry:
    if not isinstance(entry, dict):
        raise ManifestError("file", f"{_show(path)} is not described by a dictionary")
    attr = entry.get(b"attr", b"")
    if not isinstance(attr, bytes):
        raise ManifestError("file-attr", f"{_show(path)} has an 'attr' that is not a string")
    if b"p" in attr:
        raise ManifestError("file-pad", f"{_show(path)} is a padding file, which a v2 file tree cannot have (BEP 47)")
    executable = b"x" in attr
    if b"l" in attr:
        return FileEntry(path, 0, None, executable, _link_target(path, entry.get(b"symlink path")))
    length = entry.get(b"length")
    if not isinstance(length, int) or length < 0:
        raise ManifestError("file-length", f"{_show(path)} has no valid 'length'")
    if not length:
        return FileEntry(path, 0, None, executable)
    root = entry.get(b"pieces root")
    if not isinstance(root, bytes) or len(root) != HASH_LENGTH or not any(root):
        raise ManifestError("file-root", f"{_show(path)} has no valid 'pieces root' of {HASH_LENGTH} bytes")
    return FileEntry(path, length, root, executable)


def _link_target(path: names.Path, target: Value | None) -> names.Path:
    if not isinstance(target, list) or not target:
        raise ManifestError("link-target", f"{_show(path)} is a link without a 'symlink path'")
    parts = []
    for part in target:
        if not isinstance(part, bytes):
            raise ManifestError("link-target", f"{_show(path)} has a 'symlink path' that is not a list of names")
        # libtorrent before 2.0.12 writes what the link says, which may go up; where that leads is seen later.
        parts.append(UP if part == UP.encode() else names.check_component(part, f"link {_show(path)}"))
    return tuple(parts)


def _piece_layers(layers: Value, files: tuple[FileEntry, ...], piece_length: int) -> dict[bytes, bytes]:
    """The layers that the manifest has, each hashed up to the root that it belongs to."""
    if not isinstance(layers, dict):
        raise ManifestError("layers", "'piece layers' is not a dictionary")
    height = piece_height(piece_length)
    checked: dict[bytes, bytes] = {}
    for file in files:
        root = file.pieces_root
        if file.length <= piece_length or root is None or (layer := layers.get(root)) is None:
            continue
        count = -(-file.length // piece_length)
        if not isinstance(layer, bytes) or len(layer) != count * HASH_LENGTH:
            raise ManifestError("layer-size", f"the piece layer of {_show(file.path)} is not {count:,} hashes long")
        # Files of the same content share a layer, which is hashed once: else a small manifest could name one large
        # layer in ten thousand files, and keep us busy for hours.
        if root not in checked and merkle_root(layer, height) != root:
            raise ManifestError(
                "layer-hash", f"the piece layer of {_show(file.path)} does not hash to its 'pieces root'"
            )
        checked[root] = layer
    # What belongs to no file is not covered by the info hash: anybody could hide anything there.
    if len(checked) != len(layers):
        raise ManifestError(
            "layer-unknown", "'piece layers' has an entry that belongs to no file of more than one piece"
        )
    return checked


def _is_private(info: dict[bytes, Value]) -> bool:
    private = info.get(b"private", 0)
    if not isinstance(private, int):
        raise ManifestError("private", "'private' is not a number (BEP 27)")
    return private != 0


def _trackers(outside: dict[bytes, Value]) -> Trackers:
    """The tiers of ``announce-list``, else ``announce`` as the one tier (BEP 12). Empty ones are common: dropped."""
    listed = outside.get(b"announce-list", [])
    if not isinstance(listed, list):
        raise ManifestError("trackers", "'announce-list' is not a list of tiers (BEP 12)")
    tiers = tuple(tier for entry in listed if (tier := tuple(_urls(entry, "announce-list"))))
    if tiers:
        return tiers
    announce = tuple(_urls(outside.get(b"announce", b""), "announce"))
    return (announce,) if announce else ()


def _web_seeds(outside: dict[bytes, Value]) -> tuple[str, ...]:
    """BEP 19's ``url-list``: one URL or a list of them."""
    return tuple(_urls(outside.get(b"url-list", b""), "url-list"))


def _urls(entry: Value, where: str) -> Iterator[str]:
    for url in entry if isinstance(entry, list) else [entry]:
        if not isinstance(url, bytes):
            raise ManifestError("url", f"'{where}' has an entry that is not a string")
        text = url.decode("utf-8", "replace").strip()
        if _CONTROL.search(text):
            raise ManifestError("url", f"'{where}' has a URL with white space or control characters in it")
        if text:
            yield text


def _text(outside: dict[bytes, Value], key: bytes) -> str:
    value = outside.get(key, b"")
    if not isinstance(value, bytes):
        raise ManifestError("text", f"'{key.decode()}' is not a string")
    return value.decode("utf-8", "replace")


def _date(outside: dict[bytes, Value]) -> int | None:
    date = outside.get(b"creation date")
    if date is not None and not isinstance(date, int):
        raise ManifestError("text", "'creation date' is not a number")
    return date


def _show(path: names.Path) -> str:
    return repr("/".join(path))
