"""What can be done with the selected transfers or entries: buttons, menus and keys all end here."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Literal

from swarmshare.gui.words import _, ngettext, number
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.disk_names import local_names

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.shell import Shell
    from swarmshare.tracker_client.api import Entry


def open_path(shell: Shell, path: Path) -> None:
    """Open a file or folder with whatever program the desktop has for it, and wait for nothing."""
    try:
        if sys.platform == "win32":
            os.startfile(path)
        else:
            opener = "open" if sys.platform == "darwin" else "xdg-open"
            subprocess.Popen(
                [opener, str(path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
    except OSError:
        shell.say(_("No program here can open it. It is at {path}").format(path=path), "warning")


class TransferActions:
    """Acts on the transfers that ``selected`` returns at that moment."""

    def __init__(self, shell: Shell, selected: Callable[[], Sequence[TransferSnapshot]]) -> None:
        self._shell, self._selected = shell, selected

    def _hashes(self, *states: TorrentState) -> list[str]:
        return [transfer.info_hash for transfer in self._selected() if not states or transfer.state in states]

    def pause(self) -> None:
        """Pause those of the selected transfers that are not paused."""
        going = (state for state in TorrentState if state is not TorrentState.PAUSED)
        if hashes := self._hashes(*going):
            self._shell.submit(None, lambda session: session.transfers.pause, hashes)

    def resume(self) -> None:
        """Resume those of the selected transfers that are paused."""
        if hashes := self._hashes(TorrentState.PAUSED):
            self._shell.submit(None, lambda session: session.transfers.resume, hashes)

    def remove(self) -> None:
        """Ask whether to remove them, and how."""
        from swarmshare.gui.dialogs.removing import ask_to_remove

        if transfers := self._selected():
            ask_to_remove(self._shell, transfers)

    def recheck(self) -> None:
        """Verify all data of the selected transfers again."""
        if hashes := self._hashes():
            self._shell.submit(None, lambda session: session.transfers.recheck, hashes)

    def limits(self) -> None:
        """Ask for the limits of the selected transfers."""
        from swarmshare.gui.dialogs.limits import ask_limits

        if hashes := self._hashes():
            ask_limits(self._shell, hashes)

    def sequential(self) -> None:
        """Switch the selected transfers between pieces in order and the rarest first, by what the first one has now."""
        if transfers := self._selected():
            self._shell.submit(
                None, lambda session: session.transfers.sequential, self._hashes(), not transfers[0].sequential
            )

    def open_folder(self) -> None:
        """Open the folder of the first selected transfer in the desktop's file manager."""
        for transfer in self._selected()[:1]:
            open_path(self._shell, transfer.folder / self._own_folder(transfer))

    def _own_folder(self, transfer: TransferSnapshot) -> str:
        """Return what the folder of its files is called, when it has one of its own."""
        looked_at = self._shell.snapshot.looked_at if self._shell.snapshot is not None else None
        if looked_at is None or str(looked_at.manifest.info_hash) != transfer.info_hash:
            return ""
        manifest = looked_at.manifest
        return local_names(manifest, transfer.folder)[0][0] if manifest.in_folder else ""

    def save_manifest(self) -> None:
        """Ask where to save the manifest of the first of them."""
        for transfer in self._selected()[:1]:
            save_manifest(self._shell, transfer.info_hash, transfer.name)

    def copy_magnet(self) -> None:
        """Copy their magnet links, one a line."""
        copy_magnets(self._shell, self._hashes())

    def copy_info_hash(self) -> None:
        """Copy their info hashes, one a line."""
        copy(self._shell, self._hashes())

    def fill_menu(self, menu: tkinter.Menu) -> None:
        """Fill ``menu`` with every action on transfers, and the keys that do the same."""
        transfers = self._selected()
        paused = any(transfer.state is TorrentState.PAUSED for transfer in transfers)
        going = any(transfer.state is not TorrentState.PAUSED for transfer in transfers)

        def item(label: str, command: Callable[[], object], key: str = "", *, usable: bool = True) -> None:
            able = bool(transfers) and usable
            menu.add_command(label=label, command=command, accelerator=key, state="normal" if able else "disabled")

        item(_("Pause"), self.pause, _("Ctrl+P"), usable=going)
        item(_("Resume"), self.resume, _("Ctrl+R"), usable=paused)
        menu.add_separator()
        item(_("Open folder"), self.open_folder, _("Return"))
        item(_("Save .torrent file..."), self.save_manifest)
        item(_("Copy magnet link"), self.copy_magnet)
        item(_("Copy info hash"), self.copy_info_hash)
        offer_announce_url(self._shell, menu)
        menu.add_separator()
        item(_("Limits..."), self.limits, _("Ctrl+L"))
        in_order = bool(transfers) and transfers[0].sequential
        label = _("Download the rarest first") if in_order else _("Download in order")
        item(label, self.sequential)
        item(_("Force re-check"), self.recheck)
        menu.add_separator()
        item(_("Remove..."), self.remove, _("Delete"))


class EntryActions:
    """Acts on the entries of the catalogue that ``selected`` returns at that moment."""

    def __init__(self, shell: Shell, selected: Callable[[], Sequence[Entry]]) -> None:
        self._shell, self._selected = shell, selected

    def _here(self) -> set[str]:
        snapshot = self._shell.snapshot
        return {transfer.info_hash for transfer in snapshot.transfers} if snapshot is not None else set()

    def download(self) -> None:
        """Download all of them that are not here yet."""
        from swarmshare.gui.dialogs.opening import offer_other_name, or_taken

        here, offer = self._here(), partial(offer_other_name, self._shell)
        for entry in self._selected():
            if entry.info_hash not in here:
                self._shell.submit(offer, lambda session: or_taken(session.download), entry.info_hash)

    def save_manifest(self) -> None:
        """Ask where to save the manifest of the first of them."""
        for entry in self._selected()[:1]:
            save_manifest(self._shell, entry.info_hash, entry.name)

    def copy_magnet(self) -> None:
        """Copy their magnet links, one a line."""
        copy_magnets(self._shell, [entry.info_hash for entry in self._selected()])

    def copy_info_hash(self) -> None:
        """Copy their info hashes, one a line."""
        copy(self._shell, [entry.info_hash for entry in self._selected()])

    def withdraw(self) -> None:
        """Ask whether to take them out of the catalogue."""
        from swarmshare.gui.dialogs.withdrawing import ask_to_withdraw

        ask_to_withdraw(self._shell, self._selected())

    def fill_menu(self, menu: tkinter.Menu) -> None:
        """Fill ``menu`` with every action on entries."""
        entries, here = self._selected(), self._here()
        snapshot = self._shell.snapshot
        person = snapshot.person if snapshot is not None else None
        new = any(entry.info_hash not in here for entry in entries)
        may_withdraw = person is not None and bool(entries) and all(map(person.may_withdraw, entries))
        menu.add_command(
            label=_("Download"),
            command=self.download,
            accelerator=_("Return"),
            state="normal" if new else "disabled",
        )
        state: Literal["normal", "disabled"] = "normal" if entries else "disabled"
        menu.add_command(label=_("Save .torrent file..."), command=self.save_manifest, state=state)
        menu.add_command(label=_("Copy magnet link"), command=self.copy_magnet, state=state)
        menu.add_command(label=_("Copy info hash"), command=self.copy_info_hash, state=state)
        offer_announce_url(self._shell, menu)
        menu.add_separator()
        menu.add_command(
            label=_("Withdraw from the catalogue..."),
            command=self.withdraw,
            state="normal" if may_withdraw else "disabled",
        )


def copy(shell: Shell, lines: Sequence[str]) -> None:
    """Put ``lines`` into the clipboard, and tell so in a banner."""
    if lines:
        shell.root.clipboard_clear()
        shell.root.clipboard_append("\n".join(lines))
        shell.say(ngettext("Copied", "Copied: {n} lines", len(lines)).format(n=number(len(lines))), "success")


def copy_magnets(shell: Shell, info_hashes: Sequence[str]) -> None:
    """Copy the magnet links of transfers or entries, when they are known."""
    if info_hashes:
        shell.submit(lambda links: copy(shell, links), lambda session: session.magnets, info_hashes)


def offer_announce_url(shell: Shell, menu: tkinter.Menu) -> None:
    """Add the item that copies the account's announce URL for other BitTorrent clients; usable while signed in."""

    def copied(url: str) -> None:
        shell.root.clipboard_clear()
        shell.root.clipboard_append(url)
        shell.say(_("Copied. Your passkey is in it: it is for your own programs, not for others."), "warning")

    signed_in = shell.snapshot is not None and shell.snapshot.person is not None
    menu.add_command(
        label=_("Copy announce URL"),
        command=lambda: shell.submit(copied, lambda session: session.group.announce_url),
        state="normal" if signed_in else "disabled",
    )


def save_manifest(shell: Shell, info_hash: str, name: str) -> None:
    """Ask for a path, and have the manifest written there."""
    from swarmshare.gui.dialogs.choosing import choose_new_file, torrent_kinds
    from swarmshare.manifest.names import with_ending

    path = choose_new_file(shell.root, with_ending(name, ".torrent"), torrent_kinds())
    if path is not None:
        shell.submit(
            lambda _nothing: shell.say(_("Saved as {path}").format(path=path), "success"),
            lambda session: session.save_manifest,
            info_hash,
            path,
        )
