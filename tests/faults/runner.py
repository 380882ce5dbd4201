"""Runs ``swarmshare`` commands with a fault each, in children of one process that has loaded everything already.

Started by :mod:`faults.machine` with the shim before libc. It takes one JSON object a line, and answers each by one.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
from typing import Any

from faults import operations

from swarmshare.cli.main import main


def child(shim: ctypes.CDLL, case: dict[str, Any]) -> int:
    folder = case["folder"]
    os.environ["SWARMSHARE_HOME"] = f"{folder}/home"
    os.chdir(folder)
    for name, stream in (("out", 1), ("error", 2)):
        os.dup2(os.open(f"{case['logs']}.{name}", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), stream)
    shim.arm(
        *(os.fsencode(case[name]) for name in ("folder", "counter")),
        ctypes.c_long(case["at"]), case["action"], case["error"],
    )  # fmt: skip
    if "operation" in case:
        getattr(operations, case["operation"])(folder, *case["arguments"])
        return 0
    return main(case["arguments"])


def run(shim: ctypes.CDLL, case: dict[str, Any]) -> int:
    """The exit status of a case, negative for a signal; it is killed when it takes too long."""
    pid = os.fork()
    if not pid:
        status = 120
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                status = child(shim, case)
            finally:
                sys.stdout.flush()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
        finally:
            os._exit(status)
    end = os.pidfd_open(pid)
    try:
        if not select.select([end], [], [], case["patience"])[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return 121
    finally:
        os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    library = ctypes.CDLL(os.environ.pop("LD_PRELOAD"))
    for module in ("command", "seed_download", "engine_run"):
        __import__(f"swarmshare.cli.{module}")
    for line in sys.stdin:
        print(json.dumps(run(library, json.loads(line))), flush=True)
