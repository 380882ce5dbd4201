"""The whole window over snapshots that are made by hand."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gui.hand_made import HandMadeThread, snapshot
from gui.keyboard import end, settle

from swarmshare.gui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.preferences import Preferences


class Looking:
    """A window, and the thread beside it."""

    def __init__(self, window: MainWindow, thread: HandMadeThread) -> None:
        self.window, self.thread = window, thread
        self.surprises: list[BaseException] = []
        self._usual = window.root.report_callback_exception

    def surprise(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Remember what a callback raised, so that no test overlooks it, and go on as the window does."""
        self.surprises.append(error)
        self._usual(kind, error, trace)

    def see(self, news: ClientSnapshot | None = None) -> None:
        """Have the window look, at a new snapshot if there is one."""
        if news is not None:
            self.thread.snapshot = news
        self.window.poller.look()
        settle(self.window.root)

    def commands(self, name: str) -> list[tuple[Any, ...]]:
        """The arguments of those of one kind."""
        return [args for method, args, _kwargs, _future in self.thread.commands if method == name]


@contextmanager
def window_over(preferences: Preferences, first: ClientSnapshot | None = None, page: str = "all") -> Iterator[Looking]:
    preferences.set("theme", "light")
    preferences.set("window.page", page)
    thread = HandMadeThread(first if first is not None else snapshot())
    window = MainWindow(thread, preferences)
    looking = Looking(window, thread)
    window.root.report_callback_exception = looking.surprise
    try:
        settle(window.root)
        looking.see()
        yield looking
        assert not looking.surprises, looking.surprises
    finally:
        window.poller.stop()
        end(window.root)
