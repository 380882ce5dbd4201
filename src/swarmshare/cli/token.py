"""``swarmshare token``: what other programs need to speak for the account that is signed in here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.app.signed_in import open_tracker, signed_in_at

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "token",
        parents=[common],
        help="the token that speaks for you",
        description="Print the token of this machine, for programs that use the tracker's HTTP API. It is a secret: "
        "whoever has it is you, until `swarmshare logout`.",
    )
    parser.add_argument("--tracker", metavar="URL", help="default: the one that you are signed in at")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print it, and nothing else; one that does not hold any more is an error."""
    sign_in = signed_in_at(arguments.tracker)
    with open_tracker(sign_in.tracker, sign_in.token) as (tracker, api):
        account = api.account()
    output.event("token", tracker=tracker, user=account.user, token=sign_in.token)
    output.line(sign_in.token)
    return 0
