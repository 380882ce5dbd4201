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
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_PIECE_LENGTH: Final = 2**28
"""The largest power of two that libtorrent takes."""
MAX_PIECES: Final = 2**21
"""As libtorrent: it bounds bitfields to 256 KiB and piece layers to 64 MiB."""

MAX_PATH_PARTS: Final = 2**23
"""Most components of all paths together: deep folders cost nothing in the tree, but each file's path repeats them."""

MAX_CERTIFICATE: Final = 16 * 2**10
"""Bytes of ``ssl-cert``: a certificate has one or two thousand."""

_PEM = re.compile(rb"\s*-----BEGIN CERTIFICATE-----\s[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*")
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")


def parse_manifest(data: bytes) -> Manifest:
    """Return the manifest in ``data``, validated in full.

    Inside ``info`` every non-canonical form is refused; outside it, disorder of keys and white space at the end are let
    pass. Piece layers may be missing (see ``Manifest.missing_layers``) but not wrong.

    Raises :class:`ManifestError`, and nothing else, for any bytes that are not such a manifest.
    """
    try:
        document = decode_document(data)
    except BencodingError as error:
        raise ManifestError("bencoding", error.message) from error
    outside = document.root
    info = outside.pop(b"info", None)
    if not isinstance(info, dict):
        raise ManifestError("info", Text("manifest.no-info"))
    raw_info = data[document.spans[b"info"]]
    _check_version(info)
    if b"info" in document.disordered:
        raise ManifestError("canonical", Text("manifest.disordered"))

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
        ssl_cert=_ssl_cert(info),
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
            raise ManifestError("version", Text("manifest.no-version"))
        raise ManifestError(
            "version-1",
            Text("manifest.version-1"),
            hint=Text("hint.make-v2"),
        )
    if version != 2:
        raise ManifestError("version", Text("manifest.version", version=brief(version)))


def _name(info: dict[bytes, Value]) -> str:
    name = info.get(b"name.utf-8")  # before UTF-8 was the rule; libtorrent still prefers it
    if not isinstance(name, bytes):
        name = info.get(b"name")
    if not isinstance(name, bytes):
        raise ManifestError("name-missing", Text("manifest.no-name"))
    return names.check_component(name, "name")


def _piece_length(info: dict[bytes, Value]) -> int:
    length = info.get(b"piece length")
    if not isinstance(length, int) or length < BLOCK_LENGTH or length & (length - 1) or length > MAX_PIECE_LENGTH:
        raise ManifestError(
            "piece-length",
            Text("manifest.piece-length", length=brief(length), least=BLOCK_LENGTH, most=MAX_PIECE_LENGTH),
        )
    return length


def _files(info: dict[bytes, Value], piece_length: int) -> Iterator[FileEntry]:
    """Yield the files of the tree in canonical order, with the bounds that only the whole list can break."""
    tree = info.get(b"file tree")
    if not isinstance(tree, dict):
        raise ManifestError("tree", Text("manifest.no-tree"))
    if b"" in tree:
        raise ManifestError("tree-root", Text("manifest.root-is-file"))
    pieces = parts = 0
    # Both bounds grow file by file, so that a tree of a few bytes a file is refused before it has filled the memory.
    for file in _walk(tree, (), 0):
        parts += len(file.path)
        if parts > MAX_PATH_PARTS:
            raise ManifestError("paths", Text("manifest.path-parts", limit=MAX_PATH_PARTS))
        pieces += -(-file.length // piece_length)
        if pieces > MAX_PIECES:
            raise ManifestError("pieces", Text("manifest.pieces", limit=MAX_PIECES))
        yield file
    if not pieces:
        raise ManifestError("tree-empty", Text("manifest.no-bytes"))


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
            raise ManifestError(
                "path-deep", Text("manifest.path-deep", path=repr("/".join(path)[:40]), limit=names.MAX_DEPTH)
            )
        if path_bytes > names.MAX_PATH_BYTES:
            raise ManifestError(
                "path-long", Text("manifest.path-long", path=repr("/".join(path)[:40]), limit=names.MAX_PATH_BYTES)
            )
        if not isinstance(node, dict):
            raise ManifestError("tree", Text("manifest.tree-neither", name=repr(key)))
        if b"" not in node:
            yield from _walk(node, path, path_bytes)
        elif len(node) > 1:
            raise ManifestError("tree-sibling", Text("manifest.tree-both", name=repr(key)))
        else:
            yield _file(path, node[b""])


def _file(path: names.Path, entry: Value) -> FileEntry:
    if not isinstance(entry, dict):
        raise ManifestError("file", Text("manifest.file-dictionary", path=_show(path)))
    attr = entry.get(b"attr", b"")
    if not isinstance(attr, bytes):
        raise ManifestError("file-attr", Text("manifest.file-attr", path=_show(path)))
    if b"p" in attr:
        raise ManifestError("file-pad", Text("manifest.file-padding", path=_show(path)))
    executable = b"x" in attr
    if b"l" in attr:
        return FileEntry(path, 0, None, executable, _link_target(path, entry.get(b"symlink path")))
    length = entry.get(b"length")
    if not isinstance(length, int) or length < 0:
        raise ManifestError("file-length", Text("manifest.file-length", path=_show(path)))
    if not length:
        return FileEntry(path, 0, None, executable)
    root = entry.get(b"pieces root")
    if not isinstance(root, bytes) or len(root) != HASH_LENGTH or not any(root):
        raise ManifestError("file-root", Text("manifest.file-root", path=_show(path), length=HASH_LENGTH))
    return FileEntry(path, length, root, executable)


def _link_target(path: names.Path, target: Value | None) -> names.Path:
    if not isinstance(target, list) or not target:
        raise ManifestError("link-target", Text("manifest.link-no-target", path=_show(path)))
    parts = []
    for part in target:
        if not isinstance(part, bytes):
            raise ManifestError("link-target", Text("manifest.link-target", path=_show(path)))
        # libtorrent before 2.0.12 writes what the link says, which may go up; where that leads is seen later.
        parts.append(UP if part == UP.encode() else names.check_component(part, f"link {_show(path)}"))
    return tuple(parts)


def _piece_layers(layers: Value, files: tuple[FileEntry, ...], piece_length: int) -> dict[bytes, bytes]:
    """Return the layers that the manifest has, each hashed up to the root that it belongs to."""
    if not isinstance(layers, dict):
        raise ManifestError("layers", Text("manifest.layers-dictionary"))
    height = piece_height(piece_length)
    checked: dict[bytes, bytes] = {}
    for file in files:
        root = file.pieces_root
        if file.length <= piece_length or root is None or (layer := layers.get(root)) is None:
            continue
        count = -(-file.length // piece_length)
        if not isinstance(layer, bytes) or len(layer) != count * HASH_LENGTH:
            raise ManifestError("layer-size", Text("manifest.layer-size", path=_show(file.path), count=count))
        # Files of the same content share a layer, which is hashed once: else a small manifest could name one large
        # layer in ten thousand files, and keep us busy for hours.
        if root not in checked and merkle_root(layer, height) != root:
            raise ManifestError("layer-hash", Text("manifest.layer-hash", path=_show(file.path)))
        checked[root] = layer
    # What belongs to no file is not covered by the info hash: anybody could hide anything there.
    if len(checked) != len(layers):
        raise ManifestError("layer-unknown", Text("manifest.layer-unknown"))
    return checked


def _is_private(info: dict[bytes, Value]) -> bool:
    private = info.get(b"private", 0)
    if not isinstance(private, int):
        raise ManifestError("private", Text("manifest.private"))
    return private != 0


def _ssl_cert(info: dict[bytes, Value]) -> bytes | None:
    """Return the authority's certificate of an SSL torrent; whether it is one inside is for whoever uses it."""
    certificate = info.get(b"ssl-cert", b"")
    if certificate == b"":
        return None  # so libtorrent has it, too
    if not isinstance(certificate, bytes) or not is_one_certificate(certificate):
        raise ManifestError("ssl-cert", Text("manifest.ssl-cert", limit=MAX_CERTIFICATE))
    return certificate


def is_one_certificate(data: bytes) -> bool:
    """Whether ``data`` has the form of one certificate in PEM (RFC 7468) and nothing else, such as a private key."""
    return len(data) <= MAX_CERTIFICATE and _PEM.fullmatch(data) is not None


def _trackers(outside: dict[bytes, Value]) -> Trackers:
    """Return the tiers of ``announce-list``, else ``announce`` as the one (BEP 12). Empty ones are common: dropped."""
    listed = outside.get(b"announce-list", [])
    if not isinstance(listed, list):
        raise ManifestError("trackers", Text("manifest.announce-list"))
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
            raise ManifestError("url", Text("manifest.url-string", key=where))
        text = url.decode("utf-8", "replace").strip()
        if _CONTROL.search(text):
            raise ManifestError("url", Text("manifest.url-characters", key=where))
        if text:
            yield text


def _text(outside: dict[bytes, Value], key: bytes) -> str:
    value = outside.get(key, b"")
    if not isinstance(value, bytes):
        raise ManifestError("text", Text("manifest.no-string", key=key.decode()))
    return value.decode("utf-8", "replace")


def _date(outside: dict[bytes, Value]) -> int | None:
    date = outside.get(b"creation date")
    if date is not None and not isinstance(date, int):
        raise ManifestError("text", Text("manifest.creation-date"))
    return date


def _show(path: names.Path) -> str:
    return repr("/".join(path))
