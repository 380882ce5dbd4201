"""``swarmshare gui`` from outside: what it says where there can be no window, and that nothing else needs Tk."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import TIMEOUT

ROOT = Path(__file__).resolve().parents[2]
WITHOUT = """
import sys
from importlib.machinery import PathFinder
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {gone}:
            raise ModuleNotFoundError(name) if name not in {gone} else ModuleNotFoundError(name, name=name)
sys.meta_path.insert(0, Nothing())
import importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name in {gone} else real(name, package)
from swarmshare.cli.main import main
sys.exit(main({argv}))
"""


def without(gone: set[str], *argv: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A verb in a Python that lacks some modules."""
    variables = {key: value for key, value in os.environ.items() if key != "DISPLAY"} | environment
    code = WITHOUT.format(gone=sorted(gone), argv=list(argv))
    return subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=TIMEOUT, check=False
    )


@pytest.mark.parametrize(
    ("gone", "told"),
    [
        ({"tkinter", "_tkinter"}, "sudo apt install python3-tk"),
        ({"_tkinter"}, "sudo apt install python3-tk"),
        ({"ttkbootstrap"}, "pip install 'swarmshare[gui]'"),
    ],
)
def test_it_says_what_to_install(gone: set[str], told: str) -> None:
    done = without(gone, "gui", DISPLAY=":99")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("swarmshare: the window needs ")
    assert told in line


def test_the_rest_needs_no_tk(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    gone = {"tkinter", "_tkinter", "ttkbootstrap", "PIL"}
    done = without(gone, "create", str(tmp_path / "file"), "-o", str(tmp_path / "file.torrent"))
    assert done.returncode == 0, done.stderr
    assert without(gone).returncode == 0


def test_no_verb_loads_tk() -> None:
    code = "import sys, swarmshare.cli.command as c; c.run_command([]); print(sorted(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=TIMEOUT, check=True)
    assert "'swarmshare.cli.gui'" in done.stderr
    assert "'tkinter'" not in done.stderr
    assert "'ttkbootstrap'" not in done.stderr


@pytest.mark.parametrize("screen", ["", ":98765"])
def test_without_a_screen(screen: str, tmp_path: Path) -> None:
    done = without(set(), "gui", DISPLAY=screen, SWARMSHARE_HOME=str(tmp_path))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "screen" in line
    assert "swarmshare --help" in line


@pytest.mark.parametrize(
    ("command", "number"),
    [(["-m", "swarmshare", "gui"], signal.SIGINT), ([str(ROOT / "peer_gui.py")], signal.SIGTERM)],
)
def test_it_opens_and_ends_when_it_is_told_to(command: list[str], number: int, display: str, tmp_path: Path) -> None:
    environment = {**os.environ, "DISPLAY": display, "SWARMSHARE_HOME": str(tmp_path)}
    process = subprocess.Popen([sys.executable, *command], env=environment, stderr=subprocess.PIPE, text=True)
    _opened(process, display)
    process.send_signal(number)
    _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error.splitlines() == ["swarmshare: interrupted"]


def _opened(process: subprocess.Popen[str], display: str) -> None:
    deadline = time.monotonic() + TIMEOUT
    while "SwarmShare" not in _titles(display):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_ctrl_c_reaches_the_window_before_the_tracker(display: str, tmp_path: Path) -> None:
    """What a terminal does: its whole process group gets the signal. The window decides, then all of it ends."""
    (tmp_path / "password").write_text("correct horse battery")
    environment = {**os.environ, "DISPLAY": display, "SWARMSHARE_HOME": str(tmp_path / "home")}
    command = ["start", "--listen", "127.0.0.1:0", "--user", "Olga", "--password-file", str(tmp_path / "password")]
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmshare", *command],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    _opened(process, display)
    beside = subprocess.run(
        [sys.executable, "-m", "swarmshare", "start", "--json"],
        env=environment, capture_output=True, text=True, timeout=TIMEOUT, check=True,
    )  # fmt: skip
    running = json.loads(beside.stdout.splitlines()[0])
    assert running["event"] == "running", "one's own tracker is not started twice"
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if children.exists():  # each in a group of its own: a window that is interrupted twice ends without its question
        groups = {os.getpgid(int(child)) for child in children.read_text().split()}
        assert len(groups) == 2
        assert process.pid not in groups
    os.killpg(process.pid, signal.SIGINT)
    said, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert "The window is asked to close." in said
    assert error.splitlines()[-1] == "swarmshare: interrupted"
    host, port = running["url"].removeprefix("http://").split(":")
    with socket.socket() as probe:
        assert probe.connect_ex((host, int(port))) != 0, "the tracker has ended with it"


def _titles(display: str) -> list[str]:
    """The titles of all windows on a screen."""
    code = (
        "import tkinter, ctypes\n"
        "x = ctypes.CDLL('libX11.so.6'); p = ctypes.c_void_p; w = ctypes.c_ulong\n"
        "x.XOpenDisplay.restype = p; d = p(x.XOpenDisplay(None)); x.XDefaultRootWindow.restype = w\n"
        "root, parent, many, count = w(), w(), ctypes.POINTER(w)(), ctypes.c_uint()\n"
        "def look(window, depth):\n"
        "    name, kids, n = ctypes.c_char_p(), ctypes.POINTER(w)(), ctypes.c_uint()\n"
        "    if x.XFetchName(d, w(window), ctypes.byref(name)) and name.value: print(name.value.decode())\n"
        "    x.XQueryTree(d, w(window), *map(ctypes.byref, (root, parent, kids, n)))\n"
        "    if depth: [look(kids[i], depth - 1) for i in range(n.value)]\n"
        "look(x.XDefaultRootWindow(d), 2)\n"
    )
    environment = {**os.environ, "DISPLAY": display}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    return done.stdout.splitlines()
