"""A tracker in simulated time: whom it tells to dial, by its real ranking, and what it tells of everybody's pieces."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import all_bits
from swarmshare.engine.announcer import Member
from swarmshare.engine.config import EngineConfig
from swarmshare.engine.dialer import most_dialled
from swarmshare.engine.known_peers import KnownPeers
from swarmshare.schema.tracker_events import MAX_PEERS
from swarmshare.tracker.swarms.ranking import draw, rank
from swarmshare.tracker.swarms.store.base import MemberRecord, detail_limit
from swarmshare.tracker_client.client import HAVE_INTERVAL, MORE_PEERS_INTERVAL

if TYPE_CHECKING:
    from swarmshare.bench.simulator import Node, Simulation

MOST_SESSIONS: Final = EngineConfig.max_peers
"""Connections of one node."""


class SimulatedTracker:
    """Knows the nodes of one swarm.

    Either it ``knows`` what each holds, as a live one does: then it ranks whom it tells of, and a swarm that is not too
    large hears of every piece of every member. Or it does not, as any other: then it tells of members by lot. Nodes
    ask as often in both cases, so that what differs is the knowledge.
    """

    def __init__(self, world: Simulation, piece_count: int, *, knows: bool) -> None:
        """Start without members."""
        self._world = world
        self._knows = knows
        self._detailed = knows
        self._piece_count = piece_count
        self._nodes: dict[int, Node] = {}
        self._records: dict[int, MemberRecord] = {}
        self._gained: dict[int, list[int]] = {}
        """Pieces since the last push, by the number of the member."""
        self._last = 0

    def join(self, node: Node) -> None:
        """Take ``node`` into the swarm, and tell it of others."""
        self._last += 1
        number = self._last
        self._nodes[number] = node
        self._records[number] = self._record(number, node)
        node.on_piece = partial(self._on_piece, number)
        if self._detailed and len(self._nodes) > detail_limit(self._piece_count):
            self._detailed = False
            for other in self._nodes.values():
                if other.known_peers is not None:
                    other.known_peers.forget_all(self._nodes)
        if self._detailed:
            node.known_peers = KnownPeers(node.picker, self._piece_count)
            for other_number, other in self._nodes.items():
                if other is not node:
                    node.known_peers.see(other_number, self._member(other_number))
                    assert other.known_peers is not None
                    other.known_peers.see(number, self._member(number))
        self._find(number)

    def leave(self, node: Node) -> None:
        """Let ``node`` go, and tell of it."""
        number = next(number for number, member in self._nodes.items() if member is node)
        self._push()
        node.on_piece = None
        del self._nodes[number]
        del self._records[number]
        if self._detailed:
            for other in self._nodes.values():
                assert other.known_peers is not None
                other.known_peers.see(number, None)

    def _on_piece(self, number: int, piece: int) -> None:
        if not self._gained:
            self._world.after(HAVE_INTERVAL, self._push)
        self._gained.setdefault(number, []).append(piece)

    def _push(self) -> None:
        gained, self._gained = self._gained, {}
        for number in gained:
            self._records[number] = self._record(number, self._nodes[number])
        if self._detailed:
            for member, node in self._nodes.items():
                assert node.known_peers is not None
                for number, pieces in gained.items():
                    if number != member:
                        node.known_peers.see_pieces(number, pieces, ())

    def _find(self, number: int) -> None:
        """Tell a member of up to 50 whom it then dials, now and every 30 seconds until it is complete."""
        node = self._nodes.get(number)
        if node is None:
            return
        if len(node.sessions) < most_dialled(MOST_SESSIONS):
            for record in self._answer(number):
                self._dial(node, self._nodes[record.number])
        if not node.is_complete:
            self._world.after(MORE_PEERS_INTERVAL, partial(self._find, number))

    def _answer(self, number: int) -> list[MemberRecord]:
        others = [record for record in self._records.values() if record.number != number]
        if not self._knows:
            return draw(others, min(MAX_PEERS, len(others)), self._world.rng)
        pieces = self._records[number].pieces or all_bits(0)
        return rank(others, pieces, self._piece_count, MAX_PEERS, self._world.rng)

    @staticmethod
    def _dial(node: Node, other: Node) -> None:
        has_room = len(node.sessions) < most_dialled(MOST_SESSIONS) and len(other.sessions) < MOST_SESSIONS
        if has_room and not (node.is_complete and other.is_complete) and node not in other.neighbours:
            node.connect(other)

    def _member(self, number: int) -> Member:
        return Member("", (self._nodes[number].address,), live=True, bits=self._records[number].pieces)

    @staticmethod
    def _record(number: int, node: Node) -> MemberRecord:
        held = node.picker.held
        return MemberRecord(
            member_id=b"", session="simulated", account=None, user="", peer_id=b"", addresses=(), port=1,
            pieces=held.to_wire(), held=held.held, left=0, uploaded=0, downloaded=0, rate_up=0, rate_down=0,
            number=number,
        )  # fmt: skip
