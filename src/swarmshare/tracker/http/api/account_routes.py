"""Routes about accounts: registering, signing in, tokens, passkeys, invitations, and what the organiser decides."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import request

from swarmshare.common.text import clean
from swarmshare.texts import Text
from swarmshare.tracker.config import Registration
from swarmshare.tracker.domain import values
from swarmshare.tracker.domain.refusals import Reason, RefusalError
from swarmshare.tracker.http.api import answers, requests
from swarmshare.tracker.http.api.routes import May

if TYPE_CHECKING:
    from swarmshare.tracker.domain.directory import Holder
    from swarmshare.tracker.http.api.routes import ApiRoutes
    from swarmshare.tracker.services import Services

_INVITATION = (Reason.INVITATION_UNKNOWN, Reason.INVITATION_USED, Reason.INVITATION_EXPIRED)


def add_routes(routes: ApiRoutes, services: Services) -> None:
    """Add the routes about accounts and what belongs to them to ``routes``; they call ``services``."""
    _add_people(routes, services)
    _add_tokens(routes, services)
    _add_own_account(routes, services)
    _add_organiser(routes, services)
    _add_invitations(routes, services)


def _add_people(routes: ApiRoutes, services: Services) -> None:
    @routes.route(
        "POST",
        "/accounts",
        may=May.ANYBODY,
        takes=requests.Register,
        gives=values.SignedIn,
        status=HTTPStatus.CREATED,
        refuses=[
            *_INVITATION,
            Reason.NAME_INVALID,
            Reason.NAME_TAKEN,
            Reason.PASSWORD_WEAK,
            Reason.REGISTRATION_CLOSED,
            Reason.INVITATION_REQUIRED,
            Reason.SETUP_TOKEN,
            Reason.RATE_LIMITED,
        ],
    )
    def register(json: requests.Register) -> values.SignedIn:
        """Make an account, and sign in to it."""
        return services.accounts.register(
            json.name,
            json.password,
            address=_address(),
            invitation=json.invitation,
            setup_token=json.setup_token,
            label=clean(json.label).strip(),
        )

    @routes.route(
        "POST",
        "/password-resets",
        may=May.ANYBODY,
        takes=requests.ResetPassword,
        status=HTTPStatus.NO_CONTENT,
        refuses=[*_INVITATION, Reason.PASSWORD_WEAK, Reason.RATE_LIMITED],
    )
    def reset_password(json: requests.ResetPassword) -> None:
        """Set a forgotten password anew, with an invitation for that account. Every token of it ends."""
        services.accounts.reset_password(json.name, json.invitation, json.new, address=_address())


def _add_tokens(routes: ApiRoutes, services: Services) -> None:
    @routes.route(
        "POST",
        "/tokens",
        may=May.ANYBODY,
        takes=requests.SignIn,
        gives=values.SignedIn,
        status=HTTPStatus.CREATED,
        refuses=[Reason.CREDENTIALS, Reason.SUSPENDED, Reason.RATE_LIMITED],
    )
    def sign_in(json: requests.SignIn) -> values.SignedIn:
        """Sign in: get a token."""
        return services.sessions.sign_in(json.name, json.password, label=clean(json.label).strip(), address=_address())

    @routes.route("GET", "/tokens", may=May.MEMBER, gives=answers.Tokens)
    def list_tokens(who: Holder) -> answers.Tokens:
        """One's tokens that still hold, the newest first."""
        return answers.Tokens(tokens=services.sessions.listed(who.identity.account, who.token))

    @routes.route("DELETE", "/tokens/current", may=May.MEMBER, status=HTTPStatus.NO_CONTENT)
    def sign_out(who: Holder) -> None:
        """Sign out: end the token that this request comes with."""
        services.sessions.revoke(who.identity.account, who.token)

    @routes.route(
        "DELETE",
        "/tokens/<int(max=2147483647):token>",
        may=May.MEMBER,
        status=HTTPStatus.NO_CONTENT,
        refuses=[Reason.NOT_FOUND],
    )
    def revoke_token(token: int, who: Holder) -> None:
        """End one of one's tokens."""
        services.sessions.revoke(who.identity.account, token)


def _add_own_account(routes: ApiRoutes, services: Services) -> None:
    def url(passkey: str | None) -> str:
        base = services.announce_url()
        return base if passkey is None else f"{base}/{passkey}"

    @routes.route("GET", "/account", may=May.MEMBER, gives=answers.Me)
    def me(who: Holder) -> answers.Me:
        """Who one is, the announce URL for one's ordinary clients, and how large a manifest may be."""
        account = who.identity.account
        return answers.Me(
            account=services.accounts.account(account),
            announce_url=url(services.accounts.passkey(account)),
            max_manifest=services.config.max_manifest,
        )

    @routes.route(
        "PUT",
        "/account/password",
        may=May.MEMBER,
        takes=requests.ChangePassword,
        status=HTTPStatus.NO_CONTENT,
        refuses=[Reason.CREDENTIALS, Reason.PASSWORD_WEAK, Reason.RATE_LIMITED],
    )
    def change_password(json: requests.ChangePassword, who: Holder) -> None:
        """Change one's password. Every token of the account ends, this one too."""
        services.accounts.change_password(who.identity.name, json.old, json.new, address=_address())

    @routes.route("POST", "/account/passkey", may=May.MEMBER, gives=answers.AnnounceUrl)
    def renew_passkey(who: Holder) -> answers.AnnounceUrl:
        """Get a new passkey. Ordinary clients with the one before are refused: fetch their ``.torrent`` files again."""
        return answers.AnnounceUrl(announce_url=url(services.accounts.renew_passkey(who.identity.account)))

    @routes.route("DELETE", "/account/passkey", may=May.MEMBER, status=HTTPStatus.NO_CONTENT)
    def revoke_passkey(who: Holder) -> None:
        """Have no passkey any more, until it is renewed."""
        services.accounts.revoke_passkey(who.identity.account)


def _add_organiser(routes: ApiRoutes, services: Services) -> None:
    @routes.route("GET", "/accounts", may=May.ORGANISER, asks=requests.Page, gives=answers.Accounts)
    def list_accounts(query: requests.Page, who: Holder) -> answers.Accounts:
        """All accounts, the oldest first."""
        total, found = services.accounts.listed(offset=query.offset, limit=query.limit)
        return answers.Accounts(total=total, accounts=found)

    @routes.route(
        "PATCH",
        "/accounts/<int(max=2147483647):account>",
        may=May.ORGANISER,
        takes=requests.ChangeAccount,
        gives=values.Account,
        refuses=[Reason.NOT_FOUND, Reason.LAST_ORGANISER],
    )
    def change_account(account: int, json: requests.ChangeAccount, who: Holder) -> values.Account:
        """Suspend an account, which cuts its live connections; let it in again; or change its role."""
        return services.accounts.change(account, suspended=json.suspended, role=json.role)

    @routes.route("GET", "/settings", may=May.ORGANISER, gives=values.Settings)
    def settings(who: Holder) -> values.Settings:
        """Return what the organiser has decided."""
        return services.accounts.settings()

    @routes.route("PATCH", "/settings", may=May.ORGANISER, takes=requests.ChangeSettings, gives=values.Settings)
    def change_settings(json: requests.ChangeSettings, who: Holder) -> values.Settings:
        """Decide who may register at this tracker."""
        services.accounts.change_settings(values.Settings(registration=json.registration))
        return services.accounts.settings()


def _add_invitations(routes: ApiRoutes, services: Services) -> None:
    @routes.route(
        "POST",
        "/invitations",
        may=May.ORGANISER,
        takes=requests.Invite,
        gives=values.Secret,
        status=HTTPStatus.CREATED,
        refuses=[Reason.NOT_FOUND, Reason.TOO_MANY, Reason.REGISTRATION_CLOSED],
    )
    def invite(json: requests.Invite, who: Holder) -> values.Secret:
        """Make an invitation: for one person to register, or for an account to set its password anew."""
        if json.account is None and services.accounts.settings().registration is Registration.CLOSED:
            raise RefusalError(Reason.REGISTRATION_CLOSED, Text("invitation.closed"))
        return services.invitations.create(json.account)

    @routes.route("GET", "/invitations", may=May.ORGANISER, gives=answers.Invitations)
    def list_invitations(who: Holder) -> answers.Invitations:
        """Return the invitations, the newest first. Their codes cannot be told again."""
        return answers.Invitations(invitations=services.invitations.listed())

    @routes.route(
        "DELETE",
        "/invitations/<int(max=2147483647):invitation>",
        may=May.ORGANISER,
        status=HTTPStatus.NO_CONTENT,
        refuses=[Reason.NOT_FOUND],
    )
    def withdraw_invitation(invitation: int, who: Holder) -> None:
        """Make an invitation void, so that nobody can use it."""
        services.invitations.withdraw(invitation)


def _address() -> str:
    return request.remote_addr or ""
