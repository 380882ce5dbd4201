"""What an engine can be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from swarmshare import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from swarmshare.engine.address import Address
    from swarmshare.engine.announcer import Announcer
    from swarmshare.swarm.picker import Priority

PEER_ID_PREFIX: Final = b"-SW"
"""How the ids of our own kind begin."""


def new_peer_id() -> bytes:
    """A fresh one for each run: two runs with one id would shut each other out."""
    return PEER_ID_PREFIX + b"0100-" + token_bytes(12)


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """Settings of one engine."""

    listen: tuple[Address, ...] = (("localhost", 0),)
    """Where to accept connections, by all addresses of the host (IPv4 and IPv6); port 0 picks a free one for them."""
    neighbours_only: bool = False
    """Whether only machines of our own networks may connect; those that we dial may be anywhere."""
    resume_folder: Path | None = None
    """Where resume data is kept; None: nowhere."""
    max_peers: int = 50
    """Connections of one torrent."""
    upload_slots: int = 8
    """Peers of one torrent that are served at a time."""
    limit_up: float | None = None
    """Bytes a second, all torrents together."""
    limit_down: float | None = None
    peer_id: bytes = field(default_factory=new_peer_id)
    client: str = f"SwarmShare {__version__}"


@dataclass(frozen=True, kw_only=True)
class TorrentConfig:
    """Settings of one torrent."""

    folder: Path
    """Contains the manifest's name."""
    peers: tuple[Address, ...] = ()
    """To dial, again and again."""
    announcers: tuple[Announcer, ...] = ()
    """Who knows of other peers."""
    priorities: Mapping[int, Priority] = field(default_factory=dict)
    """How much files are wanted, by their number; the others are so normally."""
    sequential: bool = False
    limit_up: float | None = None
    """Bytes a second, of this torrent, beside the engine's limit."""
    limit_down: float | None = None
