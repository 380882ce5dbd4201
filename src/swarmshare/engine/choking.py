"""Choking and unchoking the sessions of one torrent: every ten seconds, and free slots at once (BEP 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from swarmshare.swarm.choker import Candidate, choose_optimistic, choose_unchoked, slots_for

if TYPE_CHECKING:
    import random

    from swarmshare.engine.context import TorrentContext
    from swarmshare.engine.limits import TorrentLimits
    from swarmshare.engine.peer_session import PeerSession

_INTERVAL: Final = 10.0
"""Seconds between choices (BEP 3)."""
_OPTIMISTIC_TURNS: Final = 3
"""Choices for which an optimistic unchoke lasts (BEP 3: 30 seconds)."""
_NEWCOMER: Final = 60.0
"""Seconds for which a peer counts as new."""


class Choking:
    """Chokes and unchokes the sessions of one torrent, as :mod:`swarmshare.swarm.choker` decides."""

    def __init__(self, context: TorrentContext, slots: int, limits: TorrentLimits, rng: random.Random) -> None:
        """Serve up to ``slots`` of the torrent's sessions at a time, fewer if an upload limit makes the link slow.

        ``rng`` chooses the optimistic one.
        """
        self._context = context
        self._sessions = context.sessions
        self._most_slots = slots
        self._limits = limits
        self._rng = rng
        self._optimistic: PeerSession | None = None
        self._news = trio.Event()

    async def run(self) -> None:
        """Choose every ten seconds, and give free slots as soon as there may be one, until cancelled."""
        turn = 0
        while True:
            if turn % _OPTIMISTIC_TURNS == 0:
                self._optimistic = choose_optimistic(self._candidates(), self._rng)
            turn += 1
            self._choose(anew=True)
            with trio.move_on_after(_INTERVAL):
                while True:
                    await self._news.wait()
                    self._news = trio.Event()
                    self._choose(anew=False)

    def fill_soon(self) -> None:
        """Give free slots when all that is heard at this moment was dealt with: many peers may come or go at once."""
        self._news.set()

    def _choose(self, *, anew: bool) -> None:
        """Choose whom to serve now, and tell the sessions for which that is a change."""
        if self._optimistic not in self._sessions:
            self._optimistic = None
        # Once we want nothing, those who take fastest are served, not those who give.
        seeding = self._context.is_complete
        chosen = choose_unchoked(
            self._candidates(), self._slots(), self._optimistic, seeding=seeding, rng=self._rng, anew=anew
        )
        for session in self._sessions:
            if session.connection.am_choking == (session in chosen):
                session.slot_changed = trio.current_time()
                session.connection.set_choking(session not in chosen)
                session.wake()

    def _slots(self) -> int:
        rates = [bucket.rate for bucket in self._limits.up if bucket.rate is not None]
        return slots_for(min(rates, default=None), self._most_slots)

    def _candidates(self) -> list[Candidate[PeerSession]]:
        now = trio.current_time()
        return [
            Candidate(
                key=session,
                interested=session.connection.peer_interested,
                rate_from=session.meter_down.rate(now),
                rate_to=session.meter_up.rate(now),
                unchoked=not session.connection.am_choking,
                seconds=now - session.slot_changed,
                is_new=now - session.since < _NEWCOMER,
            )
            for session in self._sessions
        ]
