"""A screen that nobody sees, and windows on it."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import tkinter
from typing import TYPE_CHECKING

import pytest
import ttkbootstrap
from gui.keyboard import end

from swarmshare.gui.preferences import Preferences
from swarmshare.gui.words import use_language

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of a screen of 1280 x 800 of our own; ``DISPLAY`` says it, too."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "1280x800x24", "-nolisten", "tcp", "-dpi", "96"]
    process = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as ready, pytest.MonkeyPatch.context() as patch:
            number = ready.readline().strip()
            assert number, "Xvfb does not start"
            patch.setenv("DISPLAY", f":{number}")
            yield f":{number}"
    finally:
        process.terminate()
        process.wait(10)


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
