"""``swarmshare password``, ``devices`` and ``announce-url``: what one has to decide about one's own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.cli import passwords
from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.confirm import add_yes, confirm
from swarmshare.cli.render import date, plural
from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the three verbs to the command line."""
    password = verbs.add_parser(
        "password",
        parents=[common],
        help="change your password",
        description="Change your password, which signs all your other machines out; or set a forgotten one anew, with "
        "an invitation from an organiser.",
        allow_abbrev=False,
    )
    password.add_argument(
        "--old-password-file", metavar="FILE", help="its first line is the password until now; -: standard input"
    )
    passwords.add_option(password)
    password.add_argument("--invite", metavar="CODE", help="from `swarmshare invite --for NAME`; with --user")
    password.add_argument("--user", metavar="NAME", help="whose password it is; with --invite")
    password.set_defaults(run=run_password)
    devices = verbs.add_parser(
        "devices",
        parents=[common],
        help="where you are signed in",
        description="List the sign-ins of your account, or end one of them: of a machine that was lost, say.",
    )
    devices.add_argument("--revoke", type=int, metavar="NUMBER", help="end one, by its number in the list")
    devices.set_defaults(run=run_devices)
    announce = verbs.add_parser(
        "announce-url",
        parents=[common],
        help="your secret address for ordinary clients",
        description="Tell the announce URL for your ordinary BitTorrent clients. It is a secret: whoever has it is you "
        "to the tracker's announces.",
    )
    announce.add_argument("--renew", action="store_true", help="get another: clients with this one are refused then")
    add_yes(announce)
    announce.set_defaults(run=run_announce_url)
    for parser in (password, devices, announce):
        add_tracker_argument(parser)


def run_password(arguments: argparse.Namespace, output: Output) -> int:
    """Change the password of the account and keep the new token: this machine stays signed in."""
    from swarmshare.app import accounts
    from swarmshare.app.signed_in import signed_in_at

    if (arguments.invite is None) != (arguments.user is None):
        raise SwarmShareError(Text("cli.invite-and-user"), hint=Text("hint.own-password"))
    if arguments.invite is not None:
        if arguments.tracker is None:
            raise SwarmShareError(Text("cli.tracker-missing"), hint=Text("hint.inviter-knows"))
        new = passwords.new_password(arguments, arguments.user)
        sign_in, answer = accounts.reset_password(arguments.tracker, arguments.user, arguments.invite, new)
    else:
        sign_in = signed_in_at(arguments.tracker)
        old = passwords.old_password(arguments)
        new = passwords.new_password(arguments, sign_in.user)
        sign_in, answer = accounts.change_password(sign_in, old, new)
    output.event("signed_in", tracker=sign_in.tracker, user=answer.user, role=answer.role, expires_at=answer.expires_at)
    output.line(f"The password of {answer.user} at {sign_in.tracker} is changed. This machine is signed in.")
    output.line("All others have to sign in again, with the new one.")
    return 0


def run_devices(arguments: argparse.Namespace, output: Output) -> int:
    """List the sign-ins of the account, one line each, or end the one of ``--revoke``."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        tokens = api.tokens()
        if arguments.revoke is not None:
            if any(token.current and token.number == arguments.revoke for token in tokens):
                raise SwarmShareError(Text("cli.this-sign-in"), hint=Text("hint.logout"))
            api.revoke_token(arguments.revoke)
            output.event("device_revoked", number=arguments.revoke)
            output.line(f"Sign-in {arguments.revoke} has ended.")
            return 0
    for token in tokens:
        output.event("device", **token._asdict())
        here = ", this one" if token.current else ""
        until = f"since {date(token.created_at)}, until {date(token.expires_at)}"
        output.line(f"{token.number:>4}  {token.label or 'without a name'}{here}: {until}")
    output.line(f"{plural(len(tokens), 'sign-in')} of {sign_in.user}. To end one: swarmshare devices --revoke NUMBER")
    output.event("devices", tracker=sign_in.tracker, count=len(tokens))
    return 0


def run_announce_url(arguments: argparse.Namespace, output: Output) -> int:
    """Print the announce URL of the account; with ``--renew``, get another one first."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    if arguments.renew:
        confirm(arguments, "Get another announce URL? Clients and .torrent files with the one until now are refused.")
        with open_accounts(sign_in.tracker, sign_in.token) as accounts_api:
            url = accounts_api.renew_passkey()
    else:
        with open_tracker(sign_in.tracker, sign_in.token) as (_, api):
            url = api.account().announce_url
    output.event("announce_url", tracker=sign_in.tracker, announce_url=url)
    output.line(url)
    return 0
