"""Which blocks are outstanding, and at whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from swarmshare.swarm.pieces import Block


class Requests:
    """Blocks asked for and not answered: each at one peer or, at the end of a download, at two.

    Its size is bounded by the requests that we chose to send, not by what anybody sends us.
    """

    def __init__(self) -> None:
        self._by_peer: dict[Hashable, dict[Block, None]] = {}
        self._at_one: dict[Block, Hashable] = {}
        self._at_two: dict[Block, tuple[Hashable, Hashable]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_peer)

    def at(self, peer: Hashable) -> tuple[Block, ...]:
        """The blocks outstanding at ``peer``, oldest first."""
        return tuple(self._by_peer.get(peer, ()))

    def count_at(self, peer: Hashable) -> int:
        """How many blocks are outstanding at ``peer``."""
        return len(self._by_peer.get(peer, ()))

    def alone(self, peer: Hashable) -> Iterator[Block]:
        """The blocks that one peer was asked for, but not ``peer``: the newest first."""
        return (block for block, asked in reversed(self._at_one.items()) if asked != peer)

    def add(self, peer: Hashable, block: Block) -> None:
        """``peer``, which was not yet, is asked for ``block``; at most one other peer was."""
        self._by_peer.setdefault(peer, {})[block] = None
        if block in self._at_one:
            self._at_two[block] = (self._at_one.pop(block), peer)
        else:
            self._at_one[block] = peer

    def remove(self, peer: Hashable, block: Block) -> bool:
        """``block`` is no longer outstanding at ``peer``; False when it was not."""
        blocks = self._by_peer.get(peer, {})
        if block not in blocks:
            return False
        del blocks[block]
        if not blocks:
            del self._by_peer[peer]
        if block in self._at_two:
            first, second = self._at_two.pop(block)
            self._at_one[block] = second if peer == first else first
        else:
            del self._at_one[block]
        return True

    def asked_of(self, block: Block) -> tuple[Hashable, ...]:
        """The peers at which ``block`` is outstanding."""
        if block in self._at_one:
            return (self._at_one[block],)
        return self._at_two.get(block, ())
