"""How the window's program ends."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
from gui.hand_made import HandMadeThread, snapshot
from gui.keyboard import end

from swarmshare.gui import window as window_module
from swarmshare.gui.window import MainWindow

if TYPE_CHECKING:
    from swarmshare.gui.preferences import Preferences


class Finalized:
    """Sends a signal when it is collected: what a handler raises then is ignored by Python."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.usefixtures("display")
def test_no_signal_is_lost_while_the_window_is_made(preferences: Preferences, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[MainWindow] = []
    lost: list[MainWindow] = []

    class Interrupted(MainWindow):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            made.append(self)
            self.root.after(10_000, self._was_lost)
            Finalized()

        def _was_lost(self) -> None:
            lost.append(self)
            self.root.quit()

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line has it
    monkeypatch.setattr(window_module, "MainWindow", Interrupted)
    monkeypatch.setattr(window_module, "Preferences", lambda: preferences)
    try:
        with pytest.raises(KeyboardInterrupt):
            window_module.run(HandMadeThread(snapshot()))
    finally:
        signal.signal(signal.SIGTERM, before)
        end(made[0].root)
    assert not lost
