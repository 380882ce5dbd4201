"""The log: what happens to torrents, sessions and trackers, one line each, for whoever looks for a fault."""

from __future__ import annotations

import logging
from logging.handlers import RotatingFileHandler
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 5 * 2**20
"""Bytes of the log file; beyond it the file is renamed, and a new one started."""
KEPT: Final = 3
"""Renamed log files that are kept beside the current one."""


class OneLine(logging.Formatter):
    """Time, level, module, message, each on one line whatever strangers put into their names."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # the library's name
        """Return the line, with escapes in place of what would break it or steer a terminal."""
        line = super().formatMessage(record)
        return line if line.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)


def start_logging(level: str | None, file: Path | None) -> None:
    """Log from now on, until the process ends.

    Args:
        level: A level of the standard library, in small letters; None: ``info``.
        file: Where to; it is rotated at :data:`MAX_BYTES`. None: to standard error.

    Raises:
        OSError: The file cannot be written.
    """
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        handler = RotatingFileHandler(file, maxBytes=MAX_BYTES, backupCount=KEPT, encoding="utf-8", errors="replace")
    handler.setFormatter(OneLine())
    logger = logging.getLogger("swarmshare")
    logger.addHandler(handler)
    logger.setLevel((level or "info").upper())
    logger.propagate = False
