"""The Merkle trees of BEP 52: leaves of 16 KiB, roots, piece layers, and proofs by uncle hashes.

Nodes of one layer travel as one ``bytes``: 32 bytes a node, in order, without the padding past the end of the file.
Layer 0 are the leaves (SHA-256 of each 16 KiB block, the last one short); a node of layer ``k + 1`` is the SHA-256 of
its two children. Where a layer ends before the tree's width, :func:`pad_hash` stands in:

* at layer 0, 32 zero bytes (not the hash of zeros);
* at layer ``k``, the root of a subtree of ``2**k`` such leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from struct import Struct
from typing import Final

BLOCK_LENGTH: Final = 16384
"""Bytes in a block: the unit of a leaf, and of a request on the wire."""
HASH_LENGTH: Final = 32
"""Bytes in a SHA-256 hash: the size of a node."""

MAX_HEIGHT: Final = 63
"""No file's tree is higher: lengths fit in 63 bits."""

_PAIR: Final = 2 * HASH_LENGTH
_pairs: Final = Struct(f"{_PAIR}s").iter_unpack


@cache
def pad_hash(layer: int) -> bytes:
    """Return the node of ``layer`` that covers nothing but padding."""
    return bytes(HASH_LENGTH) if layer == 0 else sha256(pad_hash(layer - 1) * 2).digest()


def split_blocks(data: memoryview) -> list[memoryview]:
    """Return ``data`` cut into blocks, the last one short if need be."""
    return [data[i : i + BLOCK_LENGTH] for i in range(0, len(data), BLOCK_LENGTH)]


def leaf_hashes(data: bytes | bytearray | memoryview) -> bytes:
    """Return the leaves (layer 0) of ``data``, which must begin on a block boundary of its file."""
    return b"".join([sha256(block).digest() for block in split_blocks(memoryview(data))])


def parent_layer(nodes: bytes, layer: int) -> bytes:
    """Return the layer above ``nodes``; an odd end is paired with ``pad_hash(layer)``."""
    if len(nodes) % _PAIR:
        nodes += pad_hash(layer)
    return b"".join([sha256(pair).digest() for (pair,) in _pairs(nodes)])


def merkle_root(nodes: bytes, layer: int = 0, height: int | None = None) -> bytes:
    """Return the root over ``nodes`` of ``layer`` (at least one node).

    The tree is as narrow as the nodes allow, unless ``height`` names the layer of the root: then the padding reaches
    that far. So a file's leaves take no ``height``; the leaves of one piece of a larger file take the piece's.
    """
    while len(nodes) > HASH_LENGTH:
        nodes = parent_layer(nodes, layer)
        layer += 1
    for above in range(layer, height if height is not None else layer):
        nodes = sha256(nodes + pad_hash(above)).digest()
    return nodes


def piece_height(piece_length: int) -> int:
    """Return the layer on which one node stands for one piece: log2(piece length / block)."""
    return (piece_length // BLOCK_LENGTH).bit_length() - 1


def tree_height(length: int) -> int:
    """Return the layer of the root for a file of ``length`` > 0 bytes: log2 of its padded leaf count."""
    return (_ceil_div(length, BLOCK_LENGTH) - 1).bit_length()


def piece_layer(leaves: bytes, piece_length: int) -> bytes:
    """Return the piece layer of a file of several pieces: one node a piece, the last piece padded to a whole one."""
    nodes = leaves
    for layer in range(piece_height(piece_length)):
        nodes = parent_layer(nodes, layer)
    return nodes


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A node that a proof leads up to: it must equal the node one already trusts (at best the root)."""

    layer: int
    index: int
    hash: bytes


class HashTree:
    """All layers of one file's tree from ``base`` up, to serve proofs from (BEP 52 ``hash request``).

    Built once in O(nodes); each proof then costs only its own length.
    """

    def __init__(self, nodes: bytes, base: int, height: int) -> None:
        """``nodes`` is the whole of layer ``base`` without padding; ``height`` is the layer of the root."""
        self.base = base
        self.height = height
        self._layers = [nodes]
        for layer in range(base, height):
            self._layers.append(parent_layer(self._layers[-1], layer))

    @property
    def root(self) -> bytes:
        """The one node of the top layer (BEP 52 ``pieces root``)."""
        return self._layers[-1]

    def hashes(self, base: int, index: int, length: int, proof_layers: int) -> bytes:
        """Return the body of BEP 52's ``hashes``: ``length`` nodes from ``index`` of layer ``base``, then uncles.

        Nodes past the end of the file are spelled out. The root is never sent; layers that the nodes themselves yield
        are left out, so there are ``max(0, proof_layers - log2(length) + 1)`` uncles.

        Raises :class:`ValueError` for a range that BEP 52 does not allow or that this tree does not have.
        """
        if not self.base <= base < self.height:
            raise ValueError(f"layer {base} is not between {self.base} and {self.height - 1}")
        check_range(index, length)
        if index + length > 1 << (self.height - base) or not 0 <= proof_layers < self.height - base:
            raise ValueError("the range or its proof leaves the tree")
        nodes = self._nodes(base, index, length)
        return nodes + b"".join(self._nodes(layer, at, 1) for layer, at in _uncles(base, index, length, proof_layers))

    def _nodes(self, layer: int, index: int, count: int) -> bytes:
        held = self._layers[layer - self.base][index * HASH_LENGTH : (index + count) * HASH_LENGTH]
        return held + pad_hash(layer) * (count - len(held) // HASH_LENGTH)


def check_range(index: int, length: int) -> None:
    """Raise :class:`ValueError` unless ``length`` is a power of two from 2, and ``index`` a multiple of it (BEP 52)."""
    if length < 2 or length & (length - 1) or index < 0 or index % length:
        raise ValueError("a range of hashes has a power of two of nodes, two or more, and begins on a multiple of it")


def fold_hashes(hashes: bytes, base: int, index: int, length: int, proof_layers: int) -> Ancestor:
    """Climb from the body of a ``hashes`` message to the ancestor that it proves.

    The nodes are genuine exactly when the ancestor's hash equals the trusted node of that layer and index; with
    ``proof_layers`` = tree height - ``base`` - 1 (and any range that fills the tree) that node is the root.

    Raises :class:`ValueError` when the range is not one of BEP 52's or the body has not exactly the size it implies.
    """
    check_range(index, length)
    if not 0 <= base <= MAX_HEIGHT or not 0 <= proof_layers <= MAX_HEIGHT:
        raise ValueError(f"no tree has {base} and {proof_layers} layers")
    # The size first: a peer chose all of these numbers, and nothing is hashed unless the body is just what they imply.
    uncles = _uncles(base, index, length, proof_layers)
    if len(hashes) != (length + len(uncles)) * HASH_LENGTH:
        raise ValueError(f"{length} hashes with {len(uncles)} uncles are not {len(hashes)} bytes")
    node = merkle_root(hashes[: length * HASH_LENGTH], base)
    layer, at = base + length.bit_length() - 1, index // length
    for position in range(length, length + len(uncles)):
        uncle = hashes[position * HASH_LENGTH : (position + 1) * HASH_LENGTH]
        # An odd index is a right child: its uncle stands to the left of it.
        node = sha256(uncle + node if at & 1 else node + uncle).digest()
        layer, at = layer + 1, at >> 1
    return Ancestor(layer, at, node)


def _uncles(base: int, index: int, length: int, proof_layers: int) -> list[tuple[int, int]]:
    """(layer, index) of each uncle that goes with a range, from below."""
    climbed = length.bit_length() - 1
    count = max(0, proof_layers - climbed + 1)
    return [(base + climbed + up, (index >> (climbed + up)) ^ 1) for up in range(count)]


def _ceil_div(value: int, by: int) -> int:
    return -(-value // by)
