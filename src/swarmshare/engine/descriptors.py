"""The limit of open files and connections that the system sets to this process, and how the engine divides it."""

from __future__ import annotations

import contextlib
import sys
from typing import Final, NamedTuple

NO_LIMIT: Final = 8192
"""What counts as the limit where the system names none, or cannot be asked: Windows opens that many files."""
MAX_RESERVE: Final = 256
"""The most that is left to what is neither: logs, trackers, listeners, and folders while files are looked for there."""
MAX_FILES: Final = 4096
"""The most files that stay open: beyond it, opening one anew costs little beside reading from the disk."""


class Descriptors(NamedTuple):
    """A division of the number of open files that the system allows to this process."""

    limit: int
    """The limit that is divided."""
    files: int
    """Files of torrents that stay open from one use to the next."""
    connections: int
    """Connections to peers, those that have not said yet what they want included."""


def divide_descriptors() -> Descriptors:
    """Raise the limit as far as the system lets us, and divide what it is then into files and connections."""
    limit = _raised_limit()
    reserve = min(limit * 3 // 8, MAX_RESERVE)
    files = min((limit - reserve) * 2 // 5, MAX_FILES)
    return Descriptors(limit, files, limit - reserve - files)


def _raised_limit() -> int:
    if sys.platform == "win32":
        return NO_LIMIT
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, NO_LIMIT):  # some systems name no hard limit, and refuse what is beyond one that they have
        if soft != resource.RLIM_INFINITY and (wanted == resource.RLIM_INFINITY or soft < wanted):
            with contextlib.suppress(OSError, ValueError):
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
                soft = wanted
    return NO_LIMIT if soft == resource.RLIM_INFINITY else soft
