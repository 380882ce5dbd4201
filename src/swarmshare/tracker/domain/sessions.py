"""Signing in, and the tokens that come of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from swarmshare.texts import Text
from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.account_names import folded
from swarmshare.tracker.domain.database import rows_changed
from swarmshare.tracker.domain.database_problem import problem_of
from swarmshare.tracker.domain.lookup import Role
from swarmshare.tracker.domain.models import AccountRow, TokenRow
from swarmshare.tracker.domain.ratelimit import network_of
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.tokens import mint

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from swarmshare.tracker.domain.changes import ChangeFeed
    from swarmshare.tracker.domain.database import Database
    from swarmshare.tracker.domain.passwords import Passwords
    from swarmshare.tracker.domain.ratelimit import RateLimit
    from swarmshare.tracker.domain.unsaved_tokens import UnsavedTokens

_log: Final = logging.getLogger(__name__)

MAX_TOKENS: Final = 100
"""Most tokens of one account; the oldest makes room for a new one."""


class Proven(NamedTuple):
    """An account whose password was given, and the hash that it had then."""

    account: int
    hashed: str


class Sessions:
    """The tokens of one tracker: who signed in, with what, and until when."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        changes: ChangeFeed,
        clock: Callable[[], float],
        unsaved: UnsavedTokens,
        *,
        lifetime: int,
        by_address: RateLimit,
        by_account: RateLimit,
    ) -> None:
        """Use what it is given; nothing is read yet.

        Args:
            database: Where tokens are kept.
            passwords: Compares them with their hashes.
            changes: Tells the rest of the tracker that a token ended.
            clock: Tells the time of day, in seconds since 1970.
            unsaved: Keeps tokens that the database cannot take.
            lifetime: Seconds for which a token holds.
            by_address: How often one network may try.
            by_account: How often one account may be tried.
        """
        self._database = database
        self._passwords = passwords
        self._changes = changes
        self._clock = clock
        self._unsaved = unsaved
        self._lifetime = lifetime
        self._by_address = by_address
        self._by_account = by_account

    def sign_in(self, name: str, password: str, *, label: str, address: str) -> values.SignedIn:
        """Return a new token for the account ``name``; raise :class:`RefusalError`.

        Each attempt counts before its password is looked at, so that many at once gain nothing. A token that the
        database cannot take at the moment is kept in memory.
        """
        proven = self.authenticate(name, password, address=address)
        _log.info("account %d signs in from %s", proven.account, address)
        try:
            with self._database.write() as session:
                row = self._still(session, proven)
                return values.SignedIn(account=as_account(row), token=self.issue(session, row.id, label))
        except SQLAlchemyError as error:
            if problem_of(error) is None:
                raise
        with self._database.read() as session:
            account = as_account(self._still(session, proven))
            return values.SignedIn(account=account, token=self._unsaved.issue(account.id, self._clock()))

    def _still(self, session: Session, proven: Proven) -> AccountRow:
        row = session.get_one(AccountRow, proven.account)
        if row.password != proven.hashed or row.suspended_at is not None:  # changed while we looked
            raise _wrong()
        return row

    def authenticate(self, name: str, password: str, *, address: str) -> Proven:
        """Return the account that has this name and password, unless it is suspended; raise :class:`RefusalError`."""
        key = folded(name)
        self._by_address.spend(network_of(address))
        self._by_account.spend(key)
        with self._database.read() as session:
            wanted = select(AccountRow.id, AccountRow.password, AccountRow.suspended_at)
            account, hashed, suspended_at = session.execute(wanted.where(AccountRow.folded == key)).one_or_none() or (
                0,
                None,
                None,
            )
        if not self._passwords.verify(hashed, password) or hashed is None:
            _log.info("a wrong name or password from %s", address)
            raise _wrong()
        self._by_account.restore(key)
        if suspended_at is not None:
            raise RefusalError(Reason.SUSPENDED, Text("account.suspended"))
        return Proven(account, hashed)

    def issue(self, session: Session, account: int, label: str) -> values.Secret:
        """Return a new token for ``account``, made in the transaction of ``session``; the oldest may end for it."""
        token = mint("token")
        now = int(self._clock())
        session.execute(delete(TokenRow).where(TokenRow.account == account, TokenRow.expires_at <= now))
        newest = select(TokenRow.id).where(TokenRow.account == account).order_by(TokenRow.id.desc())
        kept = session.scalars(newest.limit(MAX_TOKENS - 1)).all()
        session.execute(delete(TokenRow).where(TokenRow.account == account, TokenRow.id.not_in(kept)))
        row = TokenRow(
            account=account, digest=token.digest, label=label, created_at=now, expires_at=now + self._lifetime
        )
        session.add(row)
        session.flush()
        return values.Secret(id=row.id, secret=token.secret, expires_at=row.expires_at)

    def listed(self, account: int, current: int) -> list[values.Token]:
        """Return the tokens of ``account`` that still hold, the newest first; ``current`` is the one being used."""
        wanted = (
            select(TokenRow)
            .where(TokenRow.account == account, TokenRow.expires_at > int(self._clock()))
            .order_by(TokenRow.id.desc())
        )
        with self._database.read() as session:
            return [
                values.Token(
                    id=row.id,
                    label=row.label,
                    created_at=row.created_at,
                    expires_at=row.expires_at,
                    current=row.id == current,
                )
                for row in session.scalars(wanted)
            ]

    def revoke(self, account: int, token: int) -> None:
        """End one token of ``account``, and the live connections of the account; raise :class:`RefusalError`.

        Those that were made with its other tokens come back by themselves.
        """
        _log.info("account %d revokes a token", account)
        if self._unsaved.revoke(account, token):
            self._changes.account_cut(account)
            return
        with self._database.write() as session:
            if not rows_changed(session, delete(TokenRow).where(TokenRow.account == account, TokenRow.id == token)):
                raise RefusalError(Reason.NOT_FOUND, Text("token.none"))
        self._changes.account_cut(account)


def as_account(row: AccountRow) -> values.Account:
    """Return an account without its secrets."""
    return values.Account(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        created_at=row.created_at,
        suspended=row.suspended_at is not None,
    )


def _wrong() -> RefusalError:
    return RefusalError(Reason.CREDENTIALS, Text("account.credentials"))
