"""Passwords: typed unseen, or from a file or standard input; never from the command line, where everybody sees them."""

from __future__ import annotations

import getpass
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from swarmshare.cli.render import for_people
from swarmshare.errors import StorageError, SwarmShareError
from swarmshare.texts import Text, about, os_reason

if TYPE_CHECKING:
    import argparse

MAX_BYTES: Final = 4096
"""Most that is read of a password file: a pipe may have no end."""


class PasswordError(SwarmShareError):
    """There is no password to be had."""

    code = "password"


def add_option(parser: argparse.ArgumentParser) -> None:
    """``--password-file``, for a verb that needs a password."""
    parser.add_argument(
        "--password-file", metavar="FILE", help="its first line is the password; -: standard input; default: ask"
    )


def read_password(arguments: argparse.Namespace) -> str:
    """Return the password that somebody has, for a verb with :func:`add_option`.

    Raises :class:`PasswordError`, and :class:`~swarmshare.errors.StorageError` for the file.
    """
    if arguments.password_file is not None:
        return password_in(arguments.password_file)
    _require_terminal()
    return getpass.getpass("Password: ")


def old_password(arguments: argparse.Namespace) -> str:
    """Return the password until now, of a verb that sets another: by ``--old-password-file``. Raises likewise."""
    if arguments.old_password_file is not None:
        return password_in(arguments.old_password_file)
    _require_terminal()
    return getpass.getpass("Password until now: ")


def new_password(arguments: argparse.Namespace, user: str) -> str:
    """Return a password that the account ``user`` is to have. Raises as :func:`read_password` does.

    At a terminal the rules are told first, and it is typed twice. What breaks them is asked for again, here and at
    once: a program that ended, or went on to another question, would let the next try be typed where all can read it.
    """
    from swarmshare.tracker.domain.passwords import MAX_LENGTH, MIN_LENGTH, check_password  # argon2 takes time to load
    from swarmshare.tracker.domain.refusals import RefusalError

    if arguments.password_file is not None:
        return password_in(arguments.password_file)
    _require_terminal()
    _say(f"Choose a password of {MIN_LENGTH} to {MAX_LENGTH} characters, not your name. It is not shown as you type.")
    while True:
        password = getpass.getpass("Password: ")
        try:
            check_password(password, user)
        except RefusalError as error:
            reason = for_people(error.message)
            _say(for_people(Text("cli.bad-password", reason=reason[:1].upper() + reason[1:])))
            continue
        if password == getpass.getpass("Again: "):
            return password
        _say(for_people(Text("cli.passwords-differ")))


def password_in(source: str) -> str:
    """Return the first line of the file ``source``, ``-`` is standard input. Raises as :func:`read_password` does."""
    if source == "-" and sys.stdin is None:
        raise PasswordError(Text("cli.input-closed"), hint=Text("hint.be-password"))
    what = Text("cli.standard-input") if source == "-" else source
    try:
        with nullcontext(sys.stdin.buffer) if source == "-" else open(source, "rb") as file:  # a pipe is welcome
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(what, os_reason(error)) from error
    if len(data) > MAX_BYTES:
        raise PasswordError(about(what, Text("cli.password-long", limit=MAX_BYTES)))
    try:
        password = data.decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise PasswordError(about(what, Text("cli.password-utf8"))) from None
    if not password:
        raise PasswordError(about(what, Text("cli.password-empty")), hint=Text("hint.be-password"))
    return password


def _require_terminal() -> None:
    if sys.stdin is None or not sys.stdin.isatty():
        raise PasswordError(Text("cli.no-terminal"), hint=Text("hint.password-file"))


def _say(text: str) -> None:
    """Print a line for who types: standard output may be for programs."""
    print(text, file=sys.stderr, flush=True)
