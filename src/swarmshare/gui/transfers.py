"""The page with the transfers: a table, and below it all about the one that is selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ttkbootstrap

from swarmshare.gui.actions import TransferActions
from swarmshare.gui.details.notebook import Details
from swarmshare.gui.table.table import Table
from swarmshare.gui.viewmodel.lists import chosen, transfer_columns
from swarmshare.gui.words import _

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.snapshot import ClientSnapshot, TransferSnapshot
    from swarmshare.gui.shell import Shell

_TABLE_SHARE = 0.45
"""Of the height, at first."""


class TransfersPage(ttkbootstrap.Frame):
    """The table of the transfers, and below it the details of one."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(parent)
        self._shell = shell
        self._which, self._search = "all", ""
        self._snapshot: ClientSnapshot | None = None
        self._looked_at: str | None = None
        self._panes = ttkbootstrap.Panedwindow(self, orient="vertical")
        self._panes.pack(fill="both", expand=True)
        self.table: Table[TransferSnapshot] = Table(
            self._panes, "transfers", transfer_columns(), lambda t: t.info_hash, shell.preferences, sort="-added"
        )
        self.details = Details(self._panes, shell)
        self._panes.add(self.table, weight=1)
        self._panes.add(self.details, weight=1)
        self.actions = TransferActions(shell, lambda: self.table.selected)
        self.table.on_select = self._selected
        self.table.on_open = lambda _transfer: self.actions.open_folder()
        self.table.on_delete = self.actions.remove
        self.table.on_menu = self.actions.fill_menu
        self._placed = False
        self._panes.bind("<Configure>", lambda event: self._place(event.height))

    def choose(self, which: str) -> None:
        """Show one of the viewmodel's filters only."""
        self._which = which
        self._fill()

    def search(self, text: str) -> None:
        """Show those with ``text`` in their names only."""
        self._search = text
        self._fill()

    def show(self, snapshot: ClientSnapshot) -> None:
        """Show the transfers of a new snapshot."""
        self._snapshot = snapshot
        self._fill()
        self.details.show(snapshot)

    def _fill(self) -> None:
        if self._snapshot is None:
            return
        transfers = self._snapshot.transfers
        found = chosen(transfers, self._which, self._search)
        before = self.table.items
        self.table.show(
            found, _("Nothing here fits") if transfers else _("Download something from the catalogue, or share a file")
        )
        if found and not before:
            self.table.select(self.table.items[0].info_hash)

    def _selected(self) -> None:
        """All of the one with the focus is shown; the last one stays while none is selected but still there."""
        selection = self.table.selection
        info_hash = str(selection.focus) if selection.focus in selection.keys else None
        if info_hash is None and selection.keys:
            info_hash = self.table.selected[0].info_hash
        if info_hash != self._looked_at:
            self._looked_at = info_hash
            self.details.about(info_hash)
            self._shell.submit(None, lambda session: session.look_at, info_hash)

    def _place(self, height: int) -> None:
        if height > 1 and not self._placed:
            self._placed = True
            share = min(0.9, max(0.1, self._shell.preferences.get("transfers.sash", _TABLE_SHARE)))
            self.after_idle(lambda: self._panes.sashpos(0, round(height * share)))

    def remember(self) -> None:
        """Write to the preferences how the page is divided."""
        if self._placed and (height := self._panes.winfo_height()) > 1:
            self._shell.preferences.set("transfers.sash", self._panes.sashpos(0) / height)
