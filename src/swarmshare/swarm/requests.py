"""Which blocks are outstanding, and at whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from swarmshare.swarm.partial_piece import Peer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from swarmshare.manifest.layout import Block


class Requests(Generic[Peer]):
    """Blocks asked for and not answered: each at one peer or, at the end of a download, at two.

    | a block is        | ``add``        | ``add_again``  | ``remove``                                          |
    |-------------------|----------------|----------------|-----------------------------------------------------|
    | not outstanding   | -> at one peer | -> at two      | returns None: an answer to no request               |
    | at one peer       | not allowed    | -> at two      | -> not outstanding; returns ()                      |
    | at two peers      | not allowed    | not allowed    | -> at one peer; returns that one                    |

    Its size is bounded by the requests that we chose to send, not by what anybody sends us.
    """

    def __init__(self) -> None:
        self._by_peer: dict[Peer, dict[Block, bool]] = {}
        """A set in the order of asking, for each peer that was ever asked and not forgotten."""
        self._at_two: set[Block] = set()

    def __bool__(self) -> bool:
        return any(self._by_peer.values())

    def at(self, peer: Peer) -> tuple[Block, ...]:
        """Return the blocks outstanding at ``peer``, oldest first."""
        return tuple(self._by_peer.get(peer, ()))

    def is_idle(self, peer: Peer) -> bool:
        """Whether nothing is outstanding at ``peer``."""
        return not self._by_peer.get(peer)

    def at_one(self) -> Iterator[Block]:
        """Yield the blocks that just one peer was asked for: the end of the longest queue first."""
        for blocks in sorted(self._by_peer.values(), key=len, reverse=True):
            yield from (block for block in reversed(blocks) if block not in self._at_two)

    def add(self, peer: Peer, blocks: Iterable[Block]) -> None:
        """Note that ``peer`` is asked for ``blocks``, which are not outstanding anywhere."""
        self._by_peer.setdefault(peer, {}).update(dict.fromkeys(blocks, True))

    def add_again(self, peer: Peer, blocks: Iterable[Block]) -> None:
        """Note that ``peer`` is asked for ``blocks`` that are outstanding at one other peer (endgame)."""
        self.add(peer, blocks)
        self._at_two.update(blocks)

    def remove(self, peer: Peer, block: Block) -> tuple[Peer, ...] | None:
        """Note that ``block`` is no longer outstanding at ``peer``.

        Returns the other peers that still have it to answer; None when it was not outstanding at ``peer``.
        """
        blocks = self._by_peer.get(peer)
        if not (blocks and blocks.pop(block, False)):
            return None
        if block not in self._at_two:
            return ()
        self._at_two.remove(block)
        return tuple(other for other, theirs in self._by_peer.items() if block in theirs)

    def forget(self, peer: Peer) -> None:
        """Drop what is kept for ``peer``, at which nothing is outstanding."""
        self._by_peer.pop(peer, None)
