"""A store of swarms in the memory of one process; it is lost when the tracker stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.tracker.domain.lookup import SwarmCounts
from swarmshare.tracker.swarms.store.base import MAX_SWARMS, RemovedMember
from swarmshare.tracker.swarms.store.state import SwarmState

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from swarmshare.common.bits import Runs
    from swarmshare.tracker.swarms.store.base import MemberRecord, Progress, SwarmChanges, SwarmSnapshot


class MemorySwarmStore:
    """A :class:`~swarmshare.tracker.swarms.store.base.SwarmStore` in memory.

    Nothing in it waits, so no other greenlet runs in between: every method is one atomic step.
    """

    def __init__(self, rng: random.Random, clock: Callable[[], float]) -> None:
        """Start without swarms.

        Args:
            rng: Gives epochs, and must not give the same ones after a restart.
            clock: Measures time, in seconds; monotonic, so that nobody is forgotten because a clock was put right.
        """
        self._rng = rng
        self._clock = clock
        self._swarms: dict[bytes, SwarmState] = {}
        self._completed: dict[bytes, int] = {}

    def put(self, info_hash: bytes, piece_count: int, member: MemberRecord) -> tuple[MemberRecord, str] | None:
        """Put ``member`` into a swarm, which begins with its first member; None when there is no room."""
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            if len(self._swarms) >= MAX_SWARMS:
                return None
            swarm = self._swarms[info_hash] = SwarmState(self._rng, piece_count)
        return swarm.put(member if member.seen is not None else member._replace(seen=self._clock()))

    def have(self, info_hash: bytes, member_id: bytes, session: str, gained: Runs, lost: Runs) -> bool | None:
        """Note the pieces that a member gained and lost; None without such a member, False without such a piece."""
        found = self._find(info_hash, member_id, session)
        if found is None or found[1].pieces is None:
            return None
        swarm, member = found
        if max((run.stop for runs in (gained, lost) for run in runs[-1:]), default=0) > swarm.piece_count:
            return False
        if swarm.have(member, gained, lost, self._clock()):
            self.completed(info_hash)
        return True

    def progress(self, info_hash: bytes, member_id: bytes, session: str, progress: Progress) -> bool:
        """Note how far a member on this session is; False when there is no such member."""
        found = self._find(info_hash, member_id, session)
        if found is None:
            return False
        swarm, member = found
        swarm.members[member_id] = member._replace(seen=self._clock(), **progress._asdict())
        return True

    def remove(self, info_hash: bytes, member_id: bytes, session: str) -> bool:
        """Remove a member on this session, and with the last one its swarm; False when there is no such member."""
        found = self._find(info_hash, member_id, session)
        if found is None:
            return False
        swarm, member = found
        self._remove(info_hash, swarm, member)
        return True

    def blame(self, info_hash: bytes, number: int, account: int) -> bool:
        """Note that ``account`` reports the member ``number``; False when there is no such member."""
        swarm = self._swarms.get(info_hash)
        return swarm is not None and swarm.blame(number, account)

    def expire(self, live: float, announced: float) -> list[RemovedMember]:
        """Remove the members that were not heard of for too long, and return them."""
        now = self._clock()
        return self._remove_where(
            lambda member: member.seen is not None and now - member.seen > (live if member.session else announced)
        )

    def expel(self, account: int) -> list[RemovedMember]:
        """Remove the members of an account from every swarm, and return them."""
        return self._remove_where(lambda member: member.account == account)

    def close(self, info_hash: bytes) -> list[RemovedMember]:
        """Remove a swarm and what was counted in it, and return its members."""
        self._completed.pop(info_hash, None)
        swarm = self._swarms.pop(info_hash, None)
        members = swarm.members.values() if swarm is not None else ()
        return [RemovedMember(info_hash, member.member_id, member.session) for member in members]

    def completed(self, info_hash: bytes) -> None:
        """Count a member that completed; the oldest count makes room in a full memory."""
        if info_hash not in self._completed and len(self._completed) >= MAX_SWARMS:
            del self._completed[next(iter(self._completed))]
        self._completed[info_hash] = self._completed.get(info_hash, 0) + 1

    def member(self, info_hash: bytes, member_id: bytes) -> MemberRecord | None:
        """Return the member known as ``member_id``; None when there is none."""
        swarm = self._swarms.get(info_hash)
        return swarm.members.get(member_id) if swarm is not None else None

    def at(self, info_hash: bytes, address: bytes, port: int) -> list[MemberRecord]:
        """Return the members at an address and port, in the order of their numbers."""
        swarm = self._swarms.get(info_hash)
        return swarm.at(address, port) if swarm is not None else []

    def members(self, info_hash: bytes) -> list[MemberRecord]:
        """Return all members of a swarm, in the order of their numbers."""
        swarm = self._swarms.get(info_hash)
        return list(swarm.members.values()) if swarm is not None else []

    def counts(self, info_hash: bytes) -> SwarmCounts:
        """Return the numbers of a swarm; zeros when nobody is in it, but for those that completed."""
        completed = self._completed.get(info_hash, 0)
        swarm = self._swarms.get(info_hash)
        if swarm is None:
            return SwarmCounts(completed=completed)
        return SwarmCounts(swarm.seeds, len(swarm.members) - swarm.seeds, swarm.copies(), completed)

    def snapshot(self, info_hash: bytes) -> SwarmSnapshot | None:
        """Return a swarm as it is now; None when nobody is in it."""
        swarm = self._swarms.get(info_hash)
        return swarm.snapshot() if swarm is not None else None

    def take_changes(self, info_hash: bytes) -> SwarmChanges | None:
        """Take what changed in a swarm since the last taking; None when nothing did."""
        swarm = self._swarms.get(info_hash)
        return swarm.take_changes() if swarm is not None else None

    def totals(self) -> tuple[int, int]:
        """Return how many swarms there are, and how many members in all of them."""
        return len(self._swarms), sum(len(swarm.members) for swarm in self._swarms.values())

    def _find(self, info_hash: bytes, member_id: bytes, session: str) -> tuple[SwarmState, MemberRecord] | None:
        swarm = self._swarms.get(info_hash)
        member = swarm.members.get(member_id) if swarm is not None else None
        return (swarm, member) if swarm is not None and member is not None and member.session == session else None

    def _remove(self, info_hash: bytes, swarm: SwarmState, member: MemberRecord) -> None:
        swarm.remove(member)
        if not swarm.members:
            del self._swarms[info_hash]

    def _remove_where(self, unwanted: Callable[[MemberRecord], bool]) -> list[RemovedMember]:
        gone = []
        for info_hash, swarm in list(self._swarms.items()):
            for member in [member for member in swarm.members.values() if unwanted(member)]:
                self._remove(info_hash, swarm, member)
                gone.append(RemovedMember(info_hash, member.member_id, member.session))
        return gone
