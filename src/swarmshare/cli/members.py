"""``swarmshare members``, ``invite`` and ``suspend``: how an organiser manages the accounts of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.cli.arguments import add_tracker_argument
from swarmshare.cli.confirm import add_yes, confirm
from swarmshare.cli.render import date, plural
from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output
    from swarmshare.tracker_client.account_api import AccountApi, Person


class NoMemberError(SwarmShareError):
    """There is no account of that name."""

    code = "no-member"
    hint = Text("hint.members")


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the three verbs to the command line."""
    members = verbs.add_parser(
        "members", parents=[common], help="the accounts of the group", description="For organisers: list all accounts."
    )
    members.set_defaults(run=run_members)
    invite = verbs.add_parser(
        "invite",
        parents=[common],
        help="let somebody make an account",
        description="For organisers: make an invitation, and a link to send to one person. It works once.",
    )
    how = invite.add_mutually_exclusive_group()
    how.add_argument("--for", dest="user", metavar="NAME", help="who has an account and forgot its password")
    how.add_argument("--list", action="store_true", help="list the invitations that were made")
    how.add_argument("--revoke", type=int, metavar="NUMBER", help="make one void, by its number in the list")
    invite.set_defaults(run=run_invite)
    suspend = verbs.add_parser(
        "suspend",
        parents=[common],
        help="shut an account out, or let it in again",
        description="For organisers: shut an account out at once, with all of its machines. What it published stays.",
    )
    suspend.add_argument("user", metavar="NAME", help="as `swarmshare members` lists it")
    suspend.add_argument("--undo", action="store_true", help="let it in again")
    add_yes(suspend)
    suspend.set_defaults(run=run_suspend)
    for parser in (members, invite, suspend):
        add_tracker_argument(parser)


def run_members(arguments: argparse.Namespace, output: Output) -> int:
    """List all accounts of the group, the oldest first."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        people = api.people()
    width = max((len(person.user) for person in people), default=0)
    for person in people:
        output.event("account", **_fields(person))
        suspended = ", suspended" if person.suspended else ""
        output.line(f"{person.user:<{width}}  {person.role}{suspended}, since {date(person.created_at)}")
    output.line(plural(len(people), "account"))
    output.event("members", tracker=sign_in.tracker, accounts=len(people))
    return 0


def run_invite(arguments: argparse.Namespace, output: Output) -> int:
    """Make an invitation; or list them, or make one void."""
    from swarmshare.app.accounts import invitation_link, open_accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        if arguments.list:
            return _list_invitations(api, output)
        if arguments.revoke is not None:
            api.revoke_invitation(arguments.revoke)
            output.event("invitation_revoked", number=arguments.revoke)
            output.line(f"Invitation {arguments.revoke} is void.")
            return 0
        person = _find(api, arguments.user) if arguments.user is not None else None
        code, expires_at = api.invite(None if person is None else person.number)
    url = _for_others(sign_in.tracker, output)
    fields = {"tracker": url, "code": code, "expires_at": expires_at}
    if person is not None:
        output.event("invitation", **fields, user=person.user, link=None)
        output.line(f"{person.user} sets a new password with this, once, until {date(expires_at)}:")
        output.line(f'  swarmshare password --tracker {url} --user "{person.user}" --invite {code}')
        return 0
    link = invitation_link(url, code)
    output.event("invitation", **fields, user=None, link=link)
    output.line(f"Send this link to one person; it works once, until {date(expires_at)}:")
    output.line(f"  {link}")
    output.line("It opens in a browser, and in a terminal:")
    output.line(f"  swarmshare register --user NAME --invite {link}")
    return 0


def run_suspend(arguments: argparse.Namespace, output: Output) -> int:
    """Shut an account out, or let it in again."""
    from swarmshare.app.accounts import open_accounts
    from swarmshare.app.signed_in import signed_in_at

    sign_in = signed_in_at(arguments.tracker)
    with open_accounts(sign_in.tracker, sign_in.token) as api:
        person = _find(api, arguments.user)
        if not arguments.undo:
            confirm(arguments, f"Suspend {person.user} ({person.role}), and cut all machines of this account off?")
        person = api.suspend(person.number, not arguments.undo)
    output.event("account", **_fields(person))
    if person.suspended:
        output.line(f"{person.user} is suspended.")
        output.line(f'To let the account in again: swarmshare suspend "{person.user}" --undo')
    else:
        output.line(f"{person.user} may sign in again.")
    return 0


def _list_invitations(api: AccountApi, output: Output) -> int:
    found = api.invitations()
    for number, user, created_at, expires_at, used_at in found:
        output.event(
            "invitation", number=number, user=user, created_at=created_at, expires_at=expires_at, used_at=used_at
        )
        whom = "a new account" if user is None else f"{user}'s password"
        how = f"until {date(expires_at)}" if used_at is None else f"used {date(used_at)}"
        output.line(f"{number:>4}  for {whom}, made {date(created_at)}, {how}")
    output.line(plural(len(found), "invitation") if found else "No invitation was made.")
    output.event("invitations", count=len(found))
    return 0


def _find(api: AccountApi, name: str) -> Person:
    from swarmshare.tracker.domain.account_names import folded

    for person in api.people():
        if folded(person.user) == folded(name):
            return person
    raise NoMemberError(Text("cli.no-account", name=repr(name)))


def _fields(person: Person) -> dict[str, object]:
    return person._asdict()


def _for_others(tracker: str, output: Output) -> str:
    """Return the tracker's address for other machines: one that is this machine's own is no use to them."""
    from swarmshare.cli.network import address_for_others

    found = address_for_others(tracker)
    if found is None:
        output.line("Note: only this machine reaches this tracker, so the link is for this machine only.")
    return found or tracker
