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

FAILED, INTERRUPTED = 1, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status: 0 done, 1 failed, 130 interrupted (2, wrong usage, is a SystemExit)."""
    try:
        signal.signal(signal.SIGTERM, _interrupt)
        _mend_streams()
        if (sys.argv[1:] if argv is None else list(argv))[:1] == ["tracker"]:
            from gevent import monkey

            monkey.patch_all()  # before the sockets and locks that the rest imports
        from swarmshare.cli.command import run_command

        status = run_command(argv)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C must not spoil the exit
        _complain("interrupted")
        return INTERRUPTED
    except OSError as error:  # whatever concerned a file was dealt with inside: this is about our own output
        if error.errno != errno.EPIPE:  # a reader that left (`| head`) is no news
            _complain(f"the output cannot be written: {error.strerror}. Check where it is sent")
        # Python would try to flush once more at exit, and complain.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return FAILED


def _mend_streams() -> None:
    """Streams that were closed (``>&-``) become the null device, and no letter is one that they cannot show."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # for as long as we run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _complain(text: str) -> None:
    with contextlib.suppress(OSError):
        print(f"swarmshare: {text}", file=sys.stderr)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt
