"""Which members to tell of to somebody who wants peers: by lot, and one half of those that can give something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import all_bits, as_number

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from swarmshare.tracker.swarms.store.base import MemberRecord

CONSIDERED: Final = 512
"""Most members looked at; of more, a random choice. It bounds the work of one answer."""


def consider(members: Sequence[MemberRecord], rng: random.Random) -> Sequence[MemberRecord]:
    """Return ``members``; of very many, a random choice, so that the work of one answer is bounded."""
    return members if len(members) <= CONSIDERED else rng.sample(members, CONSIDERED)


def draw(members: Sequence[MemberRecord], want: int, rng: random.Random) -> list[MemberRecord]:
    """Return up to ``want`` of ``members`` by lot; those that were reported come last, the least reported first."""
    trusted = [member for member in members if not member.blamed]
    if len(trusted) >= want:
        return rng.sample(trusted, want)
    blamed = [member for member in members if member.blamed]
    drawn = rng.sample(trusted, len(trusted)) + rng.sample(blamed, len(blamed))
    return sorted(drawn, key=lambda member: member.blamed)[:want]


def rank(
    members: Sequence[MemberRecord], pieces: bytes, piece_count: int, want: int, rng: random.Random
) -> list[MemberRecord]:
    """Return up to ``want`` of ``members`` for somebody to dial who holds ``pieces``, the best first.

    First come those that nobody reported. Among these, one half by lot of whoever holds anything that the asker lacks,
    then all others by lot. By lot, because whoever holds most would be named to everybody, be full soon, and of those
    that came last nobody would hear; and one half only, because those that hold most leave soonest, and who has
    nothing yet is to be had later. A seed is told of those that are none.
    """
    everything = all_bits(piece_count)
    considered = consider([member for member in members if pieces != everything or member.pieces != everything], rng)
    drawn = draw(considered, len(considered), rng)
    lacking = as_number(everything) & ~as_number(pieces)
    useful = [member.number for member in drawn if _may_hold(member, lacking)]
    first = set(useful[: (want + 1) // 2])
    return sorted(drawn, key=lambda member: (member.blamed, member.number not in first))[:want]  # stable: by lot


def _may_hold(member: MemberRecord, lacking: int) -> bool:
    """Whether a member holds one of the pieces ``lacking``, or tells how many it holds and not which."""
    if member.pieces is None:
        return member.held > 0
    return bool(as_number(member.pieces) & lacking)
