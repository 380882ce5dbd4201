"""The interface between the engine and announcers: whoever knows other peers, such as a tracker.

An announcer (package ``tracker_client``, a layer above) is given a :class:`TrackerView` of each torrent and runs beside
it, on the same trio thread. It tells a tracker what the view says of us, and tells the view what the tracker says of
other members. All of that is hints: a wrong one costs a dial, or a piece chosen less well, and never more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmshare.common.address import Address
    from swarmshare.manifest.manifest import Manifest


class TransferStats(NamedTuple):
    """Traffic of a torrent since it was started, and what it has still to download."""

    uploaded: int
    """Bytes of blocks sent."""
    downloaded: int
    """Bytes of blocks received, wasted ones included."""
    left: int
    """Bytes still to be downloaded of the wanted files."""
    rate_up: int
    """Bytes a second."""
    rate_down: int
    """Bytes a second."""


class Changes(NamedTuple):
    """What changed since an announcer asked last."""

    gained: set[int]
    """Pieces that we hold now."""
    lost: set[int]
    """Pieces that we no longer hold."""
    liars: set[Address]
    """Where peers listen that sent wrong data."""


class Member(NamedTuple):
    """Another machine in the swarm, as a tracker describes it."""

    user: str
    """The account's name."""
    addresses: tuple[Address, ...]
    """Where it listens."""
    live: bool
    """Whether the tracker is connected to it at this moment, as opposed to knowing its last announce."""
    bits: bytes | None
    """What it holds, as a bitfield message has it (BEP 3); None: not known."""


class AnnounceContext(Protocol):
    """What an ordinary tracker's announcer is told of a torrent, and reports to it."""

    @property
    def wire_hashes(self) -> tuple[bytes, ...]:
        """The info hashes that its swarm is known by, 20 bytes each: a hybrid has two."""

    @property
    def peer_id(self) -> bytes:
        """Our peer id, 20 bytes."""

    @property
    def port(self) -> int:
        """The TCP port that we listen at."""

    @property
    def complete(self) -> bool:
        """Whether we hold all that we want."""

    def stats(self) -> TransferStats:
        """Return the torrent's traffic as of now."""

    async def changed(self) -> None:
        """Wait until :meth:`changes` has something to return. One task of one announcer may wait at a time."""

    def changes(self) -> Changes:
        """Return what changed since the last call, or since the announcer was started."""

    def found(self, addresses: Sequence[Address]) -> None:
        """Report peers that may be dialled, the most useful first."""

    def report_problem(self, message: str) -> None:
        """Report that the tracker cannot be reached or refuses, in words for people; empty: it answers again."""


class TrackerView(AnnounceContext, Protocol):
    """One torrent, as those announcers see it that know who holds what."""

    manifest: Manifest

    def bits(self) -> bytes:
        """Return what we hold, as a bitfield message has it (BEP 3)."""

    def see(self, number: int, member: Member | None) -> None:
        """Report a member that is new or has changed, or (None) is gone; numbers are the announcer's own."""

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        """Report the pieces that a member, reported with its bits, has gained and lost."""


class Announcer(Protocol):
    """A client of one tracker, or whoever else knows peers."""

    async def run(self, view: TrackerView) -> None:
        """Announce ``view``'s torrent and report other members until cancelled; then take leave within a second.

        Never raises for what a tracker or a network does.
        """
