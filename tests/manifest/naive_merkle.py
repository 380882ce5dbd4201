"""BEP 52's trees, written out leaf by leaf: slow, and too plain to be wrong in the same way as the real ones."""

from __future__ import annotations

from hashlib import sha256

BLOCK = 16384


def full_tree(data: bytes) -> list[list[bytes]]:
    """All layers of a file's tree, padding included; the leaves first, the root last."""
    leaves = [sha256(data[i : i + BLOCK]).digest() for i in range(0, len(data), BLOCK)]
    width = 1
    while width < len(leaves):
        width *= 2
    layers = [leaves + [bytes(32)] * (width - len(leaves))]
    while len(layers[-1]) > 1:
        below = layers[-1]
        layers.append([sha256(below[i] + below[i + 1]).digest() for i in range(0, len(below), 2)])
    return layers


def piece_layer(data: bytes, piece_length: int) -> list[bytes]:
    """One node a piece that has any data, of a file of more than one piece."""
    layer = full_tree(data)[(piece_length // BLOCK).bit_length() - 1]
    return layer[: -(-len(data) // piece_length)]
