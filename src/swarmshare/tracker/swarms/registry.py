"""All swarms of a tracker: what members say goes into the store, and the others hear of it in good time."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from swarmshare.common.bits import all_bits
from swarmshare.errors import AnnounceError
from swarmshare.texts import Text
from swarmshare.tracker.domain.values import SwarmDetail
from swarmshare.tracker.swarms.addresses import Reach, reach
from swarmshare.tracker.swarms.pacing import Pacer
from swarmshare.tracker.swarms.ranking import consider, draw, rank
from swarmshare.tracker.swarms.replacements import Replacements
from swarmshare.tracker.swarms.store.base import MAX_SWARM, MemberRecord
from swarmshare.tracker.swarms.views import AnnounceEvent, AnnounceReply, member_view, push

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Sequence

    from swarmshare.common.bits import Runs
    from swarmshare.schema.tracker_events import Push
    from swarmshare.tracker.domain.lookup import Identity, SwarmCounts, SwarmEntry
    from swarmshare.tracker.swarms.addresses import Address
    from swarmshare.tracker.swarms.store.base import Progress, RemovedMember, SwarmSnapshot, SwarmStore

_log: Final = logging.getLogger(__name__)

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


class PushChannel(Protocol):
    """The way to the connected members, as the swarms need it."""

    def push(self, told: Push) -> None:
        """Send an event to all connected members of its swarm."""

    def release(self, session: str, info_hash: bytes) -> None:
        """End what ``session`` hears of a swarm, in which it is a member no more."""

    def cut(self, account: int) -> None:
        """End all connections of an account."""


class SwarmRegistry:
    """Every swarm of the tracker, and the only one that uses the store.

    Nothing in it waits: ``later`` brings it back to what is to be done then.
    """

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
        """Begins to look for members that went silent.

        Args:
            store: The state of all swarms.
            clock: Measures time in this process, in seconds; monotonic. The store has a clock of its own.
            later: Calls a function after so many seconds.
            rng: Breaks ties between members that are equally useful.
            settings: The intervals that members are asked to keep.
            own_addresses: Where others reach members on the tracker's own machine, which it sees on loopback.
        """
        self.clock = clock
        self.settings = settings
        self._store = store
        self._rng = rng
        self._later = later
        self._own_addresses = tuple(address.packed for address in own_addresses)
        self._channels: list[PushChannel] = []
        self._watchers: list[Callable[[bytes], object]] = []
        self._pacer = Pacer(PUSH_INTERVAL, later, self._tell)
        self._replacements = Replacements(store, clock)
        later(EXPIRY_INTERVAL, self._expire)

    def attach(self, channel: PushChannel) -> None:
        """Send pushes through ``channel``, too, from now on."""
        self._channels.append(channel)

    def watch(self, watcher: Callable[[bytes], object]) -> None:
        """Call ``watcher`` with the info hash of a swarm that changed; for each, at most once in 250 ms."""
        self._watchers.append(watcher)

    def reachable(self, addresses: Iterable[Address]) -> tuple[bytes, ...]:
        """Return where others reach a member that is seen at ``addresses``: 4 or 16 bytes each."""
        packed = [address.packed for address in addresses]
        elsewhere = [address for address in packed if reach(address) is not Reach.MACHINE]
        return tuple(elsewhere or self._own_addresses or packed)

    # Connected members

    def join(self, info_hash: bytes, piece_count: int, member: MemberRecord) -> bool:
        """Put a connected member into a swarm; False when the swarm is full, or there are too many swarms."""
        self._replacements.take_place(info_hash, member)
        placed = self._store.put(info_hash, piece_count, member)
        if placed is None:
            return False
        _, displaced = placed
        if displaced:
            self._release(displaced, info_hash)
        _log_member(info_hash, member.member_id, "joins")
        self._changed(info_hash)
        return True

    def leave(self, info_hash: bytes, member_id: bytes, session: str) -> None:
        """Remove a member that joined on ``session``; nothing happens when it is gone already."""
        if self._store.remove(info_hash, member_id, session):
            _log_member(info_hash, member_id, "leaves")
        self._changed(info_hash)

    def have(self, info_hash: bytes, member_id: bytes, session: str, gained: Runs, lost: Runs) -> bool | None:
        """Note that a member on ``session`` gained and lost pieces.

        Returns:
            None when there is no such member; False when the manifest has no such piece; else True.
        """
        known = self._store.have(info_hash, member_id, session, gained, lost)
        if known:
            self._changed(info_hash)
        return known

    def progress(self, info_hash: bytes, member_id: bytes, session: str, progress: Progress) -> bool:
        """Note how far a member on ``session`` is, and that it lives; False when there is no such member."""
        return self._store.progress(info_hash, member_id, session, progress)

    def report(self, info_hash: bytes, number: int, account: int) -> bool:
        """Note that ``account`` reports the member ``number`` for wrong data; False when there is no such member."""
        return self._store.blame(info_hash, number, account)

    def look(self, info_hash: bytes, member_id: bytes, session: str) -> tuple[MemberRecord, SwarmSnapshot] | None:
        """Return a member that joined on ``session``, and its swarm; None when it is no member (any more)."""
        member, snapshot = self._store.member(info_hash, member_id), self._store.snapshot(info_hash)
        if member is None or member.session != session or snapshot is None:
            return None
        return member, snapshot

    def rank(
        self,
        candidates: Sequence[MemberRecord],
        own: MemberRecord,
        piece_count: int,
        want: int,
    ) -> list[MemberRecord]:
        """Return up to ``want`` of ``candidates`` for the member ``own`` to dial, the best first."""
        assert own.pieces is not None, "whoever is connected has told them"
        return rank(candidates, own.pieces, piece_count, want, self._rng)

    # Ordinary clients

    def announce(
        self,
        entry: SwarmEntry,
        peer_id: bytes,
        *,
        wire_hash: bytes,
        addresses: Sequence[Address],
        port: int,
        left: int,
        uploaded: int,
        downloaded: int,
        event: AnnounceEvent,
        numwant: int,
        key: bytes,
        identity: Identity | None,
    ) -> AnnounceReply:
        """Note that an ordinary client is there, and find others for it to dial.

        Whoever announces with the same peer id and the same account (or, without a passkey, the same ``key``) is the
        same client, at one more address perhaps. Of a hybrid, clients announce each ``wire_hash`` that they know, and
        dial whom they are told of with that one.

        Args:
            entry: The entry of the catalogue.
            peer_id: 20 bytes.
            wire_hash: The hash that the client announced, 20 bytes.
            addresses: Where it can be reached; the first is where it speaks from.
            port: Where it listens.
            left: Bytes that it still wants.
            uploaded: Bytes.
            downloaded: Bytes.
            event: Why it announces.
            numwant: Most members in the answer.
            key: Its secret; may be empty.
            identity: The account of its passkey; None without one.

        Raises:
            AnnounceError: The swarm is full, or there are too many swarms.
        """
        info_hash, count = entry.info_hash, entry.piece_count
        by_v1 = wire_hash != info_hash[: len(wire_hash)]
        member_id = (
            account_member(identity, peer_id) if identity is not None else _anonymous(peer_id, key, addresses[0])
        )
        known = self._store.member(info_hash, member_id)
        _log_member(info_hash, member_id, "announces")
        if event is AnnounceEvent.STOPPED:
            self._replacements.remove(info_hash, count, member_id, self.reachable(addresses)[0], port)
            self._changed(info_hash)
        elif known is None or not known.session:  # who is connected has told us more than an announce does
            pieces = None if left else all_bits(count)
            member = MemberRecord(
                member_id=member_id,
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
                v1_only=by_v1 and (known is None or known.v1_only),
            )
            if not self._replacements.take_place(info_hash, member):
                self._store.remove(info_hash, member_id, "")  # it was somewhere else before
            elif self._store.put(info_hash, count, member) is None:
                raise AnnounceError(Text("announce.swarm-full"))
            elif event is AnnounceEvent.COMPLETED and (known is None or known.pieces is None):
                self._store.completed(info_hash)
            self._changed(info_hash)
        counts = self._store.counts(info_hash)
        return AnnounceReply(
            self.settings.announce_interval,
            self.settings.min_interval,
            counts.seeds,
            counts.leeches,
            counts.completed,
            self._peers_for(info_hash, member_id, count, numwant, seed=not left, by_v1=by_v1) if numwant else (),
        )

    # People and programs

    def counts(self, info_hash: bytes) -> SwarmCounts:
        """Return a swarm in a few numbers; cheap enough to ask for hundreds."""
        return self._store.counts(info_hash)

    def detail(
        self, info_hash: bytes, *, offset: int = 0, limit: int = MAX_SWARM, pieces: bool = True
    ) -> SwarmDetail | None:
        """Return a swarm, and up to ``limit`` of its members from ``offset`` on; None when nobody is in it.

        ``pieces`` says whether to add the bitfields of these members.
        """
        snapshot, counts = self._store.snapshot(info_hash), self._store.counts(info_hash)
        if snapshot is None:
            return None
        return SwarmDetail(
            info_hash=info_hash.hex(),
            piece_count=snapshot.piece_count,
            seeds=snapshot.seeds,
            leeches=snapshot.leeches,
            downloaded=counts.completed,
            copies=counts.copies,
            availability=snapshot.availability,
            total=len(snapshot.members),
            members=tuple(
                member_view(member, snapshot.piece_count, pieces=pieces)
                for member in snapshot.members[offset : offset + limit]
            ),
        )

    def totals(self) -> tuple[int, int]:
        """Return how many swarms there are, and how many members in all of them."""
        return self._store.totals()

    def disconnect_account(self, account: int) -> None:
        """Cuts the connections of an account that may not take part any more, and forgets its announces."""
        self._forget(self._store.expel(account))
        for channel in self._channels:
            channel.cut(account)

    def withdraw(self, info_hash: bytes) -> None:
        """End the swarm of an entry that is no longer in the catalogue."""
        self._forget(self._store.close(info_hash))

    # Within

    def _changed(self, info_hash: bytes) -> None:
        self._pacer.want(info_hash)

    def _release(self, session: str, info_hash: bytes) -> None:
        for channel in self._channels:
            channel.release(session, info_hash)

    def _tell(self, info_hash: bytes) -> None:
        if changes := self._store.take_changes(info_hash):
            told = push(info_hash, changes)
            for channel in self._channels:
                channel.push(told)
        for watcher in self._watchers:
            watcher(info_hash)

    def _expire(self) -> None:
        self._later(EXPIRY_INTERVAL, self._expire)
        announced = self.settings.announce_interval + GRACE
        self._replacements.forget(announced)
        self._forget(self._store.expire(MISSED * self.settings.live_interval, announced))

    def _forget(self, removed: Iterable[RemovedMember]) -> None:
        for info_hash, member_id, session in removed:
            _log_member(info_hash, member_id, "is removed")
            if session:
                self._release(session, info_hash)
            self._changed(info_hash)

    def _peers_for(
        self, info_hash: bytes, member_id: bytes, count: int, numwant: int, *, seed: bool, by_v1: bool
    ) -> Sequence[MemberRecord]:
        # A client that knows a hybrid by its v1 hash only hangs up on whoever dials it with the other.
        candidates = [
            member
            for member in consider(self._store.members(info_hash), self._rng)
            if member.member_id != member_id
            and (by_v1 or not member.v1_only)
            and not (seed and member.held == count and member.pieces is not None)
        ]
        return draw(candidates, numwant, self._rng)


def _log_member(info_hash: bytes, member_id: bytes, what: str) -> None:
    """Log what a member does; of ``member_id`` the account alone is told, as the rest may be a client's secret."""
    if _log.isEnabledFor(logging.DEBUG):
        kind, _, rest = member_id.partition(b" ")
        name = f"account {rest.partition(b' ')[0].decode()}" if kind == b"account" else "a client without an account"
        _log.debug("%s: %s %s", info_hash.hex(), name, what)


def account_member(identity: Identity, peer_id: bytes) -> bytes:
    """Return what the store knows a member with an account by: nobody else can say the same."""
    return b"account %d " % identity.account + peer_id


def _anonymous(peer_id: bytes, key: bytes, address: Address) -> bytes:
    # Others are told peer ids, so alone they prove nothing; the key is the client's secret.
    return b"key " + peer_id + key if key else b"address " + peer_id + address.packed


def _merged(addresses: tuple[bytes, ...], port: int, known: MemberRecord | None) -> tuple[bytes, ...]:
    """Add the addresses that are known of another protocol, at the same port: a client announces from each."""
    lengths = {len(address) for address in addresses}
    before = known.addresses if known is not None and known.port == port else ()
    return addresses + tuple(address for address in before if len(address) not in lengths)
