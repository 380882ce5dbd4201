"""What :mod:`argparse` says of a wrong command line: it looks each of these up by its English, through gettext."""

from __future__ import annotations

from typing import Final

ARGPARSE: Final = (
    "argument %(argument_name)s: %(message)s",
    "unrecognized arguments: %s",
    "ambiguous option: %(option)s could match %(matches)s",
    "invalid choice: %(value)r (choose from %(choices)s)",
    "expected one argument",
    "expected at most one argument",
    "expected at least one argument",
    "the following arguments are required: %s",
    "one of the arguments %s is required",
    "not allowed with argument %s",
    "ignored explicit argument %r",
)
"""Word for word as the standard library has them, its places (``%s``) included."""
