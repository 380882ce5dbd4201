"""Manifests for tests, as the plain dictionaries they are, ready to be broken."""

from __future__ import annotations

from hashlib import sha1
from typing import Any

from swarmshare.manifest.bencoding import encode
from swarmshare.manifest.merkle import BLOCK_LENGTH, leaf_hashes, merkle_root, piece_layer

Doc = dict[bytes, Any]


def payload(length: int) -> bytes:
    return bytes(i % 251 for i in range(length))


def root_of(data: bytes) -> bytes:
    return merkle_root(leaf_hashes(data))


def file_node(length: int) -> Doc:
    """A tree's entry for a file of ``payload(length)``."""
    return {b"": {b"length": length, **({b"pieces root": root_of(payload(length))} if length else {})}}


def layers_of(*lengths: int, piece_length: int) -> Doc:
    return {
        root_of(payload(length)): piece_layer(leaf_hashes(payload(length)), piece_length)
        for length in lengths
        if length > piece_length
    }


def folder_doc(files: dict[bytes, int], piece_length: int = BLOCK_LENGTH) -> Doc:
    """A v2 manifest of files in one folder."""
    return {
        b"info": {
            b"file tree": {name: file_node(length) for name, length in files.items()},
            b"meta version": 2,
            b"name": b"top",
            b"piece length": piece_length,
        },
        b"piece layers": layers_of(*files.values(), piece_length=piece_length),
    }


def good_doc() -> Doc:
    """Two files, one of them of three pieces."""
    return folder_doc({b"a.bin": 40_000, b"b.txt": 12})


def hybrid_doc() -> Doc:
    """The same, with a v1 half."""
    doc = good_doc()
    stream = payload(40_000) + bytes(9_152) + payload(12) + bytes(BLOCK_LENGTH - 12)
    doc[b"info"][b"pieces"] = b"".join(
        sha1(stream[i : i + BLOCK_LENGTH]).digest() for i in range(0, len(stream), BLOCK_LENGTH)
    )
    doc[b"info"][b"files"] = [
        {b"length": 40_000, b"path": [b"a.bin"]},
        {b"attr": b"p", b"length": 9_152, b"path": [b".pad", b"9152"]},
        {b"length": 12, b"path": [b"b.txt"]},
        {b"attr": b"p", b"length": BLOCK_LENGTH - 12, b"path": [b".pad", b"16372"]},
    ]
    return doc


def single_hybrid_doc() -> Doc:
    """A hybrid of one file."""
    doc = folder_doc({b"top": 40_000})
    stream = payload(40_000)
    doc[b"info"][b"length"] = 40_000
    doc[b"info"][b"pieces"] = b"".join(
        sha1(stream[i : i + BLOCK_LENGTH]).digest() for i in range(0, len(stream), BLOCK_LENGTH)
    )
    return doc


def put(doc: Doc, path: str, value: Any) -> Doc:
    """``doc`` with ``value`` at a ``/``-separated path of keys (``<empty>`` for the empty one)."""
    *parents, last = [b"" if part == "<empty>" else part.encode() for part in path.split("/")]
    node: Any = doc
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    node[last] = value
    return doc


def drop(doc: Doc, path: str) -> Doc:
    """``doc`` without what is at ``path``."""
    *parents, last = [b"" if part == "<empty>" else part.encode() for part in path.split("/")]
    node: Any = doc
    for key in parents:
        node = node[int(key)] if isinstance(node, list) else node[key]
    del node[last]
    return doc


def encoded(doc: Doc | bytes) -> bytes:
    return doc if isinstance(doc, bytes) else encode(doc)
