"""What a window remembers of trackers: where one is signed in, where one was, and whether one ran here."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from swarmshare.errors import StorageError
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 64 * 1024
"""Of the file that is read."""
MAX_TRACKERS: Final = 20
"""Trackers that are remembered: the last ones."""
MAX_ADDRESS: Final = 500
"""Characters of one address: a window has to show it."""


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a window remembers of trackers. Of no importance: what is damaged on the disk counts as nothing."""

    tracker: str | None = None
    """Whose catalogue was followed last."""
    trackers: tuple[str, ...] = ()
    """Where one was signed in, the last one first."""
    own_tracker: bool = False
    """Whether a tracker ran on this machine."""


def load_memory(path: Path) -> Memory:
    """Read what was remembered at ``path``; the defaults when there is nothing, or nothing valid."""
    try:
        fields = json.loads(read_small(path, MAX_BYTES))
        tracker, trackers, own = fields["tracker"], fields["trackers"], fields["own_tracker"]
        addresses = [*trackers, tracker or ""]
        if isinstance(own, bool) and all(isinstance(text, str) and len(text) <= MAX_ADDRESS for text in addresses):
            return Memory(tracker=tracker, trackers=tuple(trackers[:MAX_TRACKERS]), own_tracker=own)
    except (StorageError, ValueError, TypeError, KeyError, RecursionError):
        pass
    return Memory()


def save_memory(path: Path, memory: Memory) -> None:
    """Write ``memory`` to ``path``. A disk that refuses is ignored: nothing of importance is lost."""
    with suppress(StorageError):
        write_atomic(path, json.dumps(asdict(memory)).encode(), mode=0o600)
