"""All swarms, as the three doors see them: what members say goes into the store, and others hear of it in good time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from swarmshare.errors import AnnounceError
from swarmshare.schema.runs import all_bits
from swarmshare.tracker.http.announce_query import Event
from swarmshare.tracker.swarms.addresses import Reach, reach
from swarmshare.tracker.swarms.pacing import Pacer
from swarmshare.tracker.swarms.ranking import rank
from swarmshare.tracker.swarms.store import Member
from swarmshare.tracker.swarms.views import (
    AnnounceReply,
    Contact,
    SwarmCounts,
    SwarmDetail,
    SwarmSummary,
    member_detail,
    push,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from swarmshare.schema.tracker_events import Push
    from swarmshare.tracker.domain.lookup import Entry, Identity
    from swarmshare.tracker.swarms.addresses import Address
    from swarmshare.tracker.swarms.store import Gone, SwarmStore

PUSH_INTERVAL: Final = 0.25
"""Seconds between two pushes of one swarm, at least."""
EXPIRY_INTERVAL: Final = 5.0
"""Seconds between two looks for members that went silent."""
MISSED: Final = 2
"""How many intervals a live member may be silent."""
GRACE: Final = 60.0
"""Seconds that an announce may be late; whoever is later counts for nobody's safety until it announces again."""


class SwarmSettings(NamedTuple):
    """What may be chosen about swarms; all in seconds."""

    live_interval: int = 15
    """Between two signs of life of a live member."""
    announce_interval: int = 300
    """Between two announces of an ordinary client; libtorrent takes no less."""
    min_interval: int = 60


DEFAULTS: Final = SwarmSettings()


class LiveDoor(Protocol):
    """The door of the connected members, as the swarms need it."""

    def push(self, told: Push) -> None:
        """Tell all connected members of a swarm."""

    def release(self, session: str, info_hash: bytes) -> None:
        """``session`` is in that swarm no more."""

    def cut(self, account: int) -> None:
        """End all connections of an account."""


class SwarmRegistry:
    """Every swarm of the tracker. Nothing in it waits: ``later`` brings it back to what is to be done then."""

    def __init__(
        self,
        store: SwarmStore,
        *,
        clock: Callable[[], float],
        later: Callable[[float, Callable[[], None]], object],
        rng: random.Random,
        settings: SwarmSettings = DEFAULTS,
        own_addresses: Sequence[Address] = (),
    ) -> None:
        """``clock`` is monotonic, in seconds; ``later`` calls a function after so many seconds.

        Members on the tracker's own machine, which it sees on loopback, are reached at ``own_addresses``, if given.
        """
        self.store = store
        self.clock = clock
        self.rng = rng
        self.settings = settings
        self._later = later
        self._own_addresses = tuple(address.packed for address in own_addresses)
        self._doors: list[LiveDoor] = []
        self._watchers: list[Callable[[bytes], object]] = []
        self._pacer = Pacer(PUSH_INTERVAL, later, self._tell)
        self._replaced: dict[tuple[bytes, bytes], Member] = {}
        """By swarm and who of an announced member without an account, another such one whose place it took."""
        later(EXPIRY_INTERVAL, self._expire)

    def attach(self, routes: LiveDoor) -> None:
        """Tell ``routes``, too, from now on."""
        self._doors.append(routes)

    def watch(self, watcher: Callable[[bytes], object]) -> None:
        """Call ``watcher`` with the info hash of a swarm that changed; for each, at most once in 250 ms."""
        self._watchers.append(watcher)

    def changed(self, info_hash: bytes) -> None:
        """Something in the store changed: others will hear of it."""
        self._pacer.want(info_hash)

    def release(self, session: str, info_hash: bytes) -> None:
        """A connection has lost its membership, by no act of its own."""
        for routes in self._doors:
            routes.release(session, info_hash)

    def reachable(self, addresses: Iterable[Address]) -> tuple[bytes, ...]:
        """Where others reach a member that is seen at ``addresses``."""
        packed = [address.packed for address in addresses]
        elsewhere = [address for address in packed if reach(address) is not Reach.MACHINE]
        return tuple(elsewhere or self._own_addresses or packed)

    def take_place(self, info_hash: bytes, member: Member) -> bool:
        """Make ``member`` the only one at the address that it speaks from and its port, which are one machine's.

        A client that was killed comes back with another peer id: it replaces what is known by announces only, and is of
        the same account or of none. So nobody replaces another's client from behind the same router: two accounts, or
        two that are connected, are two machines. False: whoever is there may not be replaced, and ``member`` is nobody
        new.
        """
        others = [
            other for other in self.store.at(info_hash, member.addresses[0], member.port) if other.who != member.who
        ]
        if member.account is None:
            taken = any(other.account is not None for other in others)
        else:
            others = [other for other in others if other.account in (None, member.account)]
            taken = not member.session and any(other.session for other in others)
        for other in others if not taken else ():
            if not other.session:
                self._replace(info_hash, other, member)
        return not taken

    # Ordinary clients

    def announce(
        self,
        entry: Entry,
        peer_id: bytes,
        *,
        wire_hash: bytes,
        addresses: Sequence[Address],
        port: int,
        left: int,
        uploaded: int,
        downloaded: int,
        event: Event,
        numwant: int,
        key: bytes,
        identity: Identity | None,
    ) -> AnnounceReply:
        """A client says that it is there, and gets others to dial; the first of ``addresses`` is where it speaks from.

        Whoever announces with the same peer id and the same account (or, without a passkey, the same ``key``) is the
        same client, at one more address perhaps. Of a hybrid, clients announce each ``wire_hash`` that they know, and
        dial whom they are told of with that one.
        """
        info_hash, count = entry.info_hash, entry.piece_count
        by_v1 = wire_hash != info_hash[: len(wire_hash)]
        who = account_member(identity, peer_id) if identity is not None else _anonymous(peer_id, key, addresses[0])
        known = self.store.member(info_hash, who)
        if event is Event.STOPPED:
            self._stop(info_hash, count, who, self.reachable(addresses)[0], port)
        elif known is None or not known.session:  # who is connected has told us more than an announce does
            pieces = None if left else all_bits(count)
            member = Member(
                who=who,
                session="",
                account=identity.account if identity is not None else None,
                user=identity.name if identity is not None else "",
                peer_id=peer_id,
                addresses=_merged(self.reachable(addresses), port, known),
                port=port,
                pieces=pieces,
                held=count * (entry.total_length - min(left, entry.total_length)) // max(entry.total_length, 1),
                left=left,
                uploaded=uploaded,
                downloaded=downloaded,
                rate_up=0,
                rate_down=0,
                seen=self.clock(),
                v1_only=by_v1 and (known is None or known.v1_only),
            )
            if not self.take_place(info_hash, member):
                self.store.remove(info_hash, who, "")  # it was somewhere else before
            elif self.store.put(info_hash, count, member) is None:
                raise AnnounceError("this swarm has as many members as it may have: try again later")
            elif event is Event.COMPLETED and (known is None or known.pieces is None):
                self.store.completed(info_hash)
            self.changed(info_hash)
        counts = self.store.counts(info_hash)
        return AnnounceReply(
            self.settings.announce_interval,
            self.settings.min_interval,
            counts.seeds,
            counts.leeches,
            counts.completed,
            tuple(self._contacts(info_hash, who, count, numwant, seed=not left, by_v1=by_v1)) if numwant else (),
        )

    def scrape(self, info_hash: bytes) -> SwarmCounts:
        """A swarm in the numbers that ordinary clients know."""
        counts = self.store.counts(info_hash)
        return SwarmCounts(counts.seeds, counts.leeches, counts.completed)

    # People and programs

    def summary(self, info_hash: bytes) -> SwarmSummary:
        """A swarm in a line; cheap enough to ask for hundreds."""
        counts = self.store.counts(info_hash)
        return SwarmSummary(counts.seeds, counts.seeds + counts.leeches, counts.copies)

    def detail(self, info_hash: bytes) -> SwarmDetail | None:
        """All of a swarm; None when nobody is in it."""
        snapshot, counts = self.store.snapshot(info_hash), self.store.counts(info_hash)
        if snapshot is None:
            return None
        return SwarmDetail(
            seeds=snapshot.seeds,
            leeches=snapshot.leeches,
            downloaded=counts.completed,
            copies=counts.copies,
            piece_count=snapshot.piece_count,
            availability=snapshot.availability,
            members=tuple(member_detail(member, snapshot.piece_count) for member in snapshot.members),
        )

    def totals(self) -> tuple[int, int]:
        """How many swarms there are, and how many members in all of them."""
        return self.store.totals()

    def disconnect_account(self, account: int) -> None:
        """An account may not take part any more: its connections are cut, and its announces forgotten."""
        self._forget(self.store.expel(account))
        for routes in self._doors:
            routes.cut(account)

    def withdraw(self, info_hash: bytes) -> None:
        """An entry is no longer in the catalogue: it has no swarm."""
        self._forget(self.store.close(info_hash))

    # Within

    def _replace(self, info_hash: bytes, other: Member, member: Member) -> None:
        """Whoever replaced others without proof gives the place back when it stops: they may be there all the time."""
        self.store.remove(info_hash, other.who, "")
        older = self._replaced.pop((info_hash, other.who), other)
        if member.account is None:
            self._replaced[info_hash, member.who] = other if older.who == member.who else older

    def _stop(self, info_hash: bytes, count: int, who: bytes, address: bytes, port: int) -> None:
        for member in self.store.at(info_hash, address, port):
            older = self._replaced.get((info_hash, member.who))
            if older is not None and older.who == who:
                del self._replaced[info_hash, member.who]
        older = self._replaced.pop((info_hash, who), None)
        if self.store.remove(info_hash, who, "") and older is not None:
            self.store.put(info_hash, count, older)
        self.changed(info_hash)

    def _tell(self, info_hash: bytes) -> None:
        if changes := self.store.take_changes(info_hash):
            told = push(info_hash, changes)
            for routes in self._doors:
                routes.push(told)
        for watcher in self._watchers:
            watcher(info_hash)

    def _expire(self) -> None:
        self._later(EXPIRY_INTERVAL, self._expire)
        now, settings = self.clock(), self.settings
        announced = now - settings.announce_interval - GRACE
        self._replaced = {key: member for key, member in self._replaced.items() if member.seen >= announced}
        self._forget(self.store.expire(now - MISSED * settings.live_interval, announced))

    def _forget(self, gone: Iterable[Gone]) -> None:
        for info_hash, _, session in gone:
            if session:
                self.release(session, info_hash)
            self.changed(info_hash)

    def _contacts(
        self, info_hash: bytes, who: bytes, count: int, numwant: int, *, seed: bool, by_v1: bool
    ) -> Iterator[Contact]:
        members = self.store.members(info_hash)
        others = [member for member in members if member.who != who and (by_v1 or not member.v1_only)]
        for member in rank(others, all_bits(count) if seed else None, bytes(count), numwant, self.rng):
            for address in member.addresses:
                yield Contact(address, member.port, member.peer_id)


def account_member(identity: Identity, peer_id: bytes) -> bytes:
    """Who a member with an account is, to the store."""
    return b"account %d " % identity.account + peer_id


def _anonymous(peer_id: bytes, key: bytes, address: Address) -> bytes:
    # Others are told peer ids, so alone they prove nothing; the key is the client's secret.
    return b"key " + peer_id + key if key else b"address " + peer_id + address.packed


def _merged(addresses: tuple[bytes, ...], port: int, known: Member | None) -> tuple[bytes, ...]:
    """``addresses``, and those that are known of another protocol, at the same port: a client announces from each."""
    lengths = {len(address) for address in addresses}
    before = known.addresses if known is not None and known.port == port else ()
    return addresses + tuple(address for address in before if len(address) not in lengths)
