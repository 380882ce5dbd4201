"""Accounts: registering, roles, passwords, passkeys, and what the organiser decides about them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from swarmshare.texts import Text
from swarmshare.tracker.config import Registration
from swarmshare.tracker.domain import invitations, values
from swarmshare.tracker.domain.account_names import checked_name, folded
from swarmshare.tracker.domain.database import rows_changed
from swarmshare.tracker.domain.lookup import Role
from swarmshare.tracker.domain.models import AccountRow, SettingRow, TokenRow
from swarmshare.tracker.domain.passwords import check_password
from swarmshare.tracker.domain.ratelimit import network_of
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.domain.sessions import as_account
from swarmshare.tracker.domain.tokens import digest, mint, new_passkey

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from swarmshare.tracker.domain.changes import ChangeFeed
    from swarmshare.tracker.domain.database import Database
    from swarmshare.tracker.domain.passwords import Passwords
    from swarmshare.tracker.domain.ratelimit import RateLimit
    from swarmshare.tracker.domain.sessions import Sessions

_log: Final = logging.getLogger(__name__)

_REGISTRATION: Final = "registration"
_SETUP: Final = "setup"


class Accounts:
    """The accounts of one tracker, in its database.

    Methods raise :class:`RefusalError` when they refuse; then nothing was changed.
    """

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        sessions: Sessions,
        changes: ChangeFeed,
        clock: Callable[[], float],
        *,
        registration: Registration,
        by_address: RateLimit,
    ) -> None:
        """Use what it is given; nothing is read yet.

        Args:
            database: Where accounts are kept.
            passwords: Hashes and compares them.
            sessions: Issues tokens, and proves who somebody is.
            changes: Tells the rest of the tracker what changed.
            clock: Tells the time of day, in seconds since 1970.
            registration: Who may register until the organiser decides.
            by_address: How often one network may register.
        """
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._changes = changes
        self._clock = clock
        self._registration = registration
        self._by_address = by_address

    def new_setup_token(self) -> str | None:
        """Return a new secret that makes the first organiser, once; None when there is one.

        Earlier secrets are void from then on.
        """
        token = mint("setup")
        with self._database.write() as session:
            session.execute(delete(SettingRow).where(SettingRow.name == _SETUP))
            if _organisers(session):
                return None
            session.add(SettingRow(name=_SETUP, value=token.digest.hex()))
        return token.secret

    def register(
        self,
        name: str,
        password: str,
        *,
        address: str,
        invitation: str | None = None,
        setup_token: str | None = None,
        label: str = "",
    ) -> values.SignedIn:
        """Make an account, and sign it in.

        Args:
            name: As the user typed it.
            password: As the user typed it.
            address: Where the request comes from, for the rate limit.
            invitation: A code of the organiser, if there is one.
            setup_token: Makes the first organiser.
            label: Of the token, to recognise it by in a list.

        Raises:
            RefusalError: Nobody may register now, or not with these; the name is taken; too many attempts.
        """
        self._by_address.spend(network_of(address))
        with self._database.read() as session:  # argon2 takes 64 MiB: refuse before it, not after
            self._check_admission(session, invitation, setup_token)
        name = checked_name(name)
        check_password(password, name)
        hashed = self._passwords.hash(password)
        now = int(self._clock())
        row = AccountRow(
            name=name,
            folded=folded(name),
            role=Role.MEMBER if setup_token is None else Role.ORGANISER,
            password=hashed,
            passkey=new_passkey(),
            created_at=now,
            suspended_at=None,
        )
        try:
            with self._database.write() as session:
                self._check_admission(session, invitation, setup_token)
                if setup_token is not None:
                    _use_setup_token(session, setup_token)
                elif invitation is not None:
                    invitations.redeem(session, invitation, now)
                session.add(row)
                session.flush()
                signed_in = values.SignedIn(account=as_account(row), token=self._sessions.issue(session, row.id, label))
        except IntegrityError:
            raise RefusalError(Reason.NAME_TAKEN, Text("account.name-taken", name=repr(name)), field="name") from None
        _log.info("account %d is made: %s, %s, from %s", signed_in.account.id, name, signed_in.account.role, address)
        self._changes.accounts_changed()
        return signed_in

    def account(self, account: int) -> values.Account:
        """Return the account with this number; raise :class:`RefusalError` when there is none."""
        with self._database.read() as session:
            return as_account(_row(session, account))

    def listed(self, *, offset: int, limit: int) -> tuple[int, list[values.Account]]:
        """Return how many accounts there are, and up to ``limit`` of them from ``offset`` on, the oldest first."""
        with self._database.read() as session:
            rows = session.scalars(select(AccountRow).order_by(AccountRow.id).offset(offset).limit(limit))
            found = [as_account(row) for row in rows]
            return session.scalar(select(func.count(AccountRow.id))) or 0, found

    def change(self, account: int, *, suspended: bool | None = None, role: Role | None = None) -> values.Account:
        """Suspends an account or lets it in again, or gives it another role; None leaves either as it is.

        The live connections of the account are cut. Raises :class:`RefusalError` when no organiser would be left.
        """
        with self._database.write() as session:
            row = _row(session, account)
            if suspended is not None and suspended != (row.suspended_at is not None):
                row.suspended_at = int(self._clock()) if suspended else None
            if role is not None:
                row.role = role
            session.flush()
            if not _organisers(session):
                raise RefusalError(Reason.LAST_ORGANISER, Text("account.last-organiser"))
            changed = as_account(row)
        _log.info("account %d is %s%s now", account, changed.role, " and suspended" if changed.suspended else "")
        self._changes.account_cut(account)
        return changed

    def change_password(self, name: str, old: str, new: str, *, address: str) -> None:
        """Set another password, which ends every token of the account; raise :class:`RefusalError`."""
        proven = self._sessions.authenticate(name, old, address=address)
        self._set_password(proven.account, name, new)

    def reset_password(self, name: str, invitation: str, new: str, *, address: str) -> None:
        """Set a forgotten password, with an invitation for this account, and end every token of it.

        Raises :class:`RefusalError`, the same one for an unknown name as for a wrong code.
        """
        self._by_address.spend(network_of(address))
        with self._database.read() as session:
            account = session.scalar(select(AccountRow.id).where(AccountRow.folded == folded(name)))
            # An unknown name and a wrong code are answered alike; -1 is no account's number.
            account = -1 if account is None else account
            invitations.check(session, invitation, int(self._clock()), account=account)
        self._set_password(account, name, new, invitation=invitation)

    def _set_password(self, account: int, name: str, new: str, *, invitation: str | None = None) -> None:
        check_password(new, name)
        hashed = self._passwords.hash(new)
        with self._database.write() as session:
            if invitation is not None:
                invitations.redeem(session, invitation, int(self._clock()), account=account)
            _row(session, account).password = hashed
            session.execute(delete(TokenRow).where(TokenRow.account == account))
        _log.info("account %d has another password", account)
        self._changes.account_cut(account)

    def passkey(self, account: int) -> str | None:
        """Return the secret in the account's announce URLs, 32 hexadecimal digits; None when it is revoked."""
        with self._database.read() as session:
            return _row(session, account).passkey

    def renew_passkey(self, account: int) -> str:
        """Return a new passkey; whoever announces with the one before is refused from now on."""
        passkey = new_passkey()
        self._set_passkey(account, passkey)
        return passkey

    def revoke_passkey(self, account: int) -> None:
        """Remove the passkey: private swarms are closed to the account's ordinary clients until it is renewed."""
        self._set_passkey(account, None)

    def _set_passkey(self, account: int, passkey: str | None) -> None:
        with self._database.write() as session:
            _row(session, account).passkey = passkey
        _log.info("account %d has %s passkey", account, "no" if passkey is None else "another")
        self._changes.account_cut(account)

    def settings(self) -> values.Settings:
        """Return what the organiser has decided, or the defaults of the configuration."""
        with self._database.read() as session:
            return values.Settings(registration=self._mode(session))

    def change_settings(self, settings: values.Settings) -> None:
        """Replace what the organiser has decided."""
        with self._database.write() as session:
            session.merge(SettingRow(name=_REGISTRATION, value=settings.registration))

    def _mode(self, session: Session) -> Registration:
        row = session.get(SettingRow, _REGISTRATION)
        return self._registration if row is None else Registration(row.value)

    def _check_admission(self, session: Session, invitation: str | None, setup_token: str | None) -> None:
        if setup_token is not None:
            row = session.get(SettingRow, _SETUP)
            if row is None or row.value != digest(setup_token).hex():
                raise _wrong_setup_token()
            return
        mode = self._mode(session)
        if mode is Registration.CLOSED:
            raise RefusalError(Reason.REGISTRATION_CLOSED, Text("account.closed"))
        if invitation is not None:
            invitations.check(session, invitation, int(self._clock()))
        elif mode is Registration.INVITED:
            raise RefusalError(
                Reason.INVITATION_REQUIRED,
                Text("account.invitation-required"),
                field="invitation",
            )


def _use_setup_token(session: Session, setup_token: str) -> None:
    wanted = delete(SettingRow).where(SettingRow.name == _SETUP, SettingRow.value == digest(setup_token).hex())
    if not rows_changed(session, wanted):  # two at once: the database knows who was first
        raise _wrong_setup_token()


def _wrong_setup_token() -> RefusalError:
    return RefusalError(
        Reason.SETUP_TOKEN,
        Text("account.setup-token"),
        field="setup_token",
    )


def _organisers(session: Session) -> int:
    wanted = select(func.count(AccountRow.id)).where(
        AccountRow.role == Role.ORGANISER, AccountRow.suspended_at.is_(None)
    )
    return session.scalar(wanted) or 0


def _row(session: Session, account: int) -> AccountRow:
    row = session.get(AccountRow, account)
    if row is None:
        raise RefusalError(Reason.NOT_FOUND, Text("account.none"))
    return row
