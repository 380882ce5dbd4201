"""Connections of signed-in peers: whose each is, the swarms that it is in, and the work that it may ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from swarmshare.schema.fields import EventError
from swarmshare.schema.tracker_events import Refusal
from swarmshare.texts import Text

if TYPE_CHECKING:
    from swarmshare.tracker.domain.lookup import Identity
    from swarmshare.tracker.swarms.addresses import Address

RATE: Final = 100
"""Units of work a second that one connection may ask for, for as long as it likes."""
BURST: Final = 1000
"""Units that it may ask for at once, when it asked for nothing for a while: joining 200 swarms, say."""


class MemberConnection:
    """One signed-in connection, and its allowance of work."""

    __slots__ = ("_whole_at", "address", "identity", "swarms")

    def __init__(self, identity: Identity, address: Address) -> None:
        self.identity = identity
        self.address = address
        self.swarms: dict[bytes, bytes] = {}
        """By info hash: who it is there, as the store knows it."""
        self._whole_at = 0.0

    def spend(self, units: int, now: float) -> None:
        """Count work at the time ``now`` (seconds); raise :class:`EventError` when the allowance is used up."""
        whole_at = max(self._whole_at, now) + units / RATE
        if whole_at - now > BURST / RATE:
            raise EventError(Refusal.TOO_FAST, Text("event.too-many"))
        self._whole_at = whole_at


class Connections:
    """All connections, by session and by account."""

    def __init__(self) -> None:
        self._by_session: dict[str, MemberConnection] = {}
        self._by_account: dict[int, set[str]] = {}

    def add(self, session: str, connection: MemberConnection) -> None:
        """Add a connection that has signed in."""
        self._by_session[session] = connection
        self._by_account.setdefault(connection.identity.account, set()).add(session)

    def pop(self, session: str) -> MemberConnection | None:
        """Remove and return the connection of ``session``; None when it was not there."""
        connection = self._by_session.pop(session, None)
        if connection is not None:
            account = connection.identity.account
            self._by_account[account].discard(session)
            if not self._by_account[account]:
                del self._by_account[account]
        return connection

    def get(self, session: str) -> MemberConnection | None:
        """Return the connection of ``session``; None when there is none."""
        return self._by_session.get(session)

    def of_account(self, account: int) -> list[str]:
        """Return the sessions of one account, in no order."""
        return list(self._by_account.get(account, ()))
