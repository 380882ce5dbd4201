"""What runs on this machine: each running command writes it to a small file, which ``swarmshare status`` reads.

``run/`` in the home has two files for each process: what it tells, replaced as a whole, and a lock that the process
holds. The system lets go of the lock however the process ends, so a file without a held lock is of a dead one. A file
needs no port and no length-limited path as a socket does, and cannot make the process wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from swarmshare.errors import StorageError
from swarmshare.schema.text_wire import dump_text
from swarmshare.storage.files import read_small
from swarmshare.storage.home import swarmshare_home
from swarmshare.storage.lock import locked
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.schema.snapshot import TorrentSnapshot

EVERY: Final = 2.0
"""Seconds between two tellings."""
MAX_TORRENTS: Final = 500
"""Torrents that a process tells of; of more, only the number."""
MAX_BYTES: Final = 2**20
"""Of one file."""
MAX_PROCESSES: Final = 1_000
"""Files that are looked at."""


class Status:
    """What one process tells. It never fails: sharing goes on when the home cannot be written to."""

    def __init__(self, path: Path | None, verb: str) -> None:
        """``path`` is None where there is no place to tell it."""
        self._path = path
        self._always = {"pid": os.getpid(), "verb": verb, "started_at": int(time.time())}

    def tell(self, **fields: object) -> None:
        """Say how it stands now: values that JSON has."""
        if self._path is None:
            return
        temporary = self._path.with_suffix(".tmp")
        with contextlib.suppress(OSError):  # not flushed to the disk: after a power cut, nothing runs
            temporary.write_text(json.dumps({**self._always, **fields}), encoding="ascii")
            os.replace(temporary, self._path)


@contextlib.contextmanager
def telling_status(verb: str) -> Iterator[Status]:
    """Give a way to tell how this process stands, until the context ends."""
    folder = swarmshare_home() / "run"
    lock = folder / f"{os.getpid()}-{secrets.token_hex(4)}.lock"
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            stack.enter_context(locked(lock, folder, Text("saved.lock-taken"), None))
        except (OSError, StorageError):
            yield Status(None, verb)
            return
        try:
            yield Status(lock.with_suffix(".json"), verb)
        finally:
            _remove(lock)


def running() -> list[dict[str, Any]]:
    """Return what the processes of this home tell, the oldest first; what dead ones left behind is removed."""
    found = []
    for path in sorted((swarmshare_home() / "run").glob("*.json"))[:MAX_PROCESSES]:
        lock = path.with_suffix(".lock")
        if not _is_held(lock):
            _remove(lock)
            continue
        with contextlib.suppress(StorageError, ValueError):  # it has just ended
            told = json.loads(read_small(path, MAX_BYTES))
            if isinstance(told, dict) and isinstance(told.get("started_at"), int):
                found.append(told)
    return sorted(found, key=lambda told: told["started_at"])


def torrent_fields(torrents: Iterable[TorrentSnapshot]) -> list[dict[str, object]]:
    """Return what is told of an engine's torrents."""
    return [
        {
            "info_hash": str(torrent.manifest.info_hash),
            "name": torrent.manifest.name,
            "state": torrent.state.value,
            "error": torrent.error,
            "texts": _dumped(torrent.error, torrent.tracker_problem),
            "bytes_done": torrent.bytes_done,
            "bytes_total": torrent.bytes_total,
            "rate_down": round(torrent.rate_down),
            "rate_up": round(torrent.rate_up),
            "peers": len(torrent.peers),
            "tracker_problem": torrent.tracker_problem,
        }
        for torrent in islice(torrents, MAX_TORRENTS)
    ]


def transfer_fields(transfers: Iterable[TransferSnapshot]) -> list[dict[str, object]]:
    """Return what is told of a window's transfers."""
    return [
        {
            "info_hash": transfer.info_hash,
            "name": transfer.name,
            "state": transfer.state.value,
            "error": transfer.problem,
            "texts": _dumped(transfer.problem),
            "bytes_done": transfer.bytes_done,
            "bytes_total": transfer.bytes_total,
            "rate_down": round(transfer.rate_down),
            "rate_up": round(transfer.rate_up),
            "peers": transfer.peers,
            "tracker_problem": "",
        }
        for transfer in islice(transfers, MAX_TORRENTS)
    ]


def _dumped(*problems: str) -> list[object]:
    """Those of ``problems`` that there are, with their codes: whoever asks for them may speak another language."""
    return [{"english": text, **(dump_text(text) if isinstance(text, Text) else {})} for text in problems if text]


def _is_held(lock: Path) -> bool:
    try:
        with locked(lock, lock, Text("saved.lock-taken"), None):
            return False
    except StorageError:
        return True


def _remove(lock: Path) -> None:
    """Remove what a process has told, then its lock: what is there without the lock would be taken for a dead one's."""
    for suffix in (".json", ".tmp", ".lock"):
        with contextlib.suppress(OSError):
            lock.with_suffix(suffix).unlink(missing_ok=True)
