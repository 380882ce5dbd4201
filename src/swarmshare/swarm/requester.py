"""What to ask of one peer, and how much of it: the picker's choice, within the room that the pipeline has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic

from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.swarm.conduct import Conduct
from swarmshare.swarm.partial_piece import Peer
from swarmshare.swarm.picker import MAX_ALONE
from swarmshare.swarm.pipeline import RequestPipeline
from swarmshare.swarm.rejections import Rejections

if TYPE_CHECKING:
    from collections.abc import Collection

    from swarmshare.common.bitfield import Bitfield
    from swarmshare.manifest.layout import Block
    from swarmshare.swarm.picker import PiecePicker

REFILL_SHARE: Final = 8
"""What part of the depth is asked for together: each request alone would cost a system call, and a choice."""


class Requester(Generic[Peer]):
    """The requests to one peer, and what it is trusted with; times are in seconds.

    | what came from the peer so far                       | it is asked for                                         |
    |------------------------------------------------------|---------------------------------------------------------|
    | nothing right yet                                    | one new piece at a time, which nobody else is asked for |
    | right data, but no piece of its own yet              | two such pieces at a time                               |
    | a piece of its own that was right (``proven``)       | any block, like every proven peer                       |
    | it had a part in a wrong piece since                 | as before it was proven                                 |
    | a piece was wrong through it                         | never that piece again, and the rest of its file last   |
    | it chokes us, whatever came                          | what it allows while choking (BEP 6)                    |
    """

    def __init__(self, picker: PiecePicker[Peer], peer: Peer) -> None:
        """``peer`` is the key by which ``picker`` knows the peer."""
        self.pipeline = RequestPipeline()
        self.rejections = Rejections()
        self.conduct = Conduct()
        self.proven = False
        """Whether a piece that the peer gave alone was right, and none that it had a part in was wrong since."""
        self._picker = picker
        self._peer = peer

    def choose(
        self, now: float, has: Bitfield, asked: Collection[Block], allowed: Collection[int] | None
    ) -> list[Block]:
        """Return the blocks to ask of the peer now, outstanding at it from here on: as many as keep it busy.

        ``has`` is what it holds, and ``asked`` what it has still to answer, cancelled requests included. ``allowed``
        are the only pieces that it may be asked for while it chokes us (BEP 6); None: it does not choke us.
        """
        pipeline = self.pipeline
        target, longest = pipeline.target(now), pipeline.longest(now)
        room = target - pipeline.outstanding
        if room < target // REFILL_SHARE + 1 or self.rejections.is_full:
            return []
        # Whole requests: what is left over would be a short one, and leave another short one of its piece.
        room -= room % longest if room > longest else 0
        waiting: Collection[int] = self.rejections.waiting
        picked: list[Block] = []
        # Sets are built only for the few peers that gave something wrong: this runs for every read of every peer.
        if self.conduct.wrong:
            waiting = self.conduct.wrong.union(waiting)
            picked = self._pick(now, has, room, longest, allowed, self.conduct.doubtful.union(waiting))
        picked = picked or self._pick(now, has, room, longest, allowed, waiting)
        blocks = []
        for block in picked:
            # Cancelled, and its answer (BEP 6) is still to come: asked again, the two answers could not be told apart.
            if block in asked:
                self._picker.returned(self._peer, block)
            else:
                blocks.append(block)
        if blocks:
            pipeline.on_sent(now, sum([-(-block.length // BLOCK_LENGTH) for block in blocks]))
        return blocks

    def _pick(
        self,
        now: float,
        has: Bitfield,
        room: int,
        longest: int,
        allowed: Collection[int] | None,
        without: Collection[int],
    ) -> list[Block]:
        self._picker.pipelines[self._peer] = self.pipeline
        if allowed is not None:
            return self._picker.pick_allowed_fast(self._peer, has, room, allowed, without, longest)
        if self.proven:
            return self._picker.pick(self._peer, has, room, without, longest, now)
        most = 1 if self.conduct.is_untried else MAX_ALONE
        return self._picker.pick_alone(self._peer, has, room, without, longest, most, now)

    def rejected(self, block: Block, now: float, *, choking: bool) -> None:
        """Note that the peer will not send ``block``; its piece waits for the next try, unless ``choking`` is why."""
        self._picker.returned(self._peer, block)
        self.pipeline.on_returned(now, len(block.leaves))
        # A choked peer's rejections say nothing about the piece (BEP 6 makes it reject all); any other would be asked
        # for the same block at once, and reject it at once, for ever.
        if not choking:
            self.rejections.rejected(block.piece, now)
