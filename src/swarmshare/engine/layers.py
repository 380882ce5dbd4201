"""Fetching the piece layers that a manifest lacks (BEP 52): without them a large file's pieces cannot be verified.

Each chunk of a layer proves itself against the file's root, so it does not matter whom it comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.manifest.merkle import HASH_LENGTH, fold_hashes, piece_height, tree_height
from swarmshare.wire.messages import HashRequest

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterator

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.wire.messages import Hashes

CHUNK: Final = 512
"""Hashes of one request, as BEP 52 recommends."""
_OUTSTANDING: Final = 2
"""Requests at one peer."""
_ANSWER_WITHIN: Final = 10.0
"""Seconds until another peer is asked."""
_REST: Final = 3.0
"""Seconds until a request that everybody rejected is made again."""


class LayerFetcher:
    """Fetches the piece layers that one manifest lacks, in chunks, from whoever speaks BitTorrent v2."""

    def __init__(self, manifest: Manifest) -> None:
        """Find out which layers ``manifest`` lacks; nothing is asked for yet."""
        self.files: dict[bytes, list[int]] = {}
        """The numbers of the files whose layer is missing, by their root."""
        self._due: dict[HashRequest, float] = {}
        """When each chunk that is missing may be asked for."""
        self._refusers: dict[HashRequest, set[PeerSession]] = {}
        self._chunks: dict[bytes, dict[int, bytes]] = {}
        self._base = piece_height(manifest.piece_length)
        self._counts: dict[bytes, int] = {}
        for number, file in enumerate(manifest.files):
            root = file.pieces_root
            if root is None or file.length <= manifest.piece_length or root in manifest.piece_layers:
                continue
            self.files.setdefault(root, []).append(number)
            self._counts[root] = -(-file.length // manifest.piece_length)
            self._chunks[root] = {}
            self._due |= dict.fromkeys(self._requests(root, tree_height(file.length)), 0.0)

    def _requests(self, root: bytes, height: int) -> Iterator[HashRequest]:
        count = self._counts[root]
        for first in range(0, count, CHUNK):
            length = max(2, min(CHUNK, 1 << (count - first - 1).bit_length()))
            yield HashRequest(root, self._base, first, length, height - self._base - 1)

    def ask(self, sessions: Collection[PeerSession], now: float, rng: random.Random) -> None:
        """Ask for the chunks that are due, of peers that speak BitTorrent v2 and hold any piece (so know the manifest).

        Args:
            sessions: Whom to ask.
            now: The time, in seconds.
            rng: Chooses whom to ask for what.
        """
        able = [
            session
            for session in sessions
            if session.connection.negotiated.v2
            and not session.has.is_empty
            and len(session.connection.asked_hashes) < _OUTSTANDING
        ]
        for request, due in self._due.items():
            if not able:
                return
            if due > now:
                continue
            willing = [session for session in able if session not in self._refusers.get(request, ())]
            if not willing:
                if not {session for session in sessions if session.connection.negotiated.v2} - self._refusers[request]:
                    del self._refusers[request]
                    self._due[request] = now + _REST
                continue
            session = rng.choice(willing)
            self._due[request] = now + _ANSWER_WITHIN
            session.connection.request_hashes(request)
            session.wake()
            if len(session.connection.asked_hashes) >= _OUTSTANDING:
                able.remove(session)

    def rejected(self, session: PeerSession, request: HashRequest, now: float) -> None:
        """Note that a peer will not answer ``request``: other peers are asked first."""
        if request in self._due:
            self._due[request] = now
            self._refusers.setdefault(request, set()).add(session)

    def received(self, message: Hashes) -> tuple[bytes, list[int], bytes] | None:
        """Take an answer; returns a layer that it completes: its root, the numbers of its files, and its hashes."""
        request, root = message.request, message.root
        if request not in self._due:
            return None
        try:
            proven = fold_hashes(message.hashes, message.base, message.index, message.length, message.proof_layers)
        except ValueError:
            return None
        if proven.hash != root:
            return None
        del self._due[request]
        self._refusers.pop(request, None)
        chunks = self._chunks[root]
        chunks[message.index] = message.hashes[: message.length * HASH_LENGTH]
        count = self._counts[root]
        if len(chunks) < -(-count // CHUNK):
            return None
        del self._chunks[root]
        layer = b"".join(chunks[index] for index in sorted(chunks))
        return root, self.files.pop(root), layer[: count * HASH_LENGTH]
