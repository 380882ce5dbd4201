"""The page with the catalogue: what the group shares, live."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ttkbootstrap

from swarmshare.gui.actions import EntryActions
from swarmshare.gui.sentences import spoken
from swarmshare.gui.table.table import Table
from swarmshare.gui.theme import pixels
from swarmshare.gui.viewmodel.lists import entry_columns, found
from swarmshare.gui.words import _, ngettext, number, size

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.snapshot import ClientSnapshot, TransferSnapshot
    from swarmshare.gui.shell import Shell
    from swarmshare.tracker_client.api import Entry


class CataloguePage(ttkbootstrap.Frame):
    """The table of the catalogue's entries; Return or a double click downloads them."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(parent)
        self._search = ""
        self._snapshot: ClientSnapshot | None = None
        self._here: dict[str, TransferSnapshot] = {}
        gap = pixels(self, 8)
        top = ttkbootstrap.Frame(self, padding=(2 * gap, gap))
        top.pack(fill="x")
        self._download = ttkbootstrap.Button(
            top, text=_("Download"), icon="download", bootstyle="primary", state="disabled"
        )
        self._download.pack(side="right")
        self._summary = ttkbootstrap.Label(top)
        self._summary.pack(side="left")
        self._problem = ttkbootstrap.Label(self, bootstyle="danger", justify="left", padding=(2 * gap, 0, 2 * gap, gap))
        self.table: Table[Entry] = Table(
            self,
            "catalogue",
            entry_columns(self._here),
            lambda entry: entry.info_hash,
            shell.preferences,
            sort="-published",
        )
        self.table.pack(fill="both", expand=True)
        self.actions = EntryActions(shell, lambda: self.table.selected)
        self.table.on_open = lambda _entry: self.actions.download()
        self.table.on_menu = self.actions.fill_menu
        self.table.on_select = self._selected
        self._download.configure(command=self.actions.download)
        self.bind("<Configure>", lambda event: self._problem.configure(wraplength=event.width - 4 * gap))

    def search(self, text: str) -> None:
        """Show entries with ``text`` in their name, comment or publisher only."""
        self._search = text
        self._fill()

    def show(self, snapshot: ClientSnapshot) -> None:
        """Show the entries of a new snapshot."""
        before, self._snapshot = self._snapshot, snapshot
        if before is None or before.transfers != snapshot.transfers:
            self._here.clear()
            self._here.update((transfer.info_hash, transfer) for transfer in snapshot.transfers)
            self.table.refresh()
            self._selected()
        if (
            before is None
            or before.catalogue is not snapshot.catalogue
            or before.tracker_problem != snapshot.tracker_problem
        ):
            self._fill()

    def _fill(self) -> None:
        snapshot = self._snapshot
        if snapshot is None:
            return
        entries = found(snapshot.catalogue, self._search)
        nothing = _("Nothing has this in its name") if snapshot.catalogue else _("Nobody has shared anything yet")
        self.table.show(entries, nothing)
        count, total = len(entries), sum(entry.total_length for entry in entries)
        text = ngettext("{n} entry, {size}", "{n} entries, {size}", count)
        self._summary.configure(text=text.format(n=number(count), size=size(total)))
        problem = spoken(snapshot.tracker_problem)
        self._problem.configure(text=problem)
        if problem and not self._problem.winfo_manager():
            self._problem.pack(fill="x", before=self.table)
        elif not problem:
            self._problem.pack_forget()

    def _selected(self) -> None:
        new = any(entry.info_hash not in self._here for entry in self.table.selected)
        self._download.configure(state="normal" if new else "disabled")
