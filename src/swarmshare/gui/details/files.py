"""The tab with the files: a tree in which one ticks what one wants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ttkbootstrap

from swarmshare.common.pieces import Priority
from swarmshare.gui.actions import open_path
from swarmshare.gui.table.table import Table
from swarmshare.gui.viewmodel.file_rows import FileRow, FileTree, file_columns, priority_name
from swarmshare.gui.words import _
from swarmshare.storage.disk_names import local_names

if TYPE_CHECKING:
    import tkinter

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.shell import Shell
    from swarmshare.schema.snapshot import TorrentSnapshot

_ORDER: Final = (Priority.HIGH, Priority.NORMAL, Priority.SKIP)


class FilesTab(ttkbootstrap.Frame):
    """Space ticks, the left and right arrows fold, Return opens."""

    def __init__(self, parent: tkinter.Misc, shell: Shell) -> None:
        super().__init__(parent)
        self._shell = shell
        self._tree: FileTree | None = None
        self._transfer: TransferSnapshot | None = None
        self._seen: tuple[object, ...] = ()
        self.table: Table[FileRow] = Table(
            self, "files", file_columns(self._the_tree), lambda row: row, shell.preferences
        )
        self.table.pack(fill="both", expand=True)
        self.table.on_branch = self._branch
        self.table.on_open = self._open
        self.table.on_menu = self._menu

    def _the_tree(self) -> FileTree:
        assert self._tree is not None  # there are no rows without one
        return self._tree

    def show(self, torrent: TorrentSnapshot | None, transfer: TransferSnapshot | None) -> None:
        """Show the files of one transfer."""
        self._transfer = transfer
        if torrent is None:
            self._tree = None
            self.table.show(())
            return
        if self._tree is None or self._tree.manifest is not torrent.manifest:
            self._tree, self._seen = FileTree(torrent), ()
            self.table.show(self._tree.rows())
        news = torrent.files_done, torrent.skipped, torrent.preferred
        if news != self._seen:
            self._seen = news
            self._tree.update(torrent)
            self.table.refresh()

    def _branch(self, row: FileRow, part: str) -> None:
        tree = self._the_tree()
        if part == "tick":
            self._want([row], Priority.SKIP if tree.ticked(row) else Priority.NORMAL)
            return
        tree.fold(row)
        self.table.show(tree.rows())
        self.table.refresh()

    def _want(self, rows: list[FileRow], priority: Priority) -> None:
        if self._transfer is not None:
            files = {file: priority for row in rows for file in range(row.first, row.end)}
            self._shell.submit(None, lambda session: session.transfers.want, self._transfer.info_hash, files)

    def _open(self, row: FileRow) -> None:
        if row.folder:
            self._branch(row, "fold")
        elif self._transfer is not None and self._tree is not None:
            folder, manifest = self._transfer.folder, self._tree.manifest
            open_path(self._shell, folder.joinpath(*local_names(manifest, folder)[row.first]))

    def _menu(self, menu: tkinter.Menu) -> None:
        rows, tree = self.table.selected, self._the_tree()
        levels = {tree.priority(row) for row in rows}
        for priority in _ORDER:
            mark = "\u2713 " if levels == {priority} else "    "
            menu.add_command(
                label=mark + priority_name(priority),
                command=lambda priority=priority: self._want(rows, priority),  # type: ignore[misc]
            )
        menu.add_separator()
        if len(rows) == 1:
            menu.add_command(label=_("Open"), command=lambda: self._open(rows[0]))
        menu.add_command(label=_("Open all folders"), command=self._open_all)

    def _open_all(self) -> None:
        tree = self._the_tree()
        tree.open_all()
        self.table.show(tree.rows())
        self.table.refresh()
