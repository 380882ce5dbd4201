"""The Merkle trees of BEP 52."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from manifest import naive_merkle

from swarmshare.manifest.merkle import (
    BLOCK_LENGTH,
    HashTree,
    check_range,
    fold_hashes,
    leaf_hashes,
    merkle_root,
    pad_hash,
    piece_height,
    piece_layer,
    tree_height,
)

PAD_VECTORS = {
    0: "00" * 32,
    1: "f5a5fd42d16a20302798ef6ed309979b43003d2320d9f0e8ea9831a92759fb4b",
    2: "db56114e00fdd4c1f85c892bf35ac9a89289aaecb1ebd0a96cde606a748b5d71",
    4: "536d98837f2dd165a55d5eeae91485954472d56f246df256bf3cae19352a123c",
    6: "d88ddfeed400a8755596b21942c1497e114c302e6118290f91e6772976041fa1",
}


def content(length: int) -> bytes:
    return bytes(i % 251 for i in range(length))


lengths = st.one_of(
    st.integers(1, 40 * BLOCK_LENGTH),
    st.builds(lambda blocks, off: max(1, blocks * BLOCK_LENGTH + off), st.integers(1, 40), st.integers(-1, 1)),
)
piece_lengths = st.sampled_from([BLOCK_LENGTH << shift for shift in range(6)])


@pytest.mark.parametrize(("layer", "expected"), PAD_VECTORS.items())
def test_pad_hashes(layer: int, expected: str) -> None:
    assert pad_hash(layer).hex() == expected


def test_roots_that_libtorrent_gave() -> None:
    assert merkle_root(leaf_hashes(content(216_608))).hex() == (
        "a90a96ddbcfc81d029109fd8d4336320650c2479d4c2926838bd1bef0d0a4f4a"
    )
    assert merkle_root(leaf_hashes(b"hello swarm\n")).hex() == (
        "aa6444bd9fce616c712a403f55cdc4bfc8eda8e90b30e980b975e960bc9b9524"
    )


@pytest.mark.unmeasured
@given(lengths, piece_lengths)
def test_roots_layers_and_heights(length: int, piece_length: int) -> None:
    data = content(length)
    tree = naive_merkle.full_tree(data)
    leaves = leaf_hashes(data)
    assert merkle_root(leaves) == tree[-1][0]
    assert tree_height(length) == len(tree) - 1
    if length > piece_length:
        layer = piece_layer(leaves, piece_length)
        assert layer == b"".join(naive_merkle.piece_layer(data, piece_length))
        assert merkle_root(layer, piece_height(piece_length)) == tree[-1][0]


@given(st.integers(1, 16), st.integers(0, 4))
def test_the_root_of_one_piece_pads_to_the_whole_piece(blocks: int, shift: int) -> None:
    data = content(blocks * BLOCK_LENGTH)
    height = tree_height(len(data)) + shift
    padded = leaf_hashes(data) + bytes(32) * ((1 << height) - blocks)
    assert merkle_root(leaf_hashes(data), 0, height) == merkle_root(padded)


@st.composite
def proofs(draw: st.DrawFn) -> tuple[bytes, int, int, int, int, int]:
    """Data of at least two blocks, the layer the tree is stored from, and a range of hashes that BEP 52 allows."""
    length = draw(st.integers(BLOCK_LENGTH + 1, 70 * BLOCK_LENGTH))
    height = tree_height(length)
    stored = draw(st.integers(0, height - 1))
    base = draw(st.integers(stored, height - 1))
    climbed = draw(st.integers(1, height - base))
    index = draw(st.integers(0, (1 << (height - base - climbed)) - 1)) << climbed
    return content(length), stored, base, index, 1 << climbed, draw(st.integers(0, height - base - 1))


def served(data: bytes, stored: int) -> HashTree:
    nodes = leaf_hashes(data)
    tree = naive_merkle.full_tree(data)
    real = -(-len(nodes) // (32 << stored))
    return HashTree(b"".join(tree[stored][:real]), stored, len(tree) - 1)


@given(proofs())
def test_proofs_hold_what_bep_52_says_and_fold_to_the_tree(case: tuple[bytes, int, int, int, int, int]) -> None:
    data, stored, base, index, length, proof_layers = case
    layers = naive_merkle.full_tree(data)
    tree = served(data, stored)
    assert tree.root == layers[-1][0]

    hashes = tree.hashes(base, index, length, proof_layers)
    k = length.bit_length() - 1
    uncles = [layers[base + k + j][(index >> (k + j)) ^ 1] for j in range(max(0, proof_layers - (k - 1)))]
    assert hashes == b"".join(layers[base][index : index + length] + uncles)

    ancestor = fold_hashes(hashes, base, index, length, proof_layers)
    assert layers[ancestor.layer][ancestor.index] == ancestor.hash
    if proof_layers == tree.height - base - 1:
        assert (ancestor.layer, ancestor.hash) == (tree.height, tree.root)


@pytest.mark.unmeasured
@given(proofs(), st.data())
def test_a_changed_proof_folds_to_something_else(
    case: tuple[bytes, int, int, int, int, int], data: st.DataObject
) -> None:
    content, stored, base, index, length, proof_layers = case
    hashes = bytearray(served(content, stored).hashes(base, index, length, proof_layers))
    true = fold_hashes(bytes(hashes), base, index, length, proof_layers)
    hashes[data.draw(st.integers(0, len(hashes) - 1))] ^= data.draw(st.integers(1, 255))
    forged = fold_hashes(bytes(hashes), base, index, length, proof_layers)
    assert forged.hash != true.hash
    assert (forged.layer, forged.index) == (true.layer, true.index)


@pytest.mark.parametrize(
    ("base", "index", "length", "proof_layers"),
    [
        (0, 0, 2, 0),  # below what is stored
        (4, 0, 2, 0),  # the root is never sent
        (1, 0, 1, 0),
        (1, 0, 3, 0),
        (1, 1, 2, 0),
        (1, -2, 2, 0),
        (1, 8, 2, 0),
        (1, 0, 16, 0),
        (1, 0, 2, 3),
        (1, 0, 2, -1),
    ],
)
def test_ranges_that_are_refused(base: int, index: int, length: int, proof_layers: int) -> None:
    tree = HashTree(bytes(range(32)) * 8, 1, 4)
    assert len(tree.hashes(1, 0, 2, 2)) == 4 * 32
    with pytest.raises(ValueError, match=r"layer|range"):
        tree.hashes(base, index, length, proof_layers)


@pytest.mark.parametrize("size", [0, 31, 64, 3 * 32, 5 * 32])
def test_a_proof_of_the_wrong_size_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="uncles"):
        fold_hashes(bytes(size), 0, 0, 2, 2)
    with pytest.raises(ValueError, match="range"):
        check_range(0, 0)
    for base, proof_layers in ((-1, 0), (0, -1), (0, 2**31), (2**31, 0)):
        with pytest.raises(ValueError, match="no tree has"):
            fold_hashes(bytes(64), base, 0, 2, proof_layers)
