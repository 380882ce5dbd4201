"""What happens between two machines, and does not within one."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from cli.processes import event
from cli.terminal import terminal
from integration.machines import ADDRESSES, Sockets, inside, ip, two_machines
from waiting import TIMEOUT

from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake
from swarmshare.wire.messages import HaveAll

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from cli.terminal import Screen, Terminal

pytestmark = pytest.mark.unmeasured

ROOT = Path(__file__).resolve().parents[2]
_SHELL = """
import fcntl, os, sys, termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("bash", ["bash", "-c", sys.argv[1]])
"""


@pytest.fixture
def machines() -> Iterator[tuple[str, str]]:
    with two_machines() as names:
        yield names


def tour() -> list[str]:
    """What the five minutes of the README say to type, in their order."""
    readme = (ROOT / "README.md").read_text()
    section = re.split(r"^## ", readme, flags=re.MULTILINE)
    (wanted,) = [text for text in section if text.startswith("Five minutes")]
    blocks = re.findall(r"```sh\n(.*?)```", wanted, re.DOTALL)
    return [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]


class Person:
    """Somebody at one machine, who types into terminals; none of these is closed before the end."""

    def __init__(self, machine: str, home: Path, stack: ExitStack) -> None:
        self._machine, self.home, self._stack = machine, home, stack
        home.mkdir()

    def types(self, line: str) -> Terminal:
        """A line, in a terminal of its own."""
        environment = {
            "HOME": str(self.home), "USER": "olga", "LOGNAME": "olga", "DISPLAY": "", "WAYLAND_DISPLAY": "",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }  # fmt: skip
        command = [*inside(self._machine), sys.executable, "-c", _SHELL]
        shown = terminal(self.home, line, columns=150, rows=40, environment=environment, command=command)
        return self._stack.enter_context(shown)

    def answers(self, shown: Terminal, prompts: dict[str, str]) -> None:
        for prompt, answer in prompts.items():
            shown.until(partial(is_asked, prompt))
            shown.type(f"{answer}\n".encode())


def is_asked(prompt: str, screen: Screen) -> bool:
    return next(filter(None, reversed(screen.lines)), "").startswith(prompt)


def shows(shown: Terminal, words: str) -> None:
    shown.until(lambda screen: any(words in line for line in [*screen.scrolled, *screen.lines]))


PASSWORD = "correct horse battery"
NEW_PASSWORD = {"Password:": PASSWORD, "Again:": PASSWORD}


def test_the_tour_of_the_readme(machines: tuple[str, str], content: Path, tmp_path: Path) -> None:
    start, register, publish, show, download, swarm, status, create = tour()
    with ExitStack() as stack:
        olga, ben = (Person(name, tmp_path / f"at-{name}", stack) for name in machines)
        tracker = olga.types(start)
        olga.answers(tracker, {"Name [": "olga"} | NEW_PASSWORD)
        shows(tracker, register.partition("GROUPID")[0])  # it says itself what the others type
        registers = ben.types(register.replace("GROUPID", re.findall(r"6969/([A-Z2-7-]{63})\b", tracker.raw)[0]))
        ben.answers(registers, NEW_PASSWORD)
        assert registers.wait() == 0

        # Who shares may sit at the tracker's machine, or at another.
        for sharer, other, name in ((olga, ben, "Holiday"), (ben, olga, "Trip")):
            shutil.copytree(content, sharer.home / name)
            published = sharer.types(publish.replace("Holiday", name))
            shows(published, "for this network only")
            listed = other.types(show)
            assert listed.wait() == 0
            shows(listed, name)
            downloaded = other.types(download.replace("Holiday", name))
            shows(downloaded, "complete")
            shows(published, "safe to close")
            there = other.home / "Downloads" / name
            assert not subprocess.run(["diff", "-r", content, there], capture_output=True, check=False).stdout
            live = other.types(swarm.replace("Holiday", name))
            shows(live, name)
            runs = other.types(status)
            assert runs.wait() == 0
            shows(runs, name)
        secret = ben.types("swarmshare announce-url")
        assert secret.wait() == 0
        (url,) = re.findall(r"http://192\.168\.1\.5:6969/announce/\S+", secret.raw)
        shutil.copytree(content, ben.home / "Holiday")
        made = ben.types(re.sub(r"http\S+", url, create))
        assert made.wait() == 0


def test_a_seed_whose_address_changed_is_let_in(machines: tuple[str, str], tmp_path: Path) -> None:
    """Its old connection hangs, and no word of its end ever comes: it is ended, for the machine answers no more."""
    (tmp_path / "file").write_bytes(b"x" * 100_000)
    manifest = create_manifest(make_plan(tmp_path / "file"), Description())
    (tmp_path / "file.torrent").write_bytes(manifest.encode())
    leech, seed = machines
    environment = {**os.environ, "SWARMSHARE_HOME": str(tmp_path / "home")}
    command = shlex.split("-m swarmshare download file.torrent --to there --listen *:0 --json")
    with ExitStack() as stack:
        process = subprocess.Popen(
            [*inside(leech), sys.executable, *command],
            cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(process.communicate, timeout=TIMEOUT)
        stack.callback(process.kill)
        port = int(event(process, "listening")["address"].rpartition(":")[2])
        sockets = Sockets(seed, stack)

        def joins() -> socket.socket | None:
            """Who has everything, and gives nothing; None when it is not let in."""
            connection: Any = sockets.connect(ADDRESSES[0], port)
            stack.callback(connection.close)
            connection.settimeout(TIMEOUT)
            ours = Handshake(manifest.info_hash.truncated, b"-XX0000-copied-by-me", extended=False)
            connection.sendall(ours.encode() + HaveAll().encode())
            data = b""
            with suppress(ConnectionResetError):
                while len(data) <= HANDSHAKE_LENGTH and (more := connection.recv(1000)):
                    data += more
            return connection if len(data) > HANDSHAKE_LENGTH else None

        assert joins() is not None
        while not event(process, "progress")["peers"]:
            pass
        ip("-n", seed, "addr", "flush", "dev", "eth0")
        ip("-n", seed, "addr", "add", "192.168.1.7/24", "dev", "eth0")
        deadline = monotonic() + TIMEOUT
        while joins() is None:
            assert monotonic() < deadline
            sleep(0.5)
        while event(process, "progress")["peers"] != 1:
            assert monotonic() < deadline
