"""``swarmshare`` commands as processes, told by ``--json`` how they get on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

from waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def start(folder: Path, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "swarmshare", *map(str, arguments), "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SWARMSHARE_HOME": str(folder / "home")},
    )  # fmt: skip


def event(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    """The next event of that name; a running process says something every second, so this does not wait for ever."""
    assert process.stdout is not None
    deadline = monotonic() + TIMEOUT
    for line in process.stdout:
        assert monotonic() < deadline, f"no {name!r}"
        found: dict[str, Any] = json.loads(line)
        if found["event"] == name:
            return found
    raise AssertionError(f"no {name!r}: {process.communicate(timeout=TIMEOUT)}")


def call(folder: Path, *arguments: object, expect: int = 0) -> list[dict[str, Any]]:
    process = start(folder, *arguments)
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == expect, error
    assert "Traceback" not in error
    return [json.loads(line) for line in out.splitlines()]


@contextmanager
def seeding(folder: Path, data: Path, *options: object) -> Iterator[str]:
    """A seed of ``top.torrent``; gives its address, and checks that it stops cleanly."""
    process = start(folder, "seed", "top.torrent", "--data", data, *options)
    try:
        yield event(process, "listening")["address"]
    finally:
        process.send_signal(signal.SIGTERM)
        _, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 130
    assert error.splitlines()[-1] == "swarmshare: interrupted"
