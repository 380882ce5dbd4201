"""Closing the program: first it asks when somebody still needs this machine, then it waits until all is saved."""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Final

import ttkbootstrap as ttk

from swarmshare.gui.dialogs.dialog import Dialog
from swarmshare.gui.viewmodel.safety import Light, about
from swarmshare.gui.words import _, ngettext

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.gui.poll import Beside
    from swarmshare.gui.shell import Shell

MOST: Final = 3.0
"""Seconds to wait for the end."""
EVERY: Final = 50
"""Milliseconds between looks."""
NAMED: Final = 5
"""Transfers that a question names, at most."""


def ask_to_leave(shell: Shell, then: Callable[[], object]) -> LeavingDialog | None:
    """Call ``then``; but ask before that when pieces are only here, or something is still being hashed."""
    snapshot = shell.snapshot
    reasons = []
    if snapshot is not None:
        reasons = [verdict.sentence for verdict in map(about, snapshot.transfers) if verdict.light is Light.RED]
        if snapshot.jobs:
            count = len(snapshot.jobs)
            reasons.append(
                ngettext(
                    "{count} item is still being hashed to be shared",
                    "{count} items are still being hashed to be shared",
                    count,
                ).format(count=count)
            )
    if not reasons:
        then()
        return None
    return LeavingDialog(shell, reasons, then)


class LeavingDialog(Dialog):
    """Says what would be missed, and lets one stay; that is what Return does."""

    def __init__(self, shell: Shell, reasons: list[str], then: Callable[[], object]) -> None:
        super().__init__(shell.root, _("Close SwarmShare"))
        self._then = then
        if len(reasons) == 1:
            self.heading(
                _("{reason}. Close anyway?").format(reason=reasons[0]), icon="exclamation-triangle", style="danger"
            )
        else:
            self.heading(
                _("Others still need this computer. Close anyway?"), icon="exclamation-triangle", style="danger"
            )
            for reason in reasons[:NAMED]:
                self.sentence(f"\u2022 {reason}")
            if more := len(reasons) - NAMED if len(reasons) > NAMED else 0:
                self.sentence(ngettext("... and {count} more", "... and {count} more", more).format(count=more))
        self.sentence(_("What you share is there for the others again when you open SwarmShare the next time."))
        self.leave = self.add_button(_("Close anyway"), self._leave, style="danger-outline")
        self.stay = self.add_button(_("Stay"), self.cancel, style="primary", default=True)
        self.show()

    def _leave(self) -> None:
        then = self._then
        self.destroy()
        then()


def wait_for_the_end(root: tkinter.Tk, thread: Beside, then: Callable[[], object]) -> Farewell:
    """Ask the engine to end; call ``then`` when it has, or when it took too long."""
    return Farewell(root, thread, then)


class Farewell(ttk.Frame):
    """Covers the window with a note until everything is saved."""

    def __init__(self, root: tkinter.Tk, thread: Beside, then: Callable[[], object]) -> None:
        super().__init__(root)
        self._thread, self._then = thread, then
        self._deadline = monotonic() + MOST
        middle = ttk.Frame(self)
        middle.place(relx=0.5, rely=0.45, anchor="center")
        ttk.Label(middle, text=_("Saving, and saying goodbye to the others...")).pack(pady=12)
        self._bar = ttk.Progressbar(middle, mode="indeterminate", length=260)
        self._bar.pack()
        self.place(relx=0, rely=0, relwidth=1, relheight=1)
        self.lift()
        thread.close()
        self._look()

    def _look(self) -> None:
        if self._thread.closed.is_set() or monotonic() > self._deadline:
            self._then()
            return
        self._bar.step(4)
        self.after(EVERY, self._look)
