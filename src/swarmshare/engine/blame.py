"""What follows from wrong data: who gave it is found out, and banned."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final, cast

from swarmshare.engine.suspects import Suspects
from swarmshare.schema.alerts import PeerDropped, PieceFailed

if TYPE_CHECKING:
    from swarmshare.engine.config import Address
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent
    from swarmshare.wire.messages import Hashes

WITNESSES: Final = 4
"""Peers that are asked for the leaves of a piece that failed; each of them may have to read it for that."""


class Blame:
    """The bans of one torrent."""

    def __init__(self, torrent: Torrent) -> None:
        self.banned: set[Address | tuple[str, bytes]] = set()
        """Where we dialled a peer that gave wrong data, and its host with its id. Neither its whole host nor where it
        says it listens: others may share the one, and it may name another for the other."""
        self._torrent = torrent
        self._suspects = Suspects(torrent.manifest, torrent.disk.storage)
        self._rng = random.Random()

    def piece_failed(self, piece: int, leaves: bytes) -> None:
        """``piece`` came with these ``leaves``, and is wrong; the picker has it MISSING from here on."""
        torrent = self._torrent
        by_block = {begin: cast("PeerSession", key) for begin, key in torrent.picker.contributors(piece).items()}
        contributors = set(by_block.values())
        torrent.picker.failed(piece)
        liar = contributors.pop() if len(contributors) == 1 else None
        torrent.alert(PieceFailed(torrent.manifest.info_hash.full, piece, liar.address if liar else None))
        if liar is not None:
            self._ban(liar)
            return
        request = self._suspects.accuse(piece, leaves, by_block)
        for suspect in contributors:
            suspect.requester.proven = False
        able = [peer for peer in torrent.sessions if peer.connection.settled.v2 and peer.has.has(piece)]
        for peer in self._rng.sample(able, min(WITNESSES, len(able))):
            peer.connection.request_hashes(request)
            peer.wake()

    def piece_right(self, piece: int, leaves: bytes) -> None:
        """``piece`` is right, with these ``leaves``: now it is known who gave wrong ones before."""
        for liar in self._suspects.compare(piece, leaves):
            self._ban(liar)

    def hashes_came(self, message: Hashes) -> None:
        """A peer told hashes; they may be those of a piece that failed."""
        for liar in self._suspects.convict(message):
            self._ban(liar)

    def _ban(self, session: PeerSession) -> None:
        torrent = self._torrent
        if self.banned.isdisjoint(session.marks):
            self.banned.update(session.marks)
            for port in torrent.ports:
                port.note(liar=session.listens)
            reason = "it sent wrong data"
            torrent.alert(PeerDropped(torrent.manifest.info_hash.full, session.address, reason, banned=True))
            session.close()
