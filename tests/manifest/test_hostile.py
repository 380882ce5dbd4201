"""Hostile manifests, each with the one rule that must catch it, and what libtorrent thinks of it.

``lt`` is what libtorrent 2.x does with the same bytes: ``False`` it refuses, ``True`` it accepts (and cleans up in its
own way). Where we are stricter the reason stands in docs/manifests.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from interop.peers import OLD, LibtorrentError
from manifest.makers import (
    Doc,
    drop,
    encoded,
    file_node,
    folder_doc,
    good_doc,
    hybrid_doc,
    layers_of,
    payload,
    put,
    root_of,
    single_hybrid_doc,
)
from tracker_client.certificates import AUTHORITY

from swarmshare.errors import ManifestError
from swarmshare.manifest import parse
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.manifest.parse import MAX_CERTIFICATE, parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

    from interop.peers import Libtorrent

A = "info/file tree/a.bin/<empty>"


def named(name: bytes) -> Doc:
    return put(good_doc(), "info/file tree", {name: file_node(12), b"other": file_node(5)}) | {b"piece layers": {}}


def linked(target: object, **extra: int) -> Doc:
    doc = good_doc()
    link = {b"attr": b"l", b"length": 0, b"symlink path": target}
    doc[b"info"][b"file tree"][b"folder"] = {b"inner": file_node(1), b"link": {b"": link}}
    return doc


def deep(depth: int, name: bytes = b"x") -> Doc:
    node = file_node(1)
    for _ in range(depth):
        node = {name: node}
    return put(good_doc(), "info/file tree", node) | {b"piece layers": {}}


def swapped_layers() -> Doc:
    doc = folder_doc({b"a.bin": 40_000, b"b.bin": 50_000})
    first, second = doc[b"piece layers"]
    layers = doc[b"piece layers"]
    layers[first], layers[second] = layers[second][: len(layers[first])], layers[first] + bytes(32)
    return doc


def pad(length: int) -> Doc:
    return {b"attr": b"p", b"length": length, b"path": [b".pad", str(length).encode()]}


def v1_list(at: int, *entries: Doc, drop: int = 0) -> Doc:
    """A hybrid with ``entries`` put into its v1 list, in place of ``drop`` others."""
    doc = hybrid_doc()
    doc[b"info"][b"files"][at : at + drop] = entries
    stream = sum(entry[b"length"] for entry in doc[b"info"][b"files"])
    return put(doc, "info/pieces", bytes(20 * -(-stream // BLOCK_LENGTH)))


def edited(old: bytes, new: bytes, doc: Callable[[], Doc] = good_doc) -> bytes:
    data = encoded(doc())
    assert data.count(old) == 1, data
    return data.replace(old, new)


@dataclass
class Case:
    what: str
    make: Callable[[], Doc | bytes]
    rule: str
    lt: bool = False


REFUSED_IN_ONE = {(OLD, "a root used for another length")}
"""Where the versions differ: what this one refuses, though the other accepts it."""
CASES = [
    # not bencoding, or not canonical where it must be
    Case("empty", lambda: b"", "bencoding"),
    Case("a web page", lambda: b"<!DOCTYPE html><html></html>", "bencoding"),
    Case("cut short", lambda: encoded(good_doc())[:-40], "bencoding"),
    Case("garbage after it", lambda: encoded(good_doc()) + b"x", "bencoding", lt=True),
    Case("nested 150 deep", lambda: edited(b"4:infod", b"1:x" + b"l" * 150 + b"e" * 150 + b"4:infod"), "bencoding"),
    Case("leading zero in info", lambda: edited(b"12:meta versioni2e", b"12:meta versioni02e"), "bencoding"),
    Case("leading zero in a length in info", lambda: edited(b"4:name3:top", b"4:name03:top"), "bencoding"),
    Case("minus zero", lambda: edited(b"12:meta versioni2e", b"12:meta versioni-0e"), "bencoding"),
    Case("underscore in a number", lambda: edited(b"i40000e", b"i40_000e"), "bencoding"),
    Case("the same key twice in info", lambda: edited(b"4:name3:top", b"4:name3:top4:name3:top"), "bencoding"),
    Case("info twice", lambda: edited(b"4:infod", b"4:infode4:infod"), "bencoding"),
    Case("keys of info out of order", lambda: edited(b"12:meta versioni2e4:name3:top", b"4:name3:top12:meta versioni2e"), "canonical"),
    Case("keys of a file out of order", lambda: edited(b"6:lengthi12e11:pieces root32:" + root_of(payload(12)), b"11:pieces root32:" + root_of(payload(12)) + b"6:lengthi12e"), "canonical"),
    # the frame
    Case("no info", lambda: drop(good_doc(), "info"), "info"),
    Case("info is a list", lambda: put(good_doc(), "info", []), "info"),
    Case("BitTorrent v1", lambda: {b"info": {b"length": 5, b"name": b"x", b"piece length": 16384, b"pieces": bytes(20)}}, "version-1", lt=True),
    Case("no meta version", lambda: drop(good_doc(), "info/meta version"), "version"),
    Case("meta version 3", lambda: put(good_doc(), "info/meta version", 3), "version"),
    Case("a meta version that talks much", lambda: put(good_doc(), "info/meta version", b"2" * 100_000), "version"),
    Case("a piece length that talks much", lambda: put(good_doc(), "info/piece length", b"2" * 100_000), "piece-length"),
    Case("a v1 path that talks much", lambda: v1_list(2, {b"length": 12, b"path": [b"x" * 100_000] * 5}, drop=1), "hybrid-files"),
    Case("meta version as text", lambda: put(good_doc(), "info/meta version", b"2"), "version"),
    Case("no name", lambda: drop(good_doc(), "info/name"), "name-missing"),
    Case("name is a number", lambda: put(good_doc(), "info/name", 5), "name-missing"),
    Case("no piece length", lambda: drop(good_doc(), "info/piece length"), "piece-length"),
    Case("piece length 0", lambda: put(good_doc(), "info/piece length", 0), "piece-length"),
    Case("piece length negative", lambda: put(good_doc(), "info/piece length", -16384), "piece-length"),
    Case("piece length 8 KiB", lambda: put(good_doc(), "info/piece length", 8192), "piece-length"),
    Case("piece length no power of two", lambda: put(good_doc(), "info/piece length", 3 * 16384), "piece-length"),
    Case("piece length 512 MiB", lambda: put(good_doc(), "info/piece length", 2**29), "piece-length"),
    # the tree
    Case("no file tree", lambda: drop(good_doc(), "info/file tree"), "tree"),
    Case("file tree is a list", lambda: put(good_doc(), "info/file tree", []), "tree"),
    Case("file tree is a file", lambda: put(good_doc(), "info/file tree", file_node(12)), "tree-root"),
    Case("file tree is empty", lambda: put(good_doc(), "info/file tree", {}), "tree-empty"),
    Case("all files are empty", lambda: folder_doc({b"a": 0, b"b": 0}), "tree-empty"),
    Case("a node is a number", lambda: put(good_doc(), "info/file tree/a.bin", 5), "tree"),
    Case("a file and a folder at once", lambda: put(good_doc(), "info/file tree/a.bin/x", file_node(1)), "tree-sibling"),
    Case("a file is described by a list", lambda: put(good_doc(), A, []), "file"),
    Case("no length", lambda: drop(good_doc(), A + "/length"), "file-length"),
    Case("negative length", lambda: put(good_doc(), A + "/length", -1), "file-length"),
    Case("length as text", lambda: put(good_doc(), A + "/length", b"40000"), "file-length"),
    Case("no root", lambda: drop(good_doc(), A + "/pieces root"), "file-root"),
    Case("root of 31 bytes", lambda: put(good_doc(), A + "/pieces root", b"r" * 31), "file-root"),
    Case("root of zeros", lambda: put(good_doc(), A + "/pieces root", bytes(32)), "file-root"),
    Case("attr is a number", lambda: put(good_doc(), A + "/attr", 1), "file-attr", lt=True),
    Case("padding in a v2 tree", lambda: put(good_doc(), A + "/attr", b"p"), "file-pad"),
    Case("too many pieces", lambda: put(good_doc(), A + "/length", 2**62), "pieces"),
    Case("a path too long", lambda: deep(14, b"x" * 250), "path-long", lt=True),
    Case("a path too deep", lambda: deep(92), "path-deep", lt=True),
    Case("a path deeper than bencoding may nest", lambda: deep(120), "bencoding"),
    # names
    Case("name ..", lambda: put(good_doc(), "info/name", b".."), "name-dots", lt=True),
    Case("name with a slash", lambda: put(good_doc(), "info/name", b"../../etc"), "name-separator", lt=True),
    Case("name of nothing", lambda: put(good_doc(), "info/name", b""), "name-empty", lt=True),
    Case("file ..", lambda: named(b".."), "name-dots", lt=True),
    Case("file .", lambda: named(b"."), "name-dots", lt=True),
    Case("file with a slash", lambda: named(b"../evil"), "name-separator", lt=True),
    Case("absolute file", lambda: named(b"/etc/passwd"), "name-separator", lt=True),
    Case("file with a backslash", lambda: named(b"..\\evil"), "name-separator", lt=True),
    Case("file with NUL", lambda: named(b"photo.jpg\0.exe"), "name-nul", lt=True),
    Case("file with a newline", lambda: named(b"a\nb"), "name-control", lt=True),
    Case("file with an escape", lambda: named(b"a\x1b[2Jb"), "name-control", lt=True),
    Case("file with a C1 control", lambda: named("a\u009bb".encode()), "name-control", lt=True),
    Case("file with DEL", lambda: named(b"a\x7f"), "name-control", lt=True),
    Case("file with a line separator", lambda: named("a\u2028b".encode()), "name-control", lt=True),
    Case("file that reads backwards", lambda: named("photo\u202egpj.exe".encode()), "name-bidi", lt=True),
    Case("file of 256 bytes", lambda: named(b"x" * 256), "name-long", lt=True),
    Case("file in broken UTF-8", lambda: named(b"caf\xe9"), "name-utf8", lt=True),
    Case("file in overlong UTF-8", lambda: named(b"\xc0\xae\xc0\xae"), "name-utf8", lt=True),
    Case("file in UTF-8 surrogates", lambda: named(b"\xed\xa0\x80"), "name-utf8", lt=True),
    # links
    Case("a link without a target", lambda: linked([]), "link-target", lt=True),
    Case("a link to a number", lambda: linked([5]), "link-target"),
    Case("a link to text", lambda: linked(b"a.bin"), "link-target", lt=True),
    Case("a link that climbs out", lambda: linked([b"..", b"..", b"etc"]), "link-outside", lt=True),
    Case("a link to nothing here", lambda: linked([b"passwd"]), "link-outside", lt=True),
    Case("a link to its own folder", lambda: linked([b"folder"]), "link-outside", lt=True),
    Case("a link to itself", lambda: linked([b"folder", b"link"]), "link-outside", lt=True),
    # piece layers
    Case("layers are a list", lambda: put(good_doc(), "piece layers", []), "layers", lt=True),
    Case("a layer is a number", lambda: {**good_doc(), b"piece layers": {root_of(payload(40_000)): 5}}, "layer-size"),
    Case("a layer cut short", lambda: {**good_doc(), b"piece layers": {k: v[:-32] for k, v in good_doc()[b"piece layers"].items()}}, "layer-size"),
    Case("a layer with its padding", lambda: {**good_doc(), b"piece layers": {k: v + bytes(32) for k, v in good_doc()[b"piece layers"].items()}}, "layer-size"),
    Case("a layer of other data", lambda: {**good_doc(), b"piece layers": {k: bytes(len(v)) for k, v in good_doc()[b"piece layers"].items()}}, "layer-hash"),
    Case("layers swapped", swapped_layers, "layer-hash"),
    Case("a layer of no file", lambda: {**good_doc(), b"piece layers": {**good_doc()[b"piece layers"], bytes(range(32)): bytes(96)}}, "layer-unknown"),
    Case("a layer of a one-piece file", lambda: {**good_doc(), b"piece layers": {**good_doc()[b"piece layers"], root_of(payload(12)): root_of(payload(12))}}, "layer-unknown"),
    Case("a root used for another length", lambda: put(good_doc(), "info/file tree/c.bin", {b"": {b"length": 90_000, b"pieces root": root_of(payload(40_000))}}), "layer-size", lt=True),
    # hybrids
    Case("files and length", lambda: put(hybrid_doc(), "info/length", 40_012), "hybrid-both", lt=True),
    Case("pieces alone", lambda: put(good_doc(), "info/pieces", bytes(60)), "hybrid-files"),
    Case("files without pieces", lambda: drop(hybrid_doc(), "info/pieces"), "hybrid-pieces", lt=True),
    Case("too few v1 hashes", lambda: put(hybrid_doc(), "info/pieces", bytes(60)), "hybrid-pieces"),
    Case("a v1 file too many", lambda: put(hybrid_doc(), "info/files", [*hybrid_doc()[b"info"][b"files"], {b"length": 5, b"path": [b"c"]}]), "hybrid-files"),
    Case("a v1 file too few", lambda: put(hybrid_doc(), "info/files", hybrid_doc()[b"info"][b"files"][:2]), "hybrid-files"),
    Case("another v1 name", lambda: edited(b"4:pathl5:b.txt", b"4:pathl5:x.txt", hybrid_doc), "hybrid-files"),
    Case("another v1 size", lambda: edited(b"d6:lengthi12e4:path", b"d6:lengthi13e4:path", hybrid_doc), "hybrid-files"),
    Case("v1 order reversed", lambda: put(hybrid_doc(), "info/files", hybrid_doc()[b"info"][b"files"][2:] + hybrid_doc()[b"info"][b"files"][:2]), "hybrid-files"),
    Case("no v1 padding", lambda: put(hybrid_doc(), "info/files", [f for f in hybrid_doc()[b"info"][b"files"] if b"attr" not in f]), "hybrid-align"),
    Case("a v1 entry is text", lambda: put(hybrid_doc(), "info/files", [b"x"]), "hybrid-files"),
    Case("a v1 length is negative", lambda: put(hybrid_doc(), "info/files", [{b"length": -5, b"path": [b"a.bin"]}]), "hybrid-files"),
    Case("v1 files are text", lambda: put(hybrid_doc(), "info/files", b"x"), "hybrid-files", lt=True),
    Case("a lone v1 length for a folder", lambda: put(drop(hybrid_doc(), "info/files"), "info/length", 40_012), "hybrid-files"),
    Case("a lone v1 length that differs", lambda: put(single_hybrid_doc(), "info/length", 40_001), "hybrid-files"),
    Case("a lone v1 file of another name", lambda: put(single_hybrid_doc(), "info/name", b"other"), "hybrid-files"),
    Case("a whole piece of padding", lambda: v1_list(2, pad(BLOCK_LENGTH)), "hybrid-align"),
    Case("padding before the first file", lambda: v1_list(0, pad(BLOCK_LENGTH)), "hybrid-align"),
    Case("padding after the last padding", lambda: v1_list(4, pad(BLOCK_LENGTH)), "hybrid-align"),
    Case("padding in two parts", lambda: v1_list(1, pad(9_000), pad(152), drop=1), "hybrid-align"),
    Case("padding too short at the end", lambda: v1_list(3, pad(100), drop=1), "hybrid-align"),
    Case("a link that does the padding", lambda: v1_list(1, {b"attr": b"l", b"length": 9_152, b"path": [b"l"]}, drop=1), "hybrid-files"),
    Case("padding that is a link", lambda: v1_list(1, pad(9_152) | {b"attr": b"lp"}, drop=1), "hybrid-files"),
    Case("an empty v1 file of its own", lambda: v1_list(0, {b"length": 0, b"path": [b"..", b"x"]}), "hybrid-files"),
    Case("an empty v2 file of its own", lambda: put(hybrid_doc(), "info/file tree/c", file_node(0)), "hybrid-files"),
    Case("a v1 file without a path", lambda: v1_list(2, {b"length": 12}, drop=1), "hybrid-files"),
    Case("a v1 path of numbers", lambda: v1_list(1, pad(9_152) | {b"path": [b".pad", 5]}, drop=1), "hybrid-files"),
    Case("a v1 path with a second opinion", lambda: v1_list(2, {b"length": 12, b"path": [b"b.txt"], b"path.utf-8": [b"x"]}, drop=1), "hybrid-files"),
    Case("a v1 attr of numbers", lambda: v1_list(2, {b"attr": 5, b"length": 12, b"path": [b"b.txt"]}, drop=1), "hybrid-files", lt=True),
    Case("a lone v1 file beside an empty v2 one", lambda: put(single_hybrid_doc(), "info/file tree/z", file_node(0)), "hybrid-files"),
    Case("a lone v1 file that is padding", lambda: put(single_hybrid_doc(), "info/attr", b"p"), "hybrid-files"),
    Case("a lone v1 file that is a link", lambda: put(single_hybrid_doc(), "info/attr", b"xl"), "hybrid-files"),
    # what stands outside info
    Case("private is text", lambda: put(good_doc(), "info/private", b"1"), "private", lt=True),
    Case("an authority's certificate that is a number", lambda: put(good_doc(), "info/ssl-cert", 1), "ssl-cert", lt=True),
    Case("an authority's certificate without an end", lambda: put(good_doc(), "info/ssl-cert", AUTHORITY[:-20].encode()), "ssl-cert", lt=True),
    Case("two certificates", lambda: put(good_doc(), "info/ssl-cert", 2 * AUTHORITY.encode()), "ssl-cert", lt=True),
    Case("a certificate with other text", lambda: put(good_doc(), "info/ssl-cert", b"\x1b[2J" + AUTHORITY.encode()), "ssl-cert", lt=True),
    Case("a long certificate", lambda: put(good_doc(), "info/ssl-cert", AUTHORITY.encode() + b" " * MAX_CERTIFICATE), "ssl-cert", lt=True),
    Case("announce is a number", lambda: put(good_doc(), "announce", 5), "url", lt=True),
    Case("announce with a newline", lambda: put(good_doc(), "announce", b"http://a/\r\nHost: b"), "url", lt=True),
    Case("announce-list is text", lambda: put(good_doc(), "announce-list", b"http://a/"), "trackers", lt=True),
    Case("announce-list of numbers", lambda: put(good_doc(), "announce-list", [[5]]), "url", lt=True),
    Case("url-list of numbers", lambda: put(good_doc(), "url-list", [5]), "url", lt=True),
    Case("comment is a number", lambda: put(good_doc(), "comment", 5), "text", lt=True),
    Case("creation date is text", lambda: put(good_doc(), "creation date", b"today"), "text", lt=True),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_hostile_manifests_are_refused(case: Case) -> None:
    with pytest.raises(ManifestError) as caught:
        parse_manifest(encoded(case.make()))
    assert caught.value.rule == case.rule
    message = str(caught.value)
    assert message
    assert message.isprintable(), "what an attacker wrote must not reach a terminal as it is"
    assert len(message) < 1000, "nor at whatever length"
    assert caught.value.hint


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_nothing_that_libtorrent_refuses_is_let_in(judge: Libtorrent, case: Case) -> None:
    try:
        judge.ask("load", encoded(case.make()).hex())
    except LibtorrentError:
        accepted = False
    else:
        accepted = True
    assert accepted == (case.lt and (judge.version, case.what) not in REFUSED_IN_ONE)


def test_there_are_as_many_messages_as_rules() -> None:
    """Each rule says something of its own."""
    messages: dict[str, set[str]] = {}
    for case in CASES:
        with pytest.raises(ManifestError) as caught:
            parse_manifest(encoded(case.make()))
        messages.setdefault(str(caught.value), set()).add(case.rule)
    assert all(len(rules) == 1 for rules in messages.values())
    assert len({case.rule for case in CASES}) >= 30


def good_ones() -> list[Doc]:
    return [
        good_doc(),
        hybrid_doc(),
        single_hybrid_doc(),
        v1_list(3, drop=1),
        put(single_hybrid_doc(), "info/attr", b"x"),
        named(b"fine"),
        linked([b"a.bin"]),
        deep(10),
    ]


def test_libtorrent_takes_the_good_ones(judge: Libtorrent) -> None:
    for doc in good_ones():
        judge.ask("load", encoded(doc).hex())


def test_the_good_ones_are_good() -> None:
    """So that each case is refused for what it changes, not for what it began with."""
    for doc in good_ones():
        parse_manifest(encoded(doc))
    assert layers_of(40_000, piece_length=BLOCK_LENGTH) == good_doc()[b"piece layers"]


def test_paths_in_all_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_PATH_PARTS", 1)
    parse_manifest(encoded(folder_doc({b"a": 5})))
    with pytest.raises(ManifestError, match="more than 1 parts") as caught:
        parse_manifest(encoded(good_doc()))
    assert caught.value.rule == "paths"
