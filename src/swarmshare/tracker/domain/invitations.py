"""Codes that the organiser hands out: each lets one person register, or set the password of one account, once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select, update

from swarmshare.texts import Text
from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.database import rows_changed
from swarmshare.tracker.domain.models import AccountRow, InvitationRow
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.tokens import digest, mint

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from swarmshare.tracker.domain.database import Database

MAX_OPEN: Final = 1_000
"""Most invitations that are neither used nor expired."""


class Invitations:
    """The invitations of one tracker, in its database."""

    def __init__(self, database: Database, clock: Callable[[], float], *, lifetime: int) -> None:
        """Use ``database``; a code holds for ``lifetime`` seconds on ``clock``, which tells the time of day."""
        self._database = database
        self._clock = clock
        self._lifetime = lifetime

    def create(self, account: int | None = None) -> values.Secret:
        """Return a new invitation; for ``account``, it sets that account's password.

        Raises :class:`RefusalError` when too many are open, or there is no such account.
        """
        code = mint("invite")
        now = int(self._clock())
        with self._database.write() as session:
            session.execute(delete(InvitationRow).where(InvitationRow.expires_at <= now - self._lifetime))
            still_open = InvitationRow.used_at.is_(None) & (InvitationRow.expires_at > now)
            if (session.scalar(select(func.count()).where(still_open)) or 0) >= MAX_OPEN:
                raise RefusalError(Reason.TOO_MANY, Text("invitation.too-many", limit=MAX_OPEN))
            if account is not None and session.get(AccountRow, account) is None:
                raise RefusalError(Reason.NOT_FOUND, Text("account.none"), field="account")
            row = InvitationRow(
                digest=code.digest, account=account, created_at=now, expires_at=now + self._lifetime, used_at=None
            )
            session.add(row)
            session.flush()
            return values.Secret(id=row.id, secret=code.secret, expires_at=row.expires_at)

    def listed(self) -> list[values.Invitation]:
        """Return all that are remembered, the newest first. Their codes are not known any more."""
        wanted = (
            select(InvitationRow, AccountRow.name)
            .outerjoin(AccountRow, AccountRow.id == InvitationRow.account)
            .order_by(InvitationRow.id.desc())
        )
        with self._database.read() as session:
            return [
                values.Invitation(
                    id=row.id,
                    account=name,
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                    used_at=row.used_at,
                )
                for row, name in session.execute(wanted)
            ]

    def withdraw(self, invitation: int) -> None:
        """Make an invitation void; raise :class:`RefusalError` when there is none of that number."""
        with self._database.write() as session:
            row = session.get(InvitationRow, invitation)
            if row is None:
                raise RefusalError(Reason.NOT_FOUND, Text("invitation.none"))
            session.delete(row)


def redeem(session: Session, code: str, now: int, *, account: int | None = None) -> None:
    """Use up ``code``, which must be for ``account`` (None: for a new one); raise :class:`RefusalError`."""
    row = check(session, code, now, account=account)
    unused = update(InvitationRow).where(InvitationRow.id == row.id, InvitationRow.used_at.is_(None))
    if not rows_changed(session, unused.values(used_at=now)):  # two at once: the database knows who was first
        raise _refusal(Reason.INVITATION_USED, Text("invitation.used"))


def check(session: Session, code: str, now: int, *, account: int | None = None) -> InvitationRow:
    """Return the invitation with this ``code``; raise a :class:`RefusalError` that says why it cannot be redeemed."""
    row = session.scalar(select(InvitationRow).where(InvitationRow.digest == digest(code)))
    if row is None or row.account != account:
        raise _refusal(Reason.INVITATION_UNKNOWN, Text("invitation.unknown"))
    if row.used_at is not None:
        raise _refusal(Reason.INVITATION_USED, Text("invitation.used"))
    if row.expires_at <= now:
        raise _refusal(Reason.INVITATION_EXPIRED, Text("invitation.expired"))
    return row


def _refusal(reason: Reason, message: Text) -> RefusalError:
    return RefusalError(reason, message, field="invitation")
