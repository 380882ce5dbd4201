"""Smart ban: finding out which peer sent wrong data, and banning it unless it is worth keeping.

When one peer sent the whole piece, it is known. When several did, the leaves of the piece's Merkle tree (BEP 52) tell
block by block: the leaves of what came are kept, 32 bytes a block, until the true ones are known. These come from a
peer (they prove themselves against the piece's hash, so any peer may be asked, and none can incriminate another), or
from the same piece once it came right. What follows is decided in :mod:`swarmshare.swarm.conduct`.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.common.text import with_user
from swarmshare.manifest.layout import PieceIndex
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, piece_height, tree_height
from swarmshare.schema.alerts import PeerDropped, PieceFailed
from swarmshare.texts import Text
from swarmshare.wire.messages import HashRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.engine.block_source import BlockSource, Mark
    from swarmshare.engine.context import TorrentContext
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage
    from swarmshare.swarm.conduct import Conduct
    from swarmshare.wire.messages import Hashes

MAX_REMEMBERED: Final = 1000
"""Addresses and ids of peers that sent wrong data and are not banned. The oldest is dropped for a new one: that peer
starts anew."""
MAX_FAILURES: Final = 64
"""Failed pieces that are remembered until it is known who sent the wrong blocks. The oldest is dropped for a new one:
whoever spoiled that one will spoil another."""
WITNESSES: Final = 4
"""Peers that are asked for the leaves of a piece that failed; each of them may have to read it for that."""


_log: Final = logging.getLogger(__name__)


class SmartBan:
    """Finds the peers that send wrong data to one torrent, and bans them from it."""

    def __init__(self, context: TorrentContext) -> None:
        self.banned: set[Mark] = set()
        """Where we dialled a peer that sent wrong data, and its device, or its host with its id. Neither its whole
        host nor where it says it listens: others may share the one, and it may name another for the other."""
        self._context = context
        self._failures = FailedPieces(context.manifest, context.disk.storage)
        self._conducts: OrderedDict[Mark, Conduct] = OrderedDict()
        """Of peers that sent wrong data, by their marks: a new connection is no new account."""

    def admit(self, session: PeerSession) -> bool:
        """Whether a new session may join; one to a peer that sent wrong data before gets its old conduct back."""
        if not self.banned.isdisjoint(session.marks):
            return False
        known = [self._conducts[mark] for mark in session.marks if mark in self._conducts]
        if known:
            session.requester.conduct = known[0]
            if session.marks[0] not in self._conducts:  # at its address, but with another id
                known[0].begin_anew()
        return True

    def piece_failed(self, piece: int, leaves: bytes) -> None:
        """Find out who spoiled ``piece``, which came with these ``leaves``; the picker has it MISSING from here on."""
        context = self._context
        by_block = context.picker.contributors(piece)
        contributors = set(by_block.values())
        context.picker.failed(piece)
        _log.info("%s: piece %d is wrong, from %d peers", context.manifest.info_hash, piece, len(contributors))
        liar = contributors.pop() if len(contributors) == 1 else None
        context.alert(PieceFailed(context.info_hash, piece, liar.address if liar else None))
        if liar is not None:
            self._sent_wrong(liar, piece)
            return
        request = self._failures.add(piece, leaves, by_block)
        for contributor in contributors:
            contributor.requester.proven = False
        able = [peer for peer in context.sessions if peer.connection.negotiated.v2 and peer.has.has(piece)]
        for peer in context.rng.sample(able, min(WITNESSES, len(able))):
            peer.connection.request_hashes(request)
            peer.wake()

    def piece_verified(self, piece: int, leaves: bytes) -> None:
        """Compare the ``leaves`` of a piece that is right with those of its earlier failures."""
        for liar in self._failures.compare(piece, leaves):
            self._sent_wrong(liar, piece)

    def hashes_received(self, message: Hashes) -> None:
        """Take hashes of a peer, which may be the true leaves of a piece that failed."""
        piece = self._failures.piece_of(message)
        if piece is not None:
            for liar in self._failures.resolve(message):
                self._sent_wrong(liar, piece)

    def _sent_wrong(self, source: BlockSource, piece: int) -> None:
        """Hold ``source`` responsible: it is certain that it sent wrong data in ``piece``."""
        context, conduct = self._context, source.requester.conduct
        span = context.layout.span(context.layout.index(piece))
        parts = context.picker.parts_of(source)
        conduct.gave_wrong(piece, span.length, context.layout.file_pieces(span.file), parts)
        source.requester.proven = False
        self._conducts.update(dict.fromkeys(source.marks, conduct))
        while len(self._conducts) > MAX_REMEMBERED:
            self._conducts.popitem(last=False)
        if conduct.is_bad:
            self._ban(source)

    def _ban(self, source: BlockSource) -> None:
        context = self._context
        if self.banned.isdisjoint(source.marks):
            self.banned.update(source.marks)
            context.announce(liar=source.listens)
            who = with_user(source.user, source.address)
            _log.warning("%s: peer %s is banned: it sent wrong data", context.manifest.info_hash, who)
            wrong = Text("peer.wrong-data")
            context.alert(PeerDropped(context.info_hash, source.address, wrong, banned=True, user=source.user))
            source.close()


class _Failure(NamedTuple):
    piece: int
    leaves: bytes
    by_block: Mapping[int, BlockSource]


class FailedPieces:
    """Failed pieces of one torrent that several peers sent, until it is known whose blocks were wrong."""

    def __init__(self, manifest: Manifest, storage: TorrentStorage) -> None:
        """Verify true leaves with the hashes that ``storage`` knows of the pieces of ``manifest``."""
        self._manifest = manifest
        self._storage = storage
        self._failures: OrderedDict[HashRequest, list[_Failure]] = OrderedDict()

    def add(self, piece: int, leaves: bytes, by_block: Mapping[int, BlockSource]) -> HashRequest:
        """Remember a failure and return the request for the true leaves.

        Args:
            piece: The piece that failed.
            leaves: The leaves of what came, 32 bytes a block.
            by_block: Who sent each block, by the byte of the piece that the block begins at.
        """
        request = self._request(piece)
        self._failures.setdefault(request, []).append(_Failure(piece, leaves, by_block))
        if sum(map(len, self._failures.values())) > MAX_FAILURES:
            self._failures.popitem(last=False)
        return request

    def piece_of(self, message: Hashes) -> int | None:
        """Return the failed piece whose leaves ``message`` may have; None when there is none."""
        failures = self._failures.get(message.request)
        return failures[0].piece if failures else None

    def resolve(self, message: Hashes) -> set[BlockSource]:
        """Return the peers whose blocks were wrong, if ``message`` has the true leaves of a failed piece."""
        piece = self.piece_of(message)
        if piece is None:
            return set()
        count = -(-self._manifest.layout.span(PieceIndex(piece)).length // BLOCK_LENGTH)
        leaves = message.hashes[: count * HASH_LENGTH]
        # Leaves that do not fold to the piece's hash are forged or cut short: they must not turn on anybody.
        return self.compare(piece, leaves) if self._storage.verify_leaves(PieceIndex(piece), leaves) else set()

    def compare(self, piece: int, leaves: bytes) -> set[BlockSource]:
        """Return the peers whose blocks were wrong when ``piece`` failed; ``leaves`` are its true ones."""
        failures = self._failures.pop(self._request(piece), ()) if self._failures else ()
        return {
            peer
            for failure in failures
            for begin, peer in failure.by_block.items()
            for at in (begin // BLOCK_LENGTH * HASH_LENGTH,)
            if failure.leaves[at : at + HASH_LENGTH] != leaves[at : at + HASH_LENGTH]
        }

    def _request(self, piece: int) -> HashRequest:
        span = self._manifest.layout.span(PieceIndex(piece))
        file = self._manifest.files[span.file]
        assert file.pieces_root is not None
        height = min(tree_height(file.length), piece_height(self._manifest.piece_length))
        first = span.offset // self._manifest.piece_length << height
        # With no proof: the leaves of a whole piece fold to a node that we know.
        return HashRequest(file.pieces_root, 0, first, 1 << height, 0)
