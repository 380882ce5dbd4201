"""Accounts, entries and swarms as the tracker tells of them; the schemas of the HTTP API are made from these classes.

Times are whole seconds since 1970, lengths bytes, hashes lower-case hex.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from swarmshare.tracker.config import Registration
from swarmshare.tracker.domain.lookup import Role


class Account(Struct, frozen=True, kw_only=True):
    """An account, without its secrets."""

    id: int
    name: str
    role: Role
    created_at: int
    suspended: bool


class Secret(Struct, frozen=True, kw_only=True):
    """A new token or invitation, the only time that it is told."""

    id: int
    secret: str
    expires_at: int


class SignedIn(Struct, frozen=True, kw_only=True):
    """An account, and a token for it: its ``secret`` goes after ``Authorization: Bearer``."""

    account: Account
    token: Secret


class Token(Struct, frozen=True, kw_only=True):
    """A token that still holds."""

    id: int
    label: str
    created_at: int
    expires_at: int
    current: bool
    """Whether it is the one that this request came with."""


class Invitation(Struct, frozen=True, kw_only=True):
    """A code that lets one person register, or set a password anew."""

    id: int
    account: str | None
    """Whose password it sets; null: it is for a new account."""
    created_at: int
    expires_at: int
    used_at: int | None


class Settings(Struct, frozen=True, kw_only=True):
    """What the organiser decides for the whole tracker."""

    registration: Registration


class EntryView(Struct, frozen=True, kw_only=True):
    """One manifest of the catalogue, and how its swarm is."""

    info_hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    """SHA-256 of the info dictionary: ordinary clients know the first 40 digits."""
    info_hash_v1: Annotated[str, Meta(pattern="^[0-9a-f]{40}$")] | None
    """SHA-1 of the same, if it is a hybrid."""
    name: str
    comment: str
    publisher: str
    published_at: int
    total_length: int
    piece_length: int
    piece_count: int
    file_count: int
    private: bool
    hybrid: bool
    seeds: int
    peers: int
    """All members of its swarm, seeds included."""
    copies: int
    """How many hold the rarest piece, up to 255, as far as it is known: 0 if nobody does."""


class MemberView(Struct, frozen=True, kw_only=True):
    """One member of a swarm."""

    number: int
    user: str
    """Empty when it announces without a passkey."""
    addresses: tuple[str, ...]
    port: int
    live: bool
    """Connected to the tracker; else an ordinary client, known by its last announce."""
    pieces: bytes | None
    """Its bitfield, in base64, if it was asked for and is known."""
    share: float
    """How much of everything it holds, 0 to 1."""
    left: int
    uploaded: int
    downloaded: int
    rate_up: int
    """Bytes a second."""
    rate_down: int
    blamed: int
    """How many accounts reported it for wrong data."""


class SwarmDetail(Struct, frozen=True, kw_only=True):
    """A swarm, and a part of its members."""

    info_hash: str
    piece_count: int
    seeds: int
    leeches: int
    downloaded: int
    """How many completed in it since the tracker started."""
    copies: int
    availability: bytes
    """In base64, a byte for each piece: how many members hold it; 255 for that many or more."""
    total: int
    """How many members it has."""
    members: tuple[MemberView, ...]
