"""Whom to serve: tit for tat while we download, everyone in turn while we seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic

from swarmshare.swarm.partial_piece import Peer

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

TURN: Final = 60.0
"""Seconds that a seed serves a peer before another one's wait counts for more, as in libtorrent."""
FEWEST_SLOTS: Final = 4
"""Slots on any link, unless fewer are set: so many as BEP 3's first client had."""
SLOT_RATE: Final = 64 * 2**10
"""Bytes a second that a slot should get: the more peers share a slow link, the later each piece can be passed on."""
NEWCOMER_WEIGHT: Final = 3
"""How much likelier a newcomer gets the optimistic slot (BEP 3): it has nothing to give yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Generic[Peer]):
    """A peer, as the choker sees it."""

    key: Peer
    interested: bool
    """Whether it wants anything of us; if not, it never takes a slot."""
    rate_from: float
    """Bytes per second that it sends us; 0 when it snubs us."""
    rate_to: float
    """Bytes per second that it takes from us."""
    unchoked: bool
    """Whether it has a slot now."""
    seconds: float
    """How long it has had its slot or, without one, how long it has been waiting: since it was choked or came."""
    is_new: bool = False
    """Whether it came a short while ago."""


def choose_unchoked(
    candidates: Sequence[Candidate[Peer]],
    slots: int,
    optimistic: Peer | None,
    seeding: bool,
    rng: random.Random,
    *,
    anew: bool = True,
) -> set[Peer]:
    """Return the keys of the peers to unchoke, ``slots`` at most; everyone else is to be choked.

    Between two rounds, not ``anew``, whoever has a slot and is interested keeps it, and only free slots are given: a
    peer that says again and again that it is interested, and that it is not, moves no slot but its own.

    While we download, the ``optimistic`` peer (if it is interested) has one slot, so that a better peer can be found;
    the others are for those that give us most. While we seed, nobody gives us anything, and ``optimistic`` is ignored:
    a peer keeps its slot for a :data:`TURN`, the fastest first, and then the slot goes to who has waited longest.
    Of equals, those that have a slot keep it: each that is lost rejects what was asked for.
    """
    interested = [candidate for candidate in candidates if candidate.interested]
    rng.shuffle(interested)  # ties are broken by lot, not by who came first
    if seeding:
        interested.sort(key=_in_turn)
    else:
        interested.sort(key=lambda one: (one.key != optimistic, -one.rate_from, not one.unchoked))
    if not anew:
        interested.sort(key=lambda one: not one.unchoked)  # stable
    return {candidate.key for candidate in interested[: max(0, slots)]}


def slots_for(rate: float | None, most: int) -> int:
    """Return how many slots, ``most`` at most, to give on a link of ``rate`` bytes a second; None: it is not known."""
    return most if rate is None else min(most, max(FEWEST_SLOTS, int(rate / SLOT_RATE)))


def choose_optimistic(candidates: Sequence[Candidate[Peer]], rng: random.Random) -> Peer | None:
    """Return the key of the choked peer that is to have the optimistic slot next; None when nobody waits for one."""
    waiting = [candidate for candidate in candidates if candidate.interested and not candidate.unchoked]
    if not waiting:
        return None
    weights = [NEWCOMER_WEIGHT if candidate.is_new else 1 for candidate in waiting]
    return rng.choices(waiting, weights)[0].key


def _in_turn(candidate: Candidate[Peer]) -> tuple[int, float]:
    """Return the rank while seeding: whose turn it is, who waits, last who had a turn and may stay if nobody waits."""
    if not candidate.unchoked:
        return (1, -candidate.seconds)
    return (0 if candidate.seconds < TURN else 2, -candidate.rate_to)
