"""One swarm of the memory store: its members, how many hold each piece, and what has changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import as_bits, as_number, bits_of_runs, pieces_of_bits, runs_of_bits
from swarmshare.common.piece_counts import PieceCounts
from swarmshare.tracker.swarms.store.base import MAX_SWARM, SwarmChanges, SwarmSnapshot, detail_limit

if TYPE_CHECKING:
    import random
    from collections.abc import Iterable, Iterator

    from swarmshare.common.bits import Runs
    from swarmshare.tracker.swarms.store.base import MemberRecord

_FEW: Final = 256
"""Up to so many pieces, a loop over them is quicker than a sum over all."""
_BACK: Final = 0.8
"""A swarm that outgrew its detail has it again below this part of the limit, lest it swing to and fro."""


class SwarmState:
    """One swarm, and what has changed in it since changes were last taken.

    What changed is kept as *what* (which members, which pieces), not *how*: the state when changes are taken is told.
    So gaining and losing a piece in between is told as not holding it, which is right for whoever saw neither or one.

    How a swarm is told of is its epoch's; another mode is another epoch, which begins at ``seq`` 0:

    ==============  ============================================  ============================================
    mode            changes tell                                  next epoch
    ==============  ============================================  ============================================
    detailed        who joined and left, and the pieces that      when it has more members than
                    each member gained and lost                   :func:`~.base.detail_limit`
    not detailed    how many members hold each piece that was     when it has at most four fifths of that
                    gained or lost by anybody
    ==============  ============================================  ============================================
    """

    def __init__(self, rng: random.Random, piece_count: int) -> None:
        self._rng = rng
        self.piece_count = piece_count
        self.members: dict[bytes, MemberRecord] = {}  # in the order of their numbers
        self.counts = PieceCounts(piece_count)
        self.seeds = 0
        self._copies: int | None = 0  # None: to be counted anew
        self._member_ids: dict[int, bytes] = {}
        self._at: dict[tuple[bytes, int], set[int]] = {}  # by address and port, numbers
        self._reports: dict[int, set[int]] = {}
        self._last = 0
        self._begin(detailed=True)

    def _begin(self, *, detailed: bool) -> None:
        self.epoch, self.seq, self.detailed = self._rng.getrandbits(48), 0, detailed
        self._forget_changes()
        self._changed = True  # whoever knows the last epoch hears of this one

    def _fit(self) -> None:
        """Begins a new epoch when the swarm has outgrown its mode, or fits the other again."""
        limit = detail_limit(self.piece_count)
        detailed = len(self.members) <= (limit if self.detailed else limit * _BACK)
        if detailed != self.detailed:
            self._begin(detailed=detailed)

    def _forget_changes(self) -> None:
        self._changed = False
        self._joined: set[int] = set()
        self._left: list[int] = []
        self._touched: dict[int, int] = {}  # of each member, pieces; while detailed
        self._pieces = 0  # of all members; while not

    def put(self, member: MemberRecord) -> tuple[MemberRecord, str] | None:
        """Put ``member`` in; return it with its number, and the session that lost it, or None without room."""
        if member.pieces is not None:
            member = member._replace(held=as_number(member.pieces).bit_count())
        before = self.members.get(member.member_id)
        if before is not None and before.session == member.session:
            member = member._replace(number=before.number, blamed=before.blamed)
            if _shown(member) != _shown(before):
                self._count(before, -1)
                self._count(member, 1)
                self._told_anew(member)
            if (member.addresses, member.port) != (before.addresses, before.port):
                self._unlist(before)
                self._list(member)
            self.members[member.member_id] = member
            return member, ""
        if before is not None:
            self.remove(before)
        elif len(self.members) >= MAX_SWARM and not self._make_room_for(member):
            return None
        self._last += 1
        member = member._replace(number=self._last, blamed=0)
        self.members[member.member_id] = member
        self._member_ids[member.number] = member.member_id
        self._list(member)
        self._count(member, 1)
        self._told_anew(member)
        self._fit()
        return member, before.session if before is not None else ""

    def have(self, member: MemberRecord, gained: Runs, lost: Runs, seen: float) -> bool:
        """Note the pieces that ``member`` gained and lost; return whether it completed by that."""
        assert member.pieces is not None
        count = self.piece_count
        before = as_number(member.pieces)
        now = (before | as_number(bits_of_runs(gained, count))) & ~as_number(bits_of_runs(lost, count))
        gain, loss = now & ~before, before & ~now
        self.members[member.member_id] = after = member._replace(
            pieces=as_bits(now, count), held=member.held + gain.bit_count() - loss.bit_count(), seen=seen
        )
        for change, sign in ((gain, 1), (loss, -1)):
            if change.bit_count() <= _FEW:
                self.counts.shift(pieces_of_bits(as_bits(change, count)), sign)
            elif sign > 0:
                self.counts.add(as_bits(change, count))
            else:
                self.counts.remove(as_bits(change, count))
        if gain or loss:
            self._changed, self._copies = True, None
            if not self.detailed:
                self._pieces |= gain | loss
            elif member.number not in self._joined:
                self._touched[member.number] = self._touched.get(member.number, 0) | gain | loss
        completed = after.held == count > member.held
        self.seeds += completed - (member.held == count > after.held)
        return completed

    def remove(self, member: MemberRecord) -> None:
        """Remove ``member``, which is in the swarm."""
        del self.members[member.member_id], self._member_ids[member.number]
        self._reports.pop(member.number, None)
        self._unlist(member)
        self._count(member, -1)
        self._changed = True
        if self.detailed:
            self._joined.discard(member.number)
            self._touched.pop(member.number, None)
            self._left.append(member.number)
        self._fit()

    def blame(self, number: int, account: int) -> bool:
        """Note that ``account`` reports the member ``number``, once; False when there is no such member."""
        member_id = self._member_ids.get(number)
        if member_id is None:
            return False
        accounts = self._reports.setdefault(number, set())
        accounts.add(account)
        self.members[member_id] = self.members[member_id]._replace(blamed=len(accounts))
        return True

    def copies(self) -> int:
        """Return how many members hold the rarest piece, up to 255: asked for more often than it changes."""
        if self._copies is None:
            self._copies = self.counts.least()
        return self._copies

    def at(self, address: bytes, port: int) -> list[MemberRecord]:
        """Return the members at an address and port, in the order of their numbers."""
        return [self.members[self._member_ids[number]] for number in sorted(self._at.get((address, port), ()))]

    def snapshot(self) -> SwarmSnapshot:
        """Return the swarm as it is now, at the ``seq`` of the last changes."""
        seeds, availability = self.seeds, self.counts.saturated()
        members = tuple(self.members.values())
        leeches = len(members) - seeds
        return SwarmSnapshot(
            self.epoch, self.seq, self.detailed, self.piece_count, seeds, leeches, availability, members
        )

    def take_changes(self) -> SwarmChanges | None:
        """Take what changed since the last taking, with the next ``seq``; None when nothing did."""
        if not self._changed:
            return None
        self.seq += 1
        changes = self._changes()
        if self.detailed:
            touched = [(number, pieces, self._pieces_of(number)) for number, pieces in self._touched.items()]
            changes = changes._replace(
                joined=tuple(self.members[self._member_ids[number]] for number in sorted(self._joined)),
                left=tuple(self._left),
                gained=tuple(self._told((number, pieces & held) for number, pieces, held in touched)),
                lost=tuple(self._told((number, pieces & ~held) for number, pieces, held in touched)),
            )
        else:
            counts, changed = self.counts.saturated(), runs_of_bits(self._pieces, self.piece_count)
            availability = b"".join(counts[run.start : run.stop] for run in changed)
            changes = changes._replace(changed=changed, availability=availability)
        self._forget_changes()
        return changes

    def _changes(self) -> SwarmChanges:
        leeches = len(self.members) - self.seeds
        return SwarmChanges(self.epoch, self.seq, self.seeds, leeches, self.detailed, self.piece_count)

    def _pieces_of(self, number: int) -> int:
        return as_number(self.members[self._member_ids[number]].pieces or b"")

    def _told(self, changes: Iterable[tuple[int, int]]) -> Iterator[tuple[int, Runs]]:
        for number, pieces in changes:
            if pieces:
                yield number, runs_of_bits(pieces, self.piece_count)

    def _count(self, member: MemberRecord, sign: int) -> None:
        if member.pieces is None:
            return
        if member.held:
            self._copies = None
            (self.counts.add if sign > 0 else self.counts.remove)(member.pieces)
        self.seeds += sign * (member.held == self.piece_count)
        if not self.detailed:
            self._pieces |= as_number(member.pieces)

    def _told_anew(self, member: MemberRecord) -> None:
        self._changed = True
        if self.detailed:
            self._joined.add(member.number)
            self._touched.pop(member.number, None)

    def _list(self, member: MemberRecord) -> None:
        for address in member.addresses:
            self._at.setdefault((address, member.port), set()).add(member.number)

    def _unlist(self, member: MemberRecord) -> None:
        for address in member.addresses:
            numbers = self._at[address, member.port]
            numbers.discard(member.number)
            if not numbers:
                del self._at[address, member.port]

    def _make_room_for(self, member: MemberRecord) -> bool:
        if member.account is None:
            return False
        for other in self.members.values():
            if other.account is None:
                self.remove(other)
                return True
        return False


def _shown(member: MemberRecord) -> tuple[object, ...]:
    """Return the part of a member that other members are told of."""
    return member.user, member.addresses, member.port, member.pieces, member.held
