"""The settings of an engine and of each torrent, and our peer id."""

from __future__ import annotations

from dataclasses import dataclass, field
from secrets import token_bytes
from typing import TYPE_CHECKING, Final

from swarmshare import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from swarmshare.common.address import Address
    from swarmshare.common.pieces import Priority
    from swarmshare.engine.announcer import Announcer
    from swarmshare.identity.membership import Membership

PEER_ID_PREFIX: Final = b"-SW"
"""How the peer ids of this program begin (BEP 20)."""


def new_peer_id() -> bytes:
    """Create a random peer id of 20 bytes (BEP 20) for one run: two runs with one id would refuse each other."""
    return PEER_ID_PREFIX + b"0100-" + token_bytes(12)


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """The settings of one engine, for all of its torrents."""

    listen: tuple[Address, ...] = (("localhost", 0),)
    """Where to accept connections, by all addresses of the host (IPv4 and IPv6); port 0 picks a free one for them."""
    neighbours_only: bool = False
    """Whether only machines of our own networks may connect to us; those that we dial may be anywhere."""
    resume_folder: Path | None = None
    """Where resume data is kept; None: nowhere."""
    max_peers: int = 50
    """Connections of one torrent."""
    upload_slots: int = 8
    """Peers of one torrent that are unchoked at a time."""
    limit_up: float | None = None
    """Bytes a second, all torrents together."""
    limit_down: float | None = None
    """Bytes a second, all torrents together."""
    peer_id: bytes = field(default_factory=new_peer_id)
    """Our peer id, 20 bytes."""
    client: str = f"SwarmShare {__version__}"
    """Our program and version, as peers are told (BEP 10)."""


@dataclass(frozen=True, kw_only=True)
class TorrentConfig:
    """The settings of one torrent, as of when it is added."""

    folder: Path
    """The folder that contains, or will contain, the manifest's name."""
    peers: tuple[Address, ...] = ()
    """Peers that a person gave: dialled again and again, and before those that trackers report."""
    announcers: tuple[Announcer, ...] = ()
    """The clients of its trackers."""
    priorities: Mapping[int, Priority] = field(default_factory=dict)
    """How much files are wanted, by their number; those that are not named are wanted normally."""
    membership: Membership | None = None
    """This device's certificate of the group whose members alone may join; for a manifest with ``ssl-cert``."""
    sequential: bool = False
    """Whether pieces are started in the order of their numbers."""
    limit_up: float | None = None
    """Bytes a second, of this torrent, beside the engine's limit."""
    limit_down: float | None = None
    """Bytes a second, of this torrent, beside the engine's limit."""
