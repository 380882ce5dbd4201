"""Signing in and out: a tracker's word for who one is, and this machine's memory of it.

Every function asks a tracker and waits for it, and raises :class:`~swarmshare.errors.TrackerError`.
"""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

from swarmshare.app.signed_in import open_tracker
from swarmshare.errors import TrackerError
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns
from swarmshare.tracker_client.api import PREFIX

if TYPE_CHECKING:
    from swarmshare.tracker_client.api import SignedIn


def register(
    tracker: str, user: str, password: str, *, invitation: str | None = None, setup_token: str | None = None
) -> tuple[SignIn, SignedIn]:
    """Make an account, and remember the sign-in."""
    with open_tracker(tracker) as (url, api):
        answer = api.register(user, password, _label(), invitation=invitation, setup_token=setup_token)
    return _keep(url, answer), answer


def sign_in(tracker: str, user: str, password: str) -> tuple[SignIn, SignedIn]:
    """Sign in, and remember it."""
    with open_tracker(tracker) as (url, api):
        answer = api.sign_in(user, password, _label())
    return _keep(url, answer), answer


def sign_out(signed_in: SignIn) -> None:
    """End the token and forget it; it is forgotten even when the tracker cannot be told, which raises."""
    SignIns(swarmshare_home()).forget(signed_in.tracker)
    try:
        with open_tracker(signed_in.tracker, signed_in.token) as (_, api):
            api.sign_out()
    except TrackerError as error:
        if error.rule not in {"token-unknown", "token-expired"}:
            hint = "This machine forgot the token, but the tracker still takes it until it expires."
            raise TrackerError(error.rule, str(error), hint=hint) from error


def invite(signed_in: SignIn) -> str:
    """A fresh invitation for one other person."""
    from swarmshare.tracker_client.http import Connection

    with Connection(signed_in.tracker, signed_in.token) as connection:
        return connection.ask("POST", f"{PREFIX}/invitations", body={}).text("secret")


def _keep(tracker: str, answer: SignedIn) -> SignIn:
    signed_in = SignIn(tracker, answer.user, answer.token)
    SignIns(swarmshare_home()).save(signed_in)
    return signed_in


def _label() -> str:
    """By which the owner of a token knows it again in a list."""
    return f"swarmshare on {platform.node()}"[:100]
