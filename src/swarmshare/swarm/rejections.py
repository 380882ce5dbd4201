"""What one peer would not give without choking us (BEP 6), and when to ask it again."""

from __future__ import annotations

from typing import Final

PAUSE: Final = (2.0, 60.0)
"""Seconds until a piece is asked of the peer again: after the first rejection, and at most; it doubles each time. A
super-seed rejects for seconds only, and a peer that never gives a piece costs one request a minute."""
MAX_REJECTED: Final = 128
"""Pieces that are remembered for one peer. While as many wait, it is asked for nothing."""


class Rejections:
    """The pieces that one peer rejected.

    A rejection is never final: what a peer does not give now it may give when its disk, its queue or its plan for the
    swarm has changed. Whoever has lost a piece says so by ``lt_donthave``.
    """

    def __init__(self) -> None:
        self.waiting: dict[int, float] = {}
        """Pieces that the peer is not to be asked for yet, and when each may be, in seconds."""
        self._pauses: dict[int, float] = {}
        """How long each piece waited last, the oldest first: all of ``waiting``, and some that waited before."""

    @property
    def is_full(self) -> bool:
        """Whether so many pieces wait that the peer is not worth asking for others."""
        return len(self.waiting) >= MAX_REJECTED

    def rejected(self, piece: int, now: float) -> None:
        """Note that the peer rejected a block of ``piece`` at ``now``.

        The blocks of one piece that it rejects together count once.
        """
        if piece in self.waiting or self.is_full:
            return
        first, most = PAUSE
        pause = min(most, 2 * self._pauses.pop(piece, first / 2))
        # The oldest pause of a piece that does not wait makes room: a peer that rejects everything fills no memory.
        if len(self._pauses) >= MAX_REJECTED:
            del self._pauses[next(old for old in self._pauses if old not in self.waiting)]
        self._pauses[piece] = pause
        self.waiting[piece] = now + pause

    def pass_time(self, now: float) -> None:
        """Let go of the pieces whose time has come."""
        for piece in [piece for piece, due in self.waiting.items() if due <= now]:
            del self.waiting[piece]

    def forget(self, piece: int) -> None:
        """``piece`` is here, or comes from the peer after all."""
        if self._pauses:
            self._pauses.pop(piece, None)
            self.waiting.pop(piece, None)
