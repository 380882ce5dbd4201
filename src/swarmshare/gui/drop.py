"""Files and folders that are dropped on the window, where the package for it is installed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tkinter

    from swarmshare.gui.shell import Shell

FILES = "DND_Files"
TORRENT = ".torrent"


def accept_drops(shell: Shell) -> bool:
    """Accept files that are dropped on the window; return whether the package for that is installed."""
    root = shell.root
    try:
        package: Any = import_module("tkinterdnd2.TkinterDnD")
        package._require(root)  # loads the extension of Tk that the package is there for
    except (ImportError, RuntimeError):
        return False
    root.tk.call("tkdnd::drop_target", "register", ".", FILES)
    command = root.register(lambda dropped: _dropped(shell, dropped))
    root.tk.call("bind", ".", f"<<Drop:{FILES}>>", f"{command} %D")
    return True


def _dropped(shell: Shell, dropped: str) -> str:
    """Take what was ``dropped``, a list in Tcl's writing. The source waits for the answer, so dialogs come later."""
    paths = [Path(_mended(text)) for text in shell.root.tk.splitlist(dropped)]
    shell.root.after_idle(_open, shell, paths)
    return "copy"


def _mended(text: str) -> str:
    """Return a path whose UTF-8 was taken for Latin-1: so the extension does with what is escaped in an address."""
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def _open(shell: Shell, paths: list[Path]) -> None:
    from swarmshare.gui.dialogs.opening import open_torrent_dialog
    from swarmshare.gui.dialogs.share import open_share_dialog
    from swarmshare.gui.words import _

    if not paths or _is_busy(shell.root):
        return
    if len(paths) > 1:
        shell.say(_("Several things at once: drop the folder that they are in, or one after the other."), "warning")
    elif paths[0].suffix.lower() == TORRENT:
        open_torrent_dialog(shell, paths[0])
    else:
        open_share_dialog(shell, paths[0])


def _is_busy(root: tkinter.Tk) -> bool:
    """Return whether a dialog waits for an answer."""
    return bool(root.tk.call("grab", "current"))
