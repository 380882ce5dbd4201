"""``swarmshare register``, ``login``, ``logout``, ``whoami``, ``token``: an account, and a token that speaks for it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from swarmshare.cli import passwords
from swarmshare.cli.arguments import add_ca_argument, add_tracker_argument
from swarmshare.cli.render import date
from swarmshare.errors import TrackerError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.identity.group_id import GroupId
    from swarmshare.storage.sign_ins import SignIn
    from swarmshare.tracker_client.api import SignedIn


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the five verbs to the command line."""
    register = verbs.add_parser(
        "register",
        parents=[common],
        help="make an account at a tracker",
        description="Make an account at a tracker, and sign in to it.",
        allow_abbrev=False,
    )
    # allow_abbrev: --password would pass for --password-file, and somebody type the password itself.
    how = register.add_mutually_exclusive_group()
    how.add_argument("--invite", metavar="LINK", help="an invitation from an organiser: the link, or only its code")
    how.add_argument("--setup-token", metavar="T", help="for the organiser: the tracker prints it at its first start")
    register.set_defaults(run=run_register)
    login = verbs.add_parser(
        "login",
        parents=[common],
        help="sign in at a tracker",
        description="Sign in at a tracker, until `logout`.",
        allow_abbrev=False,
    )
    login.set_defaults(run=run_login)
    for parser in (register, login):
        parser.add_argument(
            "--tracker",
            required=parser is login,
            metavar="LINK",
            help="the group link, or an address such as 192.168.1.5:6969"
            + ("" if parser is login else "; an invitation's link has it"),
        )
        parser.add_argument(
            "--new-identity",
            action="store_true",
            help="believe the group link's identity in place of the known one, because the organiser said so",
        )
        parser.add_argument("--user", required=True, metavar="NAME", help="the account's name")
        passwords.add_option(parser)
        add_ca_argument(parser)
    logout = verbs.add_parser(
        "logout", parents=[common], help="sign out", description="End the token of this machine, and forget it."
    )
    logout.set_defaults(run=run_logout)
    whoami = verbs.add_parser(
        "whoami", parents=[common], help="who is signed in", description="Ask the tracker who is signed in here."
    )
    whoami.add_argument(
        "--announce-url", action="store_true", help="tell the announce URL for ordinary clients, too: it is a secret"
    )
    whoami.set_defaults(run=run_whoami)
    for parser in (logout, whoami):
        add_tracker_argument(parser)
    token = verbs.add_parser(
        "token",
        parents=[common],
        help="the token that speaks for you",
        description="Print the token of this machine, for programs that use the tracker's HTTP API. It is a secret: "
        "whoever has it is you, until `swarmshare logout`.",
    )
    token.add_argument("--tracker", metavar="URL", help="default: the one that you are signed in at")
    token.set_defaults(run=run_token)


def run_register(arguments: argparse.Namespace, output: Output) -> int:
    """Make an account at a tracker, by an invitation or a setup token, and keep the token of its sign-in."""
    from swarmshare.app import accounts

    tracker, code = _invited_to(arguments.tracker, arguments.invite)
    tracker, invited = _meet(tracker, arguments, output)
    code = code or invited
    warn_in_the_clear(tracker, output)
    password = passwords.new_password(arguments, arguments.user)
    _tell(
        *accounts.register(
            tracker,
            arguments.user,
            password,
            invitation=code,
            setup_token=arguments.setup_token,
        ),
        output,
    )
    _remember(arguments.ca, output)
    return 0


def run_login(arguments: argparse.Namespace, output: Output) -> int:
    """Sign in at a tracker with a password, and keep the token that it gives."""
    from swarmshare.app import accounts

    tracker, _ = _meet(arguments.tracker, arguments, output)
    warn_in_the_clear(tracker, output)
    password = passwords.read_password(arguments)
    _tell(*accounts.sign_in(tracker, arguments.user, password), output)
    _remember(arguments.ca, output)
    return 0


def run_logout(arguments: argparse.Namespace, output: Output) -> int:
    """End the token and forget it; it is forgotten even when the tracker cannot be told."""
    from swarmshare.app import accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    accounts.sign_out(sign_in)
    output.event("signed_out", tracker=sign_in.tracker, user=sign_in.user)
    output.line(f"{sign_in.user} is signed out of {sign_in.tracker}")
    return 0


def run_whoami(arguments: argparse.Namespace, output: Output) -> int:
    """Tell who the token speaks for, as the tracker sees it."""
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_tracker(sign_in.tracker, sign_in.token) as (tracker, api):
        account = api.account()
    url = {"announce_url": account.announce_url} if arguments.announce_url else {}
    output.event("account", tracker=tracker, user=account.user, role=account.role, **url)
    output.line(f"{account.user} ({account.role}) at {tracker}")
    if arguments.announce_url:
        output.line(account.announce_url)
    return 0


def run_token(arguments: argparse.Namespace, output: Output) -> int:
    """Print the token, and nothing else; one that does not hold any more is an error."""
    from swarmshare.app.signed_in import open_tracker, signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_tracker(sign_in.tracker, sign_in.token) as (tracker, api):
        account = api.account()
    output.event("token", tracker=tracker, user=account.user, token=sign_in.token)
    output.line(sign_in.token)
    return 0


def _meet(text: str, arguments: argparse.Namespace, output: Output) -> tuple[str, str | None]:
    """Return the address of the tracker that ``text`` leads to, proven, and the code of an invitation in it."""
    from swarmshare.app.meeting import meet

    def agrees(tracker: str, group: GroupId) -> bool:
        output.line(f"The identity of {tracker} is not known here. It says to be of the group")
        output.line(f"  {group}")
        if sys.stdin is None or not sys.stdin.isatty():
            return False
        print("Is that the group id that the organiser has? [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    return meet(text, agrees, new_identity=arguments.new_identity)


def _invited_to(tracker: str | None, invitation: str | None) -> tuple[str, str | None]:
    """Return the tracker, and the code of an invitation that may be a link to it."""
    from swarmshare.app import accounts
    from swarmshare.identity.group_link import is_group_link

    if invitation is not None and is_group_link(invitation):
        if tracker is not None and _url(tracker) != _url(invitation):
            raise TrackerError("which-tracker", Text("cli.other-tracker", link=invitation, tracker=tracker))
        return invitation, None
    if invitation is not None and (found := accounts.invited_to(invitation)):
        link, code = found
        if tracker is not None and _url(tracker) != _url(link):
            raise TrackerError("which-tracker", Text("cli.other-tracker", link=link, tracker=tracker))
        return link, code
    if tracker is None:
        hint = Text("hint.tracker-or-link")
        raise TrackerError("which-tracker", Text("cli.which-tracker"), hint=hint)
    return tracker, invitation


def _tell(sign_in: SignIn, answer: SignedIn, output: Output) -> None:
    tracker = sign_in.tracker
    output.event("signed_in", tracker=tracker, user=answer.user, role=answer.role, expires_at=answer.expires_at)
    output.line(f"{answer.user} ({answer.role}) is signed in at {tracker} until {date(answer.expires_at)}")


def _remember(ca: Path | None, output: Output) -> None:
    """Keep what was needed to sign in: it is needed each time from now on, and in the window."""
    if ca is not None:
        from swarmshare.app.settings_file import change_settings

        change_settings({"ca": ca})
        output.line(f"The setting ca is {ca} from now on.")


def _url(tracker: str) -> str:
    from swarmshare.app.meeting import known_address  # it takes longer to load than most verbs take to run

    return known_address(tracker)


def warn_in_the_clear(tracker: str, output: Output) -> None:
    """Say it when strangers could read the password on its way: outside one's own network, and without TLS."""
    from swarmshare.tracker_client.proxies import is_near

    parts = urlsplit(tracker)
    if parts.scheme == "http" and not is_near(parts.hostname or ""):
        output.line(f"Note: the password goes to {tracker} unencrypted. Use https where strangers could listen.")
