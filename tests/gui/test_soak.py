"""An hour of simulated use: memory stays flat. By hand: ``-m soak``; ``SOAK_MINUTES`` makes it shorter."""

from __future__ import annotations

import gc
import os
import random
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from gui.keyboard import until
from gui.real_window import opened, transfer
from gui.test_main_flow import content, register
from integration.group import Group

from swarmshare.gui.dialogs.leaving import ask_to_leave
from swarmshare.gui.dialogs.limits import ask_limits
from swarmshare.gui.dialogs.opening import open_torrent_dialog
from swarmshare.gui.dialogs.settings import open_settings
from swarmshare.gui.dialogs.share import open_share_dialog
from swarmshare.gui.theme import DARK, LIGHT, use_theme

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.gui.window import MainWindow

MINUTES = float(os.environ.get("SOAK_MINUTES", "60"))
SETTLING = 0.25
"""Of the time, until caches are full."""
ALLOWED = 12 * 2**20
"""Bytes more than after settling."""


def resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGESIZE")


def uses(window: MainWindow, film: str) -> list[Callable[[], object]]:
    """What somebody may do, each over at once."""

    def glance(dialog: object) -> None:
        window.root.update()
        if dialog is not None:
            dialog.destroy()  # type: ignore[attr-defined]

    return [
        lambda: glance(open_settings(window)),
        lambda: glance(open_share_dialog(window)),
        lambda: glance(open_torrent_dialog(window)),
        lambda: glance(ask_limits(window, [film])),
        lambda: glance(ask_to_leave(window, bool)),
        lambda: window.turn_to(random.choice(("catalogue", "all", "seeding", "downloading"))),
        lambda: window.transfers.details.select(random.randrange(5)),
        lambda: window.toolbar.text.set(random.choice(("", "fi", "x"))),
        lambda: window.submit(None, lambda session: session.transfers.pause, [film]),
        lambda: window.submit(None, lambda session: session.transfers.resume, [film]),
        lambda: window.submit(None, lambda session: session.transfers.recheck, [film]),
        lambda: window.say(str(random.random()), "warning"),
        lambda: use_theme(window.root, window.preferences, random.choice((LIGHT, DARK))),
        lambda: window.root.geometry(f"{random.randint(900, 1200)}x{random.randint(600, 780)}"),
    ]


@pytest.mark.soak
def test_memory_stays_flat(tmp_path: Path, display: str) -> None:
    with ExitStack() as stack:
        group = Group(tmp_path, stack)
        ben, home = group.machine("ben"), tmp_path / "ana"
        seed = ben.start("publish", content(tmp_path, "Film", 3_000_000), "--seed")
        film = seed.wait_for("published")["info_hash"]
        with opened(home) as window:
            register(window, group, home, "ana")
            window.submit(None, lambda session: session.download, film)
            until(window.root, lambda: transfer(window, "Film"), "it is there")
            begin, base = time.monotonic(), 0
            what = uses(window, film)
            while (spent := (time.monotonic() - begin) / (60 * MINUTES)) < 1:
                random.choice(what)()
                end = time.monotonic() + 0.1
                while time.monotonic() < end:
                    window.root.update()
                    time.sleep(0.01)
                if not base and spent > SETTLING:
                    base = resident()
            grown = resident() - base
            print(f"grown by {grown / 2**20:.1f} MiB from {base / 2**20:.1f} MiB")
            assert grown < ALLOWED
