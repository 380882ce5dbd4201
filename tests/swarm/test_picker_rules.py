"""The picker against a naive model, through any history that peers and disks can make."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import PieceState, Priority
from swarmshare.manifest.layout import Block, PieceLayout
from swarmshare.swarm.picker import MAX_ALONE, PiecePicker

BLOCK = 2**14
PIECE = 4 * BLOCK
LAYOUT = PieceLayout(PIECE, [40_000, 0, 100_000, 5, 16_384, 70_000, 32_768])
COUNT = LAYOUT.piece_count
PIECES = st.integers(0, COUNT - 1)
NAMES = st.sampled_from("abcd")
LONGEST = st.sampled_from([1, 2, 4, 8])
"""Leaves in one block at most."""


def cut(block: Block) -> set[Block]:
    """The leaves of a block, as blocks."""
    end = block.begin + block.length
    return {Block(block.piece, begin, min(BLOCK, end - begin)) for begin in block.leaves}


def blocks(piece: int) -> set[Block]:
    """The leaves of a piece."""
    return cut(Block(piece, 0, LAYOUT.span(LAYOUT.index(piece)).length))


def leaves(picked: list[Block], longest: int) -> list[Block]:
    """The leaves of what was picked, in order, if each block may be that long."""
    for block in picked:
        assert block.begin // BLOCK % longest + len(block.leaves) <= longest, "cut at multiples of the longest"
    return [leaf for block in picked for leaf in sorted(cut(block))]


class Swarm(RuleBasedStateMachine):
    @initialize(seed=st.integers(0, 2**32), held=st.sets(PIECES), sequential=st.booleans())
    def begin(self, seed: int, held: set[int], sequential: bool) -> None:
        self.held = held
        self.picker: PiecePicker[str] = PiecePicker(LAYOUT, random.Random(seed))
        self.picker.start_with(self.bitfield(held))
        self.picker.sequential = sequential
        self.priorities = [Priority.NORMAL] * COUNT
        self.peers: dict[str, set[int]] = {}
        self.asked: dict[str, set[Block]] = {}
        """The blocks outstanding at each; all else is about leaves."""
        self.delivered: dict[Block, str] = {}
        self.owner: dict[int, str] = {}

    # The model.

    @staticmethod
    def bitfield(pieces: set[int]) -> Bitfield:
        field = Bitfield(COUNT)
        for piece in pieces:
            field.set(piece)
        return field

    def asked_of(self, leaf: Block) -> set[str]:
        return {name for name, asked in self.asked.items() if any(leaf in cut(block) for block in asked)}

    def give_back(self, block: Block) -> None:
        """What a peer does not deliver and no other will or did is free: the piece is nobody's own."""
        if any(leaf not in self.delivered and not self.asked_of(leaf) for leaf in cut(block)):
            self.owner.pop(block.piece, None)

    def state(self, piece: int) -> PieceState:
        whole = blocks(piece)
        here = whole & self.delivered.keys()
        if piece in self.held:
            assert not here
            return PieceState.HELD
        if here == whole:
            return PieceState.VERIFYING
        return PieceState.IN_FLIGHT if here or any(map(self.asked_of, whole)) else PieceState.MISSING

    def free(self) -> set[Block]:
        return {
            block
            for piece in range(COUNT)
            if piece not in self.held and self.priorities[piece]
            for block in blocks(piece) - self.delivered.keys()
            if not self.asked_of(block)
        }

    def settle_owners(self) -> None:
        """What is whole or untouched belongs to nobody."""
        over = {PieceState.MISSING, PieceState.HELD}
        self.owner = {piece: name for piece, name in self.owner.items() if self.state(piece) not in over}

    def in_state(self, state: PieceState) -> list[int]:
        return [piece for piece in range(COUNT) if self.state(piece) is state]

    def availability(self, piece: int) -> int:
        return sum(piece in has for has in self.peers.values())

    # What peers do.

    @rule(name=NAMES, has=st.sets(PIECES) | st.just(set(range(COUNT))))
    def joins(self, name: str, has: set[int]) -> None:
        if name not in self.peers:
            self.peers[name] = set(has)
            self.asked[name] = set()
            self.picker.peer_joined(self.bitfield(has))

    @rule(name=NAMES)
    def leaves(self, name: str) -> None:
        if name in self.peers:
            self.picker.peer_left(self.bitfield(self.peers.pop(name)))
            self.picker.peer_gone(name)
            gone = self.asked.pop(name)
            for block in gone:
                self.give_back(block)
            self.owner = {piece: owner for piece, owner in self.owner.items() if owner != name}
            self.settle_owners()

    @rule(name=NAMES, piece=PIECES)
    def has_or_lost(self, name: str, piece: int) -> None:
        if piece in self.peers.get(name, ()):
            self.peers[name].discard(piece)
            self.picker.peer_lost(piece)
        elif name in self.peers:
            self.peers[name].add(piece)
            self.picker.peer_has(piece)

    @rule(name=NAMES)
    def becomes_a_seed(self, name: str) -> None:
        for piece in set(range(COUNT)) - self.peers.get(name, set(range(COUNT))):
            self.has_or_lost(name, piece)

    @rule(name=NAMES, count=st.integers(0, 9), longest=LONGEST, allowed=st.lists(PIECES, unique=True, max_size=5))
    def picks_allowed_fast(self, name: str, count: int, longest: int, allowed: list[int]) -> None:
        if name not in self.peers:
            return
        could = {block for block in self.free() if block.piece in allowed and block.piece in self.peers[name]}
        asked = self.picker.pick_allowed_fast(name, self.bitfield(self.peers[name]), count, allowed, (), longest)
        picked = leaves(asked, longest)
        assert set(picked) <= could
        assert len(picked) == len(set(picked)) == min(count, len(could))
        assert picked == sorted(picked, key=lambda block: allowed.index(block.piece))
        self.asked[name] |= set(asked)

    @rule(name=NAMES, count=st.integers(0, 20), longest=LONGEST)
    def picks(self, name: str, count: int, longest: int) -> None:
        if name not in self.peers:
            return
        has, free = self.peers[name], self.free()
        saved = set(self.in_state(PieceState.IN_FLIGHT))
        endgame, idle = self.picker.in_endgame, not self.asked[name]
        asked = self.picker.pick(name, self.bitfield(has), count, (), longest)
        picked = leaves(asked, longest)
        assert len(picked) == len(set(picked)) <= count
        could = {block for block in free if block.piece in has and self.owner.get(block.piece, name) == name}
        if not could and idle and count:
            could = {block for block in free if block.piece in has}
            for block in could:
                self.owner.pop(block.piece, None)
        for block in picked:
            assert block in blocks(block.piece)
            assert block.piece in has
            assert self.priorities[block.piece] is not Priority.SKIP
            assert name not in self.asked_of(block)
            assert block not in self.delivered
            assert len(self.asked_of(block)) < 2
        if picked and picked[0] not in free:
            assert endgame
            assert idle
            assert not free & set(picked)
            assert picked == asked, "leaf by leaf"
            ranks = [-self.priorities[block.piece] for block in picked]
            assert ranks == sorted(ranks)
        else:
            assert set(picked) <= could
            assert len(picked) == min(count, len(could))
            order = [self.rank(block, saved) for block in picked]
            assert order == sorted(order)
        if endgame and idle and count:
            outstanding = {leaf for asked in self.asked.values() for block in asked for leaf in cut(block)}
            again = {leaf for leaf in outstanding - self.delivered.keys() if len(self.asked_of(leaf)) == 1}
            assert picked or not any(leaf.piece in has and self.priorities[leaf.piece] for leaf in again)
        self.asked[name] |= set(asked)

    @rule(data=st.data(), one=NAMES, other=NAMES)
    def meet_in_the_endgame(self, data: st.DataObject, one: str, other: str) -> None:
        """``one`` was asked for all that was free, in long blocks, and ``other`` for some leaves of them."""
        for name, longest in ((one, 4), (other, 1)):
            if one != other:
                self.joins(name, set(range(COUNT)))
                self.becomes_a_seed(name)
                self.picks(name, 99 if name == one else 9, longest)
                self.answers(data, name, delivers=True)

    @rule(name=NAMES, count=st.integers(0, 9), longest=LONGEST)
    def picks_alone(self, name: str, count: int, longest: int) -> None:
        if name not in self.peers:
            return
        has, free = self.peers[name], self.free()
        own = {piece for piece, owner in self.owner.items() if owner == name}
        new = {piece for piece in self.in_state(PieceState.MISSING) if piece in has and self.priorities[piece]}
        if not own and not (new and count):
            self.picks(name, count, longest)
            return
        asked = self.picker.pick_alone(name, self.bitfield(has), count, (), longest)
        picked = leaves(asked, longest)
        assert len(picked) == len(set(picked)) <= count
        assert {block.piece for block in picked} <= own | new
        assert set(picked) <= free | {block for piece in own for block in blocks(piece)}
        for block in picked:
            assert not self.asked_of(block)
            assert block not in self.delivered
            self.owner[block.piece] = name
        if len(own | {block.piece for block in picked}) < MAX_ALONE:
            assert len(picked) == count or new <= {block.piece for block in picked}
        assert sum(owner == name for owner in self.owner.values()) <= MAX_ALONE
        self.asked[name] |= set(asked)

    def rank(self, block: Block, saved: set[int]) -> tuple[Any, ...]:
        new = block.piece not in saved
        rarity = block.piece if self.picker.sequential else self.availability(block.piece)
        return (new, -self.priorities[block.piece], rarity if new else 0)

    @rule(data=st.data(), name=NAMES, delivers=st.booleans())
    def answers(self, data: st.DataObject, name: str, delivers: bool) -> None:
        if not (asked := sorted(self.asked.get(name, ()))):
            return
        block = data.draw(st.sampled_from(asked))
        self.asked[name].discard(block)
        if not delivers:
            self.picker.returned(name, block)
            self.give_back(block)
            return
        answer = self.picker.received(name, block)
        for leaf in cut(block) - self.delivered.keys():
            self.delivered[leaf] = name
        assert answer.wanted
        assert answer.piece_complete == (self.state(block.piece) is PieceState.VERIFYING)
        over = {
            (other, theirs)
            for other, asked_of_other in self.asked.items()
            for theirs in asked_of_other
            if cut(theirs) <= self.delivered.keys()
        }
        assert set(answer.cancel) == over
        assert len(answer.cancel) == len(over)
        for other, theirs in over:
            self.asked[other].discard(theirs)

    @rule(name=NAMES, piece=PIECES)
    def answers_what_was_not_asked(self, name: str, piece: int) -> None:
        whole = Block(piece, 0, LAYOUT.span(LAYOUT.index(piece)).length)
        for block in blocks(piece).union([whole]) - self.asked.get(name, set()):
            assert not self.picker.received(name, block).wanted
            self.picker.returned(name, block)

    # What we do.

    @rule(piece=PIECES, priority=st.sampled_from(Priority))
    def wants(self, piece: int, priority: Priority) -> None:
        self.priorities[piece] = priority
        if priority is Priority.SKIP:
            self.owner.pop(piece, None)
        self.picker.set_priority(piece, priority)

    @precondition(lambda self: self.in_state(PieceState.VERIFYING))
    @rule(data=st.data(), right=st.booleans())
    def checks(self, data: st.DataObject, right: bool) -> None:
        piece = data.draw(st.sampled_from(self.in_state(PieceState.VERIFYING)))
        whole = blocks(piece)
        assert self.picker.contributors(piece) == {block.begin: self.delivered[block] for block in whole}
        if right:
            self.picker.verified(piece)
            self.held.add(piece)
        else:
            self.picker.failed(piece)
        for block in whole:
            del self.delivered[block]
        self.settle_owners()

    @rule(piece=PIECES)
    def finds_or_loses(self, piece: int) -> None:
        if self.state(piece) is PieceState.HELD:
            self.picker.lost(piece)
            self.held.discard(piece)
        elif self.state(piece) is PieceState.MISSING:
            self.picker.verified(piece)
            self.held.add(piece)

    # What always holds.

    @invariant()
    def agrees_with_the_model(self) -> None:
        picker, free = self.picker, self.free()
        for piece in range(COUNT):
            assert picker.state(piece) is self.state(piece)
            assert picker.states[piece] == self.state(piece)
            assert picker.availability[piece] + picker.seeds == self.availability(piece)
            here = {block.begin: self.delivered[block] for block in blocks(piece) & self.delivered.keys()}
            assert picker.contributors(piece) == here
        assert set(picker.held.indices()) == self.held
        wanted = {piece for piece in range(COUNT) if self.priorities[piece] and piece not in self.held}
        assert {piece for piece in range(COUNT) if picker.wants(piece)} == wanted
        assert 0 <= picker.seeds <= sum(len(has) == COUNT for has in self.peers.values())
        for name, has in self.peers.items():
            assert picker.is_interesting(self.bitfield(has)) == bool(has & wanted)
            assert set(picker.blocks_of(name)) == self.asked[name]
        asked = any(self.asked.values())
        assert picker.in_endgame == (asked and not any(self.availability(block.piece) for block in free))

    def teardown(self) -> None:
        """From wherever a run has ended, a seed is enough to complete every piece."""
        if not hasattr(self, "picker"):
            return
        for name in list(self.peers):
            self.leaves(name)
        self.joins("a", set(range(COUNT)))
        for piece in range(COUNT):
            self.wants(piece, Priority.NORMAL)
        for _ in range(COUNT):
            for block in self.picker.pick("a", Bitfield.full(COUNT), 6, (), 2):
                self.picker.received("a", block)
            for piece in range(COUNT):
                if self.picker.state(piece) is PieceState.VERIFYING:
                    self.picker.verified(piece)
        assert self.picker.held.is_full
        assert self.picker.pick("a", Bitfield.full(COUNT), 3) == []


TestSwarm = Swarm.TestCase
TestSwarm.settings = settings(max_examples=100, stateful_step_count=60)
