"""Passwords: typed unseen, or from a file or standard input; never from the command line, where everybody sees them."""

from __future__ import annotations

import getpass
import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError, SwarmShareError
from swarmshare.storage.files import os_reason

if TYPE_CHECKING:
    import argparse

MAX_BYTES: Final = 4096
"""Of a password file."""


class PasswordError(SwarmShareError):
    """There is no password to be had, or two that differ."""

    code = "password"


def add_option(parser: argparse.ArgumentParser) -> None:
    """``--password-file``, for a verb that needs a password."""
    parser.add_argument(
        "--password-file", metavar="FILE", help="its first line is the password; -: standard input; default: ask"
    )


def read_password(arguments: argparse.Namespace, *, twice: bool) -> str:
    """The password of a verb with :func:`add_option`; ``twice`` has it typed again, because it is a new one.

    Raises :class:`PasswordError`, and :class:`~swarmshare.errors.StorageError` for the file.
    """
    source: str | None = arguments.password_file
    if source is None:
        return _ask(twice=twice)
    if source == "-" and sys.stdin is None:
        raise PasswordError("standard input is closed", hint="It should be the password.")
    what = "standard input" if source == "-" else source
    try:
        with nullcontext(sys.stdin.buffer) if source == "-" else open(source, "rb") as file:  # a pipe is welcome
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise StorageError(what, os_reason(error)) from error
    if len(data) > MAX_BYTES:
        raise PasswordError(f"{what}: longer than {MAX_BYTES:,} bytes")
    try:
        password = data.decode().split("\n", 1)[0].removesuffix("\r")
    except UnicodeDecodeError:
        raise PasswordError(f"{what}: the password is not UTF-8 text") from None
    if not password:
        raise PasswordError(f"{what}: the first line is empty", hint="It should be the password.")
    return password


def _ask(*, twice: bool) -> str:
    if sys.stdin is None or not sys.stdin.isatty():
        raise PasswordError("there is no terminal to ask for the password", hint="Use --password-file FILE, or - .")
    password = getpass.getpass("Password: ")
    if twice and password != getpass.getpass("Again: "):
        raise PasswordError("the two passwords are not the same", hint="Nothing was changed: try again.")
    return password
