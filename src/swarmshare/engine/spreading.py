"""What the only seed sends to whom: each piece to one peer first, because that one can pass it on.

The seed's own link is the narrowest place of a young swarm. BEP 16 hides pieces and guesses what came of them; we know,
because peers say what they hold. So what a peer asks of a piece that was given to another is rejected, as long as there
are pieces that nobody was given, or somebody else has this one by now: it asks for another, and gets this one there.
Only peers that understand a rejection so (our own) are treated like that; any other is served as it asks.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.layout import Block

HOLD_BACK: Final = 5.0
"""Seconds for which a piece waits for the peer that it was given to first."""


class Spreading:
    """Which of the blocks that peers asked for are to be sent now."""

    def __init__(self, holders: Callable[[int], int]) -> None:
        """``holders`` says how many others have a piece."""
        self.active = False
        """Whether we are the only seed of several peers, and have pieces that nobody else has."""
        self.fresh = 0
        """How many pieces nobody has and nobody was given."""
        self._holders = holders
        self._given: dict[int, tuple[PeerSession, float]] = {}
        """Who gets a piece first, and since when."""

    def choose(self, session: PeerSession, now: float, count: int) -> tuple[list[Block], list[Block]]:
        """Of the blocks that ``session`` asked for, the oldest first: up to ``count`` to send, and those to reject."""
        owed = session.connection.owed
        if not self.active or not session.passes_on:
            return list(islice(owed, count)), []
        send: list[Block] = []
        reject: list[Block] = []
        for block in owed:
            if block.piece not in self._given:
                self._given[block.piece] = (session, now)
                self.fresh -= 1
            first, since = self._given[block.piece]
            if first is session:
                send.append(block)
            elif self.fresh > 0 or self._holders(block.piece):
                reject.append(block)
            elif now - since > HOLD_BACK:
                send.append(block)
            if len(send) == count:
                break
        return send, reject

    def look(self, nowhere: Iterable[int]) -> None:
        """Take stock: ``nowhere`` are the pieces that no other has, when we are the only seed of several peers."""
        left = set(nowhere)
        self.active = bool(left)
        self.fresh = len(left - self._given.keys())

    def forget(self, session: PeerSession) -> None:
        """A peer is gone; what it was given first is free for others."""
        self._given = {piece: given for piece, given in self._given.items() if given[0] is not session}
