"""What a face may see of the engine: one frozen picture, replaced as a whole a few times a second.

A face never holds an object of the engine; it reads the newest snapshot whenever it likes, from any thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TorrentState(Enum):
    """What a torrent is doing."""

    CHECKING = "checking"
    """Its data on the disk is being verified."""
    DOWNLOADING = "downloading"
    SEEDING = "seeding"
    """It has all that was asked for."""
    PAUSED = "paused"
    """It waits for something that ``error`` names: room on the disk, a folder that may be written to."""


@dataclass(frozen=True, slots=True)
class PeerSnapshot:
    """One connection."""

    address: str
    """``host:port``"""
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


@dataclass(frozen=True, slots=True)
class TorrentSnapshot:
    """One torrent."""

    info_hash: bytes
    name: str
    state: TorrentState
    error: str
    """Why it is paused, in words."""
    bytes_total: int
    """Of the files that were asked for."""
    bytes_done: int
    """Verified."""
    pieces_total: int
    pieces_done: int
    rate_down: float
    rate_up: float
    downloaded: int
    """Bytes of blocks since it was added, wasted ones included."""
    uploaded: int
    peers: tuple[PeerSnapshot, ...]
    bits: bytes
    """What we hold, one bit a piece."""

    @property
    def eta(self) -> float | None:
        """Seconds that are left at this rate; None while nobody can tell."""
        left = self.bytes_total - self.bytes_done
        return left / self.rate_down if self.rate_down > 0 else None


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """Everything."""

    addresses: tuple[str, ...]
    """Where it listens."""
    torrents: tuple[TorrentSnapshot, ...]
