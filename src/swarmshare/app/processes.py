"""Other ``swarmshare`` commands as processes of their own, which tell by ``--json`` how they get on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from queue import Empty, Queue
from threading import Thread
from time import monotonic
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

from swarmshare.errors import SwarmShareError
from swarmshare.storage.home import VARIABLE
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path
    from types import TracebackType

EXIT: Final = "exit"
"""The event that is told of a process when it has ended, with its ``status``."""
MAX_QUEUED: Final = 1000
"""Events that wait to be taken; a process that has more to tell waits."""
MAX_SAID: Final = 100
"""Lines for people that are kept of each process, the last ones."""
INTERRUPTED: Final = "swarmshare: interrupted\n"
"""What a command says last when it is stopped: not to be passed on, for we say the same."""
GRACE: Final = 10.0
"""Seconds that processes have to stop before they are killed."""


class ProcessError(SwarmShareError):
    """A command that was run did not end as it should."""

    code = "process"


class ProcessEvent(NamedTuple):
    """An event that a process printed as JSON."""

    by: Process
    event: str
    fields: dict[str, Any]


class Process:
    """A running command of swarmshare."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        inbox: Queue[ProcessEvent],
        *,
        cwd: Path | None,
        home: Path | None,
        leash: bool,
        alone: bool,
        variables: Mapping[str, str],
        module: str,
    ) -> None:
        """``home`` gives it a home, and no other setting, of its own; None: it has ours.

        With ``leash`` its standard input ends when we do, however that happens; ``alone`` keeps the terminal's Ctrl-C
        from it. ``variables`` are set for it alone. The
        command is what ``module`` runs.
        """
        self.name = name
        self.said: deque[str] = deque(maxlen=MAX_SAID)
        """Its last lines for people."""
        self.echo = False
        """Whether its lines for people are passed on to ours, from now on."""
        environment = dict(os.environ)
        if home is not None:
            environment = {key: value for key, value in environment.items() if not key.startswith("SWARMSHARE_")}
            environment[VARIABLE] = str(home)
        environment |= variables
        # -P: what is in the current folder is data, even when it is called swarmshare.
        self._popen = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments, "--json"],
            cwd=cwd, env=environment, stdin=subprocess.PIPE if leash else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8", errors="replace",
            process_group=0 if alone and os.name == "posix" else None,
        )  # fmt: skip
        assert self._popen.stdout is not None
        assert self._popen.stderr is not None
        self._listener = Thread(target=self._listen, args=(self._popen.stderr,), daemon=True)
        self._listener.start()
        Thread(target=self._take, args=(self._popen.stdout, inbox), daemon=True).start()

    @property
    def pid(self) -> int:
        """The number of the process, as the system has it."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._popen.poll() is None

    @property
    def last_words(self) -> Text:
        """Its last line for people: what went wrong, if something did."""
        if not self.said:
            return Text("local.silent")
        return Text("tracker.says", text=self.said[-1].removeprefix("swarmshare: "))

    def stop(self) -> None:
        """Ask it to stop, as Ctrl-C would."""
        self._popen.terminate()

    def signal(self, number: int) -> None:
        """Send the process a signal."""
        self._popen.send_signal(number)

    def end(self, deadline: float) -> None:
        """Wait until it has stopped; kill it at ``deadline``."""
        try:
            self._popen.wait(max(deadline - monotonic(), 0))
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()
        if self._popen.stdin is not None:
            self._popen.stdin.close()

    def _take(self, lines: IO[str], inbox: Queue[ProcessEvent]) -> None:
        with lines:
            for line in lines:
                if not line.endswith("\n"):
                    break  # it was killed in the midst of it
                fields = json.loads(line)
                inbox.put(ProcessEvent(self, fields.pop("event"), fields))
        self._listener.join()  # whoever hears of its end may ask for its last words
        inbox.put(ProcessEvent(self, EXIT, {"status": self._popen.wait()}))

    def _listen(self, lines: IO[str]) -> None:
        with lines:
            for line in lines:
                self.said.append(line.rstrip("\n"))
                if self.echo and line != INTERRUPTED:
                    sys.stderr.write(line)


class Processes:
    """Running commands; all of them end with the context."""

    def __init__(self) -> None:
        self._inbox: Queue[ProcessEvent] = Queue(MAX_QUEUED)
        self._all: list[Process] = []

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        running = [process for process in self._all if process.running]
        for process in running:
            process.stop()
        deadline = monotonic() + GRACE
        for process in running:
            process.end(deadline)

    def start(
        self,
        name: str,
        *arguments: str,
        cwd: Path | None = None,
        home: Path | None = None,
        leash: bool = False,
        alone: bool = False,
        variables: Mapping[str, str] | None = None,
        module: str = "swarmshare",
    ) -> Process:
        """Run a command; see :class:`Process`."""
        process = Process(
            name,
            arguments,
            self._inbox,
            cwd=cwd,
            home=home,
            leash=leash,
            alone=alone,
            variables=variables or {},
            module=module,
        )
        self._all.append(process)
        return process

    def told(self, seconds: float | None) -> Iterator[ProcessEvent]:
        """Yield what was told since the last call; wait up to ``seconds`` for the first of it, or (None) for ever."""
        try:
            yield self._inbox.get(timeout=seconds)
            while True:
                yield self._inbox.get_nowait()
        except Empty:
            return
