"""What the only seed sends to whom: each piece to one peer first, because that one can pass it on.

The seed's own link is the narrowest place of a young swarm. BEP 16 hides pieces and guesses what came of them; we know,
because peers say what they hold. So a peer that asks for a piece which another one was given, or has, is told to look
elsewhere: its request is rejected (BEP 6). Only peers that understand a rejection so (our own) are treated like that;
any other is served as it asks.

Holding back can only delay, because who can reach whom is not known here. A piece is held back from a peer for seconds;
a peer that comes back for what others have seems not to reach them, and is served whatever it asks for from then on;
and as soon as the link is idle, what was held back is offered.

| a peer asks for a piece that                              | then                                                   |
|-----------------------------------------------------------|--------------------------------------------------------|
| nobody was given, and no other peer has                   | it is given it                                         |
| it was given itself, or was offered                       | it gets it                                             |
| another was given, or has, and it asks for the first time | its request is rejected                                |
| the same, ``hold_back`` seconds later                     | it gets it; and all else, if another has the piece     |
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Generic

from swarmshare.swarm.partial_piece import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.manifest.layout import Block

HOLD_BACK: Final = (1.0, 10.0)
"""Seconds for which a piece is held back from a peer: at least and at most. Between them, twice what a piece takes to
get to the peer that is given it first."""
IDLE: Final = 0.5
"""Seconds without anything to send after which the link is idle."""
ALONE: Final = 30.0
"""Seconds for which a peer that does not reach the others is served whatever it asks for."""
MAX_HELD_BACK: Final = 1024
"""Pieces that are held back from one peer at a time; what it asks for beyond that it gets."""


class _State:
    """What is known of one peer that asked for something."""

    __slots__ = ("alone_until", "held_back", "offered")

    def __init__(self) -> None:
        self.held_back: dict[int, float] = {}
        """When it was told to look elsewhere for a piece first; the oldest first."""
        self.offered: set[int] = set()
        """Those of them that it may have now."""
        self.alone_until = 0.0
        """Until when it counts as one that does not reach the others."""


class SuperSeeding(Generic[Peer]):
    """Which of the blocks that peers asked for are to be sent now; times are in seconds."""

    def __init__(self, holders: Callable[[int], int]) -> None:
        """``holders`` says how many peers have a piece."""
        self.active = False
        """Whether we are the only seed of several peers, and have pieces that nobody else has."""
        self.hold_back = HOLD_BACK[0]
        """Seconds for which a piece is held back from a peer."""
        self.last_sent = 0.0
        """When the link took bytes of blocks last; to be noted by whoever sends them."""
        self._holders = holders
        self._given: dict[int, tuple[Peer, float]] = {}
        """Who gets a piece first, and since when."""
        self._peers: dict[Peer, _State] = {}

    def choose(
        self, peer: Peer, owed: Iterable[Block], now: float, count: int, *, looks_elsewhere: bool
    ) -> tuple[list[Block], list[Block]]:
        """Of the blocks that ``peer`` asked for, the oldest first: up to ``count`` to send, and those to reject.

        ``looks_elsewhere``: the peer takes a rejection for a hint.
        """
        if not self.active:
            return list(islice(owed, count)), []
        known = self._peers.get(peer)
        if known is None:
            known = self._peers[peer] = _State()
        send: list[Block] = []
        reject: list[Block] = []
        if looks_elsewhere and now >= known.alone_until:
            for block in owed:
                (send if self._may_have(peer, known, block.piece, now) else reject).append(block)
                if len(send) == count:
                    break
        else:
            send += islice(owed, count)
        return send, reject

    def offers(self, now: float) -> list[tuple[Peer, int]]:
        """Peers, and pieces that were held back from them, to be offered by BEP 6's ``suggest``.

        One to each peer when the link is idle; all, once, when we super-seed no more.
        """
        if not self.active:
            peers, self._peers = self._peers, {}
            return [(peer, piece) for peer, known in peers.items() for piece in known.held_back]
        if now - self.last_sent < IDLE:
            return []
        offers = []
        for peer, known in self._peers.items():
            piece = next((piece for piece in known.held_back if piece not in known.offered), None)
            if piece is not None:
                known.offered.add(piece)
                offers.append((peer, piece))
        return offers

    def peer_has(self, peer: Peer, piece: int, now: float) -> None:
        """``peer`` has ``piece`` by now, from us or from another."""
        first, since = self._given.get(piece, (None, now))
        if first == peer:
            least, most = HOLD_BACK
            self.hold_back = min(most, max(least, (self.hold_back + 2 * (now - since)) / 2))
        known = self._peers.get(peer)
        if known is not None and known.held_back.pop(piece, None) is not None:
            if piece not in known.offered:
                known.alone_until = 0.0  # another gave it
            known.offered.discard(piece)

    def forget(self, peer: Peer) -> None:
        """``peer`` is gone; what it was given first is free for others."""
        self._given = {piece: given for piece, given in self._given.items() if given[0] != peer}
        self._peers.pop(peer, None)

    def _may_have(self, peer: Peer, known: _State, piece: int, now: float) -> bool:
        first = self._given.get(piece)
        if first is None and not self._holders(piece):
            self._given[piece] = (peer, now)
            return True
        if (first is not None and first[0] == peer) or piece in known.offered:
            return True
        since = known.held_back.get(piece)
        if since is None:
            if len(known.held_back) < MAX_HELD_BACK:
                known.held_back[piece] = now
            return piece not in known.held_back
        if now - since < self.hold_back:
            return False
        known.offered.add(piece)
        if self._holders(piece):
            known.alone_until = now + ALONE
        return True
