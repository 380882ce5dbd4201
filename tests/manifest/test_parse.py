"""What a good manifest says, and that writing it again changes nothing that counts."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from hashlib import sha1, sha256
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
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

from swarmshare.manifest import build
from swarmshare.manifest.build import choose_piece_length
from swarmshare.manifest.manifest import FileEntry, Manifest
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from interop.peers import Libtorrent

MIB = 2**20


def parse(doc: Doc) -> Manifest:
    return parse_manifest(encoded(doc))


def test_the_vector_that_libtorrent_gave() -> None:
    tree = {b"a.bin": file_node(216_608), b"z": file_node(0)}
    hello = b"hello swarm\n"
    tree[b"sub.txt"] = {b"": {b"length": len(hello), b"pieces root": root_of(hello)}}
    doc = {
        b"info": {b"file tree": tree, b"meta version": 2, b"name": b"vec", b"piece length": 65536},
        b"piece layers": layers_of(216_608, piece_length=65536),
    }
    manifest = parse(doc)
    assert len(manifest.info) == 240
    assert str(manifest.info_hash) == "0bc3dd51df5fcbed268c69cfb4ee9339025b4231b299e38b289bb7e4317b1f88"
    assert manifest.layout.piece_count == 5
    assert manifest.total_length == 216_620
    assert [file.path for file in manifest.files] == [("a.bin",), ("sub.txt",), ("z",)]
    assert manifest.piece_hashes(manifest.files[0]) == layers_of(216_608, piece_length=65536)[root_of(payload(216_608))]
    assert manifest.piece_hashes(manifest.files[1]) == root_of(hello)
    assert manifest.piece_hashes(manifest.files[2]) == b""


def test_hashes_are_over_the_bytes_as_they_stand() -> None:
    manifest = parse(hybrid_doc())
    data = encoded(hybrid_doc())
    assert manifest.info in data
    assert manifest.info_hash.full == sha256(manifest.info).digest()
    assert manifest.info_hash.truncated == manifest.info_hash.full[:20]
    assert manifest.info_hash_v1 == sha1(manifest.info).digest()


def test_libtorrent_finds_the_same_hashes(judge: Libtorrent) -> None:
    loaded = judge.ask("load", encoded(hybrid_doc()).hex())
    manifest = parse(hybrid_doc())
    assert manifest.info_hash_v1 is not None
    assert (loaded["v2"], loaded["v1"]) == (str(manifest.info_hash), manifest.info_hash_v1.hex())


@pytest.mark.parametrize("make", [good_doc, hybrid_doc, single_hybrid_doc])
def test_unknown_keys_are_kept(make: object) -> None:
    doc = make()  # type: ignore[operator]
    doc[b"info"][b"source"] = b"THE LAB"
    doc[b"info"][b"x-later"] = [1, {b"a": b"b"}]
    doc[b"info"][b"file tree"][next(iter(doc[b"info"][b"file tree"]))][b""][b"mtime"] = 5
    doc[b"nodes"] = [[b"router.example", 6881]]
    doc[b"zz"] = {b"unknown": 1}
    manifest = parse(doc)
    assert manifest.encode() == encoded(doc)
    assert parse_manifest(manifest.encode()) == manifest


def messed_up() -> tuple[bytes, bytes]:
    """A manifest with a key out of order and something behind its end; and as it ought to be."""
    data = encoded(put(good_doc(), "comment", b"hello"))
    head = b"7:comment5:hello"
    assert data.startswith(b"d" + head)
    return b"d" + data[1 + len(head) : -1] + head + b"e\r\n", data


def test_disorder_outside_info_is_tolerated_and_mended() -> None:
    messy, data = messed_up()
    manifest = parse_manifest(messy)
    assert manifest.comment == "hello"
    assert manifest.encode() == data


def test_disorder_outside_info_is_tolerated_by_libtorrent(judge: Libtorrent) -> None:
    assert judge.ask("load", messed_up()[0].hex())["v2"] == str(parse(good_doc()).info_hash)


def test_missing_layers_are_reported() -> None:
    big = root_of(payload(40_000))
    for doc in (put(good_doc(), "piece layers", {}), drop(good_doc(), "piece layers")):
        manifest = parse(doc)
        assert manifest.missing_layers == {big}
        assert manifest.piece_hashes(manifest.files[0]) is None
        assert manifest.piece_hashes(manifest.files[1]) == root_of(payload(12))
    assert parse(good_doc()).missing_layers == frozenset()


def test_two_files_may_share_a_layer() -> None:
    manifest = parse(folder_doc({b"a": 40_000, b"b": 40_000, b"c": 5}))
    assert len(manifest.piece_layers) == 1
    assert manifest.piece_hashes(manifest.files[0]) == manifest.piece_hashes(manifest.files[1])


def lands(doc: Doc) -> list[str]:
    return ["/".join(path) for path in parse(doc).local_paths(windows=False)]


def lone(key: bytes, name: bytes) -> Doc:
    return put(folder_doc({key: 40_000}), "info/name", name)


@pytest.mark.parametrize(
    ("doc", "expected"),
    [
        (good_doc(), ["top/a.bin", "top/b.txt"]),
        (hybrid_doc(), ["top/a.bin", "top/b.txt"]),
        (single_hybrid_doc(), ["top"]),
        (lone(b"top", b"top"), ["top"]),
        (lone(b"real.bin", b"declared"), ["real.bin"]),
        (put(lone(b"real.bin", b"top"), "info/file tree/zdir", {}), ["top/real.bin"]),
        (put(good_doc(), "info/name.utf-8", b"other"), ["other/a.bin", "other/b.txt"]),
        (put(hybrid_doc(), "info/name.utf-8", b"other"), ["other/a.bin", "other/b.txt"]),
        (put(good_doc(), "info/name.utf-8", 5), ["top/a.bin", "top/b.txt"]),
        (put(folder_doc({b"x": 5}), "info/file tree", {b"sub": {b"x": file_node(5)}}), ["top/sub/x"]),
        (
            put(put(folder_doc({b"x": 5}), "info/files", [{b"length": 5, b"path": [b"x"]}]), "info/pieces", bytes(20)),
            ["top/x"],
        ),
    ],
)
def test_files_land_where_libtorrent_puts_them(judge: Libtorrent, doc: Doc, expected: list[str]) -> None:
    assert lands(doc) == judge.ask("load", encoded(doc).hex())["paths"] == expected


def test_a_lone_file_is_called_by_its_key() -> None:
    manifest = parse(lone(b"real.bin", b"declared"))
    assert (manifest.name, manifest.declared_name, manifest.in_folder) == ("real.bin", "declared", False)


def test_attributes_and_links() -> None:
    doc = good_doc()
    doc[b"info"][b"file tree"][b"a.bin"][b""][b"attr"] = b"hx"
    doc[b"info"][b"file tree"][b"to-file"] = {b"": {b"attr": b"l", b"symlink path": [b"a.bin"]}}
    doc[b"info"][b"file tree"][b"to-folder"] = {b"": {b"attr": b"l", b"length": 9, b"symlink path": [b"dir"]}}
    doc[b"info"][b"file tree"][b"dir"] = {b"inner": file_node(0)}
    files = {file.path: file for file in parse(doc).files}
    assert files["a.bin",].executable
    assert not files["b.txt",].executable
    assert files["to-file",] == FileEntry(("to-file",), 0, symlink=("a.bin",))
    assert files["to-folder",].symlink == ("dir",)


@pytest.mark.parametrize(
    ("fields", "tiers"),
    [
        ({}, ()),
        ({b"announce": b""}, ()),
        ({b"announce": b"http://a/announce"}, (("http://a/announce",),)),
        ({b"announce": b"http://a/", b"announce-list": [[b""], []]}, (("http://a/",),)),
        (
            {b"announce": b"http://a/", b"announce-list": [[b"http://b/ ", b"udp://c:1"], [b"http://d/"]]},
            (("http://b/", "udp://c:1"), ("http://d/",)),
        ),
        ({b"announce-list": [b"http://b/", b"http://c/"]}, (("http://b/",), ("http://c/",))),
    ],
)
def test_trackers(fields: Doc, tiers: object) -> None:
    assert parse(good_doc() | fields).trackers == tiers


def test_the_rest() -> None:
    doc = good_doc() | {
        b"comment": "h\u00e9".encode() + b"\xff", b"created by": b"someone", b"creation date": 1_700_000_000,
        b"url-list": [b"http://seed/", b""],
    }  # fmt: skip
    doc[b"info"][b"private"] = 1
    doc[b"info"][b"ssl-cert"] = AUTHORITY.encode()
    manifest = parse(doc)
    assert (manifest.comment, manifest.created_by, manifest.creation_date) == (
        "h\u00e9\ufffd",
        "someone",
        1_700_000_000,
    )
    assert manifest.web_seeds == ("http://seed/",)
    assert parse(good_doc() | {b"url-list": b"http://one/"}).web_seeds == ("http://one/",)
    assert manifest.private
    assert manifest.ssl_cert == AUTHORITY.encode()
    assert not manifest.hybrid
    assert not parse(good_doc()).private
    assert parse(good_doc()).ssl_cert is None
    assert parse(good_doc()).creation_date is None


def test_it_is_immutable() -> None:
    manifest = parse(good_doc())
    with pytest.raises(FrozenInstanceError):
        manifest.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        manifest.piece_layers[b""] = b""  # type: ignore[index]
    with pytest.raises(TypeError):
        manifest.outside[b""] = b""  # type: ignore[index]


@given(st.lists(st.integers(0, 2**45), min_size=1, max_size=30), st.booleans())
def test_the_automatic_piece_length(lengths: list[int], hybrid: bool) -> None:
    length = choose_piece_length(lengths, is_hybrid=hybrid)
    assert length & (length - 1) == 0
    assert BLOCK_LENGTH <= length <= 2**28


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (1, 16 * 2**10),
        (32 * MIB, 16 * 2**10),
        (32 * MIB + 1, 32 * 2**10),
        (1024 * MIB, MIB // 2),
        (16 * 1024 * MIB, 8 * MIB),
        (100 * 1024 * MIB, 16 * MIB),
        (100 * 1024 * 1024 * MIB, 64 * MIB),
    ],
)
def test_the_table_of_automatic_piece_lengths(total: int, expected: int) -> None:
    assert choose_piece_length([total], is_hybrid=False) == expected


def test_a_hybrids_padding_stays_in_proportion() -> None:
    lengths = [100_000] * 10_000
    assert choose_piece_length(lengths, is_hybrid=False) == MIB // 2
    assert choose_piece_length(lengths, is_hybrid=True) == 128 * 2**10


def test_a_manifest_of_many_pieces_gets_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "MAX_PIECES", 3)
    assert choose_piece_length([BLOCK_LENGTH * 3, BLOCK_LENGTH], is_hybrid=False) == BLOCK_LENGTH * 2
