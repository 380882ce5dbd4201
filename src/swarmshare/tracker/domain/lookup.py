"""What the swarms know of accounts and of the catalogue, and the catalogue of the swarms: these few values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class Role(StrEnum):
    """What an account may do."""

    ORGANISER = "organiser"
    MEMBER = "member"


class Identity(NamedTuple):
    """The account that a token or a passkey speaks for."""

    account: int
    name: str
    role: Role


class SwarmEntry(NamedTuple):
    """The part of a catalogue entry that its swarm needs."""

    info_hash: bytes
    """SHA-256 of the info dictionary: all 32 bytes."""
    wire_hashes: tuple[bytes, ...]
    """What ordinary clients call it, 20 bytes each: the truncated v2 info hash, and a hybrid's v1 info hash too."""
    name: str
    piece_count: int
    total_length: int
    """Bytes of all its files."""
    private: bool
    """BEP 27: an announce needs a valid passkey."""


class SwarmCounts(NamedTuple):
    """A swarm in a few numbers; those of ``scrape`` (BEP 48), and of a line in the catalogue."""

    seeds: int = 0
    leeches: int = 0
    copies: int = 0
    """How many members hold the rarest piece, up to 255; 0 when some piece is held by nobody we know of."""
    completed: int = 0
    """How many members completed since the tracker started, those that left included."""

    @property
    def peers(self) -> int:
        """How many members the swarm has, seeds included."""
        return self.seeds + self.leeches


class Lookup(Protocol):
    """Finds accounts and entries. Every announce asks it, so its answers are cached until they change."""

    def identify(self, token: str) -> Identity | None:
        """Return who holds ``token``; None when it is unknown, revoked or expired, or its account is suspended."""

    def is_suspended(self, token: str) -> bool:
        """Return whether it is only because its account is suspended that nobody is identified by ``token``."""

    def by_passkey(self, passkey: str) -> Identity | None:
        """Return the account whose announce URL has ``passkey``; None if it is unknown or the account suspended."""

    def entry(self, info_hash: bytes) -> SwarmEntry | None:
        """Return the entry with this full info hash, 32 bytes; None when the catalogue has none."""

    def entry_by_wire_hash(self, wire_hash: bytes) -> SwarmEntry | None:
        """Return the entry that ordinary clients know by these 20 bytes; None when the catalogue has none."""
