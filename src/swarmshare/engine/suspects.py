"""Who lied, when a piece that several peers gave is wrong: the leaves of its tree say it block by block (BEP 52).

The data of the failed piece is kept until somebody sends its leaves. They prove themselves against the piece's hash, so
anybody may be asked, and nobody can put the blame on another.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import HASH_LENGTH, fold_hashes, piece_height, tree_height
from swarmshare.storage.pieces import bad_blocks
from swarmshare.wire.messages import Hashes, HashRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage

MAX_CASES: Final = 4
"""Failed pieces whose data is kept. The oldest is dropped for a new one: its liar will be met again."""


class _Case(NamedTuple):
    piece: int
    data: bytearray
    by_block: Mapping[int, PeerSession]


class Suspects:
    """Failed pieces of one torrent that wait for their leaves."""

    def __init__(self, manifest: Manifest, storage: TorrentStorage) -> None:
        self._manifest = manifest
        self._storage = storage
        self._cases: OrderedDict[HashRequest, _Case] = OrderedDict()

    def accuse(self, piece: int, data: bytearray, by_block: Mapping[int, PeerSession]) -> HashRequest:
        """Keep a failed piece; returns the request for its leaves. ``by_block`` says who sent which block, by begin."""
        span = self._manifest.layout.span(PieceIndex(piece))
        file = self._manifest.files[span.file]
        assert file.pieces_root is not None
        height = min(tree_height(file.length), piece_height(self._manifest.piece_length))
        first = span.offset // self._manifest.piece_length << height
        # With no proof: the leaves of a whole piece fold to a node that we know.
        request = HashRequest(file.pieces_root, 0, first, 1 << height, 0)
        self._cases[request] = _Case(piece, data, by_block)
        if len(self._cases) > MAX_CASES:
            self._cases.popitem(last=False)
        return request

    def convict(self, message: Hashes) -> set[PeerSession]:
        """The peers whose blocks were wrong, if ``message`` has the true leaves of a piece that waits for them."""
        case = self._cases.get(message.request)
        if case is None:
            return set()
        try:
            proven = fold_hashes(message.hashes, message.base, message.index, message.length, message.proof_layers)
        except ValueError:
            return set()
        if proven.hash != self._storage.expected_hash(PieceIndex(case.piece)):
            return set()
        del self._cases[message.request]
        count = -(-len(case.data) // 2**14)
        wrong = bad_blocks(message.hashes[: count * HASH_LENGTH], case.data)
        return {case.by_block[begin] for begin in wrong}
