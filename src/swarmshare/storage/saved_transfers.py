"""The transfers that a home folder remembers, in two files each, so that the next start goes on with them.

``HASH.torrent`` is the manifest, ``HASH.json`` all that is to be remembered beside it. The manifest is written first
and removed last, and each of them whole or not at all: a ``.json`` always has its manifest.
"""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.common.pieces import Priority
from swarmshare.errors import ManifestError, StorageError
from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.files import make_folder, read_small, remove_leftovers, write_atomic
from swarmshare.storage.lock import locked
from swarmshare.texts import Text, os_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from swarmshare.manifest.manifest import Manifest

MAX_STATE: Final = 16 * 2**20
"""Bytes of a ``.json`` that is read: enough for a million files that are not wanted."""
MAX_COUNT: Final = 2**53
"""Greatest number of bytes or seconds that is believed: what JSON's numbers carry without loss."""
MAX_PEERS: Final = 1000
"""Peers that are remembered of one transfer: a longer list was not written by us."""
MAX_HOST: Final = 255
"""Characters of a peer's host: no name in the DNS is longer."""
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_HINT: Final = Text("hint.begin-again")


@dataclass(frozen=True, kw_only=True)
class SavedTransfer:
    """One transfer as it is remembered from one start to the next."""

    manifest: Manifest
    folder: Path
    """It contains the manifest's name, which need not be the one that is encoded: see :meth:`Manifest.renamed`."""
    added_at: int
    """Seconds since 1970."""
    shared: bool = False
    """Whether it was shared from this machine; else it was downloaded."""
    paused: bool = False
    sequential: bool = False
    priorities: Mapping[int, Priority] = field(default_factory=dict)
    """How much files are wanted, by their number; those that are not listed are wanted normally."""
    peers: tuple[tuple[str, int], ...] = ()
    """Hosts and ports of peers that were named when it was started; trackers may know none of them."""
    limit_up: float | None = None
    """Bytes a second."""
    limit_down: float | None = None
    downloaded: int = 0
    """Bytes since it was added."""
    uploaded: int = 0

    @property
    def info_hash(self) -> str:
        """The info hash as 64 hexadecimal digits."""
        return str(self.manifest.info_hash)


@contextlib.contextmanager
def open_saved_transfers(folder: Path) -> Iterator[SavedTransfers]:
    """Open the saved transfers in ``folder``, made if it is not there, for this process alone.

    Raises :class:`StorageError`, also when another process has them open.
    """
    try:
        make_folder(folder, mode=0o700)
    except OSError as error:
        hint = Text("hint.home-writable")
        raise StorageError(folder, os_reason(error), hint=hint) from error
    message = Text("saved.other-window")
    hint = Text("hint.use-that-window")
    with locked(folder / "lock", folder.parent, message, hint):
        yield SavedTransfers(folder)


class SavedTransfers:
    """The transfers of one folder. Every method raises :class:`StorageError` for what the disk refuses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def load(self) -> tuple[list[SavedTransfer], list[StorageError]]:
        """All transfers, the oldest first, and what is wrong with those that cannot be used; these stay as they are."""
        found: list[SavedTransfer] = []
        broken: list[StorageError] = []
        try:
            remove_leftovers(self._folder, older_than=0)  # the lock is ours: nobody is writing
            paths = sorted(path for path in self._folder.glob("*.json") if _NAME.fullmatch(path.stem))
        except OSError as error:
            raise StorageError(self._folder, os_reason(error)) from error
        for path in paths:
            try:
                found.append(_read(path))
            except StorageError as error:
                broken.append(error)
        return sorted(found, key=lambda saved: saved.added_at), broken

    def add(self, saved: SavedTransfer) -> None:
        """Remember a new transfer: its manifest first, so that a crash leaves no state without one."""
        # There may be a passkey in it.
        write_atomic(self._path(saved.info_hash, ".torrent"), saved.manifest.encode(), mode=0o600)
        self.save(saved)

    def save(self, saved: SavedTransfer) -> None:
        """Remember how a transfer that was added is now."""
        write_atomic(self._path(saved.info_hash, ".json"), json.dumps(_dump(saved)).encode(), mode=0o600)

    def forget(self, info_hash: str) -> None:
        """Forget a transfer: its manifest goes last, so that a crash leaves no state without one."""
        for ending in (".json", ".torrent"):
            path = self._path(info_hash, ending)
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise StorageError(path, os_reason(error)) from error

    def _path(self, info_hash: str, ending: str) -> Path:
        return self._folder / f"{info_hash}{ending}"


def _dump(saved: SavedTransfer) -> dict[str, object]:
    wanted: dict[Priority, list[int]] = {Priority.SKIP: [], Priority.HIGH: []}
    for number, priority in sorted(saved.priorities.items()):
        if priority in wanted:
            wanted[priority].append(number)
    return {
        "name": saved.manifest.name,
        "folder": str(saved.folder),
        "added_at": saved.added_at,
        "shared": saved.shared,
        "paused": saved.paused,
        "sequential": saved.sequential,
        "skip": wanted[Priority.SKIP],
        "high": wanted[Priority.HIGH],
        "peers": [list(peer) for peer in saved.peers],
        "limit_up": saved.limit_up,
        "limit_down": saved.limit_down,
        "downloaded": saved.downloaded,
        "uploaded": saved.uploaded,
    }


def _read(path: Path) -> SavedTransfer:
    manifest_path = path.with_suffix(".torrent")
    try:
        manifest = parse_manifest(read_small(manifest_path, MAX_BYTES))
    except ManifestError as error:
        raise StorageError(manifest_path, error.message, hint=_HINT) from error
    if str(manifest.info_hash) != path.stem:
        raise StorageError(manifest_path, Text("storage.other-manifest"), hint=_HINT)
    try:
        return _parse(json.loads(read_small(path, MAX_STATE)), manifest)
    except (ValueError, RecursionError) as error:
        raise StorageError(path, Text("saved.not-a-transfer"), hint=_HINT) from error


def _parse(fields: object, manifest: Manifest) -> SavedTransfer:
    """Check every field of a ``.json``: raises :class:`ValueError` for what cannot have been written by us."""
    if not isinstance(fields, dict):
        raise ValueError("no object")
    name, folder = fields.get("name"), fields.get("folder")
    if not isinstance(name, str):
        raise ValueError("name")
    try:
        manifest = manifest if name == manifest.name else manifest.renamed(name)
    except ManifestError as error:
        raise ValueError("name") from error
    if not isinstance(folder, str) or "\0" in folder or not Path(folder).is_absolute():
        raise ValueError("folder")
    priorities = dict.fromkeys(_files(fields.get("skip"), manifest), Priority.SKIP)
    priorities |= dict.fromkeys(_files(fields.get("high"), manifest), Priority.HIGH)
    return SavedTransfer(
        manifest=manifest,
        folder=Path(folder),
        added_at=_count(fields.get("added_at")),
        shared=_flag(fields.get("shared")),
        paused=_flag(fields.get("paused")),
        sequential=_flag(fields.get("sequential")),
        priorities=priorities,
        peers=_peers(fields.get("peers")),
        limit_up=_rate(fields.get("limit_up")),
        limit_down=_rate(fields.get("limit_down")),
        downloaded=_count(fields.get("downloaded")),
        uploaded=_count(fields.get("uploaded")),
    )


def _files(value: object, manifest: Manifest) -> list[int]:
    count = len(manifest.files)
    if not isinstance(value, list) or not all(type(number) is int and 0 <= number < count for number in value):
        raise ValueError("files")
    return value


def _peers(value: object) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, list) or len(value) > MAX_PEERS:
        raise ValueError("peers")
    peers = []
    for item in value:
        match item:
            case [str(host), port] if 0 < len(host) <= MAX_HOST and type(port) is int and 0 <= port <= 65535:
                peers.append((host, port))
            case _:
                raise ValueError("peers")
    return tuple(peers)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("flag")
    return value


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value <= MAX_COUNT:
        raise ValueError("count")
    return value


def _rate(value: object) -> float | None:
    if value is None:
        return None
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= MAX_COUNT:
        raise ValueError("rate")
    return float(value)
