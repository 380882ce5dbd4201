"""Facts, which a client session tells once when they happen, and the options of a share command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from swarmshare.schema.alerts import Alert

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shared:
    """A job is done: it is published, or saved."""

    job: int
    info_hash: str
    name: str
    lost_folder: str = ""
    """The folder that was to be shared, when receivers get its only file without it; else empty."""
    path: Path | None = None
    """The file or folder that was shared."""


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


@dataclass(frozen=True, slots=True)
class Problem:
    """Something of one's own cannot be used, and is left as it is: a file that says how a transfer was."""

    message: str


Fact: TypeAlias = Alert | Shared | JobFailed | Published | Problem
"""What happened, once. Of the alerts, verified pieces are left out: there are too many, and the snapshots show them."""


@dataclass(frozen=True, slots=True)
class ShareOptions:
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
