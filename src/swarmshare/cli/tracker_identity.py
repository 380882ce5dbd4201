"""``swarmshare tracker identity``: the group id of a tracker on this machine, and its authority's certificate."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from swarmshare.cli.render import date

if TYPE_CHECKING:
    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output


def add_actions(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add ``identity`` to the actions of the verb ``tracker``."""
    parser = verbs.add_parser(
        "identity",
        parents=[common],
        help="its group id, and its authority's certificate",
        description="Tell the identity of the tracker whose data is on this machine; it may run meanwhile.",
    )
    parser.add_argument(
        "what", choices=["show", "export"], help="show: the group id; export: the authority's certificate, in PEM form"
    )
    # Suppressed, or the default here would undo what was said before `identity`.
    parser.add_argument("--data", type=Path, metavar="DIR", default=argparse.SUPPRESS, help="its folder")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Print the identity of a tracker, or export its certificate; the private key stays where it is."""
    from swarmshare.identity.authority import IDENTITY, Authority
    from swarmshare.identity.group_id import GroupId
    from swarmshare.storage.home import swarmshare_home

    authority = Authority.open((arguments.data or swarmshare_home() / "tracker") / IDENTITY)
    pem = authority.certificate_pem
    group, expires = GroupId.of(pem), int(authority.certificate.not_valid_after_utc.timestamp())
    output.event("identity", group_id=str(group), expires_at=expires, authority=pem.decode("ascii"))
    if arguments.what == "show":
        output.line(f"{group}, valid until {date(expires)}")
    else:
        for line in pem.decode("ascii").splitlines():
            output.line(line)
    return 0
