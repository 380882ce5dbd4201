"""Widgets belong to one thread. Here every call into Tk is checked, while a real session runs beside a whole window."""

from __future__ import annotations

import _tkinter
import threading
import time
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from gui.keyboard import settle, until

from swarmshare.app.thread import SessionThread
from swarmshare.gui.window import MainWindow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.gui.preferences import Preferences


class CheckedTk:
    """The interpreter, for the thread that made it alone."""

    def __init__(self, tk: Any) -> None:
        self._tk, self._owner = tk, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        if threading.get_ident() != self._owner:
            raise AssertionError(f"{name} is called from {threading.current_thread().name}")
        return getattr(self._tk, name)


@pytest.fixture
def checked(display: str, monkeypatch: pytest.MonkeyPatch) -> None:
    create = _tkinter.create
    monkeypatch.setattr(_tkinter, "create", lambda *args: CheckedTk(create(*args)))


@pytest.fixture
def window(
    checked: None, preferences: Preferences, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[MainWindow]:
    monkeypatch.setenv("SWARMSHARE_HOME", str(tmp_path / "home"))
    preferences.set("theme", "light")  # the desktop's is asked of another process
    thread = SessionThread()
    window = MainWindow(thread, preferences)
    window.poller.start()
    try:
        yield window
    finally:
        thread.close()
        assert thread.closed.wait(10)
        assert thread.failure is None
        window.poller.stop()
        for pending in window.root.tk.splitlist(window.root.tk.call("after", "info")):
            window.root.tk.call("after", "cancel", pending)  # after_cancel wants the widget that began it
        window.root.destroy()


def test_a_call_from_another_thread_fails_loudly(window: MainWindow) -> None:
    caught: list[BaseException] = []

    def offend() -> None:
        try:
            window.root.title("mine")
        except AssertionError as error:
            caught.append(error)

    thread = Thread(target=offend, name="offender")
    thread.start()
    thread.join()
    assert [str(error) for error in caught] == ["call is called from offender"]


def test_a_running_session_touches_no_widget(window: MainWindow, tmp_path: Any) -> None:
    failures: list[BaseException] = []
    hook, threading.excepthook = threading.excepthook, lambda args: failures.append(args.exc_value or KeyError())
    try:
        until(window.root, lambda: window.snapshot is not None, "a snapshot")
        answered: list[object] = []
        window.submit(answered.append, lambda session: session.group.known_trackers)
        window.submit_or(answered.append, None, lambda session: session.open_magnet, "magnet:?nothing")
        window.submit(None, lambda session: session.look_at, "ff" * 32)
        until(window.root, lambda: len(answered) == 2, "the answers")
        assert isinstance(answered[-1], str)
        first, deadline = window.snapshot, time.monotonic() + 30
        while window.snapshot is first and time.monotonic() < deadline:
            settle(window.root)
    finally:
        threading.excepthook = hook
    assert window.snapshot is not first
    assert failures == []
