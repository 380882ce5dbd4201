"""Requests to a tracker's HTTP API about accounts: one's own, and those that an organiser looks after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.tracker_client.api import MAX_LISTED, PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.tracker_client.http import Answer, Connection, Json

_PAGE: Final = 200
"""Accounts of one answer: as many as a tracker gives."""


class Person(NamedTuple):
    """An account, as an organiser sees it."""

    number: int
    user: str
    role: str
    created_at: int
    """Seconds since 1970, as all times here."""
    suspended: bool


class Token(NamedTuple):
    """A sign-in that still holds."""

    number: int
    label: str
    """What signed in, in its own words."""
    created_at: int
    expires_at: int
    current: bool
    """Whether it is the one that asks."""


class Invitation(NamedTuple):
    """A code that was handed out; the code itself cannot be told again."""

    number: int
    user: str | None
    """Whose password it sets anew; None: it is for a new account."""
    created_at: int
    expires_at: int
    used_at: int | None


class NewInvitation(NamedTuple):
    """A code, the only time that it is told."""

    code: str
    expires_at: int


class Imported(NamedTuple):
    """How many an import added."""

    added: int
    skipped: int
    """How many were there already, and stay as they are."""


class AccountApi:
    """The account routes of one tracker's API. Every method raises :class:`~swarmshare.errors.TrackerError`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # One's own account

    def tokens(self) -> list[Token]:
        """Return one's sign-ins, the newest first."""
        return [
            Token(
                answer.number("id"),
                answer.text("label"),
                answer.number("created_at"),
                answer.number("expires_at"),
                answer.flag("current"),
            )
            for answer in self._connection.ask("GET", f"{PREFIX}/tokens").each("tokens")
        ]

    def revoke_token(self, number: int) -> None:
        """End the sign-in with this number, of one's own."""
        self._connection.ask("DELETE", f"{PREFIX}/tokens/{number}")

    def change_password(self, old: str, new: str) -> None:
        """Change one's password, which ends every sign-in, this one too."""
        self._connection.ask("PUT", f"{PREFIX}/account/password", body={"old": old, "new": new})

    def reset_password(self, user: str, code: str, new: str) -> None:
        """Set a forgotten password, with an invitation for that account. Nobody needs to be signed in."""
        self._connection.ask("POST", f"{PREFIX}/password-resets", body={"name": user, "invitation": code, "new": new})

    def renew_passkey(self) -> str:
        """Return one's new announce URL; ordinary clients with the one before are refused."""
        return self._connection.ask("POST", f"{PREFIX}/account/passkey", body={}).text("announce_url")

    # An organiser's

    def people(self) -> list[Person]:
        """Return all accounts, the oldest first, up to :data:`MAX_LISTED`."""
        found: list[Person] = []
        while len(found) < MAX_LISTED:
            query: dict[str, str | int] = {"offset": len(found), "limit": _PAGE}
            page = self._connection.ask("GET", f"{PREFIX}/accounts", query=query)
            people = [_person(answer) for answer in page.each("accounts")]
            found += people
            if len(people) < _PAGE:
                break
        return found

    def suspend(self, number: int, suspended: bool) -> Person:
        """Suspends an account, or lets it in again; returns it as it is then."""
        return _person(self._connection.ask("PATCH", f"{PREFIX}/accounts/{number}", body={"suspended": suspended}))

    def invite(self, number: int | None = None) -> NewInvitation:
        """Return an invitation for a new account, or for that of ``number`` to set its password."""
        body: dict[str, Json] = {} if number is None else {"account": number}
        answer = self._connection.ask("POST", f"{PREFIX}/invitations", body=body)
        return NewInvitation(answer.text("secret"), answer.number("expires_at"))

    def invitations(self) -> list[Invitation]:
        """Return all invitations that are remembered, the newest first."""
        return [
            Invitation(
                answer.number("id"),
                answer.optional_text("account"),
                answer.number("created_at"),
                answer.number("expires_at"),
                answer.optional_number("used_at"),
            )
            for answer in self._connection.ask("GET", f"{PREFIX}/invitations").each("invitations")
        ]

    def revoke_invitation(self, number: int) -> None:
        """Make the invitation with this number void."""
        self._connection.ask("DELETE", f"{PREFIX}/invitations/{number}")

    def export(self, what: str, take: Callable[[bytes], object], *, secrets: bool = False) -> None:
        """Pass all ``accounts``, or the whole ``catalogue``, to ``take`` as chunks of JSON."""
        self._connection.download(f"{PREFIX}/export/{what}{'?secrets=true' if secrets else ''}", take)

    def import_(self, what: str, document: bytes) -> Imported:
        """Add what an exported ``document`` has and the tracker has not; ``what`` is as for :meth:`export`."""
        answer = self._connection.send("POST", f"{PREFIX}/import/{what}", document, "application/json")
        return Imported(answer.number("added"), len(answer.texts("skipped")))


def _person(answer: Answer) -> Person:
    return Person(
        answer.number("id"),
        answer.text("name"),
        answer.text("role"),
        answer.number("created_at"),
        answer.flag("suspended"),
    )
