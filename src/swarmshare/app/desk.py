"""What one person has at work: transfers, things being shared, one tracker's catalogue, perhaps a tracker of one's own.

A window asks for pictures of it and makes wishes, through :class:`~swarmshare.app.thread.DeskThread`.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from swarmshare.schema.alerts import Alert

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection, Mapping
    from pathlib import Path

    from swarmshare.app.picture import DeskPicture
    from swarmshare.swarm.picker import Priority


@dataclass(frozen=True, slots=True)
class Shared:
    """A job is done: it is published, or saved."""

    job: int
    info_hash: str
    name: str


@dataclass(frozen=True, slots=True)
class JobFailed:
    """A job could not be done, or was cancelled (then the message is empty)."""

    job: int
    path: Path
    message: str


@dataclass(frozen=True, slots=True)
class Published:
    """Somebody put something into the catalogue."""

    info_hash: str
    name: str
    publisher: str


Fact: TypeAlias = Alert | Shared | JobFailed | Published
"""What happened, once."""


@dataclass(frozen=True, slots=True)
class ShareWish:
    """What to share, and how."""

    path: Path
    piece_length: int | None = None
    """Bytes; None: by the size."""
    comment: str = ""
    private: bool = False
    hybrid: bool = False
    publish: bool = True
    """Into the catalogue; else it is only saved."""
    seed: bool = True
    save_as: Path | None = None
    """Where to write the manifest as well."""


class Desk:
    """All of it. Every method raises :class:`~swarmshare.errors.SwarmShareError` for what cannot be done."""

    def picture(self) -> DeskPicture:
        """How things stand."""
        raise NotImplementedError

    # Signing in.

    async def sign_in(self, tracker: str, user: str, password: str) -> None:
        """Sign in at a tracker, and follow its catalogue from now on. Remembered until :meth:`sign_out`."""
        raise NotImplementedError

    async def register(
        self, tracker: str, user: str, password: str, *, invitation: str | None = None, setup_token: str | None = None
    ) -> None:
        """Make an account, and sign in."""
        raise NotImplementedError

    async def sign_out(self) -> None:
        """Forget the sign-in; what is shared goes on without the tracker."""
        raise NotImplementedError

    async def known_trackers(self) -> list[str]:
        """Trackers that may be meant: the settings', those signed in at before, one that answers on this machine."""
        raise NotImplementedError

    async def start_tracker(self) -> None:
        """Start a tracker on this machine; how it gets on is in the picture."""
        raise NotImplementedError

    async def stop_tracker(self) -> None:
        """Stop it."""
        raise NotImplementedError

    async def invite(self) -> str:
        """An invitation for one other person, to give to them."""
        raise NotImplementedError

    # Sharing and downloading.

    async def share(self, wish: ShareWish) -> int:
        """Begin to hash and then share; the number of the job."""
        raise NotImplementedError

    async def cancel_job(self, number: int) -> None:
        """Give a job up."""
        raise NotImplementedError

    async def download(self, info_hash: str, folder: Path | None = None) -> None:
        """Download an entry of the catalogue; by default into the folder of the settings."""
        raise NotImplementedError

    async def open_manifest(self, data: bytes, folder: Path | None = None) -> str:
        """Download what a manifest describes; its info hash."""
        raise NotImplementedError

    async def open_magnet(self, link: str, folder: Path | None = None) -> str:
        """Download what a magnet link names; its info hash."""
        raise NotImplementedError

    async def withdraw(self, info_hash: str) -> None:
        """Take one's own entry out of the catalogue; it is shared on with those who have it."""
        raise NotImplementedError

    async def manifest(self, info_hash: str) -> bytes:
        """The manifest of a transfer, or of an entry of the catalogue, to be saved."""
        raise NotImplementedError

    # Transfers. Info hashes that are not there are passed over.

    async def look_at(self, info_hash: str | None) -> None:
        """Show all of one transfer in the pictures to come."""
        raise NotImplementedError

    async def pause(self, info_hashes: Collection[str]) -> None:
        """Stop, until :meth:`resume`."""
        raise NotImplementedError

    async def resume(self, info_hashes: Collection[str]) -> None:
        """Go on."""
        raise NotImplementedError

    async def remove(self, info_hashes: Collection[str], *, delete_data: bool = False) -> None:
        """Forget transfers, and with ``delete_data`` delete their files, nothing else."""
        raise NotImplementedError

    async def recheck(self, info_hashes: Collection[str]) -> None:
        """Verify all that is on the disk."""
        raise NotImplementedError

    async def want(self, info_hash: str, files: Mapping[int, Priority]) -> None:
        """Want files more or less, by their number in the manifest."""
        raise NotImplementedError

    async def limit(self, info_hashes: Collection[str], up: float | None, down: float | None) -> None:
        """Bytes a second for each of the transfers; None: only the limits of all together."""
        raise NotImplementedError

    async def sequential(self, info_hashes: Collection[str], wanted: bool) -> None:
        """Fetch pieces in their order, or the rarest first."""
        raise NotImplementedError

    # Settings.

    async def change_settings(self, changes: Mapping[str, object]) -> None:
        """Change settings by the names and in the values of :class:`~swarmshare.app.config.Settings`, and write them.

        Limits count at once; another port is listened on at once.
        """
        raise NotImplementedError


@asynccontextmanager
async def open_desk(tell: Callable[[Fact], None]) -> AsyncIterator[Desk]:
    """A desk, with all that was begun before. ``tell`` hears what happens. Leaving saves all; two seconds must do."""
    raise NotImplementedError
    yield Desk()
