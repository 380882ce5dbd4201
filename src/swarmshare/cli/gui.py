"""``swarmshare gui``: the window. Nothing else of the command line knows that there is one, or needs Tk."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final

from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    import argparse

    from swarmshare.cli import Verbs
    from swarmshare.cli.render import Output

NEEDED: Final = {
    "tkinter": Text("hint.install-tk"),
    "_tkinter": Text("hint.install-tk"),
    "ttkbootstrap": Text("hint.install-gui"),
    "PIL": Text("hint.install-gui"),
}
"""Modules, and what brings them."""
INVITATION: Final = "SWARMSHARE_INVITATION"
"""The variable with an invitation, or a setup token, for the first page: unlike an option, no other user sees it."""
HEADLESS: Final = Text("hint.headless")


class WindowError(SwarmShareError):
    """There can be no window here."""

    code = "window"


def add_parser(verbs: Verbs, common: argparse.ArgumentParser) -> None:
    """Add the verb to the command line."""
    parser = verbs.add_parser(
        "gui",
        parents=[common],
        help="the window: catalogue, transfers, and who has which piece",
        description="Open the window: share, download, and see which machine holds which piece.",
    )
    parser.set_defaults(ca=None)  # that of the settings
    parser.set_defaults(run=run)


def run(_arguments: argparse.Namespace, _output: Output) -> int:
    """Open the window, and stay until it is closed."""
    problem = what_is_missing()
    if problem is not None:
        raise problem
    import tkinter

    from swarmshare.gui.window import run as open_window

    try:
        return open_window(invitation=os.environ.pop(INVITATION, ""))
    except tkinter.TclError as error:
        if "display" not in str(error):
            raise
        raise WindowError(Text("cli.screen", reason=error), hint=HEADLESS) from error


def what_is_missing() -> WindowError | None:
    """Why there can be no window here, as far as that is known without trying."""
    for module, hint in NEEDED.items():
        if find_spec(module) is None:
            return WindowError(Text("cli.window-needs", module=module.lstrip("_")), hint=hint)
    on_x11 = sys.platform not in ("win32", "darwin")
    if on_x11 and not os.environ.get("DISPLAY"):
        return WindowError(Text("cli.no-screen"), hint=HEADLESS)
    return None
