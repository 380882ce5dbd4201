"""Parts of the window that keep themselves up to date."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.app.picture import DeskPicture
    from swarmshare.gui.shell import Shell

EVERY: Final = 100
"""Milliseconds."""


def watch(widget: tkinter.Misc, shell: Shell, see: Callable[[DeskPicture], object]) -> None:
    """Call ``see`` with each new picture, for as long as the widget lives."""

    def look(last: DeskPicture | None) -> None:
        if not widget.winfo_exists():
            return
        picture = shell.picture
        pending = shell.root.after(EVERY, look, picture)
        if picture is not None and picture is not last:
            see(picture)
        if not widget.winfo_exists():
            shell.root.after_cancel(pending)

    look(None)
