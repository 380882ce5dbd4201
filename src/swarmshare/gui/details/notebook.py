"""All about the transfer that is selected, in tabs; only the one in sight is kept up to date."""

from __future__ import annotations

from time import monotonic, time
from typing import TYPE_CHECKING

import ttkbootstrap

from swarmshare.gui.details.files import FilesTab
from swarmshare.gui.details.piece_map import PiecesTab
from swarmshare.gui.details.speed import SpeedTab
from swarmshare.gui.details.swarm import SwarmTab
from swarmshare.gui.table.table import Table
from swarmshare.gui.viewmodel.cells import Column, Label
from swarmshare.gui.viewmodel.log_lines import Line, Log
from swarmshare.gui.viewmodel.speeds import Speeds
from swarmshare.gui.words import _, when
from swarmshare.schema.snapshot import TorrentState

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Sequence

    from swarmshare.app.facts import Fact
    from swarmshare.app.snapshot import ClientSnapshot, TransferSnapshot
    from swarmshare.gui.preferences import Preferences
    from swarmshare.gui.shell import Shell


class LogTab(ttkbootstrap.Frame):
    """The facts of one transfer as sentences, the newest first."""

    def __init__(self, parent: tkinter.Misc, preferences: Preferences) -> None:
        super().__init__(parent)
        columns = [
            Column[Line]("what", _("What happened"), 90, lambda line: Label(line.text, line.icon, line.tone)),
            Column[Line]("when", _("When"), 18, lambda line: when(line.at)),
        ]
        self.table: Table[Line] = Table(self, "log", columns, lambda line: line.number, preferences)
        self.table.pack(fill="both", expand=True)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines and no others."""
        self.table.show(lines, _("Nothing has happened yet"))


class Details(ttkbootstrap.Notebook):
    """What it shows is what :meth:`about` named; the speed and the log are of everything, while that is nothing."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(parent)
        self.pieces = PiecesTab(self)
        self.swarm = SwarmTab(self, shell.preferences)
        self.files = FilesTab(self, shell)
        self.speed = SpeedTab(self)
        self.log = LogTab(self, shell.preferences)
        for tab, title in (
            (self.pieces, _("Pieces")),
            (self.swarm, _("Swarm")),
            (self.files, _("Files")),
            (self.speed, _("Speed")),
            (self.log, _("Log")),
        ):
            self.add(tab, text=title)
        self._speeds, self._log = Speeds(), Log()
        self._info_hash: str | None = None
        self._snapshot: ClientSnapshot | None = None
        self._graph_is_old = True
        self.bind("<<NotebookTabChanged>>", lambda _event: self._fill())

    def about(self, info_hash: str | None) -> None:
        """Show this transfer from now on."""
        self._info_hash = info_hash
        self._fill()

    def show(self, snapshot: ClientSnapshot) -> None:
        """Show a new snapshot in the tab that is in sight."""
        self._snapshot = snapshot
        self._graph_is_old = self._speeds.note(monotonic(), snapshot.transfers)
        self._fill(new_transfer=False)

    def note(self, facts: Sequence[Fact]) -> None:
        """Add facts to the log."""
        self._log.note(facts, time())
        if self._tab() is self.log:
            self._fill()

    def _tab(self) -> tkinter.Misc:
        shown: tkinter.Misc = self.nametowidget(self.select())
        return shown

    def _transfer(self) -> TransferSnapshot | None:
        transfers = self._snapshot.transfers if self._snapshot is not None else ()
        return next((transfer for transfer in transfers if transfer.info_hash == self._info_hash), None)

    def _fill(self, *, new_transfer: bool = True) -> None:
        torrent = self._snapshot.looked_at if self._snapshot is not None else None
        if torrent is not None and torrent.manifest.info_hash.full.hex() != self._info_hash:
            torrent = None  # the snapshot is older than the selection
        tab = self._tab()
        if tab is self.pieces:
            self.pieces.show(torrent, self._transfer())
        elif tab is self.swarm:
            transfer = self._transfer()
            self.swarm.show(torrent, paused=transfer is not None and transfer.state is TorrentState.PAUSED)
        elif tab is self.files:
            self.files.show(torrent, self._transfer())
        elif tab is self.speed and (self._graph_is_old or new_transfer):
            self.speed.show(self._speeds.of(self._info_hash), monotonic())
        elif tab is self.log and new_transfer:
            self.log.show(self._log.lines(self._info_hash))
