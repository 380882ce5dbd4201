"""Who lied, when a piece that several peers gave is wrong: the leaves of its tree say it block by block (BEP 52).

The leaves of what came are kept, 32 bytes a block, until the true ones are known: from a peer (they prove themselves
against the piece's hash, so anybody may be asked, and nobody can put the blame on another), or from the same piece when
it came right.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, piece_height, tree_height
from swarmshare.wire.messages import HashRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage
    from swarmshare.wire.messages import Hashes

MAX_CASES: Final = 64
"""Failures that are remembered. The oldest is dropped for a new one: its liar will be met again."""


class _Case(NamedTuple):
    piece: int
    leaves: bytes
    by_block: Mapping[int, PeerSession]


class Suspects:
    """Failed pieces of one torrent whose liars are not known yet."""

    def __init__(self, manifest: Manifest, storage: TorrentStorage) -> None:
        self._manifest = manifest
        self._storage = storage
        self._cases: OrderedDict[HashRequest, list[_Case]] = OrderedDict()

    def accuse(self, piece: int, leaves: bytes, by_block: Mapping[int, PeerSession]) -> HashRequest:
        """Remember a failure; returns the request for the true leaves.

        ``leaves`` are those of what came, and ``by_block`` says who sent the block that begins at a byte of the piece.
        """
        request = self._request(piece)
        self._cases.setdefault(request, []).append(_Case(piece, leaves, by_block))
        if sum(map(len, self._cases.values())) > MAX_CASES:
            self._cases.popitem(last=False)
        return request

    def piece_of(self, message: Hashes) -> int | None:
        """The piece that failed and whose leaves ``message`` may have; None when there is none."""
        cases = self._cases.get(message.request)
        return cases[0].piece if cases else None

    def convict(self, message: Hashes) -> set[PeerSession]:
        """The peers whose blocks were wrong, if ``message`` has the true leaves of a piece that failed."""
        cases = self._cases.get(message.request)
        if cases is None:
            return set()
        piece = cases[0].piece
        count = -(-self._manifest.layout.span(PieceIndex(piece)).length // BLOCK_LENGTH)
        leaves = message.hashes[: count * HASH_LENGTH]
        return self.compare(piece, leaves) if self._storage.verify_leaves(PieceIndex(piece), leaves) else set()

    def compare(self, piece: int, leaves: bytes) -> set[PeerSession]:
        """The peers whose blocks were wrong when ``piece`` failed, now that its true ``leaves`` are known."""
        cases = self._cases.pop(self._request(piece), ()) if self._cases else ()
        return {
            peer
            for case in cases
            for begin, peer in case.by_block.items()
            for at in (begin // BLOCK_LENGTH * HASH_LENGTH,)
            if case.leaves[at : at + HASH_LENGTH] != leaves[at : at + HASH_LENGTH]
        }

    def _request(self, piece: int) -> HashRequest:
        span = self._manifest.layout.span(PieceIndex(piece))
        file = self._manifest.files[span.file]
        assert file.pieces_root is not None
        height = min(tree_height(file.length), piece_height(self._manifest.piece_length))
        first = span.offset // self._manifest.piece_length << height
        # With no proof: the leaves of a whole piece fold to a node that we know.
        return HashRequest(file.pieces_root, 0, first, 1 << height, 0)
