"""A machine that fails at a chosen moment: ``swarmshare`` runs in a process whose calls to the system are counted."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

if TYPE_CHECKING:
    from types import TracebackType

HERE = Path(__file__).parent
TESTS = HERE.parent
PATIENCE = 60.0
"""Seconds that a command has to end after a fault; on a busy machine that is much."""
HUNG = 121


class Action(IntEnum):
    """What happens at the chosen call; the numbers are the shim's."""

    COUNT = 0
    KILL_BEFORE = 1
    KILL_HALF = 2
    KILL_AFTER = 3
    FAIL = 4
    SHORT = 5


class Fault(NamedTuple):
    """A call that changes files, by its number from 1, and what happens there."""

    at: int = 0
    action: Action = Action.COUNT
    error: int = 0

    def __str__(self) -> str:
        what = os.strerror(self.error) if self.action is Action.FAIL else self.action.name.lower().replace("_", " ")
        return f"call {self.at}: {what}"


NONE = Fault()


class Outcome(NamedTuple):
    """What came of a command."""

    status: int
    """Negative: the signal that ended it; :data:`HUNG`: it did not end by itself."""
    calls: int
    """That change files below its folder, so far."""
    out: str
    error: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it said by ``--json``."""
        return [json.loads(line) for line in self.out.splitlines() if line.endswith("}")]


def built(folder: Path) -> Path:
    """The shim, compiled; the test is skipped where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("a C compiler makes the calls fail")
    shim = folder / "shim.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(shim), str(HERE / "shim.c"), "-ldl"],
        check=True,
    )
    return shim


class Machine:
    """Runs one command after the other, each with a fault of its own."""

    def __init__(self, shim: Path, scratch: Path) -> None:
        self._scratch = scratch
        self._number = 0
        environment = {**os.environ, "LD_PRELOAD": str(shim), "PYTHONPATH": str(TESTS)}
        environment.pop("COVERAGE_PROCESS_CONFIG", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "faults.runner"], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def __enter__(self) -> Machine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate()
        assert error is not None or self._process.returncode == 0

    def run(self, folder: Path, *arguments: object, fault: Fault = NONE) -> Outcome:
        """Run a command; files below ``folder`` are its own, and so is ``folder / "home"``."""
        return self._run(folder, fault, arguments=list(map(str, arguments)))

    def operate(self, folder: Path, operation: str, fault: Fault = NONE) -> Outcome:
        """Run a function of :mod:`faults.operations`."""
        return self._run(folder, fault, operation=operation, arguments=[])

    def _run(self, folder: Path, fault: Fault, **what: Any) -> Outcome:
        self._number += 1
        logs, counter = self._scratch / f"run{self._number}", self._scratch / "counter"
        counter.write_bytes(bytes(8))
        case = {
            "folder": str(folder), "counter": str(counter), "logs": str(logs), "patience": PATIENCE,
            **fault._asdict(), **what,
        }  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(case) + "\n")
        self._process.stdin.flush()
        status = json.loads(self._process.stdout.readline())
        out, error = (logs.with_suffix(suffix) for suffix in (".out", ".error"))
        outcome = Outcome(status, int.from_bytes(counter.read_bytes(), "little"), out.read_text(), error.read_text())
        for log in (out, error):
            log.unlink()
        return outcome
