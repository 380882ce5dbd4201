"""Contestants as processes of their own, which say one JSON value a line on standard output, and hear so on input."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from swarmshare.bench.contest import BenchError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import ExitStack


def start(
    stack: ExitStack, module: str, *arguments: object, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start ``module`` as a process, which ends with ``stack``; by default in our own environment."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
    stack.enter_context(child)
    stack.callback(child.kill)
    return child


def answer(child: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a child says next. Raises :class:`BenchError` when it has ended."""
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise BenchError(Text("cli.bench-ended"), hint=Text("hint.make-setup"))
    said: dict[str, Any] = json.loads(line)
    return said


def say(child: subprocess.Popen[str], value: object) -> None:
    """Send ``value`` to a child, which reads it with :func:`hear`."""
    assert child.stdin is not None
    print(json.dumps(value), file=child.stdin, flush=True)


def hear() -> Any:
    """Wait for what the parent says next with :func:`say`; called in a child."""
    return json.loads(sys.stdin.readline())


def tell(**said: object) -> None:
    """Send ``said`` to the parent, which reads it with :func:`answer`; called in a child."""
    print(json.dumps(said), flush=True)
