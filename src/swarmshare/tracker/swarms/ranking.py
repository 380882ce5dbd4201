"""The order of members for somebody who wants peers: first those that can give what is rare."""

from __future__ import annotations

from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import all_bits, as_number

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Sequence

    from swarmshare.tracker.swarms.store.base import MemberRecord

CONSIDERED: Final = 512
"""Most members looked at; of more, a random choice. It bounds the work of one answer."""
_TIERS: Final = 3
"""How many degrees of rarity are told apart; then all that is lacking counts alike."""
_MATCH: Final = tuple(bytes(48 + (byte == count) for byte in range(256)) for count in range(256))
"""For each count, a table that makes the digit 1 of it and 0 of every other."""


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
    members: Sequence[MemberRecord],
    pieces: bytes,
    availability: bytes,
    want: int,
    rng: random.Random,
    *,
    useful_only: bool = False,
) -> list[MemberRecord]:
    """Return up to ``want`` of ``members`` for somebody to dial who holds ``pieces``, the best first.

    First come those that nobody reported. Among these, whoever holds more of the rarest pieces that the asker lacks,
    then of the second rarest, and so on; ties by lot. A seed is told of those that are none. ``useful_only`` leaves out
    those that certainly hold nothing that the asker lacks.
    """
    everything = all_bits(len(availability))
    if pieces == everything:
        return draw(consider([member for member in members if member.pieces != everything], rng), want, rng)
    worth = _worth(pieces, availability)
    considered = consider(members, rng)
    ranked = [(-member.blamed, worth(member), member) for member in draw(considered, len(considered), rng)]
    if useful_only:
        ranked = [entry for entry in ranked if any(entry[1])]
    ranked.sort(key=itemgetter(0, 1), reverse=True)  # stable, reversed too: equals stay in the order of the lot
    return [member for _, _, member in ranked[:want]]


def _worth(pieces: bytes, availability: bytes) -> Callable[[MemberRecord], tuple[int, ...]]:
    """How much a member could give, by tier of rarity: to be compared as tuples are."""
    count = len(availability)
    tiers = tuple(_tiers(as_number(all_bits(count)) & ~as_number(pieces), availability))
    whole = tuple(tier.bit_count() for tier in tiers)
    nothing = (0,) * len(whole)

    def worth(member: MemberRecord) -> tuple[int, ...]:
        if not member.held:
            return nothing
        if member.pieces is None:  # it tells how much it holds, not what: it may be anything that is lacking
            return (*nothing[:-1], -(-whole[-1] * member.held // count))
        if member.held == count:
            return whole
        held = as_number(member.pieces)
        return tuple((held & tier).bit_count() for tier in tiers)

    return worth


def _tiers(lacking: int, availability: bytes) -> Iterator[int]:
    """Of the pieces ``lacking``, those that the fewest hold, then the second fewest, and so on; then all."""
    spare = -len(availability) % 8

    def matching() -> Iterator[int]:
        for holders in sorted(set(availability) - {0}):
            if tier := lacking & int(availability.translate(_MATCH[holders]), 2) << spare:
                yield tier

    yield from islice(matching(), _TIERS)
    yield lacking
