"""How fast some transfers may be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import ttkbootstrap as ttk

from swarmshare.gui.dialogs.dialog import Dialog, Form
from swarmshare.gui.sentences import translate
from swarmshare.gui.words import _, ngettext, number, read_number
from swarmshare.texts import text_of

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Collection

    from swarmshare.gui.shell import Shell

KIB: Final = 1024
MOST: Final = 100 * 1024 * 1024
"""KiB/s; more is a slip of the hand."""


class RateField(ttk.Frame):
    """A rate in KiB/s; empty means: as fast as it goes."""

    def __init__(self, parent: tkinter.Misc, bytes_a_second: float | None) -> None:
        super().__init__(parent)
        self.entry = ttk.Spinbox(self, from_=0, to=MOST, increment=100, width=10)
        self.entry.pack(side="left")
        ttk.Label(self, text=_("KiB/s (empty: no limit)"), bootstyle="secondary").pack(side="left", padx=8)
        if bytes_a_second is not None:
            self.entry.insert(0, number(bytes_a_second / KIB))

    def value(self) -> float | None:
        """Bytes a second; None: no limit. Raises :class:`ValueError`, with a sentence."""
        text = self.entry.get().strip()
        if not text:
            return None
        wanted = read_number(text)
        if wanted is None or not 0 <= wanted <= MOST:
            raise ValueError(_("{text} is not a number of KiB/s, such as 500.").format(text=text))
        return wanted * KIB or None


def ask_limits(shell: Shell, info_hashes: Collection[str]) -> LimitsDialog:
    """Ask how fast these may be."""
    return LimitsDialog(shell, info_hashes)


class LimitsDialog(Dialog):
    """It begins with what the first of them has."""

    def __init__(self, shell: Shell, info_hashes: Collection[str]) -> None:
        super().__init__(shell.root, _("Limits"))
        self._shell, self._info_hashes = shell, list(info_hashes)
        transfers = shell.snapshot.transfers if shell.snapshot else ()
        first = next((transfer for transfer in transfers if transfer.info_hash in info_hashes), None)
        count = len(self._info_hashes)
        self.heading(
            first.name
            if count == 1 and first
            else ngettext("{count} transfer", "{count} transfers", count).format(count=count),
            icon="speedometer2",
        )
        form = Form(self.body)
        self.down = RateField(form.frame, first.limit_down if first else None)
        self.up = RateField(form.frame, first.limit_up if first else None)
        form.row(_("Download at most"), self.down)
        form.row(_("Upload at most"), self.up)
        self.sentence(_("The limits for all transfers together, in the settings, count as well.")).configure(
            bootstyle="secondary"
        )
        self.accept = self.add_button(_("Set limits"), self._accept, style="primary", default=True)
        self.add_cancel()
        self.show(self.down.entry)

    def _accept(self) -> None:
        try:
            up, down = self.up.value(), self.down.value()
        except ValueError as error:
            self.complain(translate(text_of(error)))
            return
        self.destroy()
        self._shell.submit(None, lambda session: session.transfers.limit, self._info_hashes, up, down)
