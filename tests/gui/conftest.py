"""A screen that nobody sees, and windows on it."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tkinter
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import ttkbootstrap
from gui.keyboard import end

from swarmshare.gui.preferences import Preferences
from swarmshare.gui.words import use_language

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _screen(size: str, dots: int) -> Iterator[str]:
    """The name of a screen that nobody sees, of so many dots an inch."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-dpi", str(dots)]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as ready:
            number = ready.readline().strip()
        assert number, "Xvfb does not start"
        yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a screen of 1280 x 800 of our own; ``DISPLAY`` says it, too."""
    with _screen("1280x800", 96) as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        yield name


@pytest.fixture(scope="session")
def small_screen() -> Iterator[str]:
    """The smallest that we are made for; until the end of all tests, because Tk never lets go of a screen."""
    with _screen("800x600", 96) as name:
        yield name


@pytest.fixture(scope="session")
def fine_screen() -> Iterator[str]:
    """As small, with twice as many dots an inch."""
    with _screen("1600x1200", 192) as name:
        yield name


@pytest.fixture
def root(display: str) -> Iterator[ttkbootstrap.Window]:
    """An empty window; gone at the end, with all that refers to it."""
    window = ttkbootstrap.Window(themename="bootstrap-light")
    try:
        yield window
    finally:
        end(window)
        tkinter._default_root = None  # type: ignore[attr-defined]  # the next window is the only one again
        gc.collect()  # widgets are in cycles: they must end in this thread


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "window.json")


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Tests read English, unless they ask for another language."""
    use_language("en")
    yield
    use_language("en")
