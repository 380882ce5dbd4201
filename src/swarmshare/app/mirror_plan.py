"""What a mirror is to hold, and whether other machines hold it as well: decisions without any I/O.

A mirror holds the newest that its quota has room for. It deletes only to make room, and only what a machine other than
itself holds the whole of at that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from swarmshare.tracker_client.api import Entry, Member, Swarm


class Plan(NamedTuple):
    """How to get from what is held to what should be."""

    fetch: tuple[Entry, ...]
    """Newest first: there is room for all of them once everything in ``drop`` is gone."""
    drop: tuple[str, ...]
    """Info hashes to delete, the oldest entries first."""


def make_plan(
    catalogue: Iterable[Entry],
    held: Mapping[str, int],
    quota: float,
    *,
    wanted: Callable[[Entry], bool],
    keep: Collection[str],
) -> Plan:
    """Return the newest of what is ``wanted``, then of the rest of what is ``held``, as far as the quota goes.

    ``held`` has the bytes of each info hash on the disk, all of them counted from the moment that a download begins.
    What is in ``keep`` stays in any case, and so does what the catalogue does not know: nobody can say who else has
    it. They may exceed a quota that was lowered; nothing is added then. An entry that does not fit is passed over.
    Nothing is fetched of which the tracker knows that some piece is nowhere.
    """
    newest = sorted(catalogue, key=lambda entry: (not wanted(entry), -entry.published_at))
    stays = set(keep) | held.keys() - {entry.info_hash for entry in newest}
    room = quota - sum(length for info_hash, length in held.items() if info_hash in stays)
    fetch: list[Entry] = []
    drop: list[str] = []
    for entry in newest:
        info_hash = entry.info_hash
        length = held.get(info_hash)
        if length is None:
            if wanted(entry) and entry.copies and entry.total_length <= room:
                room -= entry.total_length
                fetch.append(entry)
        elif info_hash not in stays:
            if length <= room:
                room -= length
            else:
                drop.append(info_hash)
    return Plan(tuple(fetch), tuple(reversed(drop)))


class Me(NamedTuple):
    """By what a mirror knows itself among the members of a swarm."""

    user: str
    ports: frozenset[int]
    """The addresses where it listens."""
    addresses: frozenset[str]
    """Where the tracker has seen it so far."""


def is_me(member: Member, me: Me) -> bool:
    """Whether a member is this mirror, or another one of the same user at the same port: that cannot be told."""
    return member.user == me.user and member.port in me.ports


def holders_elsewhere(swarm: Swarm, me: Me) -> list[Member]:
    """Return the live members that certainly hold everything, and certainly are on another machine.

    What is doubtful does not count: an ordinary client, which may have left long ago; our own user at an address of
    ours, which may be what is left of ourselves before a crash; and everybody, when more members than there are seeds
    seem to hold everything, since shares are rounded.
    """
    full = [member for member in swarm.members if member.share == 1]
    if len(full) > swarm.seeds:
        return []
    return [member for member in full if member.live and not _may_be_me(member, me)]


def _may_be_me(member: Member, me: Me) -> bool:
    if member.user != me.user:
        return False
    return is_me(member, me) or not me.addresses or not me.addresses.isdisjoint(member.addresses)
