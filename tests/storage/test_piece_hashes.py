"""Whether a piece is right."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from manifest import naive_merkle
from manifest.makers import encoded, folder_doc, payload
from storage.makers import BLOCK, PIECE, content, data_of, fill, number_of, pieces_of, without_layers

from swarmshare.manifest.merkle import leaf_hashes, merkle_root
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.piece_hashes import PieceHashes
from swarmshare.storage.pieces import TorrentStorage

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def test_a_piece_is_right_or_it_is_not(manifest: Manifest) -> None:
    hashes = PieceHashes(manifest)
    for number in range(manifest.layout.piece_count):
        piece, data = manifest.layout.index(number), data_of(manifest, number)
        assert hashes.check(piece, data)
        assert hashes.check(piece, memoryview(bytearray(data)))
        for wrong in (data[:-1], data + b"\0", data[:-1] + bytes([data[-1] ^ 1]), b""):
            assert not hashes.check(piece, wrong)
            assert not hashes.verify_leaves(piece, leaf_hashes(wrong))


@pytest.mark.parametrize("length", [1, BLOCK, BLOCK + 1, 3 * BLOCK - 5, 4 * BLOCK, 5 * BLOCK, 7 * BLOCK + 9, 9 * BLOCK])
def test_leaves_stand_for_the_data(length: int) -> None:
    manifest = parse_manifest(encoded(folder_doc({b"x": length}, piece_length=4 * BLOCK)))
    hashes = PieceHashes(manifest)
    for number in range(manifest.layout.piece_count):
        piece = manifest.layout.index(number)
        data = payload(length)[number * 4 * BLOCK :][: 4 * BLOCK]
        leaves = b"".join(sha256(data[at : at + BLOCK]).digest() for at in range(0, len(data), BLOCK))
        assert hashes.verify_leaves(piece, leaves)
        for at in range(len(leaves)):
            assert not hashes.verify_leaves(piece, leaves[:at] + bytes([leaves[at] ^ 1]) + leaves[at + 1 :])
        for wrong in (leaves[:-32], leaves[:-1], leaves + bytes(32), leaves + leaves[-32:], b""):
            assert not hashes.verify_leaves(piece, wrong)


def test_a_manifest_whose_hashes_are_of_longer_or_shorter_pieces(folder: Path) -> None:
    data = bytes(i % 251 for i in range(4 * BLOCK))
    doc = folder_doc({b"x": 5})
    doc[b"info"][b"file tree"][b"x"][b""][b"pieces root"] = merkle_root(leaf_hashes(data))
    manifest = parse_manifest(encoded(doc))
    hashes = PieceHashes(manifest)
    assert not hashes.check(manifest.layout.index(0), data), "it is not 5 bytes"
    assert not hashes.verify_leaves(manifest.layout.index(0), leaf_hashes(data)), "nor four blocks"

    doc[b"info"][b"file tree"][b"x"][b""][b"pieces root"] = leaf_hashes(data[:BLOCK])
    manifest = parse_manifest(encoded(doc))
    assert not PieceHashes(manifest).check(manifest.layout.index(0), data[:BLOCK]), "nor a whole block"

    layer = leaf_hashes(data[: 2 * BLOCK])  # of blocks, where each piece has two
    doc = folder_doc({b"x": 4 * BLOCK}, piece_length=PIECE)
    doc[b"info"][b"file tree"][b"x"][b""][b"pieces root"] = root = merkle_root(layer, 1)
    manifest = parse_manifest(encoded({**doc, b"piece layers": {root: layer}}))
    (folder / "x.part").write_bytes(data[:BLOCK])
    assert TorrentStorage(manifest, folder).scan() == set(), "half a piece is none"


@pytest.mark.parametrize("blocks", [1, 2, 3, 5, 9])
def test_the_hash_of_a_piece_by_a_plain_tree(folder: Path, blocks: int) -> None:
    length = blocks * BLOCK - 5
    manifest = parse_manifest(encoded(folder_doc({b"x": length}, piece_length=4 * BLOCK)))
    data = bytes(i % 251 for i in range(length))
    storage = TorrentStorage(manifest, folder)
    layer = naive_merkle.piece_layer(data, 4 * BLOCK) if blocks > 4 else [naive_merkle.full_tree(data)[-1][0]]
    for number, node in enumerate(layer):
        piece = manifest.layout.index(number)
        assert storage.hashes.expected(piece) == node
        part = data[number * 4 * BLOCK :][: 4 * BLOCK]
        assert storage.check(piece, part)
        assert storage.verify_leaves(piece, leaf_hashes(part))


def test_layers_that_come_later(manifest: Manifest, folder: Path) -> None:
    bare = without_layers(manifest)
    storage = TorrentStorage(bare, folder)
    piece = bare.layout.index(0)
    with pytest.raises(ValueError, match="the piece layer of 'a/deep/large' is missing"):
        storage.check(piece, data_of(manifest, 0))
    with pytest.raises(ValueError, match="is missing"):
        storage.hashes.expected(piece)
    with pytest.raises(ValueError, match="is missing"):
        storage.verify_leaves(piece, leaf_hashes(data_of(manifest, 0)))
    assert storage.check(bare.layout.index(pieces_of(bare, "small")[0]), content("small"))
    for root, layer in manifest.piece_layers.items():
        for wrong in (b"", layer[:-32], layer + layer[:32], layer[32:] + layer[:32], bytes(len(layer))):
            with pytest.raises(ValueError, match="piece layer"):
                storage.hashes.set_layer(root, wrong)
        storage.hashes.set_layer(root, layer)
    assert storage.check(piece, data_of(manifest, 0))
    assert storage.hashes.expected(piece) == next(iter(manifest.piece_hashes(f) for f in manifest.files))[:32]  # type: ignore[index]
    small = manifest.files[number_of(manifest, "small")].pieces_root
    assert small is not None
    for root in (small, bytes(32)):
        with pytest.raises(ValueError, match="no file"):
            storage.hashes.set_layer(root, bytes(32))


def test_a_file_without_its_layer_is_one_claim(manifest: Manifest, folder: Path) -> None:
    fill(folder / "top")
    with open(folder / "top/a/whole", "r+b") as file:
        file.write(b"broken")
    storage = TorrentStorage(without_layers(manifest), folder)
    assert storage.scan() == set(range(manifest.layout.piece_count)) - set(pieces_of(manifest, "a/whole"))
    assert storage.check(manifest.layout.index(0), data_of(manifest, 0)), "its layer is known now"
    with pytest.raises(ValueError, match="is missing"):
        storage.hashes.expected(manifest.layout.index(pieces_of(manifest, "a/whole")[0]))
