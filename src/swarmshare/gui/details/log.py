"""The tab with the log."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ttkbootstrap

from swarmshare.gui.table.table import Table
from swarmshare.gui.viewmodel.cells import Column, Label
from swarmshare.gui.viewmodel.log_lines import Line
from swarmshare.gui.words import _, when

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Sequence

    from swarmshare.gui.preferences import Preferences


class LogTab(ttkbootstrap.Frame):
    """Facts in words, the newest first."""

    def __init__(self, parent: tkinter.Misc, preferences: Preferences) -> None:
        super().__init__(parent)
        columns = [
            Column[Line]("what", _("What happened"), 90, lambda line: Label(line.text, line.icon, line.tone)),
            Column[Line]("when", _("When"), 18, lambda line: when(line.at)),
        ]
        self.table: Table[Line] = Table(self, "log", columns, lambda line: line.number, preferences)
        self.table.pack(fill="both", expand=True)

    def show(self, lines: Sequence[Line]) -> None:
        """These."""
        self.table.show(lines, _("Nothing has happened yet"))
