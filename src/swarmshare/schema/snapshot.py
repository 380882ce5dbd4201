"""What a front end may see of the engine: one frozen snapshot, replaced as a whole a few times a second.

A front end never holds an object of the engine; it reads the newest snapshot whenever it likes, from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from swarmshare.common.pieces import PieceState

if TYPE_CHECKING:
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.swarm.diagnosis import NoPeers


# Tables for ``bytes.translate``.
_HELD: Final = bytes(state == PieceState.HELD for state in range(256))
_NOT_HELD: Final = bytes(state != PieceState.HELD for state in range(256))
_NOBODY: Final = bytes(holders == 0 for holders in range(256))
_SOMEBODY: Final = bytes(holders > 0 for holders in range(256))


def count_only_here(piece_states: bytes, availability: bytes) -> int:
    """How many pieces we hold and no other that is counted: both as :class:`TorrentSnapshot` has them."""
    held, nobody = (
        int.from_bytes(data, "big") for data in (piece_states.translate(_HELD), availability.translate(_NOBODY))
    )
    return (held & nobody).bit_count()


def count_served(piece_states: bytes, availability: bytes) -> int:
    """How many pieces we do not hold and some other that is counted does: both as :class:`TorrentSnapshot` has them."""
    missing, there = (
        int.from_bytes(data, "big") for data in (piece_states.translate(_NOT_HELD), availability.translate(_SOMEBODY))
    )
    return (missing & there).bit_count()


class TorrentState(Enum):
    """What a torrent is doing: checking, then downloading until it is complete, then seeding.

    From each of these a disk that refuses leads to :attr:`WAITING` and back, and a person's pause to :attr:`PAUSED`.
    """

    CHECKING = "checking"
    """Its data on the disk is being verified."""
    DOWNLOADING = "downloading"
    SEEDING = "seeding"
    """It has all that was asked for."""
    PAUSED = "paused"
    """A person stopped it, until a person resumes it. No engine has a torrent in this state: a snapshot of a paused
    transfer shows how it was last."""
    WAITING = "waiting"
    """The disk refuses what ``error`` names (full, gone, not writable). It is tried again, and goes on by itself."""


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """One connection of a torrent, as it was when the snapshot was taken."""

    address: str
    """``host:port``"""
    user: str
    """Whose machine it is, by its certificate, else by what a tracker says; empty when nobody knows."""
    client: str
    """Program and version, as the peer says; empty when it does not."""
    pieces: int
    """How many it holds."""
    rate_down: float
    """Bytes a second, from the peer, of late."""
    rate_up: float
    """Bytes a second, to the peer, of late."""
    downloaded: int
    """Bytes of blocks that came from it."""
    uploaded: int
    choking_us: bool
    interested: bool
    """Whether it wants something of ours."""
    bits: bytes
    """What it holds, one bit a piece, as in BEP 3."""
    proven: bool = False
    """Whether its certificate proves ``user``, and the connection is encrypted."""


@dataclass(frozen=True, slots=True)
class MemberSnapshot:
    """Another machine in the swarm, by what a tracker says."""

    user: str
    addresses: tuple[str, ...]
    live: bool
    """Known to be there at this moment."""
    connected: bool
    bits: bytes | None
    """What it holds, one bit a piece; None: not known."""
    complete: bool
    """It holds everything."""


@dataclass(frozen=True, slots=True)
class TorrentSnapshot:
    """One torrent of an engine, with its peers and the other members of its swarm."""

    manifest: Manifest
    state: TorrentState
    error: str
    """Why it is waiting, as a sentence; else empty."""
    checked: float
    """How much of the check of what is on the disk is done, from 0 to 1."""
    bytes_total: int
    """Of the files that were asked for."""
    bytes_done: int
    """Verified."""
    files_done: tuple[int, ...]
    """Bytes of each file that are verified, in the manifest's order."""
    skipped: frozenset[int]
    """The numbers of the files that were not asked for."""
    pieces_done: int
    rate_down: float
    """Bytes a second, of late, as all rates."""
    rate_up: float
    downloaded: int
    """Bytes of blocks since it was added, wasted ones included."""
    uploaded: int
    peers: tuple[PeerSnapshot, ...]
    piece_states: bytes
    """One byte a piece: its :class:`~swarmshare.common.pieces.PieceState`."""
    availability: bytes
    """One byte a piece: how many others hold it, 255 for more; those that hold everything are not counted."""
    seeds: int
    """Others that hold everything: connected peers, and whom a tracker tells of."""
    members: tuple[MemberSnapshot, ...]
    tracker_problem: str
    """Why a tracker is of no use at present, in words; empty when all is well."""
    preferred: frozenset[int] = frozenset()
    """The numbers of the files that are wanted before the others."""
    changed_files: tuple[str, ...] = ()
    """The paths of files that another program changed or removed, and that are not whole again; no more than some."""
    no_peers: NoPeers | None = None
    """Why nobody is connected; None while somebody is, it is too early to tell, or there is nothing wrong with it."""

    @property
    def copies_elsewhere(self) -> int:
        """On how many other machines the rarest piece is: with one or more, this one may go."""
        return min(self.availability, default=0) + self.seeds

    @property
    def announced_only(self) -> int:
        """How many of those are known by an announce of their own alone: nobody of us is connected to them."""
        return sum(member.complete and not (member.live or member.connected) for member in self.members)

    @property
    def only_here(self) -> int:
        """How many of our pieces nobody else has."""
        if self.seeds:
            return 0
        return count_only_here(self.piece_states, self.availability)

    @property
    def eta(self) -> float | None:
        """Seconds that are left at this rate; None while nobody can tell."""
        left = self.bytes_total - self.bytes_done
        return left / self.rate_down if self.rate_down > 0 else None


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """All torrents of one engine, and where it listens."""

    addresses: tuple[str, ...]
    """Where it listens."""
    torrents: tuple[TorrentSnapshot, ...]
