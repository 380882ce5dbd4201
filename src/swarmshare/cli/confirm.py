"""The question before something that cannot simply be undone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from swarmshare.common.text import clean
from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse


class NotConfirmedError(SwarmShareError):
    """Somebody said no, or nobody was there to ask."""

    code = "not-confirmed"


def add_yes(parser: argparse.ArgumentParser) -> None:
    """Add ``--yes`` to a verb that asks: where there is no terminal, nobody can answer."""
    parser.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")


def confirm(arguments: argparse.Namespace, question: str) -> None:
    """Go on only if somebody at the terminal says yes, or the command line did; else :class:`NotConfirmedError`."""
    if arguments.yes:
        return
    if sys.stdin is None or not sys.stdin.isatty():
        raise NotConfirmedError(Text("cli.nobody-to-ask", question=question), hint=Text("hint.yes"))
    print(f"{clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise NotConfirmedError(Text("cli.not-confirmed"))
