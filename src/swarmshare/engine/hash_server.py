"""Serving hashes (BEP 52): from the piece layers, and for what lies below them from the data itself."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.errors import StorageError
from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import HashTree, check_range, leaf_hashes, piece_height, tree_height

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage
    from swarmshare.wire.messages import HashRequest

TREES_KEPT: Final = 64
"""Trees in memory, each twice as large as its piece layer; beyond it the oldest is dropped."""


class HashServer:
    """Answers the hash requests that peers send for one torrent."""

    def __init__(
        self,
        manifest: Manifest,
        storage: TorrentStorage,
        read: Callable[[int, int, int], Awaitable[memoryview | None]],
    ) -> None:
        """Serve hashes of ``manifest``.

        Args:
            manifest: The files and their pieces roots.
            storage: Knows the piece layers, those that were fetched included.
            read: Returns bytes of a piece (number, first byte, count); None when we do not hold it.
        """
        self._manifest = manifest
        self._storage = storage
        self._read = read
        self._height = piece_height(manifest.piece_length)
        self._files = {file.pieces_root: number for number, file in enumerate(manifest.files) if file.length}
        self._trees: OrderedDict[bytes, HashTree] = OrderedDict()

    async def answer(self, request: HashRequest) -> bytes | None:
        """Return the hashes that answer ``request``; None to reject it. Proofs from below the piece layer end there."""
        number = self._files.get(request.root)
        if number is None:
            return None
        try:
            length = self._manifest.files[number].length
            if length > self._manifest.piece_length and request.base >= self._height:
                tree, index = self._layer_tree(number), request.index
            else:
                check_range(request.index, request.length)
                tree, index = await self._piece_tree(number, request)
            return tree.hashes(request.base, index, request.length, request.proof_layers)
        except (ValueError, StorageError):
            return None

    def _layer_tree(self, number: int) -> HashTree:
        file = self._manifest.files[number]
        assert file.pieces_root is not None
        tree = self._trees.get(file.pieces_root)
        if tree is None:
            layer = self._storage.hashes.layer(number)
            if layer is None:
                raise ValueError("its piece layer is missing")
            tree = self._trees[file.pieces_root] = HashTree(layer, self._height, tree_height(file.length))
            if len(self._trees) > TREES_KEPT:
                self._trees.popitem(last=False)
        return tree

    async def _piece_tree(self, number: int, request: HashRequest) -> tuple[HashTree, int]:
        """Return the tree below one piece, and the request's index in it."""
        layout, length = self._manifest.layout, self._manifest.files[number].length
        in_one_piece = length <= self._manifest.piece_length
        height = tree_height(length) if in_one_piece else self._height
        per_piece = max(1, 1 << max(0, height - request.base))
        piece = request.index // per_piece
        if piece >= len(layout.file_pieces(number)):
            raise ValueError("there is no such piece")
        whole = layout.file_pieces(number)[piece]
        data = await self._read(whole, 0, layout.span(PieceIndex(whole)).length)
        if data is None:
            raise ValueError("we do not hold that piece")
        leaves = await trio.to_thread.run_sync(leaf_hashes, data)
        return HashTree(leaves, 0, height), request.index % per_piece
