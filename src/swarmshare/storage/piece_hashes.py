"""Whether a piece is right: the Merkle trees of a torrent's files, as far as their layers are known (BEP 52)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, leaf_hashes, merkle_root, piece_height

if TYPE_CHECKING:
    from swarmshare.manifest.layout import PieceIndex
    from swarmshare.manifest.manifest import Manifest

    Data = bytes | bytearray | memoryview


class PieceHashes:
    """What each piece of ``manifest`` must hash to, by its piece layers and those supplied since."""

    def __init__(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self._height = piece_height(manifest.piece_length)
        self._layers = dict(manifest.piece_layers)
        self._empty: dict[tuple[int, bool], bytes] = {}  # at most one more than there are files
        counts = {file.pieces_root: -(-file.length // manifest.piece_length) for file in manifest.files}
        self._lengths = {root: count * HASH_LENGTH for root, count in counts.items() if count > 1}

    def layer(self, number: int) -> bytes | None:
        """Return the nodes of the pieces of file ``number``, of which it has some; None while they are not known."""
        file = self._manifest.files[number]
        root = file.pieces_root
        assert root is not None  # only a file without bytes has none, and that has no pieces
        return root if file.length <= self._manifest.piece_length else self._layers.get(root)

    def expected(self, piece: PieceIndex) -> bytes:
        """Return the node that ``piece`` must hash to; :class:`ValueError` when its file's piece layer is missing."""
        number = self._manifest.layout.span(piece).file
        layer = self.layer(number)
        if layer is None:
            raise ValueError(f"the piece layer of {'/'.join(self._manifest.files[number].path)!r} is missing")
        at = (piece - self._manifest.layout.file_pieces(number).start) * HASH_LENGTH
        return layer[at : at + HASH_LENGTH]

    def empty(self, piece: PieceIndex) -> bytes:
        """Return the node of ``piece`` where nothing but zeros is: what a disk shows of what was not written yet."""
        span = self._manifest.layout.span(piece)
        alone = self._manifest.files[span.file].length <= self._manifest.piece_length
        node = self._empty.get((span.length, alone))
        if node is None:
            leaves = leaf_hashes(bytes(span.length))
            node = self._empty[span.length, alone] = merkle_root(leaves, 0, None if alone else self._height)
        return node

    def verify_leaves(self, piece: PieceIndex, leaves: bytes) -> bool:
        """Whether ``leaves``, the SHA-256 of each 16 KiB block of ``piece`` in order, are those of the right data.

        Raises :class:`ValueError` when the piece layer of its file is missing.
        """
        expected = self.expected(piece)
        span = self._manifest.layout.span(piece)
        if len(leaves) != -(-span.length // BLOCK_LENGTH) * HASH_LENGTH:
            return False
        # A file of one piece or less is padded to its own width only; the last piece of a longer one to a whole piece.
        alone = self._manifest.files[span.file].length <= self._manifest.piece_length
        return merkle_root(leaves, 0, None if alone else self._height) == expected

    def check(self, piece: PieceIndex, data: Data) -> bool:
        """Whether ``data`` is ``piece``, all of it; :class:`ValueError` when the layer of its file is missing."""
        return len(data) == self._manifest.layout.span(piece).length and self.verify_leaves(piece, leaf_hashes(data))

    def set_layer(self, root: bytes, layer: bytes) -> None:
        """Supply the piece layer of the files with ``root``; :class:`ValueError` when it is not theirs."""
        # The length first: it bounds what is hashed of bytes that came from a stranger.
        if len(layer) != self._lengths.get(root):
            raise ValueError("no file has a piece layer of that root and length")
        if merkle_root(layer, self._height) != root:
            raise ValueError("the piece layer does not hash to its root")
        self._layers[root] = layer
