"""A swarm in simulated time: the real decisions of ``swarmshare.swarm``, without sockets, disks and clocks.

Each node decides as the engine does: :class:`Requester` with the picker and the pipeline says what to ask,
:class:`SuperSeeding` what to send, the choker whom to serve. A message takes a latency, and a block the link of who
sends it for as long as its rate says. A node may fall silent without closing its connections, as a machine does that
loses its network.
"""

from __future__ import annotations

import random
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.swarm.choker import Candidate, choose_optimistic, choose_unchoked
from swarmshare.swarm.picker import PiecePicker
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.requester import Requester
from swarmshare.swarm.super_seeding import SuperSeeding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from swarmshare.manifest.layout import Block, PieceLayout

BLOCK: Final = 2**14
BATCH: Final = 16
"""Blocks that a session puts into one send."""
LATENCY: Final = 0.02
"""Seconds that a message takes."""
TICK: Final = 1.0
OFFERS_EVERY: Final = 0.25
IDLE_TIMEOUT: Final = 120.0
"""Seconds until a peer that says nothing is given up."""
CHOKE_INTERVAL: Final = 10.0
KERNEL: Final = 4 * BLOCK
"""Bytes for a silent peer that the sender's system takes before it takes no more."""


class Simulation:
    """The time, and what is to happen in it."""

    def __init__(self, seed: int, longest: int = 1) -> None:
        """``longest`` is how many leaves each request may ask for, whatever the rate."""
        self.now = 0.0
        self.rng = random.Random(seed)
        self.longest = longest
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def after(self, delay: float, event: Callable[[], None]) -> None:
        heappush(self._events, (self.now + delay, next(self._number), event))

    def run(self, until: Callable[[], bool], limit: float) -> bool:
        """Let things happen until something is so; False when it is not by ``limit``, in seconds."""
        while not until():
            if not self._events or self._events[0][0] > limit:
                return False
            self.now, _, event = heappop(self._events)
            event()
        return True


class Session:
    """One side of a connection: what ``node`` knows of ``other``."""

    def __init__(self, node: Node, other: Node) -> None:
        self.node, self.other = node, other
        self.twin: Session
        self.has = other.picker.held.copy()
        self.requester = Requester(node.picker, self)
        self.requester.pipeline.longest = lambda now: node.world.longest  # type: ignore[method-assign]
        self.asked: dict[Block, bool] = {}
        self.owed: dict[Block, None] = {}
        self.sending: list[Block] = []
        """The batch that is on the link."""
        self.swallowed = 0
        self.am_choking = self.peer_choking = True
        self.am_interested = self.peer_interested = False
        self.meter_from, self.meter_to = RateMeter(), RateMeter()
        self.since = self.slot_changed = self.heard = node.world.now
        self.is_open = True

    def tell(self, receive: Callable[[Session], None]) -> None:
        """Send the other side a message, which ``receive`` takes."""
        twin = self.twin

        def arrive() -> None:
            if twin.is_open and not twin.node.is_silent:
                twin.heard = twin.node.world.now
                receive(twin)

        if not self.node.is_silent:
            self.node.world.after(LATENCY, arrive)


class Node:
    """One machine of the swarm."""

    def __init__(
        self,
        world: Simulation,
        name: str,
        layout: PieceLayout,
        holds: Iterable[int],
        wants: Collection[int],
        rate: float,
    ) -> None:
        """``rate`` is that of its link, in bytes a second; the pieces it ``wants`` include what it holds."""
        self.world, self.name, self.layout, self.rate = world, name, layout, rate
        self.picker: PiecePicker[Session] = PiecePicker(layout, random.Random(world.rng.random()))
        held = Bitfield(layout.piece_count)
        for piece in holds:
            held.set(piece)
        self.picker.start_with(held)
        self.wants = set(wants)
        for piece in range(layout.piece_count):
            if piece not in self.wants:
                self.picker.set_priority(piece, Priority.SKIP)
        self.sessions: list[Session] = []
        self.super_seeding: SuperSeeding[Session] = SuperSeeding(self.picker.holders)
        self.is_silent = False
        self.slots = 8
        self.sent = 0
        self.idle_for = 0.0
        """The longest that its link was idle while somebody could have used it, in seconds."""
        self.finished_at: float | None = None
        self._useful_since = 0.0
        self._is_sending = False
        self._optimistic: Session | None = None
        world.after(world.rng.uniform(0.0, TICK), self._tick)
        world.after(world.rng.uniform(0.0, OFFERS_EVERY), self._offer)
        world.after(world.rng.uniform(0.0, CHOKE_INTERVAL), self._choke_again)

    @property
    def is_complete(self) -> bool:
        return all(self.picker.held.has(piece) for piece in self.wants)

    # ------------------------------------------------------------------ connections

    def connect(self, other: Node) -> None:
        mine, theirs = Session(self, other), Session(other, self)
        mine.twin, theirs.twin = theirs, mine
        for session in (mine, theirs):
            session.node.sessions.append(session)
            session.node.picker.peer_joined(session.has)
        for session in (mine, theirs):
            session.node.update_interest(session)

    def close(self, session: Session) -> None:
        session.is_open = False
        self.sessions.remove(session)
        self.picker.peer_gone(session)
        self.picker.peer_left(session.has)
        self.super_seeding.forget(session)
        if session.twin.is_open:
            session.tell(lambda twin: twin.node.close(twin))
        self.choose()
        self._refill_all()

    # ------------------------------------------------------------------ as a leech

    def update_interest(self, session: Session) -> None:
        interested = self.picker.is_interesting(session.has)
        if interested != session.am_interested:
            session.am_interested = interested

            def receive(twin: Session) -> None:
                twin.peer_interested = interested
                twin.node.choose()

            session.tell(receive)

    def _refill_all(self) -> None:
        for session in self.sessions:
            self._refill(session)

    def _refill(self, session: Session) -> None:
        if self.is_silent or not session.am_interested or session.peer_choking:
            return
        for block in session.requester.choose(self.world.now, session.has, session.asked, None):
            session.asked[block] = True
            session.tell(lambda twin, block=block: twin.node.on_request(twin, block))  # type: ignore[misc]

    def on_choke(self, session: Session, *, choking: bool) -> None:
        session.peer_choking = choking
        if choking:
            session.requester.pipeline.on_choked()
        else:
            self._refill(session)

    def on_reject(self, session: Session, block: Block) -> None:
        if session.asked.pop(block, False):
            session.requester.rejected(block, self.world.now, choking=session.peer_choking)
            self._refill(session)

    def on_have(self, session: Session, piece: int) -> None:
        if session.has.set(piece):
            self.picker.peer_has(piece)
            self.super_seeding.peer_has(session, piece, self.world.now)
            self.update_interest(session)
            self._refill(session)

    def on_block(self, session: Session, block: Block) -> None:
        now = self.world.now
        if session.asked.pop(block, None) is None:
            return
        received = self.picker.received(session, block)
        if received.wanted:
            session.requester.pipeline.on_block(now, block.length)
            session.meter_from.add(now, block.length)
            for other, theirs in received.cancel:
                assert isinstance(other, Session)
                self._cancel(other, theirs)
                other.requester.pipeline.on_returned(now, len(theirs.leaves))
            if received.piece_complete:
                self._piece_complete(block.piece)
        self._refill(session)

    def _cancel(self, session: Session, block: Block) -> None:
        if session.asked.get(block):
            session.asked[block] = False
            session.tell(lambda twin: twin.node.on_cancel(twin, block))

    def _piece_complete(self, piece: int) -> None:
        contributors = set(self.picker.contributors(piece).values())
        self.picker.verified(piece)
        if len(contributors) == 1:
            (contributor,) = contributors
            assert isinstance(contributor, Session)
            contributor.requester.proven = True
        if self.is_complete and self.finished_at is None:
            self.finished_at = self.world.now
        for session in self.sessions:
            session.requester.rejections.forget(piece)
            session.tell(lambda twin: twin.node.on_have(twin, piece))
            self.update_interest(session)

    # ------------------------------------------------------------------ as a seed

    def on_request(self, session: Session, block: Block) -> None:
        if session.am_choking or block in session.owed or self.picker.state(block.piece) is not PieceState.HELD:
            session.tell(lambda twin: twin.node.on_reject(twin, block))
            return
        session.owed[block] = None
        self._serve(session)

    def _offer(self) -> None:
        for session, piece in self.super_seeding.offers(self.world.now):
            assert isinstance(session, Session)
            session.tell(lambda twin, piece=piece: twin.node.on_suggest(twin, piece))  # type: ignore[misc]
        self.world.after(OFFERS_EVERY, self._offer)

    def on_suggest(self, session: Session, piece: int) -> None:
        session.requester.rejections.forget(piece)
        self._refill(session)

    def on_cancel(self, session: Session, block: Block) -> None:
        if block in session.owed:
            del session.owed[block]
            session.tell(lambda twin: twin.node.on_reject(twin, block))

    def _serve(self, session: Session) -> None:
        """What the session's writer does when its last batch is sent."""
        if session.sending or self.is_silent or not session.is_open:
            return
        send, reject = self.super_seeding.choose(session, session.owed, self.world.now, BATCH, looks_elsewhere=True)
        for block in reject:
            del session.owed[block]
            session.tell(lambda twin, block=block: twin.node.on_reject(twin, block))  # type: ignore[misc]
        for block in send:
            del session.owed[block]
        session.sending = send
        if send:
            self._send()

    def _send(self) -> None:
        """Put the next block on the link, of each session in turn."""
        if self._is_sending:
            return
        for session in list(self.sessions):
            if not session.sending or session.swallowed >= KERNEL:
                continue
            self.sessions.remove(session)
            self.sessions.append(session)
            block = session.sending[0]
            self._is_sending = True
            self.super_seeding.last_sent = self.world.now
            self.world.after(block.length / self.rate, partial(self._sent, session, block))
            return

    def _sent(self, session: Session, block: Block) -> None:
        self._is_sending = False
        self.super_seeding.last_sent = self.world.now
        if session.is_open:
            session.sending.pop(0)
            self.sent += block.length
            session.meter_to.add(self.world.now, block.length)
            if session.other.is_silent:
                session.swallowed += block.length
            else:
                session.tell(lambda twin: twin.node.on_block(twin, block))
            if not session.sending:
                self._serve(session)
        self._send()

    def choose(self) -> None:
        now = self.world.now
        candidates = [
            Candidate(
                key=session,
                interested=session.peer_interested,
                rate_from=session.meter_from.rate(now),
                rate_to=session.meter_to.rate(now),
                unchoked=not session.am_choking,
                seconds=now - session.slot_changed,
                is_new=now - session.since < 60.0,
            )
            for session in self.sessions
        ]
        if self._optimistic not in self.sessions:
            self._optimistic = None
        chosen = choose_unchoked(candidates, self.slots, self._optimistic, seeding=self.is_complete, rng=self.world.rng)
        for session in self.sessions:
            if session.am_choking == (session in chosen):
                session.am_choking = session not in chosen
                session.slot_changed = now
                if session.am_choking:
                    for block in session.owed:
                        session.tell(lambda twin, block=block: twin.node.on_reject(twin, block))  # type: ignore[misc]
                    session.owed.clear()
                choking = session.am_choking
                session.tell(lambda twin, choking=choking: twin.node.on_choke(twin, choking=choking))  # type: ignore[misc]

    def _choke_again(self) -> None:
        now = self.world.now
        waiting = [
            Candidate(
                key=session,
                interested=session.peer_interested,
                rate_from=0.0,
                rate_to=0.0,
                unchoked=not session.am_choking,
                seconds=now - session.slot_changed,
            )
            for session in self.sessions
        ]
        optimistic = choose_optimistic(waiting, self.world.rng)
        assert optimistic is None or isinstance(optimistic, Session)
        self._optimistic = optimistic
        self.choose()
        self.world.after(CHOKE_INTERVAL, self._choke_again)

    def _tick(self) -> None:
        if self.is_silent:
            return
        now = self.world.now
        several = self.is_complete and len(self.sessions) > 1
        self.super_seeding.active = several and self.picker.is_only_holder
        for session in list(self.sessions):
            if not session.other.is_silent:
                session.heard = now  # the others send keep-alives
            if now - session.heard > IDLE_TIMEOUT:
                self.close(session)
        for session in self.sessions:
            session.requester.rejections.pass_time(now)
            if session.requester.pipeline.is_snubbed(now) and session.asked:
                blocks = self.picker.blocks_of(session)
                self.picker.peer_gone(session)
                for block in blocks:
                    self._cancel(session, block)
                session.requester.pipeline.on_returned(now, sum(len(block.leaves) for block in blocks))
            self._refill(session)
        self.world.after(TICK, self._tick)

    # ------------------------------------------------------------------ what is measured

    def look_for_idleness(self, every: float) -> None:
        """Note for how long the link is idle while a peer that is served lacks what this node holds."""
        now = self.world.now
        if self.is_silent or self._is_sending or not any(map(self._is_useful_to, self.sessions)):
            self._useful_since = now
        self.idle_for = max(self.idle_for, now - max(self._useful_since, self.super_seeding.last_sent))
        self.world.after(every, lambda: self.look_for_idleness(every))

    def _is_useful_to(self, session: Session) -> bool:
        other = session.other
        return (
            not other.is_silent
            and not session.am_choking
            and any(
                self.picker.held.has(piece) and other.picker.state(piece) is PieceState.MISSING and piece in other.wants
                for piece in range(self.layout.piece_count)
            )
        )
