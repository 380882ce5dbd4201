"""A tracker and machines of a group, each with a home of its own and verbs as real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from pathlib import Path

PASSWORD = "correct horse battery"


class Machine:
    """A home of its own, and the verbs that were started in it."""

    def __init__(self, folder: Path, stack: ExitStack, tracker: str = "") -> None:
        self.folder, self.tracker = folder, tracker
        self._stack = stack
        folder.mkdir()
        (folder / "password").write_text(PASSWORD)

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "swarmshare", *map(str, arguments)]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "SWARMSHARE_HOME": str(self.folder / "home")}

    def run(self, *arguments: object) -> list[dict[str, Any]]:
        """What a verb says when it is over."""
        done = subprocess.run(
            self.command(*arguments, "--json"), env=self.environment, capture_output=True, text=True, timeout=TIMEOUT
        )
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def start(self, *arguments: object) -> Verb:
        verb = Verb(self.command(*arguments, "--json"), self.environment, self.folder)
        self._stack.callback(verb.stop)
        return verb

    def register(self, user: str, *more: object) -> None:
        self.run(
            "register", "--tracker", self.tracker, "--user", user, "--password-file", self.folder / "password", *more
        )


class Verb:
    """A process that tells what it does in events."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        self.errors = open(folder / f"{command[3]}.err", "w+")  # noqa: SIM115
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.events: list[dict[str, Any]] = []

    def wait_for(self, kind: str, condition: Callable[[dict[str, Any]], object] = bool) -> dict[str, Any]:
        """The next event of a kind that meets a condition."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + TIMEOUT
        for line in self.process.stdout:
            assert time.monotonic() < deadline, f"no such event {kind!r}; the last one: {line}"
            event: dict[str, Any] = json.loads(line)
            self.events.append(event)
            if event["event"] == kind and condition(event):
                return event
        self.errors.seek(0)
        pytest.fail(f"no event {kind!r} before the end: {self.errors.read()}")

    def finish(self) -> None:
        assert self.process.stdout is not None
        self.events += map(json.loads, self.process.stdout)
        assert self.process.wait(TIMEOUT) == 0

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.communicate(timeout=TIMEOUT)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.errors.close()


class Group:
    """A tracker, and machines that are signed in at it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack = folder, stack
        self.server = Machine(folder / "tracker", stack)
        self.verb = self.start_tracker("127.0.0.1:0")

    def start_tracker(self, listen: str) -> Verb:
        verb = self.server.start(
            "tracker", "--listen", listen, "--data", self.folder / "data", "--registration", "open"
        )
        self.address = verb.wait_for("listening")["address"]
        return verb

    def machine(self, name: str) -> Machine:
        machine = Machine(self.folder / name, self.stack, f"http://{self.address}")
        setup = [event["setup_token"] for event in self.verb.events if "setup_token" in event]
        first = not any((self.folder / other).exists() for other in ("registered",))
        machine.register(name, *(("--setup-token", setup[0]) if first and setup else ()))
        (self.folder / "registered").touch()
        return machine


def same(one: Path, other: Path) -> bool:
    files = [path.relative_to(one) for path in one.rglob("*") if path.is_file()]
    return all((one / file).read_bytes() == (other / file).read_bytes() for file in files)
