"""What follows from wrong data: who gave it is found out, and banned unless it is worth keeping (``conduct.py``)."""

from __future__ import annotations

import random
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, cast

from swarmshare.engine.suspects import Suspects
from swarmshare.schema.alerts import PeerDropped, PieceFailed

if TYPE_CHECKING:
    from swarmshare.engine.address import Address
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.engine.torrent import Torrent
    from swarmshare.swarm.conduct import Conduct
    from swarmshare.wire.messages import Hashes

MAX_REMEMBERED: Final = 1000
"""Addresses and ids of peers that gave wrong data and are not banned. The oldest is dropped for a new one: that peer
starts anew."""
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
        self._conducts: OrderedDict[Address | tuple[str, bytes], Conduct] = OrderedDict()
        """Of peers that gave wrong data, by what we know them by: a new connection is no new account."""

    def piece_failed(self, piece: int, leaves: bytes) -> None:
        """``piece`` came with these ``leaves``, and is wrong; the picker has it MISSING from here on."""
        torrent = self._torrent
        by_block = {begin: cast("PeerSession", key) for begin, key in torrent.picker.contributors(piece).items()}
        contributors = set(by_block.values())
        torrent.picker.failed(piece)
        liar = contributors.pop() if len(contributors) == 1 else None
        torrent.alert(PieceFailed(torrent.manifest.info_hash.full, piece, liar.address if liar else None))
        if liar is not None:
            self._gave_wrong(liar, piece)
            return
        request = self._suspects.accuse(piece, leaves, by_block)
        for suspect in contributors:
            suspect.requester.proven = False
        able = [peer for peer in torrent.sessions if peer.connection.negotiated.v2 and peer.has.has(piece)]
        for peer in self._rng.sample(able, min(WITNESSES, len(able))):
            peer.connection.request_hashes(request)
            peer.wake()

    def piece_right(self, piece: int, leaves: bytes) -> None:
        """``piece`` is right, with these ``leaves``: now it is known who gave wrong ones before."""
        for liar in self._suspects.compare(piece, leaves):
            self._gave_wrong(liar, piece)

    def hashes_came(self, message: Hashes) -> None:
        """A peer told hashes; they may be those of a piece that failed."""
        piece = self._suspects.piece_of(message)
        if piece is not None:
            for liar in self._suspects.convict(message):
                self._gave_wrong(liar, piece)

    def recognise(self, session: PeerSession) -> None:
        """A new connection, perhaps to a peer that gave wrong data before."""
        known = [self._conducts[mark] for mark in session.marks if mark in self._conducts]
        if known:
            session.requester.conduct = known[0]
            if session.marks[0] not in self._conducts:  # at its address, but with another id
                known[0].begin_anew()

    def _gave_wrong(self, session: PeerSession, piece: int) -> None:
        """It is certain that ``session`` gave wrong data in ``piece``."""
        torrent = self._torrent
        conduct = session.requester.conduct
        span = torrent.layout.span(torrent.layout.index(piece))
        conduct.gave_wrong(piece, span.length, torrent.layout.file_pieces(span.file), torrent.picker.parts_of(session))
        session.requester.proven = False
        self._conducts.update(dict.fromkeys(session.marks, conduct))
        while len(self._conducts) > MAX_REMEMBERED:
            self._conducts.popitem(last=False)
        if conduct.is_bad:
            self._ban(session)

    def _ban(self, session: PeerSession) -> None:
        torrent = self._torrent
        if self.banned.isdisjoint(session.marks):
            self.banned.update(session.marks)
            for port in torrent.ports:
                port.note(liar=session.listens)
            reason = "it sent wrong data"
            torrent.alert(PeerDropped(torrent.manifest.info_hash.full, session.address, reason, banned=True))
            session.close()
