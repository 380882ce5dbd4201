"""Where trackers come in: what the engine offers to whoever knows other peers, and asks of it.

An announcer (floor 3) is given a :class:`TrackerView` for each torrent and runs beside it, on the same trio thread. It
tells a tracker what the port says of us, and tells the port what the tracker says of others. All of that is hints: a
wrong one costs a dial, or a piece chosen less well, and never more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmshare.engine.address import Address
    from swarmshare.manifest.manifest import Manifest


class TransferStats(NamedTuple):
    """How a torrent stands, in bytes and bytes a second."""

    uploaded: int
    downloaded: int
    left: int
    """Still to be downloaded of the files that are wanted."""
    rate_up: int
    rate_down: int


class Changes(NamedTuple):
    """What happened since it was last asked."""

    gained: set[int]
    """Pieces that we hold now."""
    lost: set[int]
    """Pieces that we hold no more."""
    liars: set[Address]
    """Where peers listen that gave wrong data."""


class Member(NamedTuple):
    """Another machine in the swarm, by what a tracker says."""

    user: str
    addresses: tuple[Address, ...]
    """Where it listens."""
    live: bool
    """Whether it is known to be there at this moment, not by its last announce alone."""
    bits: bytes | None
    """What it holds, as in BEP 3; None: not known."""


class AnnounceContext(Protocol):
    """What ordinary trackers are told of a torrent, and tell of it."""

    @property
    def wire_hashes(self) -> tuple[bytes, ...]:
        """What its swarm is called, 20 bytes each: a hybrid has two names."""

    @property
    def peer_id(self) -> bytes:
        """Our id, of 20 bytes."""

    @property
    def port(self) -> int:
        """Where we listen."""

    @property
    def complete(self) -> bool:
        """Whether we have all that we want."""

    def stats(self) -> TransferStats:
        """How we stand."""

    async def changed(self) -> None:
        """Wait until :meth:`changes` has something to tell. One task of one announcer may wait at a time."""

    def changes(self) -> Changes:
        """What happened since the last call, or since the announcer was started."""

    def found(self, addresses: Sequence[Address]) -> None:
        """Peers that may be dialled, the most useful first."""

    def tell_problem(self, message: str) -> None:
        """The tracker cannot be reached, or refuses; empty: all is well again. Shown to people as it is."""


class TrackerView(AnnounceContext, Protocol):
    """One torrent, as announcers see it that know who holds what."""

    manifest: Manifest

    def bits(self) -> bytes:
        """What we hold, as in BEP 3."""

    def see(self, number: int, member: Member | None) -> None:
        """A member is there or is another than it was; None: it is gone. Numbers are the announcer's own."""

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        """A member that was seen with its bits gained and lost pieces."""


class Announcer(Protocol):
    """Somebody who knows other peers."""

    async def run(self, port: TrackerView) -> None:
        """Tell of us and hear of others until cancelled; then say good-bye, within a second.

        Never raises for what a tracker or a network does.
        """
