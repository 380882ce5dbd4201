"""Snapshots made by hand, and a thread that has nothing behind it but them."""

from __future__ import annotations

from concurrent.futures import Future
from threading import Event
from typing import TYPE_CHECKING, Any

from gui import shells

from swarmshare.schema.snapshot import TorrentState
from swarmshare.tracker_client.api import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot, TransferSnapshot

MIB = 2**20


def info_hash(number: int) -> str:
    return f"{number:064x}"


def transfer(number: int = 1, **changes: Any) -> TransferSnapshot:
    """A download in full swing."""
    fields: dict[str, Any] = {
        "info_hash": info_hash(number), "state": TorrentState.DOWNLOADING, "bytes_total": 100 * MIB,
        "bytes_done": 40 * MIB, "rate_down": 2.0 * MIB, "downloaded": 41 * MIB, "uploaded": 10 * MIB, "eta": 30.0,
        "copies": 1, "shared": False, "added_at": 1_700_000_000 + number, "name": f"file {number}",
    }  # fmt: skip
    return shells.transfer(**{**fields, **changes})


def entry(number: int = 1, **changes: Any) -> Entry:
    usual = Entry(
        info_hash=info_hash(number),
        name=f"file {number}",
        comment="",
        publisher="ana",
        published_at=1_700_000_000 + number,
        total_length=100 * MIB,
        piece_count=100,
        private=False,
        hybrid=False,
        seeds=1,
        peers=3,
        copies=2,
    )
    return usual._replace(**changes)


def snapshot(*transfers: TransferSnapshot, **changes: Any) -> ClientSnapshot:
    return shells.snapshot(**{"transfers": transfers, "person": shells.PERSON, **changes})


class HandMadeThread:
    """What a window needs of a session's thread: it shows what it is given, and records the commands."""

    def __init__(self, snapshot: ClientSnapshot | None = None) -> None:
        self.snapshot = snapshot
        self.failure: BaseException | None = None
        self.closed = Event()
        self.commands: list[tuple[str, tuple[Any, ...], dict[str, Any], Future[Any]]] = []
        self.happened: list[Fact] = []

    def submit(self, command: Callable[..., Any], *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.commands.append((shells.name_of(command), args, kwargs, future))
        return future

    def facts(self) -> list[Fact]:
        happened, self.happened = self.happened, []
        return happened

    def close(self) -> None:
        self.closed.set()
