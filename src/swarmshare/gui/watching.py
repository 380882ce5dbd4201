"""Widgets that follow the snapshots by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.app.snapshot import ClientSnapshot
    from swarmshare.gui.shell import Shell

EVERY: Final = 100
"""Milliseconds between two looks at the snapshot."""


def watch(widget: tkinter.Misc, shell: Shell, see: Callable[[ClientSnapshot], object]) -> None:
    """Call ``see`` with each new snapshot, for as long as the widget lives."""

    def look(last: ClientSnapshot | None) -> None:
        if not widget.winfo_exists():
            return
        snapshot = shell.snapshot
        pending = shell.root.after(EVERY, look, snapshot)
        if snapshot is not None and snapshot is not last:
            see(snapshot)
        if not widget.winfo_exists():
            shell.root.after_cancel(pending)

    look(None)
