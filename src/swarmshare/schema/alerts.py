"""Alerts: what happened once in the engine, for whoever wants to show or log it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from swarmshare.swarm.diagnosis import Cause


@dataclass(frozen=True, slots=True)
class PieceVerified:
    """A piece is whole, right and on the disk."""

    info_hash: bytes
    piece: int


@dataclass(frozen=True, slots=True)
class PieceFailed:
    """A piece came, and was wrong; ``blamed`` is the peer that gave it, when it is known for sure."""

    info_hash: bytes
    piece: int
    blamed: str | None


@dataclass(frozen=True, slots=True)
class PeerDropped:
    """A connection ended because the peer broke a rule (``reason``), or gave wrong data (``banned``)."""

    info_hash: bytes
    address: str
    reason: str
    banned: bool = False
    user: str = ""
    """Who it is proven to be by its certificate; empty: nothing is proven."""


@dataclass(frozen=True, slots=True)
class ConnectionFailed:
    """A peer and we did not come together, for a reason that somebody can do something about.

    It is told once for each address and reason, and not for ever new ones.
    """

    info_hash: bytes | None
    """None: it is not known what the peer wanted."""
    address: str
    """``host:port`` where we dialled it, or the host that it came from."""
    cause: Cause
    message: str


@dataclass(frozen=True, slots=True)
class TorrentWaiting:
    """The disk refuses something, and the torrent waits: it tries again by itself (``TorrentState.WAITING``)."""

    info_hash: bytes
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class TorrentRecovered:
    """The disk takes again what it refused, and the torrent goes on."""

    info_hash: bytes


@dataclass(frozen=True, slots=True)
class FileNotice:
    """A file is not as the manifest has it, and nothing stops for that: a link that could not be made."""

    info_hash: bytes
    message: str


@dataclass(frozen=True, slots=True)
class PiecesLost:
    """Pieces that were held are not on the disk any more: somebody changed or removed their files."""

    info_hash: bytes
    count: int
    files: tuple[str, ...]
    """The paths of these files in the manifest, with ``/`` between their components; no more than some."""


@dataclass(frozen=True, slots=True)
class PiecesFound:
    """Pieces that were not held are on the disk after all: somebody put their files back."""

    info_hash: bytes
    count: int


@dataclass(frozen=True, slots=True)
class OpenFilesLimit:
    """More files and connections are needed than the system lets this process open; told once in an engine's life."""

    limit: int
    """How many it allows."""


@dataclass(frozen=True, slots=True)
class TorrentComplete:
    """All that was asked for is here and verified."""

    info_hash: bytes
    fetched: int = 0
    """Bytes that peers gave for it since it was added to the engine; 0: it was on the disk already."""


Alert: TypeAlias = (
    PieceVerified
    | PieceFailed
    | PeerDropped
    | ConnectionFailed
    | TorrentWaiting
    | TorrentRecovered
    | FileNotice
    | PiecesLost
    | PiecesFound
    | OpenFilesLimit
    | TorrentComplete
)
