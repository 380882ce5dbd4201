"""Signing in and out: a tracker's word for who one is, and this machine's memory of it.

Every function asks a tracker and waits for it, and raises :class:`~swarmshare.errors.TrackerError`.
"""

from __future__ import annotations

import platform
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from swarmshare.app.meeting import meet
from swarmshare.app.signed_in import open_tracker
from swarmshare.errors import TrackerError
from swarmshare.identity.group_link import is_group_link
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.sign_ins import SignIn, SignIns
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.tracker_client.account_api import AccountApi
    from swarmshare.tracker_client.api import SignedIn

_LINK: Final = re.compile(r"(https?://.+)/join/([^/?#]+)/?")


def invited_to(text: str) -> tuple[str, str] | None:
    """Return the tracker and the code of an invitation's link; None when ``text`` is no such link."""
    found = _LINK.fullmatch(text.strip())
    return (found[1], found[2]) if found is not None else None


def register(
    tracker: str, user: str, password: str, *, invitation: str | None = None, setup_token: str | None = None
) -> tuple[SignIn, SignedIn]:
    """Make an account, and remember the sign-in; a group link as ``tracker`` proves it, and may have an invitation."""
    tracker, invited = _met(tracker)
    invitation = invitation or invited
    with open_tracker(tracker) as (url, api):
        answer = api.register(user, password, _label(), invitation=invitation, setup_token=setup_token)
    return _keep(url, answer), answer


def sign_in(tracker: str, user: str, password: str) -> tuple[SignIn, SignedIn]:
    """Sign in, and remember it; a group link as ``tracker`` proves it."""
    tracker, _ = _met(tracker)
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
            hint = Text("account.still-valid")
            raise TrackerError(error.rule, error.message, hint=hint) from error


@contextmanager
def open_accounts(tracker: str, token: str | None) -> Iterator[AccountApi]:
    """Open a tracker's API about accounts, for as long as the context lasts."""
    from swarmshare.tracker_client.account_api import AccountApi
    from swarmshare.tracker_client.http import Connection, tracker_url

    with Connection(tracker_url(tracker), token) as connection:
        yield AccountApi(connection)


def invite(signed_in: SignIn) -> str:
    """Return a fresh invitation for one other person: its code."""
    with open_accounts(signed_in.tracker, signed_in.token) as api:
        return api.invite().code


def invitation_link(tracker: str, code: str) -> str:
    """Return what one person is to be sent; ``tracker`` is its address for others."""
    return f"{tracker}/join/{code}"


def change_password(signed_in: SignIn, old: str, new: str) -> tuple[SignIn, SignedIn]:
    """Change one's password, and sign in anew here; every other sign-in of the account has ended then."""
    with open_accounts(signed_in.tracker, signed_in.token) as api:
        try:
            api.change_password(old, new)
        except TrackerError as error:
            if error.rule != "credentials":
                raise
            # Signing in again, which the tracker's refusal leads to, would not help.
            raise TrackerError(error.rule, Text("account.old-password")) from None
    return sign_in(signed_in.tracker, signed_in.user, new)


def reset_password(tracker: str, user: str, code: str, new: str) -> tuple[SignIn, SignedIn]:
    """Set a forgotten password, by an organiser's invitation for that account, and sign in."""
    with open_accounts(tracker, None) as api:
        api.reset_password(user, code, new)
    return sign_in(tracker, user, new)


def _met(tracker: str) -> tuple[str, str | None]:
    """Return the address of a tracker, and an invitation, out of what was pasted; a group link is pinned."""
    if not is_group_link(tracker):
        return tracker, None
    return meet(tracker, lambda _tracker, _group: False)


def _keep(tracker: str, answer: SignedIn) -> SignIn:
    signed_in = SignIn(tracker, answer.user, answer.token)
    SignIns(swarmshare_home()).save(signed_in)
    return signed_in


def _label() -> str:
    """By which the owner of a token knows it again in a list."""
    return f"swarmshare on {platform.node()}"[:100]
