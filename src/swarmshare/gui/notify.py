"""Notifications while the window is not looked at: the desktop's own, else one of ours in the corner."""

from __future__ import annotations

import shutil
import subprocess
from html import escape
from typing import TYPE_CHECKING, Final

import ttkbootstrap as ttk

from swarmshare.app.facts import Published
from swarmshare.common.text import clean
from swarmshare.gui.words import _, ngettext, number
from swarmshare.schema.alerts import TorrentComplete

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Sequence

    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.preferences import Preferences

PROGRAM: Final = "notify-send"
SECONDS: Final = 6
NAMED: Final = 3
"""Notifications of one kind at once; more are only counted."""


class Notifier:
    """Shows notifications of facts that are worth one; the preference ``notifications`` switches it off."""

    def __init__(self, root: tkinter.Tk, preferences: Preferences) -> None:
        self._root = root
        self._preferences = preferences
        self._running: list[subprocess.Popen[bytes]] = []
        self._toasts: list[ttk.ToastNotification] = []

    def hear(self, facts: Sequence[Fact], snapshot: ClientSnapshot | None) -> None:
        """Show notifications of new entries and completed downloads, unless the window has the focus."""
        self._running = [process for process in self._running if process.poll() is None]
        if not self._preferences.get("notifications", True):
            return
        names = {transfer.info_hash: transfer for transfer in snapshot.transfers} if snapshot else {}
        done = [
            names[fact.info_hash.hex()]
            for fact in facts
            if isinstance(fact, TorrentComplete) and fact.fetched and fact.info_hash.hex() in names
        ]
        arrived = [transfer.name for transfer in done if not transfer.shared]
        new = [_("{name}, by {user}").format(name=f.name, user=f.publisher) for f in facts if isinstance(f, Published)]
        if arrived:
            self._tell(ngettext("Download complete", "Downloads complete", len(arrived)), arrived)
        if new:
            self._tell(_("New in the catalogue"), new)

    def _tell(self, title: str, lines: Sequence[str]) -> None:
        text = "\n".join(map(clean, lines[:NAMED]))
        if more := max(len(lines) - NAMED, 0):
            text += "\n" + ngettext("... and {count} more", "... and {count} more", more).format(count=number(more))
        if program := shutil.which(PROGRAM):
            # The body, unlike the title, is read as HTML: a name may be "R&B", or somebody's link.
            body = escape(text, quote=False)
            command = [program, "--app-name=SwarmShare", f"--expire-time={SECONDS * 1000}", "--", title, body]
            self._running.append(
                subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
            )
            return
        self._toasts = self._toasts[-NAMED:]
        self._toasts.append(
            ttk.ToastNotification(title=title, message=text, duration=SECONDS * 1000, position=(16, 48, "se"))
        )
        self._toasts[-1].show_toast()
