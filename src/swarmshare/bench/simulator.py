"""A swarm in simulated time: the real decisions of ``swarmshare.swarm``, without sockets, disks and clocks.

Each node decides as the engine does: :class:`Requester` with the picker and the pipeline says what to ask,
:class:`SuperSeeding` what to send, the choker whom to serve. A message takes a latency, and a block the link of who
sends it for as long as its rate says. A node may fall silent without closing its connections, as a machine does that
loses its network. The same random seed gives the same swarm, event by event.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import inf
from typing import TYPE_CHECKING, Final

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.engine.config import EngineConfig
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.choker import Candidate, choose_optimistic, choose_unchoked, slots_for
from swarmshare.swarm.picker import PiecePicker
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.requester import Requester
from swarmshare.swarm.super_seeding import SuperSeeding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from swarmshare.engine.known_peers import KnownPeers
    from swarmshare.manifest.layout import Block, PieceLayout

BATCH: Final = 16
"""Blocks that a session puts into one send."""
LATENCY: Final = 0.02
"""Seconds that a message takes."""
TICK: Final = 1.0
OFFERS_EVERY: Final = 0.25
IDLE_TIMEOUT: Final = 120.0
"""Seconds until a peer that says nothing is given up."""
CHOKE_INTERVAL: Final = 10.0
OPTIMISTIC_TURNS: Final = 3
NEWCOMER: Final = 60.0
"""Seconds for which a peer counts as new."""
KERNEL: Final = 4 * BLOCK_LENGTH
"""Bytes for a silent peer that the sender's system takes before it takes no more."""


class Simulation:
    """The time, and what is to happen in it."""

    def __init__(self, seed: int, longest: int = 0) -> None:
        """``longest`` is how many leaves each request may ask for, whatever the rate; 0: as the pipeline says."""
        self.now = 0.0
        self.rng = random.Random(seed)
        self.longest = longest
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()

    def after(self, delay: float, event: Callable[[], None]) -> None:
        """Let ``event`` happen ``delay`` seconds from now; of two at one time, the first that was wanted is first."""
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
        """Open it choked and without interest, as BEP 3 has it."""
        self.node, self.other = node, other
        self.twin: Session
        self.requester = Requester(node.picker, self)
        if longest := node.world.longest:
            self.requester.pipeline.longest = lambda now: longest  # type: ignore[method-assign]
        self.asked: dict[Block, bool] = {}
        self.owed: dict[Block, None] = {}
        self.sending: list[Block] = []
        """The batch that is on the link."""
        self.swallowed = 0
        self.am_choking = self.peer_choking = True
        self.am_interested = self.peer_interested = False
        self.meter_from, self.meter_to = RateMeter(), RateMeter()
        self.since = self.slot_changed = self.heard = node.world.now
        self.useful = node.lacks_of(other)
        """How many pieces the other node holds that this one wants and lacks."""
        self.is_open = True

    @property
    def has(self) -> Bitfield:
        """What the other node told that it holds: the same for all, as a ``have`` takes the same time to each."""
        return self.other.told

    def tell(self, receive: Callable[[Session], None]) -> None:
        """Send the other side a message, which ``receive`` takes."""
        if not self.node.is_silent:
            self.node.world.after(LATENCY, partial(self.twin.hear, receive))

    def hear(self, receive: Callable[[Session], None]) -> None:
        """Take a message of the other side, unless there is nobody left to."""
        if self.is_open and not self.node.is_silent:
            self.heard = self.node.world.now
            receive(self)


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
        rate_down: float = inf,
    ) -> None:
        """Create one that is connected to nobody.

        Args:
            world: Whose time and chance it lives by.
            name: For people.
            layout: The pieces of the content.
            holds: The pieces that it has.
            wants: The pieces that it wants, what it holds included.
            rate: What its link sends, in bytes a second.
            rate_down: What its link receives, in bytes a second.
        """
        self.world, self.name, self.layout, self.rate, self.rate_down = world, name, layout, rate, rate_down
        self.picker: PiecePicker[Session] = PiecePicker(layout, random.Random(world.rng.random()))
        held = Bitfield(layout.piece_count)
        for piece in holds:
            held.set(piece)
        self.picker.start_with(held)
        self.told = held.copy()
        """What its peers know that it holds."""
        self.wants = set(wants)
        for piece in range(layout.piece_count):
            if piece not in self.wants:
                self.picker.set_priority(piece, Priority.SKIP)
        self._lacking = sum(not held.has(piece) for piece in self.wants)
        self.sessions: list[Session] = []
        self.audience: dict[Session, None] = {}
        """The other sides of its connections, of which one may end a moment before or after its own side."""
        self.known_peers: KnownPeers | None = None
        """What a tracker that knows the pieces of all tells of them."""
        self.on_piece: Callable[[int], None] | None = None
        """Called with each piece that it got."""
        self.on_complete: Callable[[], None] = lambda: None
        self.super_seeding: SuperSeeding[Session] = SuperSeeding(self.picker.holders)
        self.is_silent = False
        self.slots = slots_for(rate, EngineConfig.upload_slots)
        self.sent = self.received = self.wasted = 0
        """Bytes of blocks; of those received, which were not wanted."""
        self.idle_for = 0.0
        """The longest that its link was idle while somebody could have used it, in seconds."""
        self.finished_at: float | None = None
        self._useful_since = 0.0
        self._is_sending = False
        self._turn: deque[Session] = deque()
        """Sessions with a batch, in the order in which each sends its next block."""
        self._link_free_at = 0.0
        self._is_choosing = False
        self._optimistic: Session | None = None
        world.after(world.rng.uniform(0.0, TICK), self._tick)
        world.after(world.rng.uniform(0.0, OFFERS_EVERY), self._offer)
        world.after(world.rng.uniform(0.0, CHOKE_INTERVAL), partial(self._choke_again, 0))

    @property
    def is_complete(self) -> bool:
        """Whether it holds all that it wants."""
        return not self._lacking

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        return self.name, 1

    @property
    def neighbours(self) -> set[Node]:
        """Whom it is connected to."""
        return {session.other for session in self.sessions}

    # ------------------------------------------------------------------ connections

    def connect(self, other: Node) -> None:
        """Open a connection to ``other``, at once."""
        mine, theirs = Session(self, other), Session(other, self)
        mine.twin, theirs.twin = theirs, mine
        for session in (mine, theirs):
            node = session.node
            node.sessions.append(session)
            session.other.audience[session] = None
            if node.known_peers is not None:
                node.known_peers.connected(session.other.address)
            node.picker.peer_joined(session.has)
        for session in (mine, theirs):
            session.node.update_interest(session)

    def close(self, session: Session) -> None:
        """End a connection; the other side hears of it."""
        session.is_open = False
        self.sessions.remove(session)
        del session.other.audience[session]
        self.picker.peer_gone(session)
        self.picker.peer_left(session.has)
        if self.known_peers is not None:
            self.known_peers.disconnected(session.other.address)
        self.super_seeding.forget(session)
        if session.twin.is_open:
            session.tell(lambda twin: twin.node.close(twin))
        self._choose_soon()
        self._refill_all()

    def leave(self) -> None:
        """End all connections, and take no part any more."""
        for session in list(self.sessions):
            self.close(session)
        self.is_silent = True

    # ------------------------------------------------------------------ as a leech

    def lacks_of(self, other: Node) -> int:
        """How many pieces ``other`` is known to hold that this node wants and lacks."""
        return sum(map(self.picker.wants, other.told.indices()))

    def update_interest(self, session: Session) -> None:
        """Tell the other side whether it has what this node wants, when that has changed."""
        interested = session.useful > 0
        if interested != session.am_interested:
            session.am_interested = interested

            def receive(twin: Session) -> None:
                twin.peer_interested = interested
                twin.node._choose_soon()

            session.tell(receive)

    def _refill_all(self) -> None:
        for session in self.sessions:
            self._refill(session)

    def _refill(self, session: Session) -> None:
        if session.peer_choking or not session.am_interested or self.is_silent:
            return
        blocks = session.requester.choose(self.world.now, session.has, session.asked, None)
        if blocks:
            session.asked.update(dict.fromkeys(blocks, True))
            session.tell(lambda twin: twin.node.on_requests(twin, blocks))

    def on_choke(self, session: Session, *, choking: bool) -> None:
        """Note that the other side chokes this node, or does so no more."""
        session.peer_choking = choking
        if choking:
            session.requester.pipeline.on_choked()
        else:
            self._refill(session)

    def on_reject(self, session: Session, blocks: Iterable[Block]) -> None:
        """Note that the other side will not send ``blocks``."""
        for block in blocks:
            if session.asked.pop(block, False):
                session.requester.rejected(block, self.world.now, choking=session.peer_choking)
        self._refill(session)

    def _have(self, piece: int) -> None:
        """Let all peers know, at once for all, that this node holds ``piece``."""
        if self.is_silent or not self.told.set(piece):
            return
        now = self.world.now
        for session in list(self.audience):
            node = session.node
            if node.is_silent:
                node.picker.peer_has(piece)  # so that what is counted is what was told
                continue
            session.heard = now
            node.picker.peer_has(piece)
            if node.is_complete:
                node.super_seeding.peer_has(session, piece, now)
            elif node.picker.wants(piece):
                session.useful += 1
                node.update_interest(session)
                node._refill(session)

    def on_block(self, session: Session, block: Block) -> None:
        """Take a block."""
        now = self.world.now
        self.received += block.length
        if session.asked.pop(block, None) is None:
            self.wasted += block.length
            return
        received = self.picker.received(session, block)
        if received.wanted:
            session.requester.pipeline.on_leaves(now, len(block.leaves), block.length)
            session.meter_from.add(now, block.length)
            for other, theirs in received.cancel:
                assert isinstance(other, Session)
                self._cancel(other, theirs)
                other.requester.pipeline.on_returned(now, len(theirs.leaves))
            if received.piece_complete:
                self._piece_complete(block.piece)
        else:
            self.wasted += block.length
        self._refill(session)

    def _cancel(self, session: Session, block: Block) -> None:
        if session.asked.get(block):
            session.asked[block] = False
            session.tell(lambda twin: twin.node.on_cancel(twin, block))

    def _piece_complete(self, piece: int) -> None:
        contributors = Counter(self.picker.contributors(piece).values())
        self.picker.verified(piece)
        for contributor, leaves in contributors.items():
            assert isinstance(contributor, Session)
            contributor.requester.conduct.gave_right(leaves * BLOCK_LENGTH)
            contributor.requester.proven = contributor.requester.proven or len(contributors) == 1
        if piece in self.wants:
            self._lacking -= 1
        self.world.after(LATENCY, partial(self._have, piece))
        if self.on_piece is not None:
            self.on_piece(piece)
        for session in self.sessions:
            session.requester.rejections.forget(piece)
            if session.other.told.has(piece):
                session.useful -= 1
                self.update_interest(session)
        if self.is_complete and self.finished_at is None:
            self.finished_at = self.world.now
            self.on_complete()
            for session in list(self.sessions):
                if session.has.is_full and self.picker.held.is_full:
                    self.close(session)

    # ------------------------------------------------------------------ as a seed

    def on_requests(self, session: Session, blocks: Iterable[Block]) -> None:
        """Take what the other side asks for, or reject it."""
        rejected = []
        for block in blocks:
            if session.am_choking or block in session.owed or self.picker.state(block.piece) is not PieceState.HELD:
                rejected.append(block)
            else:
                session.owed[block] = None
        self._reject(session, rejected)
        self._serve(session)

    def _reject(self, session: Session, blocks: Collection[Block]) -> None:
        if blocks:
            session.tell(lambda twin: twin.node.on_reject(twin, blocks))

    def _offer(self) -> None:
        for session, piece in self.super_seeding.offers(self.world.now):
            assert isinstance(session, Session)
            session.tell(lambda twin, piece=piece: twin.node.on_suggest(twin, piece))  # type: ignore[misc]
        if not self.is_silent:
            self.world.after(OFFERS_EVERY, self._offer)

    def on_suggest(self, session: Session, piece: int) -> None:
        """Ask again for what the other side offers."""
        session.requester.rejections.forget(piece)
        self._refill(session)

    def on_cancel(self, session: Session, block: Block) -> None:
        """Forget a request, and say so (BEP 6)."""
        if block in session.owed:
            del session.owed[block]
            self._reject(session, [block])

    def _serve(self, session: Session) -> None:
        """Put the next batch of a session on the link, as its writer does when the last one is sent."""
        if session.sending or not session.owed or self.is_silent or not session.is_open:
            return
        send, reject = self.super_seeding.choose(session, session.owed, self.world.now, BATCH, looks_elsewhere=True)
        for block in reject + send:
            del session.owed[block]
        self._reject(session, reject)
        session.sending = send
        if send:
            self._turn.append(session)
            self._send()

    def _send(self) -> None:
        """Put the next block on the link, of each session in turn."""
        while self._turn and not self._is_sending:
            session = self._turn.popleft()
            # A silent peer's system takes no more; it stays so, and its session ends when it is given up.
            if session.swallowed < KERNEL and session.is_open:
                block = session.sending[0]
                self._is_sending = True
                self.super_seeding.last_sent = self.world.now
                self.world.after(block.length / self.rate, partial(self._sent, session, block))

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
                session.other.on_the_way(session.twin, block)
            if session.sending:
                self._turn.append(session)
            else:
                self._serve(session)
        self._send()

    def on_the_way(self, session: Session, block: Block) -> None:
        """Let a block arrive that the other side has sent, as soon as the link has received what came before it."""
        now = self.world.now
        arrives = max(now + LATENCY, self._link_free_at) + block.length / self.rate_down
        self._link_free_at = arrives
        self.world.after(arrives - now, partial(session.hear, lambda mine: self.on_block(mine, block)))

    def _choose_soon(self) -> None:
        """Choose whom to serve once all that is heard at this moment is: hundreds may come at once."""
        if not self._is_choosing:
            self._is_choosing = True
            self.world.after(0.0, self._fill)

    def _candidates(self) -> list[Candidate[Session]]:
        now = self.world.now
        return [
            Candidate(
                key=session,
                interested=True,
                rate_from=0.0 if self.is_complete else session.meter_from.rate(now),
                rate_to=session.meter_to.rate(now) if self.is_complete else 0.0,
                unchoked=not session.am_choking,
                seconds=now - session.slot_changed,
                is_new=now - session.since < NEWCOMER,
            )
            for session in self.sessions
            if session.peer_interested  # nobody looks at the others
        ]

    def _fill(self) -> None:
        """Give free slots, if there are any and somebody who waits for one; take those of whoever wants nothing."""
        self._is_choosing = False
        interested = served = taken = 0
        for session in self.sessions:
            interested += session.peer_interested
            taken += not session.am_choking
            served += session.peer_interested and not session.am_choking
        if served < taken or served < min(self.slots, interested):
            self._choose(anew=False)

    def _choose(self, *, anew: bool) -> None:
        if self._optimistic is not None and not self._optimistic.is_open:
            self._optimistic = None
        chosen = choose_unchoked(
            self._candidates(), self.slots, self._optimistic, seeding=self.is_complete, rng=self.world.rng, anew=anew
        )
        for session in self.sessions:
            if session.am_choking == (session in chosen):
                session.am_choking = session not in chosen
                session.slot_changed = self.world.now
                if session.am_choking:
                    owed, session.owed = session.owed, {}
                    self._reject(session, owed)
                choking = session.am_choking
                session.tell(lambda twin, choking=choking: twin.node.on_choke(twin, choking=choking))  # type: ignore[misc]

    def _choke_again(self, turn: int) -> None:
        if self.is_silent:
            return
        if turn % OPTIMISTIC_TURNS == 0:
            self._optimistic = choose_optimistic(self._candidates(), self.world.rng)
        self._choose(anew=True)
        self.world.after(CHOKE_INTERVAL, partial(self._choke_again, turn + 1))

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
            if session.asked and session.requester.pipeline.is_snubbed(now):
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
