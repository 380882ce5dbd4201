"""A peer's view of one swarm, made of what the tracker tells and of nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.common.bits import bits_of_runs, pieces_of_bits
from swarmshare.schema.tracker_events import AvailabilityChanges, Holds, MemberChanges

if TYPE_CHECKING:
    from swarmshare.schema.tracker_events import JoinAnswer, MemberPieces, Push

Shown = tuple[str, tuple[str, ...], int, bytes | None]


class SwarmView:
    def __init__(self, piece_count: int) -> None:
        self.piece_count = piece_count
        self.epoch = self.seq = -1
        self.seeds = self.leeches = 0
        self.detailed = False
        self.members: dict[int, Shown] = {}
        self._availability = bytearray(piece_count)

    def reset(self, state: JoinAnswer) -> None:
        self.epoch, self.seq, self.seeds, self.leeches = state.epoch, state.seq, state.seeds, state.leeches
        self.detailed = state.holdings is not None
        self.members = {}
        for holding in state.holdings or ():
            self._put(holding)
        self._availability = bytearray(state.availability)

    def apply(self, push: Push) -> bool:
        """Whether the view is right now; False: something was missed, so ask for a resync."""
        if push.epoch == self.epoch and push.seq <= self.seq:
            return True
        if push.epoch != self.epoch or push.seq != self.seq + 1:
            return False
        self.seq, self.seeds, self.leeches = push.seq, push.seeds, push.leeches
        match push.changes:
            case AvailabilityChanges(changed, availability):
                assert not self.detailed
                told = iter(availability)
                for piece in (piece for run in changed for piece in run):
                    self._availability[piece] = next(told)
            case MemberChanges(joined, left, gained, lost):
                assert self.detailed
                for holding in joined:
                    self._put(holding)
                for number in left:
                    self.members.pop(number, None)
                for number, runs in gained:
                    self._change(number, int.from_bytes(bits_of_runs(runs, self.piece_count), "big"), 0)
                for number, runs in lost:
                    self._change(number, 0, int.from_bytes(bits_of_runs(runs, self.piece_count), "big"))
        return True

    @property
    def availability(self) -> bytes:
        if not self.detailed:
            return bytes(self._availability)
        return availability_of([pieces for *_, pieces in self.members.values()], self.piece_count)

    def _put(self, holding: MemberPieces) -> None:
        peer = holding.peer
        assert (holding.pieces is None) == (peer.holds is Holds.UNKNOWN)
        self.members[peer.member] = peer.user, peer.addresses, peer.port, holding.pieces

    def _change(self, number: int, gained: int, lost: int) -> None:
        if number in self.members:
            *shown, pieces = self.members[number]
            assert pieces is not None
            now = (int.from_bytes(pieces, "big") | gained) & ~lost
            self.members[number] = (*shown, now.to_bytes(len(pieces), "big"))  # type: ignore[assignment]


def availability_of(bitfields: list[bytes | None], piece_count: int) -> bytes:
    """The slow, obvious way."""
    counts = [0] * piece_count
    for bitfield in bitfields:
        for piece in pieces_of_bits(bitfield or b""):
            counts[piece] += 1
    return bytes(min(count, 255) for count in counts)
