"""The parts of one tracker, put together once for everything that answers requests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flask import request

if TYPE_CHECKING:
    from flask_socketio import SocketIO

    from swarmshare.identity.authority import Authority
    from swarmshare.tracker.config import TrackerConfig
    from swarmshare.tracker.domain.accounts import Accounts
    from swarmshare.tracker.domain.catalogue import Catalogue
    from swarmshare.tracker.domain.database import Database
    from swarmshare.tracker.domain.directory import Directory
    from swarmshare.tracker.domain.exchange import Exchange
    from swarmshare.tracker.domain.invitations import Invitations
    from swarmshare.tracker.domain.sessions import Sessions
    from swarmshare.tracker.swarms.registry import SwarmRegistry


@dataclass(frozen=True, kw_only=True)
class Services:
    """The parts of one tracker; ``app.extensions["swarmshare"]`` holds them."""

    config: TrackerConfig
    database: Database
    directory: Directory
    accounts: Accounts
    sessions: Sessions
    invitations: Invitations
    catalogue: Catalogue
    exchange: Exchange
    registry: SwarmRegistry
    socketio: SocketIO
    authority: Authority | None
    """Of the group; None when the tracker speaks plain HTTP only."""

    def base_url(self) -> str:
        """Return the URL at which the sender of the current request reaches this tracker, without a final slash."""
        return (self.config.public_url or request.host_url).rstrip("/")

    def announce_url(self) -> str:
        """Return the URL to which ordinary clients of the sender of the current request announce.

        Without TLS where our own authority is what makes it: other clients do not know that one, and nothing but a
        passkey is in an announce.
        """
        base = self.base_url()
        if self.authority is not None and self.config.public_url is None and not self.config.trusted_proxies:
            base = f"http://{base.partition('://')[2]}"
        return f"{base}/announce"

    def close(self) -> None:
        """Close the database. Whatever uses it afterwards fails."""
        self.database.close()
