"""Starting with the system, by the desktop's own rules (the Desktop Application Autostart Specification of XDG)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from swarmshare.errors import StorageError
from swarmshare.storage.files import write_atomic
from swarmshare.texts import os_reason

NAME: Final = "swarmshare.desktop"
_RESERVED: Final = str.maketrans({char: f"\\{char}" for char in '"`$\\'})


def applies() -> bool:
    """Return whether this system has such rules: the desktops of Linux do."""
    return sys.platform.startswith("linux")


def is_on() -> bool:
    """Return whether the window starts when its user logs in."""
    return _path().exists()


def switch(on: bool) -> None:
    """Switch starting with the system on or off. Raises :class:`StorageError`."""
    path = _path()
    try:
        if not on:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(path, os_reason(error)) from error
    write_atomic(path, _entry().encode())


def _path() -> Path:
    named = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(named) if Path(named).is_absolute() else Path.home() / ".config"
    return base / "autostart" / NAME


def _entry() -> str:
    # What the string's own rules escape is escaped once more by those of the file's.
    program = sys.executable.translate(_RESERVED).replace("\\", "\\\\").replace("%", "%%")
    return (
        "[Desktop Entry]\nType=Application\nName=SwarmShare\nComment=Share big files with your group\n"
        f'Exec="{program}" -m swarmshare gui\nTerminal=false\nX-GNOME-Autostart-enabled=true\n'
    )
