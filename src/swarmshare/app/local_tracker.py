"""A tracker on this machine, as a process of its own, which ends with us."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app.processes import EXIT, Processes
from swarmshare.app.running import running
from swarmshare.app.snapshot import LocalTrackerSnapshot
from swarmshare.schema.text_wire import read_text
from swarmshare.storage.home import swarmshare_home
from swarmshare.texts import Text, advise

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.app.processes import ProcessEvent

PORT: Final = 6969
"""Where trackers usually are."""
GRACE: Final = 1.5
"""Seconds that it has to stop before it is killed."""
_UNSPECIFIED: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}


def own_url(where: str) -> str:
    """How this machine reaches a tracker that listens at ``where``; it stays, whatever network the machine is in."""
    host, _, port = where.rpartition(":")
    return f"http://{_UNSPECIFIED.get(host, host)}:{port}"


def tracker_beside(own: int | None) -> LocalTrackerSnapshot | None:
    """Return the tracker of this home that another process runs, such as ``swarmshare start``; None when there is none.

    ``own`` is the process id of one's own, which does not count. Reads files.
    """
    for told in reversed(running()):
        url, addresses = told.get("tracker"), told.get("addresses")
        if told.get("verb") != "tracker" or told.get("pid") == own:
            continue
        if isinstance(url, str) and isinstance(addresses, list) and addresses and isinstance(addresses[0], str):
            return LocalTrackerSnapshot(url=url, own_url=own_url(addresses[0]), setup_token="", problem="", ours=False)
    return None


class OwnTracker:
    """Its life, and how it gets on."""

    def __init__(self) -> None:
        self.snapshot: LocalTrackerSnapshot | None = None
        """None when none was started, or it was stopped."""
        self._scope: trio.CancelScope | None = None
        self._error: Text | None = None
        """What it said was wrong."""
        self.pid: int | None = None
        """Of its process, the last one."""
        self._turn = trio.Lock()
        """Held until the one before has ended."""

    @property
    def runs(self) -> bool:
        """Whether it runs, or is about to."""
        failed = self.snapshot is not None and self.snapshot.problem
        return self._scope is not None and not failed

    def setup_done(self) -> None:
        """Note that the first account was made."""
        if self.snapshot is not None:
            self.snapshot = replace(self.snapshot, setup_token="")

    def stop(self) -> None:
        """Stop it, if it runs."""
        if self._scope is not None:
            self._scope.cancel()
            self._scope = None
        self.snapshot = None

    async def run(self, task_status: trio.TaskStatus[bool] = trio.TASK_STATUS_IGNORED) -> None:
        """Run it, until it is stopped or ends; tells whether it listens, as soon as that is known."""
        scope = self._scope = trio.CancelScope()
        self.snapshot = LocalTrackerSnapshot(url="", own_url="", setup_token="", problem="")
        listens = False

        def tell() -> None:
            nonlocal listens
            if not listens:  # it may listen at several addresses
                listens = True
                task_status.started(True)

        try:
            with scope:
                async with self._turn:
                    await self._run(tell)
            if not listens:
                task_status.started(False)
        finally:
            if self._scope is scope:
                self._scope = None

    async def _run(self, listens: Callable[[], object]) -> None:
        self._error, over = None, False
        processes = Processes()
        data = swarmshare_home() / "tracker"
        process = processes.start(
            "tracker", "tracker", "--listen", f"near:{PORT}", "--data", str(data), "--until-eof", leash=True
        )
        self.pid = process.pid
        try:
            while not over:  # it may end between two looks: what it said last is still to be heard
                for told in await trio.to_thread.run_sync(lambda: list(processes.told(None)), abandon_on_cancel=True):
                    self._hear(told)
                    if told.event == "listening":
                        listens()
                    over = told.event == EXIT
        finally:
            with trio.CancelScope(shield=True):
                process.stop()
                await trio.to_thread.run_sync(process.end, monotonic() + GRACE)

    def _hear(self, told: ProcessEvent) -> None:
        if self.snapshot is None:
            return
        if told.event == "setup":
            self.snapshot = replace(self.snapshot, setup_token=told.fields["setup_token"])
        elif told.event == "listening":
            url, own = told.fields["url"], own_url(told.fields["address"])
            self.snapshot = replace(self.snapshot, url=url, own_url=own)
        elif told.event == "error":
            hint = Text("hint.another-program") if told.fields["code"] == "listen" else None
            self._error = advise(read_text(told.fields["message"], told.fields.get("text")), hint)
        elif told.event == EXIT:
            problem = Text("local.ended", reason=self._error or told.by.last_words)
            self.snapshot = LocalTrackerSnapshot(url="", own_url="", setup_token="", problem=problem)
