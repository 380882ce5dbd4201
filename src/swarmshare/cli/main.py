"""The ``swarmshare`` command from outside: signals, streams that fail, and the exit status.

It imports next to nothing, so that Ctrl-C finds its handler in place before the real work of starting begins.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.texts import Text

FAILED, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 130 interrupted (2, wrong usage, is a SystemExit)."""
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        if argv is None:
            _read_names_as_utf8()
        _mend_streams()
        given = sys.argv[1:] if argv is None else list(argv)
        if given[:1] == ["tracker"] and not {"-h", "--help"} & set(given):
            from gevent import monkey

            monkey.patch_all()  # before the sockets and locks that the rest imports
        from swarmshare.cli.command import run_command

        status = run_command(argv)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not spoil the exit
        from swarmshare.texts import Text

        _complain(Text("cli.interrupted"))
        return INTERRUPTED
    except OSError as error:  # whatever concerned a file was dealt with inside: this is about our own output
        if error.errno != errno.EPIPE:  # a reader that left (`| head`) is no news
            from swarmshare.texts import Text, advise, os_reason

            _complain(advise(Text("cli.output", reason=os_reason(error)), Text("hint.check-output")))
        # Python would try to flush once more at exit, and complain.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED


def _read_names_as_utf8() -> None:
    """Begin again in Python's UTF-8 mode (PEP 540), unless names of files are UTF-8 already.

    Names are bytes on Linux, and UTF-8 in a manifest. By a locale of Latin-1 or ASCII, Python would take the bytes for
    other letters, here and in all that we start; it decides that once, when it starts.
    """
    # The variable is what stops a second try, and what those that we start inherit.
    if sys.getfilesystemencoding() != "utf-8" and os.environ.get("PYTHONUTF8") != "1" and sys.executable:
        variables = {**os.environ, "PYTHONUTF8": "1"}
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], variables)


def _mend_streams() -> None:
    """Streams that were closed (``>&-``) become the null device, and no letter is one that they cannot show."""
    encoding = _terminal_encoding()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=encoding, errors="backslashreplace")
    if encoding is not None and isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding=encoding, errors="surrogateescape")


def _terminal_encoding() -> str | None:
    """Return the locale's encoding, where UTF-8 mode hides it; None for what the streams have.

    Not ASCII, which UTF-8 mode is meant to replace.
    """
    if not sys.flags.utf8_mode or "PYTHONIOENCODING" in os.environ:
        return None
    import codecs
    import locale

    try:
        encoding = codecs.lookup(locale.getencoding()).name
    except LookupError:
        return None
    return None if encoding in ("ascii", "utf-8") else encoding


def _complain(text: Text) -> None:
    from swarmshare.languages import say, system_language

    with contextlib.suppress(OSError):
        print(f"swarmshare: {say(text, system_language())}", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
