"""Removing transfers, with their files or without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.gui.dialogs.dialog import Check, Dialog
from swarmshare.gui.words import _, ngettext, number, size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swarmshare.app.snapshot import TransferSnapshot
    from swarmshare.gui.shell import Shell


def ask_to_remove(shell: Shell, transfers: Sequence[TransferSnapshot]) -> RemovingDialog | None:
    """Ask whether to remove these; None when there are none."""
    return RemovingDialog(shell, transfers) if transfers else None


class RemovingDialog(Dialog):
    """The files stay unless one ticks the box; what is only here is named."""

    def __init__(self, shell: Shell, transfers: Sequence[TransferSnapshot]) -> None:
        super().__init__(shell.root, _("Remove"))
        self._shell, self._info_hashes = shell, [transfer.info_hash for transfer in transfers]
        count = len(transfers)
        question = (
            _("Remove {name}?").format(name=transfers[0].name)
            if count == 1
            else ngettext("Remove {count} transfer?", "Remove {count} transfers?", count).format(count=count)
        )
        self.heading(question, icon="trash3", style="danger")
        lonely = [transfer for transfer in transfers if transfer.only_here]
        if lonely:
            pieces = sum(transfer.only_here for transfer in lonely)
            self.sentence(
                ngettext(
                    "{count} piece is on this computer only: nobody else can complete it from then on.",
                    "{count} pieces are on this computer only: nobody else can complete them from then on.",
                    pieces,
                ).format(count=number(pieces))
            )
        self.files = Check(
            self.body,
            _("Also delete the files from the disk ({size})").format(
                size=size(sum(transfer.bytes_done for transfer in transfers))
            ),
        )
        self.files.pack(anchor="w", pady=self.gap)
        self.remove = self.add_button(_("Remove"), self._remove, style="danger", default=True)
        self.add_cancel()
        self.show()

    def _remove(self) -> None:
        delete = self.files.on
        self.destroy()
        self._shell.submit(None, lambda session: session.transfers.remove, self._info_hashes, delete_data=delete)
