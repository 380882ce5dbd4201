"""Which blocks are outstanding, and at whom."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Generic, TypeAlias

from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.partial_piece import Peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Leaf: TypeAlias = tuple[int, int]
"""A piece, and the byte at which a leaf of it begins."""

_NOWHERE: Final[Mapping[int, tuple[object, Block]]] = MappingProxyType({})


class Requests(Generic[Peer]):
    """Blocks asked for and not answered: each leaf of them of one peer or, at the end of a download, of two.

    | a leaf is         | ``add``        | ``add_again``  | ``remove`` of a block that it is in                   |
    |-------------------|----------------|----------------|-------------------------------------------------------|
    | not outstanding   | -> at one peer |                | returns None: an answer to no request                 |
    | at one peer       |                | -> at two      | -> not outstanding                                    |
    | at two peers      |                |                | -> at one peer; is among what is returned             |

    The two may have been asked for it in blocks of different length: then the second one was asked for single leaves.
    Its size is bounded by the requests that we chose to send, not by what anybody sends us.
    """

    def __init__(self) -> None:
        self._by_peer: dict[Peer, dict[Block, bool]] = {}
        """A set in the order of asking, for each peer that was ever asked and not forgotten."""
        self._at_two: dict[Leaf, tuple[tuple[Peer, Block], tuple[Peer, Block]]] = {}
        """Leaves that two peers were asked for: both, and the block in which each was."""

    def __bool__(self) -> bool:
        return any(self._by_peer.values())

    def at(self, peer: Peer) -> tuple[Block, ...]:
        """Return the blocks outstanding at ``peer``, oldest first."""
        return tuple(self._by_peer.get(peer, ()))

    def is_idle(self, peer: Peer) -> bool:
        """Whether nothing is outstanding at ``peer``."""
        return not self._by_peer.get(peer)

    def queues(self) -> list[Peer]:
        """Return the peers at which something is outstanding: the longest queue first."""
        queues = {peer: len(blocks) for peer, blocks in self._by_peer.items() if blocks}
        return sorted(queues, key=queues.__getitem__, reverse=True)

    def at_one(self, peer: Peer) -> Iterator[tuple[Block, Block, int]]:
        """Yield the leaves that ``peer`` alone was asked for, the end of its queue first.

        With each the block that it is part of, and how many leaves ``peer`` is to send until it has sent this one.
        """
        blocks = self._by_peer[peer]
        place = sum([-(-block.length // BLOCK_LENGTH) for block in blocks])
        for block in reversed(blocks):
            for begin in reversed(block.leaves):
                if (block.piece, begin) not in self._at_two:
                    yield Block(block.piece, begin, min(BLOCK_LENGTH, block.begin + block.length - begin)), block, place
                place -= 1

    def add(self, peer: Peer, blocks: Iterable[Block]) -> None:
        """Note that ``peer`` is asked for ``blocks``, no leaf of which is outstanding anywhere."""
        self._by_peer.setdefault(peer, {}).update(dict.fromkeys(blocks, True))

    def add_again(self, peer: Peer, asked: Iterable[tuple[Block, Peer, Block]]) -> None:
        """Note that ``peer`` is asked for leaves of :meth:`at_one` as well (endgame)."""
        blocks = self._by_peer.setdefault(peer, {})
        for leaf, other, theirs in asked:
            blocks[leaf] = True
            self._at_two[leaf.piece, leaf.begin] = ((other, theirs), (peer, leaf))

    def remove(self, peer: Peer, block: Block) -> Mapping[int, tuple[Peer, Block]] | None:
        """Note that ``block`` is no longer outstanding at ``peer``.

        Returns the leaves of it, by the byte each begins at, that another peer still has to answer, with that peer and
        the block in which it was asked; None when ``block`` was not outstanding at ``peer``.
        """
        blocks = self._by_peer.get(peer)
        if not (blocks and blocks.pop(block, False)):
            return None
        if not self._at_two:
            return _NOWHERE  # type: ignore[return-value]  # it is empty
        elsewhere: dict[int, tuple[Peer, Block]] = {}
        for begin in block.leaves:
            pair = self._at_two.pop((block.piece, begin), None)
            if pair is not None:
                elsewhere[begin] = pair[1] if pair[0] == (peer, block) else pair[0]
        return elsewhere

    def forget(self, peer: Peer) -> None:
        """Drop what is kept for ``peer``, at which nothing is outstanding."""
        self._by_peer.pop(peer, None)
