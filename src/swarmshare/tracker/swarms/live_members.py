"""Members that are connected: what each may ask, and what it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import MAX_PEERS, JoinAnswer, MemberPage, Refusal
from swarmshare.texts import Text
from swarmshare.tracker.swarms.addresses import reach
from swarmshare.tracker.swarms.connections import Connections, MemberConnection
from swarmshare.tracker.swarms.registry import account_member
from swarmshare.tracker.swarms.store.base import MemberRecord, Progress, detail_limit
from swarmshare.tracker.swarms.views import holding, peer_view

if TYPE_CHECKING:
    from swarmshare.schema.tracker_events import (
        FindPeers,
        HaveUpdate,
        Join,
        ListMembers,
        MemberInfo,
        MemberPieces,
        ReportMember,
        Stats,
    )
    from swarmshare.tracker.domain.lookup import Identity, Lookup
    from swarmshare.tracker.swarms.addresses import Address
    from swarmshare.tracker.swarms.registry import SwarmRegistry
    from swarmshare.tracker.swarms.store.base import SwarmSnapshot

MAX_SWARMS: Final = 1000
"""Most swarms that one connection may be in."""


class LiveMembers:
    """Answers the requests of all connections.

    Every method that takes a request raises :class:`EventError` when it is refused; then nothing changed.
    """

    def __init__(self, registry: SwarmRegistry, directory: Lookup) -> None:
        self._registry = registry
        self._directory = directory
        self._connections = Connections()

    def connect(self, session: str, identity: Identity, address: Address) -> None:
        """Add the connection of a peer that has signed in, and speaks from ``address``."""
        self._connections.add(session, MemberConnection(identity, address))

    def disconnect(self, session: str) -> None:
        """Remove a connection that is over, and its memberships."""
        connection = self._connections.pop(session)
        for info_hash, member_id in connection.swarms.items() if connection is not None else ():
            self._registry.leave(info_hash, member_id, session)

    def released(self, session: str, info_hash: bytes) -> None:
        """Forgets a membership that the store has ended."""
        if (connection := self._connections.get(session)) is not None:
            connection.swarms.pop(info_hash, None)

    def of_account(self, account: int) -> list[str]:
        """Return the sessions of an account, in no order."""
        return self._connections.of_account(account)

    def spend(self, session: str, units: int) -> None:
        """Count work that a connection asks for; raise :class:`EventError` when it asks for too much."""
        self._connection(session).spend(units, self._registry.clock())

    def join(self, session: str, join: Join) -> JoinAnswer:
        """Make a connection a member of a swarm, or replace what it said it holds; return the swarm."""
        entry = self._directory.entry(join.info_hash)  # may wait for the database; the connection may end meanwhile
        connection = self._connection(session)
        if entry is None:
            raise EventError(Refusal.UNKNOWN_SWARM, Text("event.unknown-swarm"))
        if entry.piece_count != join.piece_count:
            raise EventError(Refusal.PIECE_COUNT, Text("event.piece-count", count=entry.piece_count))
        if join.info_hash not in connection.swarms and len(connection.swarms) >= MAX_SWARMS:
            raise EventError(Refusal.TOO_MANY_SWARMS, Text("event.too-many-swarms", limit=MAX_SWARMS))
        member_id = account_member(connection.identity, join.peer_id)
        member = MemberRecord(
            member_id=member_id,
            session=session,
            account=connection.identity.account,
            user=connection.identity.name,
            peer_id=join.peer_id,
            addresses=self._registry.reachable((connection.address,)),
            port=join.port,
            pieces=join.bitfield,
            held=0,
            left=join.left,
            uploaded=0,
            downloaded=0,
            rate_up=0,
            rate_down=0,
        )
        if not self._registry.join(join.info_hash, entry.piece_count, member):
            raise EventError(Refusal.SWARM_FULL, Text("event.swarm-full"))
        previous = connection.swarms.get(join.info_hash, member_id)
        if previous != member_id:  # it calls itself by another peer id now
            self._registry.leave(join.info_hash, previous, session)
        connection.swarms[join.info_hash] = member_id
        return self.state(session, join.info_hash)

    def state(self, session: str, info_hash: bytes) -> JoinAnswer:
        """Return a swarm as one of its members is told of it: all that matters, at one ``seq``."""
        own, snapshot = self._look(session, info_hash)
        count = snapshot.piece_count
        ranked = self._ranked(session, own, snapshot, MAX_PEERS)
        holdings: tuple[MemberPieces, ...] | None = None
        if snapshot.detailed:  # then whoever is told of as a peer is told of as a member, too
            holdings = tuple(holding(member, count) for member in snapshot.members)
            views = {told.peer.member: told.peer for told in holdings}
        else:
            views = {member.number: peer_view(member, count) for member in ranked}
        return JoinAnswer(
            epoch=snapshot.epoch,
            seq=snapshot.seq,
            interval=self._registry.settings.live_interval,
            member=own.number,
            seeds=snapshot.seeds,
            leeches=snapshot.leeches,
            peers=tuple(views[member.number] for member in ranked),
            availability=snapshot.availability,
            holdings=holdings,
        )

    def have(self, session: str, have: HaveUpdate) -> None:
        """Note that a member gained and lost pieces."""
        member_id = self._member_id(session, have.info_hash)
        known = self._registry.have(have.info_hash, member_id, session, have.gained, have.lost)
        if known is None:
            raise _not_joined()
        if not known:
            raise EventError(Refusal.PIECE_COUNT, Text("event.no-piece"))

    def stats(self, session: str, stats: Stats) -> None:
        """Note that a member lives, and how far it is."""
        member_id = self._member_id(session, stats.info_hash)
        progress = Progress(stats.left, stats.uploaded, stats.downloaded, stats.rate_up, stats.rate_down)
        if not self._registry.progress(stats.info_hash, member_id, session, progress):
            raise _not_joined()

    def leave(self, session: str, info_hash: bytes) -> None:
        """Remove a member that leaves a swarm."""
        member_id = self._member_id(session, info_hash)
        del self._connection(session).swarms[info_hash]
        self._registry.leave(info_hash, member_id, session)

    def more_peers(self, session: str, request: FindPeers) -> tuple[MemberInfo, ...]:
        """Return members for this one to dial, first those that hold what it lacks."""
        own, snapshot = self._look(session, request.info_hash)
        ranked = self._ranked(session, own, snapshot, request.want)
        return tuple(peer_view(member, snapshot.piece_count) for member in ranked)

    def members(self, session: str, request: ListMembers) -> MemberPage:
        """Return a page of the members and what each holds, by their numbers."""
        _, snapshot = self._look(session, request.info_hash)
        count = snapshot.piece_count
        found = [member for member in snapshot.members if member.number > request.after]
        most = detail_limit(count)
        return MemberPage(tuple(holding(member, count) for member in found[:most]), more=len(found) > most)

    def report(self, session: str, report: ReportMember) -> None:
        """Note that a member reports another one for wrong data."""
        self._look(session, report.info_hash)
        account = self._connection(session).identity.account
        if not self._registry.report(report.info_hash, report.member, account):
            raise EventError(Refusal.UNKNOWN_MEMBER, Text("event.unknown-member", member=report.member))

    def _connection(self, session: str) -> MemberConnection:
        connection = self._connections.get(session)
        if connection is None:
            raise EventError(Refusal.SIGNED_OUT, Text("event.not-signed-in"))
        return connection

    def _member_id(self, session: str, info_hash: bytes) -> bytes:
        member_id = self._connection(session).swarms.get(info_hash)
        if member_id is None:
            raise _not_joined()
        return member_id

    def _look(self, session: str, info_hash: bytes) -> tuple[MemberRecord, SwarmSnapshot]:
        """Return the asker and its swarm; raise :class:`EventError` when it is no member (any more)."""
        found = self._registry.look(info_hash, self._member_id(session, info_hash), session)
        if found is None:
            raise _not_joined()
        return found

    def _ranked(self, session: str, own: MemberRecord, snapshot: SwarmSnapshot, want: int) -> list[MemberRecord]:
        """Return up to ``want`` members for the asker to dial, the best first, at addresses that mean them to it."""
        asker = reach(self._connection(session).address.packed)
        candidates = [
            member
            for member in snapshot.members
            if member.number != own.number and not member.v1_only and asker <= max(map(reach, member.addresses))
        ]
        return self._registry.rank(candidates, own, len(snapshot.availability), want)


def _not_joined() -> EventError:
    return EventError(Refusal.NOT_JOINED, Text("event.not-joined"))
