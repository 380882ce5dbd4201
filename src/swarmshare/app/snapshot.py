"""What a window may see of a client session: one frozen snapshot, replaced as a whole a few times a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.app.config import Settings
    from swarmshare.schema.snapshot import TorrentSnapshot, TorrentState
    from swarmshare.tracker_client.api import Entry


ORGANISER: Final = "organiser"
"""What a tracker calls the role that may do everything; the other one is ``member``."""


@dataclass(frozen=True, slots=True)
class TransferSnapshot:
    """One line of what is downloaded and shared."""

    info_hash: str
    """The info hash as 64 hexadecimal digits."""
    name: str
    folder: Path
    """The folder that contains ``name``."""
    state: TorrentState
    problem: str
    """What is in its way, as a sentence; else empty."""
    no_peers: str
    """Why nobody is connected, as a sentence; empty while somebody is, or there is nothing wrong with it."""
    unserved: bool
    """Whether nobody who is online is known to have anything of what is missing."""
    bytes_total: int
    """Of the files that are wanted."""
    bytes_done: int
    checked: float
    """How much of the check is done, from 0 to 1."""
    rate_down: float
    """Bytes a second, of late."""
    rate_up: float
    downloaded: int
    """Bytes since it was first added."""
    uploaded: int
    peers: int
    """The number of connections."""
    seeds: int
    """Other machines that hold everything."""
    copies: int
    """On how many other machines the rarest piece is."""
    announced_only: int
    """How many of those are known by an announce of their own alone."""
    only_here: int
    """How many of our pieces nobody else is known to have."""
    eta: float | None
    """Seconds that are left; None while nobody can tell."""
    added_at: int
    """When it was added, in seconds since 1970."""
    shared: bool
    """Whether it was shared from this machine; else it was downloaded."""
    sequential: bool
    limit_up: float | None
    """Bytes a second, of this transfer alone."""
    limit_down: float | None
    changed_files: tuple[str, ...] = ()
    """The paths of files that another program changed or removed, and that are not whole again; no more than some."""


@dataclass(frozen=True, slots=True)
class JobSnapshot:
    """A file or folder that is being hashed, to be shared."""

    number: int
    path: Path
    bytes_done: int
    bytes_total: int
    rate: float
    """Bytes hashed a second."""
    eta: float | None


@dataclass(frozen=True, slots=True)
class PersonSnapshot:
    """The person who is signed in, as the tracker knows them."""

    user: str
    role: str
    tracker: str
    """The tracker's address."""

    @property
    def is_organiser(self) -> bool:
        """Whether this account may invite people and withdraw what others published."""
        return self.role == ORGANISER

    def may_withdraw(self, entry: Entry) -> bool:
        """Whether the tracker lets this account take ``entry`` out of the catalogue."""
        return self.is_organiser or entry.publisher == self.user


@dataclass(frozen=True, slots=True)
class LocalTrackerSnapshot:
    """A tracker on this machine."""

    url: str
    """The address to give to other people; empty while it starts."""
    own_url: str
    """How this machine reaches it."""
    setup_token: str
    """For the first account; empty when there is one."""
    problem: str
    """Why it does not run; else empty."""
    ours: bool = True
    """Whether this program has started it, and can stop it; else another process of this user has."""


@dataclass(frozen=True, slots=True)
class ClientSnapshot:
    """Everything that a window shows, as of one moment."""

    addresses: tuple[str, ...]
    """``host:port`` of each socket that listens for peers."""
    listen_problem: str
    """Why nobody can reach us, as a sentence; else empty."""
    transfers: tuple[TransferSnapshot, ...]
    looked_at: TorrentSnapshot | None
    """All about the transfer that :meth:`ClientSession.look_at` named; a paused one as it was last."""
    person: PersonSnapshot | None
    tracker_problem: str
    """Why the catalogue's tracker is of no use at present, as a sentence; else empty."""
    catalogue: tuple[Entry, ...]
    """The newest first; the same object as long as nothing changes."""
    jobs: tuple[JobSnapshot, ...]
    local_tracker: LocalTrackerSnapshot | None
    settings: Settings
    earlier_user: str = ""
    """While nobody is signed in: who was last, since this program started; else empty."""
