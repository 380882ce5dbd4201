"""The interface of a store of swarms, and the values that go in and come out.

All that goes in and comes out is bytes, numbers, text and tuples of them, so that it may live in another process; and
every method is one atomic step. ``tests/tracker/swarms/store_contract.py`` states the promises that types cannot.

A swarm is named by its full info hash, begins with the first member and ends with the last. What is known of its
members is told on as changes: each taking of changes has the next ``seq`` of the swarm's ``epoch``. A new epoch
means that nothing told before counts.

Time is the store's own: it notes when a member was heard of, and callers say only how many seconds ago is too long. So
trackers that share a store need not have the same time, and whose clock is wrong does no harm.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from swarmshare.schema.tracker_events import MAX_MEMBERS

if TYPE_CHECKING:
    from swarmshare.common.bits import Runs
    from swarmshare.tracker.domain.lookup import SwarmCounts

MAX_SWARM: Final = 20_000
"""Most members of one swarm; the counts of availability could hold three times as many."""
MAX_SWARMS: Final = 100_000
"""Most swarms; as many are remembered for how many members completed."""
MAX_DETAIL: Final = 2 * 2**20
"""Most bytes of bitfields in one state of a swarm that is told member by member."""


class MemberRecord(NamedTuple):
    """One client in one swarm, as a store keeps it."""

    member_id: bytes
    """Who it is: whoever says the same is the same, come back. Chosen so that nobody can say it for somebody else."""
    session: str
    """Its connection; empty for a client that announces over HTTP."""
    account: int | None
    """None: an announce without a passkey."""
    user: str
    peer_id: bytes
    addresses: tuple[bytes, ...]
    """4 or 16 bytes each, at most one of each kind."""
    port: int
    pieces: bytes | None
    """Its bitfield; None for an ordinary client that has not finished."""
    held: int
    """How many pieces it holds; estimated when ``pieces`` is None."""
    left: int
    """Bytes."""
    uploaded: int
    downloaded: int
    rate_up: int
    """Bytes a second."""
    rate_down: int
    seen: float | None = None
    """Kept by the store: when it was last heard of, in seconds on the store's clock. A caller has None, which is now,
    or puts back what it was given before."""
    number: int = 0
    """Given by the store: from 1, ascending, used once in an epoch."""
    blamed: int = 0
    """Kept by the store: how many accounts reported it."""
    v1_only: bool = False
    """An ordinary client that knows a hybrid by its v1 info hash only: it hangs up on whoever dials with the other."""


class Progress(NamedTuple):
    """What a member tells of its progress from time to time."""

    left: int
    uploaded: int
    downloaded: int
    rate_up: int
    rate_down: int


class SwarmSnapshot(NamedTuple):
    """A swarm as of ``seq``, or a little later: changes that come with the next ``seq`` may be in it already."""

    epoch: int
    seq: int
    detailed: bool
    """Whether changes tell of each member. It is the epoch's: another mode is another epoch."""
    piece_count: int
    seeds: int
    leeches: int
    availability: bytes
    """Holders of each piece, 255 for more: the sum of the bitfields that are known."""
    members: tuple[MemberRecord, ...]
    """In the order of their numbers."""


class SwarmChanges(NamedTuple):
    """What changed in a swarm since changes were last taken: the state now, not the way there."""

    epoch: int
    seq: int
    seeds: int
    leeches: int
    detailed: bool
    piece_count: int
    joined: tuple[MemberRecord, ...] = ()
    """New, or changed in more than the pieces below. These four are for a detailed swarm..."""
    left: tuple[int, ...] = ()
    gained: tuple[tuple[int, Runs], ...] = ()
    lost: tuple[tuple[int, Runs], ...] = ()
    changed: Runs = ()
    """...and these two for another: pieces, and for each of them how many hold it now, 255 for more."""
    availability: bytes = b""


class RemovedMember(NamedTuple):
    """A member that the store removed by itself."""

    info_hash: bytes
    member_id: bytes
    session: str


class SwarmStore(Protocol):
    """The state of all swarms. Every method is one atomic step.

    A swarm or member that is not there is no error: the answer says so.
    """

    def put(self, info_hash: bytes, piece_count: int, member: MemberRecord) -> tuple[MemberRecord, str] | None:
        """Put ``member`` into a swarm, and give it a number.

        In a full swarm, a member with an account takes the place of one without. Whoever was there by the same id is
        replaced: on the same session it keeps its number and blame, else it left and another joined.

        Returns:
            The member, and the session that lost it, or an empty text; None when the swarm is full, or there are too
            many swarms.
        """

    def have(self, info_hash: bytes, member_id: bytes, session: str, gained: Runs, lost: Runs) -> bool | None:
        """Note the pieces that a member, on this session, gained and lost; if it holds all now, it completed.

        Returns:
            None when there is no such member, or its pieces are unknown; False when there is no such piece; else True.
        """

    def progress(self, info_hash: bytes, member_id: bytes, session: str, progress: Progress) -> bool:
        """Note how far a member, on this session, is, which no change tells of; False when there is no such member."""

    def remove(self, info_hash: bytes, member_id: bytes, session: str) -> bool:
        """Remove a member, on this session; False when there is no such member."""

    def blame(self, info_hash: bytes, number: int, account: int) -> bool:
        """Note that ``account`` reports a member, which counts once; False when there is no such member."""

    def expire(self, live: float, announced: float) -> list[RemovedMember]:
        """Remove all members that were not heard of for too many seconds, and return them.

        That is more than ``live`` for those with a session, and more than ``announced`` for those without.
        """

    def expel(self, account: int) -> list[RemovedMember]:
        """Remove all members of an account from every swarm."""

    def close(self, info_hash: bytes) -> list[RemovedMember]:
        """Remove all members of a swarm, and forget how many completed in it."""

    def completed(self, info_hash: bytes) -> None:
        """Count a member that completed; the count is kept until :meth:`close`, even when nobody is left."""

    def member(self, info_hash: bytes, member_id: bytes) -> MemberRecord | None:
        """Return the member known as ``member_id``; None when there is none."""

    def at(self, info_hash: bytes, address: bytes, port: int) -> list[MemberRecord]:
        """Return the members at ``address``, 4 or 16 bytes, and ``port``, in the order of their numbers."""

    def members(self, info_hash: bytes) -> list[MemberRecord]:
        """Return all members of a swarm, in the order of their numbers."""

    def counts(self, info_hash: bytes) -> SwarmCounts:
        """Return a swarm in numbers, without a look at each member."""

    def snapshot(self, info_hash: bytes) -> SwarmSnapshot | None:
        """Return a swarm as it is now; None when nobody is in it."""

    def take_changes(self, info_hash: bytes) -> SwarmChanges | None:
        """Take what changed since the last taking, with the next seq; None when nothing did, or nobody is there.

        A swarm that outgrows its mode, or fits the other again, begins a new epoch at once: this tells of one mode.
        """

    def totals(self) -> tuple[int, int]:
        """Return how many swarms there are, and how many members in all of them."""


def detail_limit(piece_count: int) -> int:
    """Return up to how many members a swarm of that many pieces is told of member by member."""
    return min(MAX_MEMBERS, MAX_DETAIL * 8 // max(piece_count, 1))
