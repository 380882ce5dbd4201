"""A shell that only records commands, for dialogs that are tested alone; and a snapshot for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from swarmshare.app.config import Settings
from swarmshare.app.snapshot import ClientSnapshot, PersonSnapshot, TransferSnapshot
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.gui.preferences import Preferences

PERSON = PersonSnapshot("ana", "organiser", "http://127.0.0.1:6969")


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


class NamedPart:
    """A session, a part of one or a method of a part, of which only the name counts."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __getattr__(self, name: str) -> NamedPart:
        if name.startswith("__"):
            raise AttributeError(name)
        return NamedPart(name)


def name_of(command: Callable[..., Any]) -> str:
    """The name of the method that ``command`` picks of a session."""
    method = command(NamedPart("session"))
    return str((method.func if isinstance(method, partial) else method).__name__)


class Command(NamedTuple):
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    failed: Callable[[str], object] | None
    then: Callable[[Any], object] | None

    def answer(self, result: Any = None) -> None:
        if self.then is not None:
            self.then(result)

    def refuse(self, sentence: str) -> None:
        assert self.failed is not None
        self.failed(sentence)


class WrittenShell:
    """Records every command and every sentence."""

    def __init__(self, root: tkinter.Tk, preferences: Preferences, first: ClientSnapshot | None = None) -> None:
        self.root, self.preferences = root, preferences
        self.snapshot = first
        self.commands: list[Command] = []
        self.said: list[tuple[str, str]] = []

    def submit(self, then: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        self.commands.append(Command(name_of(command), args, kwargs, None, then))

    def submit_or(self, failed: Any, then: Any, command: Any, *args: Any, **kwargs: Any) -> None:
        self.commands.append(Command(name_of(command), args, kwargs, failed, then))

    def say(self, text: str, kind: str = "info") -> None:
        self.said.append((text, kind))

    def last(self) -> Command:
        return self.commands[-1]
