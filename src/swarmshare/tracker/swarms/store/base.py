"""Who is in which swarm with which pieces: what any place that keeps it must promise.

All that goes in and comes out is bytes, numbers, text and tuples of them, so that it may live in another process; and
every method is one atomic step. ``tests/tracker/swarms/store_contract.py`` states the promises that types cannot.

A swarm is named by its full info hash, begins with the first member and ends with the last. What is known of its
members is told to others as changes: each taking of changes has the next ``seq`` of the swarm's ``epoch``. A new epoch
means that nothing told before counts.
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
    """One client in one swarm."""

    who: bytes
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
    seen: float
    """When it was last heard of, in seconds on the caller's clock."""
    number: int = 0
    """Given by the store: from 1, ascending, used once in an epoch."""
    blamed: int = 0
    """Kept by the store: how many accounts reported it."""
    v1_only: bool = False
    """An ordinary client that knows a hybrid by its v1 info hash only: it hangs up on whoever dials with the other."""


class Progress(NamedTuple):
    """What a member tells of itself from time to time."""

    left: int
    uploaded: int
    downloaded: int
    rate_up: int
    rate_down: int


class SwarmSnapshot(NamedTuple):
    """A swarm as of ``seq``, or a little later."""

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
    """What became of a swarm since the last taking. All of it is final: the state now, not the way there."""

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
    """A membership that the store ended."""

    info_hash: bytes
    who: bytes
    session: str


class SwarmStore(Protocol):
    """The state of all swarms. A swarm or member that is not there is no error: the answer says so."""

    def put(self, info_hash: bytes, piece_count: int, member: MemberRecord) -> tuple[MemberRecord, str] | None:
        """``member`` is in the swarm now, with a number; None when the swarm is full, or there are too many swarms.

        In a full swarm, a member with an account takes the place of one without. Whoever was there as the same ``who``
        is replaced. On the same session it keeps its number and blame, else it left and another joined; then the
        second value is the session that lost it, else it is empty.
        """

    def have(self, info_hash: bytes, who: bytes, session: str, gained: Runs, lost: Runs, seen: float) -> bool | None:
        """A member, on this session, holds other pieces now; if it holds all for the first time, it completed.

        None: no such member, or its pieces are unknown. False: there is no such piece.
        """

    def progress(self, info_hash: bytes, who: bytes, session: str, progress: Progress, seen: float) -> bool:
        """A member, on this session, tells how it is getting on; False: no such member. It is no change to tell of."""

    def remove(self, info_hash: bytes, who: bytes, session: str) -> bool:
        """A member, on this session, is gone; False: no such member."""

    def blame(self, info_hash: bytes, number: int, account: int) -> bool:
        """``account`` reports a member, which counts once; False: no such member."""

    def expire(self, live: float, announced: float) -> list[RemovedMember]:
        """Remove all members with a session last seen before ``live``, and others before ``announced``."""

    def expel(self, account: int) -> list[RemovedMember]:
        """Remove all members of an account."""

    def close(self, info_hash: bytes) -> list[RemovedMember]:
        """Remove all members of a swarm, and forget what was ever counted in it."""

    def completed(self, info_hash: bytes) -> None:
        """Count one that finished; that is kept until :meth:`close`, even when nobody is left."""

    def member(self, info_hash: bytes, who: bytes) -> MemberRecord | None:
        """One member."""

    def at(self, info_hash: bytes, address: bytes, port: int) -> list[MemberRecord]:
        """Those that are reached at ``address``, 4 or 16 bytes, and ``port``, in the order of their numbers."""

    def members(self, info_hash: bytes) -> list[MemberRecord]:
        """All of them, in the order of their numbers."""

    def counts(self, info_hash: bytes) -> SwarmCounts:
        """A swarm in numbers, cheaply."""

    def snapshot(self, info_hash: bytes) -> SwarmSnapshot | None:
        """A swarm as it is; None when nobody is in it."""

    def take_changes(self, info_hash: bytes) -> SwarmChanges | None:
        """What changed since the last taking, with the next seq; None when nothing did, or nobody is there.

        A swarm that outgrows its mode, or fits the other again, begins a new epoch at once: this tells of one mode.
        """

    def totals(self) -> tuple[int, int]:
        """How many swarms there are, and how many members in all of them."""


def detail_limit(piece_count: int) -> int:
    """Up to how many members a swarm of that many pieces is told of member by member."""
    return min(MAX_MEMBERS, MAX_DETAIL * 8 // max(piece_count, 1))
