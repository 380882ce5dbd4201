"""What a tracker tells of one swarm, kept in order and told on as a :class:`TrackerView` wants it."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Final

from swarmshare.common.address import parse_peer_ip
from swarmshare.common.text import MAX_TEXT, clean
from swarmshare.engine.announcer import Member
from swarmshare.schema.tracker_events import AvailabilityChanges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from swarmshare.common.address import Address
    from swarmshare.engine.announcer import TrackerView
    from swarmshare.schema.tracker_events import JoinAnswer, MemberChanges, MemberInfo, MemberPieces, Push

MAX_CHANGED: Final = 2**14
"""Pieces told one by one in one push. A few runs can name millions: a state with bitfields is quicker to work off."""
MAX_ADDRESSES: Final = 2**12
"""Addresses whose member's number is remembered, for reports."""


class SwarmView:
    """One swarm as of the last push, and how a torrent is told of it.

    Pushes are applied in the order of their ``seq``, and within one ``epoch`` only; on a gap the whole swarm is needed.
    """

    def __init__(self, torrent: TrackerView) -> None:
        self.interval = 0
        """Seconds between two signs of life that the tracker wants."""
        self._torrent = torrent
        self._at: tuple[int, int] | None = None
        self._own = 0
        self._detailed = False
        self._seen: dict[int, bool] = {}
        """The members that the torrent was told of, and whether with their bitfields."""
        self._numbers: dict[Address, int] = {}

    def lose_place(self) -> None:
        """Take any state next: the tracker may have been restarted."""
        self._at = None

    def forget_all(self) -> None:
        """Forgets all members: the tracker is gone for so long that what it said counts no more."""
        for number in list(self._seen):
            self._forget(number)

    def start(self, state: JoinAnswer) -> None:
        """Continues from ``state``, a whole swarm, unless a later one was taken already."""
        epoch, seq = state.epoch, state.seq
        if self._at is not None and self._at[0] == epoch and self._at[1] > seq:
            return
        if self._at is None or self._at[0] != epoch:
            self._numbers.clear()
        self._at, self._own, self.interval = (epoch, seq), state.member, state.interval
        self._detailed = state.holdings is not None
        holdings = [holding for holding in state.holdings or () if holding.peer.member != self._own]
        for number in self._seen.keys() - {holding.peer.member for holding in holdings}:
            self._forget(number)
        for holding in holdings:
            self._see(holding)
        self.find(state.peers)

    def apply(self, push: Push) -> bool:
        """Take a push; False when one was missed before it, or it cannot be used: then it was not taken."""
        if self._at is None or self._at[0] != push.epoch:
            return False
        if push.seq <= self._at[1]:
            return True
        if push.seq > self._at[1] + 1:
            return False
        if isinstance(push.changes, AvailabilityChanges):
            if self._detailed:
                return False
        elif not self._detailed or not self._take(push.changes):
            return False
        self._at = (push.epoch, push.seq)
        return True

    def find(self, peers: Iterable[MemberInfo]) -> None:
        """Tells the torrent of peers to dial, the most useful first."""
        found = [address for peer in peers if peer.member != self._own for address in self._addresses(peer)]
        if found:
            self._torrent.found(found)

    def number(self, address: Address) -> int | None:
        """Return the number of the member that listens at ``address``; None when unknown."""
        return self._numbers.get(_one_form(*address) or address)

    def _take(self, changes: MemberChanges) -> bool:
        if sum(len(run) for _, runs in chain(changes.gained, changes.lost) for run in runs) > MAX_CHANGED:
            return False
        new = [holding.peer for holding in changes.joined if holding.peer.member not in self._seen]
        for holding in changes.joined:
            self._see(holding)
        for member, runs in changes.gained:
            if self._seen.get(member):
                self._torrent.see_pieces(member, tuple(chain.from_iterable(runs)), ())
        for member, runs in changes.lost:
            if self._seen.get(member):
                self._torrent.see_pieces(member, (), tuple(chain.from_iterable(runs)))
        for member in changes.left:
            self._forget(member)
        self.find(sorted(new, key=lambda peer: -peer.share))
        return True

    def _see(self, holding: MemberPieces) -> None:
        peer = holding.peer
        if peer.member != self._own:
            self._seen[peer.member] = holding.pieces is not None
            member = Member(clean(peer.user, MAX_TEXT), tuple(self._addresses(peer)), peer.live, holding.pieces)
            self._torrent.see(peer.member, member)

    def _forget(self, number: int) -> None:
        if self._seen.pop(number, None) is not None:
            self._torrent.see(number, None)

    def _addresses(self, peer: MemberInfo) -> list[Address]:
        addresses = [address for host in peer.addresses if (address := _one_form(host, peer.port))]
        for address in addresses:
            self._numbers.pop(address, None)
            self._numbers[address] = peer.member
            if len(self._numbers) > MAX_ADDRESSES:
                del self._numbers[next(iter(self._numbers))]
        return addresses


def _one_form(host: str, port: int) -> Address | None:
    """Return an address as it is always written; None for what names no single machine."""
    ip = parse_peer_ip(host)
    return None if ip is None else (str(ip), port)
