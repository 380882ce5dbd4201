"""Colours, fonts and sizes: light or dark, as the desktop has it or as one chose."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from tkinter import font
from typing import TYPE_CHECKING, Final

import ttkbootstrap

if TYPE_CHECKING:
    import tkinter
    from collections.abc import Callable

    from swarmshare.gui.preferences import Preferences

SYSTEM, LIGHT, DARK = "system", "light", "dark"
"""What one can choose; the preference ``theme`` has it."""

_THEMES: Final = {LIGHT: "bootstrap-light", DARK: "bootstrap-dark"}
_ASK_EVERY: Final = 20
"""Milliseconds between two looks at whether the desktop has answered."""
_PATIENCE: Final = 100
"""How often it is looked at before the answer is given up."""
_QUESTIONS: Final = (
    (
        *("gdbus", "call", "--session", "--timeout", "1", "--dest", "org.freedesktop.portal.Desktop"),
        *("--object-path", "/org/freedesktop/portal/desktop", "--method", "org.freedesktop.portal.Settings.Read"),
        *("org.freedesktop.appearance", "color-scheme"),
    ),
    ("gsettings", "get", "org.gnome.desktop.interface", "color-scheme"),
)
"""Ways to ask a desktop whether it is dark, the better one first."""
_DARK_ANSWERS: Final = ("uint32 1", "prefer-dark")


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours that no widget brings along. Those that mean something differ in brightness, too."""

    background: str
    raised: str
    """Behind what stands out a little: a bar, a card."""
    text: str
    muted: str
    """For what is said by the way."""
    border: str
    accent: str
    selected: str
    """Behind the rows that are selected."""
    selected_text: str
    red: str
    """Red: this machine must stay."""
    amber: str
    """Yellow: one other machine has it."""
    green: str
    """Green: this machine may leave."""
    missing: str
    in_flight: str
    verifying: str
    held: tuple[str, str, str, str]
    """A piece that is here, and on nobody else's machine, on one, on two, on more."""
    down: str
    """The line of the speed graph."""
    up: str


_PALETTES: Final = {
    LIGHT: Palette(
        background="#ffffff",
        raised="#f4f6f8",
        text="#212529",
        muted="#667078",
        border="#d5dade",
        accent="#0b5ed7",
        selected="#d6e6fd",
        selected_text="#0c2a55",
        red="#c0263a",
        amber="#d98a00",
        green="#1a8a55",
        missing="#e3e7eb",
        in_flight="#ffc53d",
        verifying="#e8590c",
        held=("#b3243b", "#6ea8fe", "#2f74d8", "#0a3069"),
        down="#0b5ed7",
        up="#1a8a55",
    ),
    DARK: Palette(
        background="#212529",
        raised="#2a2f34",
        text="#f1f3f5",
        muted="#a3acb4",
        border="#40474e",
        accent="#5a9bff",
        selected="#274872",
        selected_text="#ffffff",
        red="#ff6b78",
        amber="#ffc247",
        green="#51cf8f",
        missing="#343a40",
        in_flight="#ffd561",
        verifying="#f76707",
        held=("#e0475b", "#2f5f9e", "#5592e6", "#b9d6ff"),
        down="#6aa8ff",
        up="#51cf8f",
    ),
}


def open_root(preferences: Preferences, title: str) -> ttkbootstrap.Window:
    """Return the main window, still empty and hidden, in the chosen theme and as large as the screen's points ask."""
    chosen = _chosen(preferences)
    root = ttkbootstrap.Window(title, _THEMES[_last_seen(preferences) if chosen == SYSTEM else chosen])
    root.withdraw()
    root.tk.call("bind", "TButton", "<Key-space>", "ttk::button::activate %W")  # ttkbootstrap leaves only Return
    if (factor := scale_factor(root)) > 1:
        root.tk.call("tk", "scaling", float(root.tk.call("tk", "scaling")) * factor)
    if chosen == SYSTEM:
        _ask_desktop(root, lambda mode: _obey(preferences, mode))
    return root


def use_theme(root: tkinter.Misc, preferences: Preferences, choice: str) -> None:
    """Change to ``choice`` and remember it: :data:`SYSTEM`, :data:`LIGHT` or :data:`DARK`."""
    preferences.set("theme", choice)
    if choice in _THEMES:
        ttkbootstrap.Style().theme_use(_THEMES[choice])
    else:
        _ask_desktop(root, lambda mode: _obey(preferences, mode))


def is_dark() -> bool:
    """Return whether the theme in use is dark."""
    return ttkbootstrap.Style().theme_mode == DARK


def palette() -> Palette:
    """Return the colours of the theme in use. Whoever paints with them listens to ``<<ThemeChanged>>``."""
    return _PALETTES[DARK if is_dark() else LIGHT]


def sized_font(points: float, *, bold: bool = False) -> tuple[str, int, str]:
    """Return the system's own font, so many points larger or smaller than usual."""
    usual = font.nametofont("TkDefaultFont").actual()
    return usual["family"], round(usual["size"] + points), "bold" if bold else "normal"


def pixels(widget: tkinter.Misc, length: float) -> int:
    """Return what ``length`` pixels of a screen with 96 dots an inch are on this one."""
    return round(length * float(widget.tk.call("tk", "scaling")) * 72 / 96)


def scale_factor(root: tkinter.Misc) -> float:
    """How much larger than the screen says the desktop wants things.

    ``GDK_SCALE`` says so, or the X resource ``Xft.dpi``; Tk itself reads neither.
    """
    wanted = os.environ.get("GDK_SCALE", "")
    if wanted.isascii() and wanted.isdecimal() and 1 <= int(wanted) <= 4:
        return float(wanted)
    if root.tk.call("tk", "windowingsystem") != "x11" or not (program := shutil.which("xrdb")):
        return 1.0
    try:
        told = subprocess.run([program, "-query"], capture_output=True, text=True, timeout=1, check=False).stdout
        dots = next(float(line.split()[1]) for line in told.splitlines() if line.startswith("Xft.dpi:"))
    except (OSError, subprocess.SubprocessError, StopIteration, ValueError, IndexError):
        return 1.0
    return min(max(dots / 72 / float(root.tk.call("tk", "scaling")), 1.0), 4.0)


def _chosen(preferences: Preferences) -> str:
    choice = preferences.get("theme", SYSTEM)
    return choice if choice in (SYSTEM, LIGHT, DARK) else SYSTEM


def _last_seen(preferences: Preferences) -> str:
    """Return what the desktop answered last time: so that a dark desktop sees no white flash."""
    return DARK if preferences.get("system_dark", False) else LIGHT


def _obey(preferences: Preferences, mode: str) -> None:
    preferences.set("system_dark", mode == DARK)
    if _chosen(preferences) == SYSTEM and is_dark() != (mode == DARK):
        ttkbootstrap.Style().theme_use(_THEMES[mode])


def _ask_desktop(
    root: tkinter.Misc, then: Callable[[str], object], questions: tuple[tuple[str, ...], ...] = _QUESTIONS
) -> None:
    """Ask without waiting; ``then`` is called when the desktop has answered, which it need not."""
    question = next((question for question in questions if shutil.which(question[0])), None)
    if question is None:
        return
    process = subprocess.Popen(
        question, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )

    def look(left: int) -> None:
        if process.poll() is None and left:
            root.after(_ASK_EVERY, look, left - 1)
            return
        process.kill()
        answer, _ = process.communicate()
        if process.returncode == 0:
            then(DARK if any(word in answer for word in _DARK_ANSWERS) else LIGHT)
        else:
            _ask_desktop(root, then, questions[questions.index(question) + 1 :])

    root.after(_ASK_EVERY, look, _PATIENCE)
