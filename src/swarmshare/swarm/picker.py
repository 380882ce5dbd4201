"""Which blocks to ask of which peer, and how far each piece has come: what libtorrent calls the piece picker.

What a piece may go through is :mod:`swarmshare.common.pieces`. Of a piece on its way, each leaf (16 KiB) is in one of
four places; a block, which is what one request asks for, is one leaf or several in a row:

| a leaf is           | kept in                             | and leaves it when                                     |
|---------------------|-------------------------------------|--------------------------------------------------------|
| free                | ``PartialPiece.free``               | it is picked                                           |
| asked of one peer   | ``Requests``                        | it comes; or it is returned, and is free again         |
| asked of two peers  | ``Requests`` (endgame)              | it comes from one; or one returns it, the other stays  |
| delivered           | ``PartialPiece.delivered``          | the piece is verified, or failed as a whole            |

In the endgame one of the two may have been asked for a longer block. Leaves of it that the other delivers first are
delivered; the longer block is not needed any more when all of its leaves are.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Generic

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.availability import Availability
from swarmshare.swarm.partial_piece import ONE_OF_MANY, UNWANTED, PartialPiece, Peer, Received
from swarmshare.swarm.requests import Requests

if TYPE_CHECKING:
    import random
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from swarmshare.manifest.layout import Block, PieceLayout
    from swarmshare.swarm.pipeline import RequestPipeline

ENDGAME_BATCH: Final = 16
"""Leaves asked of an idle peer at once in the endgame: enough to hide a round trip, few enough to waste little."""
ENDGAME_GAIN: Final = 2.0
"""How many times sooner an idle peer must be able to send a leaf than who was asked first: what both send is wasted."""
ENDGAME_AHEAD: Final = 0.5
"""Seconds' worth of leaves that a peer may have given its system to send, for which a cancel comes too late: as much as
libtorrent's send buffer takes."""

MAX_ALONE: Final = 2
"""Pieces of a peer that is asked alone: one is verified while the other is on its way."""

_BY_PRIORITY: Final = (Priority.HIGH, Priority.NORMAL)
_STATES: Final = tuple(PieceState)
_FROM_HELD: Final = bytes((PieceState.MISSING, PieceState.HELD)).ljust(256)
"""Makes the flags of a bitfield of what is held states, with ``bytes.translate``."""
_IF_NONE: Final = b"\1".ljust(256, b"\0")
"""Makes numbers of holders flags: 1 where there is none."""


class PiecePicker(Generic[Peer]):
    """Knows of every piece whether we hold it, who has it, and who was asked for which of its blocks.

    A peer is any hashable key, and has joined before it is asked for anything. The bytes of blocks are kept elsewhere,
    and so are the peers' bitfields: a method that takes ``has`` is to be given the peer's bitfield as it is then, and
    ``without`` are pieces of it that the peer is not to be asked for at the moment. How much to ask for is counted in
    leaves: ``count`` of them in all, and up to ``longest``, a power of two, in one block. Piece numbers must be ones
    that the layout has, and a change to a peer's bitfield is to be told once (:meth:`Bitfield.set` says whether it was
    a change).

    ``sequential`` may be set at any time: new pieces are then started in the order of their numbers.
    """

    def __init__(self, layout: PieceLayout, rng: random.Random) -> None:
        """Pick among the pieces of ``layout``, none of which is held; ``rng`` breaks ties among equally rare ones."""
        count = layout.piece_count
        self.sequential = False
        self._rng = rng
        self._layout = layout
        self._leaves_per_piece = -(-layout.piece_length // BLOCK_LENGTH)
        self._priorities = [Priority.NORMAL] * count
        self._partials: dict[int, PartialPiece[Peer]] = {}
        """Every piece that is IN_FLIGHT or VERIFYING."""
        self._with_free: dict[int, PartialPiece[Peer]] = {}
        """Those of ``_partials`` that have a free leaf, oldest first: a pick looks at these only."""
        self._owners: dict[int, Peer] = {}
        """Pieces of ``_partials`` that only one peer is asked for (:meth:`pick_alone`)."""
        self._requests: Requests[Peer] = Requests()
        self.pipelines: dict[Peer, RequestPipeline] = {}
        """Of peers that are asked, to be set by whoever asks: how soon each may send what."""
        self.start_with(Bitfield(count))

    def start_with(self, held: Bitfield) -> None:
        """Count the pieces in ``held`` as ours. To be called, if at all, before any other method."""
        self.held = held.copy()
        """The pieces that we have; to be changed by the picker only."""
        self._states = bytearray(held.flags().translate(_FROM_HELD))
        self._not_needed = held.copy()
        """Pieces that are held or to be skipped. A peer is interesting when it has any other."""
        # Invariant: on offer is exactly what is MISSING and not to be skipped, so the rarest piece on offer may always
        # be started. Each change of a state or a priority below withdraws or offers its piece.
        self._availability = Availability(held.complement(), self._rng)

    # What peers have.

    def peer_joined(self, has: Bitfield) -> None:
        """Count the pieces of a peer that is connected now."""
        self._availability.join(has)

    def peer_left(self, has: Bitfield) -> None:
        """Stop counting a peer that has these pieces by now; its requests are given back by :meth:`peer_gone`."""
        self._availability.leave(has)

    def peer_has(self, piece: int) -> None:
        """Count ``piece`` for a peer that joined without it (``have``)."""
        self._availability.add(piece)

    def peer_lost(self, piece: int) -> None:
        """Stop counting ``piece`` for a peer that had it (``lt_donthave``): O(1), or O(pieces) when there are seeds."""
        self._availability.remove(piece)

    @property
    def seeds(self) -> int:
        """How many connected peers hold every piece; one that came to it piece by piece may not be among them."""
        return self._availability.seeds

    @property
    def availability(self) -> bytes:
        """One byte a piece: how many connected peers that are not among the :attr:`seeds` hold it; 255 for more."""
        return self._availability.to_bytes()

    def holders(self, piece: int) -> int:
        """How many connected peers hold ``piece``, seeds included."""
        return self._availability.of(piece)

    @property
    def is_only_holder(self) -> bool:
        """Whether we hold a piece that no peer holds; O(pieces), at the speed of C."""
        if self._availability.seeds:
            return False
        held, nowhere = self.held.flags(), self._availability.to_bytes().translate(_IF_NONE)
        return bool(int.from_bytes(held, "big") & int.from_bytes(nowhere, "big"))

    def is_interesting(self, has: Bitfield) -> bool:
        """Whether a peer with these pieces has one that we want and lack."""
        return self._not_needed.missing_from(has)

    def wants(self, piece: int) -> bool:
        """Whether we want ``piece`` and lack it; so a ``have`` makes a peer interesting, in O(1)."""
        return not self._not_needed.has(piece)

    # What we want, and how far it is.

    @property
    def states(self) -> bytes:
        """One byte a piece: its :class:`PieceState`."""
        return bytes(self._states)

    def state(self, piece: int) -> PieceState:
        """Where ``piece`` is on its way to us."""
        return _STATES[self._states[piece]]

    def set_priority(self, piece: int, priority: Priority) -> None:
        """Want ``piece`` more or less. What was asked for stays asked for, and counts when it comes."""
        self._priorities[piece] = priority
        state = self._states[piece]
        if state == PieceState.HELD:
            return
        if priority is Priority.SKIP:
            self._not_needed.set(piece)
            self._owners.pop(piece, None)
        else:
            self._not_needed.clear(piece)
        if state == PieceState.MISSING:
            self._availability.withdraw(piece)
            self._offer(piece)

    # Asking.

    def pick(
        self,
        peer: Peer,
        has: Bitfield,
        count: int,
        without: Collection[int] = (),
        longest: int = 1,
        now: float = 0.0,
    ) -> list[Block]:
        """Return the blocks to ask of ``peer`` now, ``count`` leaves at most; they are outstanding at it from here on.

        First the pieces that were started, because only whole pieces can be verified and shared; then new ones, the
        rarest first. Within each of the two, high priority comes first. In the endgame (:attr:`in_endgame`) an idle
        peer is asked for single leaves that another peer was asked for, if it should send them much sooner: ``now``
        is the time, in seconds, on the clock of the :attr:`pipelines`.
        """
        picked: list[Block] = []
        left = self._take_started(peer, has, count, without, longest, picked)
        while left and (pieces := self._choose(has, -(-left // self._leaves_per_piece), without)):
            for piece in pieces:
                left = self._take(self._begin(piece), left, longest, picked)
        if not picked and self._requests.is_idle(peer):
            # Nothing else is left for a peer that could help: then the pieces that an unproven peer was to give alone
            # are open to all. To know who lied is worth less than a download that waits for a peer which may be slow.
            for piece in [piece for piece in self._owners if piece in self._with_free and has.has(piece)]:
                del self._owners[piece]
            self._take_started(peer, has, count, without, longest, picked)
        if picked:
            self._requests.add(peer, picked)
        elif self._requests.is_idle(peer) and self.in_endgame:
            # Only an idle peer: one that has something to send would be given it twice for nothing.
            again = list(islice(self._duplicates(peer, has, without, now), min(count, ENDGAME_BATCH)))
            self._requests.add_again(peer, again)
            return [leaf for leaf, _, _ in again]
        return picked

    def pick_alone(
        self,
        peer: Peer,
        has: Bitfield,
        count: int,
        without: Collection[int] = (),
        longest: int = 1,
        most: int = MAX_ALONE,
        now: float = 0.0,
    ) -> list[Block]:
        """Like :meth:`pick`, for a peer whose data was not found right yet: new pieces, ``most`` of them at a time.

        Nobody else is asked for these, so if they are wrong it is known who lied, and no more than these can be. When
        there is no new piece, it is asked like any other.
        """
        picked: list[Block] = []
        left = count
        own = [piece for piece, owner in self._owners.items() if owner == peer]
        # The pieces that it has already come first: the sooner one is whole, the sooner we know what the peer is worth.
        for piece in own:
            if piece not in without and (partial := self._with_free.get(piece)):
                left = self._take(partial, left, longest, picked)
        while left and len(own) < most and (pieces := self._choose(has, 1, without)):
            self._owners[pieces[0]] = peer
            own += pieces
            left = self._take(self._begin(pieces[0]), left, longest, picked)
        if not own:
            return self.pick(peer, has, count, without, longest, now)
        self._requests.add(peer, picked)
        return picked

    def pick_allowed_fast(
        self,
        peer: Peer,
        has: Bitfield,
        count: int,
        allowed: Iterable[int],
        without: Collection[int] = (),
        longest: int = 1,
    ) -> list[Block]:
        """Like :meth:`pick`, but only from the few pieces that ``peer`` lets us ask for while it chokes us (BEP 6)."""
        picked: list[Block] = []
        left = count
        for piece in allowed:
            askable = has.has(piece) and piece not in without
            if left and askable and self._priorities[piece] is not Priority.SKIP:
                # Whatever its rarity: while it chokes us these few are all that it will send.
                if self._states[piece] == PieceState.MISSING:
                    self._begin(piece)
                if partial := self._with_free.get(piece):
                    left = self._take(partial, left, longest, picked)
        self._requests.add(peer, picked)
        return picked

    @property
    def in_endgame(self) -> bool:
        """Whether every leaf that we want, and that some connected peer has, is asked for or here."""
        return (
            not self._availability.reachable()
            and bool(self._requests)
            and not any(
                self._priorities[piece] is not Priority.SKIP and self._availability.of(piece)
                for piece in self._with_free
            )
        )

    def blocks_of(self, peer: Peer) -> tuple[Block, ...]:
        """Return the blocks outstanding at ``peer``, oldest first."""
        return self._requests.at(peer)

    def returned(self, peer: Peer, block: Block) -> None:
        """``peer`` will not deliver ``block`` (rejected, timed out, choked); nothing happens if it was not asked.

        Its leaves are free again at once, for this peer too: whoever asks anew must see to it that a peer which rejects
        everything is not asked for ever. Those that another peer is asked for, or has delivered, are not.
        """
        elsewhere = self._requests.remove(peer, block)
        if elsewhere is not None:
            partial = self._partials[block.piece]
            needed = [begin for begin in block.leaves if begin not in elsewhere and begin not in partial.delivered]
            if needed:
                self._free(partial, needed)

    def peer_gone(self, peer: Peer) -> None:
        """``peer`` will deliver nothing more: :meth:`returned` for each of its blocks."""
        for block in self._requests.at(peer):
            self.returned(peer, block)
        self._requests.forget(peer)
        self.pipelines.pop(peer, None)
        for piece in [piece for piece, owner in self._owners.items() if owner == peer]:
            del self._owners[piece]

    # What came of it.

    def received(self, peer: Peer, block: Block) -> Received[Peer]:
        """Note that ``peer`` delivered ``block``, and tell what to make of it.

        What was not asked of ``peer``, or is not outstanding at it any more, is not wanted. The last block of a piece
        makes it VERIFYING.
        """
        elsewhere = self._requests.remove(peer, block)
        # Only what was asked of this very peer counts: else anybody could make us count, hash and write what it likes,
        # and put the blame for a wrong piece on whoever sent the rest.
        if elsewhere is None:
            return UNWANTED
        partial = self._partials[block.piece]
        partial.deliver(peer, block)
        cancel = self._not_needed_of(partial, elsewhere) if elsewhere else ()
        if not partial.complete:
            return Received(wanted=True, cancel=cancel) if cancel else ONE_OF_MANY
        self._states[partial.piece] = PieceState.VERIFYING
        return Received(wanted=True, piece_complete=True, cancel=cancel)

    def contributors(self, piece: int) -> dict[int, Peer]:
        """Return who delivered each leaf of ``piece`` so far, by the byte it begins at; empty for a HELD piece."""
        partial = self._partials.get(piece)
        return dict(partial.delivered) if partial else {}

    def parts_of(self, peer: Peer) -> set[int]:
        """Return the pieces on their way to us of which ``peer`` delivered a block or is to deliver one."""
        delivered = {piece for piece, partial in self._partials.items() if peer in partial.delivered.values()}
        return delivered.union(block.piece for block in self._requests.at(peer))

    def verified(self, piece: int) -> None:
        """Make ``piece``, which is right and on the disk, HELD.

        Raises :class:`ValueError` unless it was VERIFYING, or MISSING (a check found it on the disk).
        """
        self._expect(piece, PieceState.VERIFYING, PieceState.MISSING)
        self._partials.pop(piece, None)
        self._owners.pop(piece, None)
        self._availability.withdraw(piece)
        self._states[piece] = PieceState.HELD
        self.held.set(piece)
        self._not_needed.set(piece)

    def failed(self, piece: int) -> None:
        """Make ``piece``, which is wrong nobody knows where, MISSING again as a whole.

        Raises :class:`ValueError` unless it was VERIFYING.
        """
        self._expect(piece, PieceState.VERIFYING)
        del self._partials[piece]
        self._owners.pop(piece, None)
        self._states[piece] = PieceState.MISSING
        self._offer(piece)

    def lost(self, piece: int) -> None:
        """Make ``piece``, whose bytes are gone, MISSING; raises :class:`ValueError` unless it was HELD."""
        self._expect(piece, PieceState.HELD)
        self._states[piece] = PieceState.MISSING
        self.held.clear(piece)
        if self._priorities[piece] is not Priority.SKIP:
            self._not_needed.clear(piece)
        self._offer(piece)

    # The steps that these are made of.

    def _expect(self, piece: int, *states: PieceState) -> None:
        if (state := self.state(piece)) not in states:
            raise ValueError(f"piece {piece} is {state.name.lower().replace('_', ' ')}")

    def _offer(self, piece: int) -> None:
        if (priority := self._priorities[piece]) is not Priority.SKIP:
            self._availability.offer(piece, priority)

    def _begin(self, piece: int) -> PartialPiece[Peer]:
        self._availability.withdraw(piece)
        self._states[piece] = PieceState.IN_FLIGHT
        partial: PartialPiece[Peer] = PartialPiece(piece, self._layout.span(self._layout.index(piece)).length)
        self._partials[piece] = self._with_free[piece] = partial
        return partial

    def _choose(self, has: Bitfield, limit: int, without: Collection[int]) -> list[int]:
        """Up to ``limit`` pieces to start, all of one priority."""
        choose = self._availability.lowest if self.sequential else self._availability.rarest
        return choose(has, Priority.HIGH, limit, without) or choose(has, Priority.NORMAL, limit, without)

    def _take_started(
        self, peer: Peer, has: Bitfield, count: int, without: Collection[int], longest: int, picked: list[Block]
    ) -> int:
        """Take from the pieces with a free leaf that ``peer`` may be asked for, as :meth:`_take` does.

        High priority first, then the oldest.
        """
        started = [
            partial
            for piece, partial in self._with_free.items()
            if has.has(piece)
            and piece not in without
            and self._priorities[piece] is not Priority.SKIP
            and self._owners.get(piece, peer) == peer
        ]
        started.sort(key=lambda partial: -self._priorities[partial.piece])  # stable: the oldest stay first
        for partial in started:
            count = self._take(partial, count, longest, picked)
        return count

    def _take(self, partial: PartialPiece[Peer], count: int, longest: int, picked: list[Block]) -> int:
        """Add up to ``count`` leaves of a piece to ``picked``; returns how many more there may be."""
        before = len(partial.free)
        picked += partial.take(count, longest)
        if not partial.free:
            del self._with_free[partial.piece]
        return count - before + len(partial.free)

    def _free(self, partial: PartialPiece[Peer], begins: Iterable[int]) -> None:
        for begin in begins:
            partial.give_back(begin)
        # Its owner left a leaf unanswered: others may give it, and that one peer lied is not known for sure any more.
        self._owners.pop(partial.piece, None)
        self._with_free[partial.piece] = partial
        self._states[partial.piece] = PieceState.IN_FLIGHT
        # Back to the start, so that the rarest-first choice is made anew and no empty piece is kept in memory.
        if partial.untouched:
            del self._partials[partial.piece], self._with_free[partial.piece]
            self._states[partial.piece] = PieceState.MISSING
            self._offer(partial.piece)

    def _not_needed_of(
        self, partial: PartialPiece[Peer], elsewhere: Mapping[int, tuple[Peer, Block]]
    ) -> tuple[tuple[Peer, Block], ...]:
        """Forget the requests among ``elsewhere`` of which each leaf is delivered by now; returns them."""
        over = [
            (other, theirs)
            for other, theirs in dict.fromkeys(elsewhere.values())
            if all(begin in partial.delivered for begin in theirs.leaves)
        ]
        for other, theirs in over:
            self._requests.remove(other, theirs)
        return tuple(over)

    def _duplicates(
        self, peer: Peer, has: Bitfield, without: Collection[int], now: float
    ) -> Iterator[tuple[Block, Peer, Block]]:
        """Leaves to ask of an idle peer in the endgame, as libtorrent does when none is free, with who else has them.

        At two peers at most: the copy that comes second is wasted, and a third would be for sure. The newest requests
        first: they are the last in another peer's queue, so the most time is saved and the least is on its way.
        """
        taken = 0
        for priority in _BY_PRIORITY:
            for other in self._requests.queues():
                for leaf, block, place in self._requests.at_one(other):
                    if not self._is_sooner(peer, taken + 1, other, place, now):
                        break  # what comes before it in the queue is sent sooner still
                    piece = leaf.piece
                    delivered = self._partials[piece].delivered
                    askable = has.has(piece) and piece not in without and leaf.begin not in delivered
                    if askable and self._priorities[piece] is priority:
                        taken += 1
                        yield leaf, other, block

    def _is_sooner(self, peer: Peer, count: int, other: Peer, place: int, now: float) -> bool:
        """Whether idle ``peer`` should have sent ``count`` leaves long before ``other`` has sent ``place``."""
        ours, theirs = self.pipelines.get(peer), self.pipelines.get(other)
        if ours is None or theirs is None:
            return True
        return theirs.seconds_left(now, place) >= ENDGAME_GAIN * ours.seconds_to_get(now, count) + ENDGAME_AHEAD
