"""Everything that can be set about a tracker, with defaults that are safe on a network of strangers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path


class Registration(StrEnum):
    """Who may make an account."""

    OPEN = "open"
    INVITED = "invited"
    CLOSED = "closed"


class Rate(NamedTuple):
    """At most ``times`` in ``period`` seconds; they may come all at once."""

    times: int
    period: float


@dataclass(frozen=True, kw_only=True)
class TrackerConfig:
    """How one tracker behaves. Sizes are in bytes, times in seconds."""

    data: Path
    """The folder of the default database; made if it is not there."""
    database: str | None = None
    """An SQLAlchemy URL; None is SQLite in ``data``."""
    public_url: str | None = None
    """``http(s)://host[:port]`` where people reach it, when that is not where it listens (behind a proxy)."""
    hosts: frozenset[str] = frozenset()
    """Further names that a ``Host`` header may have. Address literals and this machine's own names always may."""
    own_addresses: tuple[str, ...] = ()
    """Where other machines reach what runs on the tracker's own machine, which it sees on loopback."""
    trusted_proxies: int = 0
    """How many proxies stand in front, whose ``X-Forwarded-`` headers are true."""
    registration: Registration = Registration.INVITED
    """Until the organiser sets it."""
    open_swarms: bool = False
    """Whether any info hash may have a swarm, not only those of the catalogue."""

    token_lifetime: int = 90 * 86_400
    invitation_lifetime: int = 7 * 86_400
    sign_in_per_account: Rate = field(default=Rate(10, 300))
    """Attempts; one that succeeds gives the account its whole allowance back."""
    sign_in_per_address: Rate = field(default=Rate(100, 300))
    """More than for an account: many people may share an address, or the network that counts as one."""
    register_per_address: Rate = field(default=Rate(60, 3600))

    password_memory: int = 64 * 2**20
    """For one argon2id hash; two may be made at once."""

    max_body: int = 64 * 2**10
    """Of a JSON request."""
    max_manifest: int = 10 * 2**20
    max_import: int = 64 * 2**20
    """Of an import, which an organiser sends."""
    max_entries_per_account: int = 5_000
    max_manifest_bytes_per_account: int = 2**30
    """Of all that one account has in the catalogue, so that one cannot fill the disk of all."""
    max_connections: int = 20_000
    """Open connections; more wait until one ends."""
