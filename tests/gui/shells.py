"""A shell that only writes down what is wished, for dialogs that are looked at alone; and a picture for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from swarmshare.app.config import Settings
from swarmshare.app.snapshot import ClientSnapshot, Person, TransferSnapshot
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.gui.preferences import Preferences

PERSON = Person("ana", "organiser", "http://127.0.0.1:6969")


def transfer(name: str = "Holiday.zip", **changes: Any) -> TransferSnapshot:
    fields: dict[str, Any] = {
        "info_hash": name.encode().hex().ljust(64, "0"), "name": name, "folder": Path("/downloads"),
        "state": TorrentState.SEEDING, "no_peers": "", "problem": "", "bytes_total": 1 << 20, "bytes_done": 1 << 20,
        "checked": 1.0,
        "rate_down": 0.0, "rate_up": 0.0, "downloaded": 0, "uploaded": 0, "peers": 2, "seeds": 1, "copies": 2,
        "only_here": 0, "announced_only": 0, "eta": None, "added_at": 1_700_000_000, "shared": True,
        "sequential": False, "limit_up": None, "limit_down": None, "unserved": False,
    }  # fmt: skip
    return TransferSnapshot(**{**fields, **changes})


def snapshot(**changes: Any) -> ClientSnapshot:
    fields: dict[str, Any] = {
        "addresses": ("127.0.0.1:6881",), "listen_problem": "", "transfers": (), "looked_at": None, "person": None,
        "tracker_problem": "", "catalogue": (), "jobs": (), "local_tracker": None,
        "settings": Settings(folder=Path("/downloads")),
    }  # fmt: skip
    return ClientSnapshot(**{**fields, **changes})


class Command(NamedTuple):
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    failed: Callable[[str], object] | None
    then: Callable[[Any], object] | None

    def grant(self, result: Any = None) -> None:
        if self.then is not None:
            self.then(result)

    def refuse(self, sentence: str) -> None:
        assert self.failed is not None
        self.failed(sentence)


class WrittenShell:
    """Keeps every wish and every sentence."""

    def __init__(self, root: tkinter.Tk, preferences: Preferences, first: ClientSnapshot | None = None) -> None:
        self.root, self.preferences = root, preferences
        self.snapshot = first
        self.commands: list[Command] = []
        self.said: list[tuple[str, str]] = []

    def submit(self, then: Any, method: Any, *args: Any, **kwargs: Any) -> None:
        self.commands.append(Command(method.__name__, args, kwargs, None, then))

    def submit_or(self, failed: Any, then: Any, method: Any, *args: Any, **kwargs: Any) -> None:
        self.commands.append(Command(method.__name__, args, kwargs, failed, then))

    def say(self, text: str, kind: str = "info") -> None:
        self.said.append((text, kind))

    def last(self) -> Command:
        return self.commands[-1]
