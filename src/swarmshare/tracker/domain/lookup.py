"""What the two live doors need to know of accounts and of the catalogue, and no more."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class Role(StrEnum):
    """What an account may do."""

    ORGANISER = "organiser"
    MEMBER = "member"


class Identity(NamedTuple):
    """Who a token or a passkey speaks for."""

    account: int
    name: str
    role: Role


class Entry(NamedTuple):
    """One manifest of the catalogue, as its swarm needs it."""

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


class Directory(Protocol):
    """Looks up accounts and entries. It is asked for every announce, so its answers are cached until they change."""

    def identify(self, token: str) -> Identity | None:
        """Who holds ``token``; None when it is unknown, revoked or expired, or its account is suspended."""

    def by_passkey(self, passkey: str) -> Identity | None:
        """Whose announce URL has ``passkey`` in its path; None when it is unknown or its account is suspended."""

    def entry(self, info_hash: bytes) -> Entry | None:
        """The entry with this full info hash."""

    def entry_by_wire_hash(self, wire_hash: bytes) -> Entry | None:
        """The entry that ordinary clients know by these 20 bytes."""
