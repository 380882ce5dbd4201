"""The play that ``swarmshare demo`` gives: a tracker and five machines, each a process of its own, every step shown."""

from __future__ import annotations

import secrets
import signal
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from swarmshare.app.processes import EXIT, Process, ProcessError
from swarmshare.cli.demo_data import MIB, digests, make_folder, spoil
from swarmshare.cli.demo_view import MachineStats
from swarmshare.cli.render import size
from swarmshare.errors import SwarmShareError
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from swarmshare.app.processes import Processes, ProcessEvent
    from swarmshare.cli.demo_view import DemoView
    from swarmshare.cli.render import Output

SECONDS: Final = 12
"""How long the publisher takes to send everything once: long enough to watch, short enough to wait for."""
LEAST_RATE: Final = 4.0
"""MiB a second that each machine sends, at the least."""
FRAME: Final = 0.25
"""Seconds between two looks at what the machines told."""
PATIENCE: Final = 180.0
"""Seconds until one step is given up."""
NAME: Final = "Holiday"
TO: Final = "Downloads"
PUBLISHER, FIRST, LATE = "Ann", ("Ben", "Cho", "Dee"), "Eve"
LIAR: Final = "Cho"
INTERRUPTED: Final = 130
FORWARDED: Final = frozenset({"listening", "published", "progress", "complete", "peer_dropped", "piece_failed"})
"""Events of the machines that are told on, with their names."""


class DemoError(SwarmShareError):
    """Something that the demo claims was not so."""

    code = "demo"


class _Machine:
    """One of the machines: a folder, in which it has its home, and what it told."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        self.stats = MachineStats(name)
        self.addresses: set[str] = set()
        self.complete = False
        self.process: Process | None = None
        folder.mkdir()
        (folder / "password").write_text(secrets.token_urlsafe())


class Play:
    """The play of the demo, one method for each scene."""

    def __init__(self, folder: Path, processes: Processes, output: Output, view: DemoView, length: int) -> None:
        """``folder`` is where everything is kept; ``length``, in bytes, is what is shared."""
        self._folder, self._processes, self._output, self._view = folder, processes, output, view
        self._length = length
        self._machines = {name: _Machine(name, folder / name) for name in (PUBLISHER, *FIRST, LATE)}
        self._told: dict[Process, dict[str, dict[str, Any]]] = {}
        """Of each process, the last event of each kind."""
        self._banned: dict[str, str] = {}
        """Who was found to lie, and by whom."""
        self._to_end: set[Process] = set()
        """Processes that may end now."""
        self._url = self._info_hash = self._liar = ""

    def perform(self, *, sabotage: bool) -> None:
        """Play all scenes; with ``sabotage``, one machine lies.

        Raises :class:`DemoError` for a claim that was not so, and :class:`ProcessError` for a machine that failed.
        """
        begin = monotonic()
        self._liar = LIAR if sabotage else ""
        self._begin()
        self._publish()
        self._download()
        self._complete()
        if sabotage:
            self._spoil()
        self._come_late()
        self._judge({LIAR} if sabotage else set())
        self._sum_up(monotonic() - begin)

    # ------------------------------------------------------------------ scenes

    def _begin(self) -> None:
        self._view.step("A tracker starts, and five people make accounts.")
        (self._folder / "tracker").mkdir()
        tracker = self._start("tracker", "tracker", "--listen", "127.0.0.1:0", "--data", ".", "--registration", "open")
        self._url = self._event(tracker, "listening")["url"]
        self._view.say(f"Tracker at {self._url}")
        first = ("--setup-token", self._told[tracker]["setup"]["setup_token"])
        registering = [
            self._call(
                name, "register", "--tracker", self._url, "--user", name, "--password-file", "password",
                *(first if name == PUBLISHER else ()),
            )
            for name in self._machines
        ]  # fmt: skip
        for process in registering:
            self._end(process, 0)

    def _publish(self) -> None:
        self._view.step(f"{PUBLISHER} publishes a folder of {size(self._length)}, and seeds it.")
        ann = self._machines[PUBLISHER]
        make_folder(ann.folder / NAME, self._length)
        process = self._share(ann, "publish", NAME, "--seed")
        self._info_hash = self._event(process, "published")["info_hash"]
        self._event(process, "listening")
        self._view.say(f"Published as {self._info_hash}")
        self._view.step("Everybody sees it in the catalogue.")
        listing = self._call(FIRST[0], "list")
        self._end(listing, 0)
        self._repeat(listing)
        entry = self._told[listing]["entry"]
        if (entry["info_hash"], entry["publisher"]) != (self._info_hash, PUBLISHER):
            raise DemoError(Text("cli.demo-not-there", publisher=PUBLISHER))

    def _download(self) -> None:
        names = ", ".join(FIRST[:-1]) + f" and {FIRST[-1]}"
        self._view.step(f"{names} download it at the same time: from {PUBLISHER}, and from one another.")
        for name in FIRST:
            self._share(
                self._machines[name], "download", self._info_hash, "--tracker", self._url, "--to", TO,
                "--seed-after",
            )  # fmt: skip
        ann = self._machines[PUBLISHER]
        self._until(lambda: ann.stats.copies_elsewhere > 0, "every piece is on another machine", PUBLISHER, *FIRST)

    def _complete(self) -> None:
        ann, others = self._machines[PUBLISHER], [self._machines[name] for name in FIRST]
        self._view.step(f"Every piece is on another machine, so {PUBLISHER} leaves.")
        self._stop(ann)
        parts = ", ".join(f"{machine.name} has {machine.stats.part}" for machine in others)
        self._view.say(f"{PUBLISHER} sent {size(ann.stats.uploaded)}. {parts}.")
        self._view.step("What each of them lacks, another one has: they complete one another.")
        self._until(
            lambda: all(machine.complete and machine.stats.complete for machine in others),
            "all are complete", PUBLISHER, *FIRST,
        )  # fmt: skip
        self._fresh(others)
        swarm = self._call(FIRST[0], "swarm", self._info_hash)
        self._end(swarm, 0)
        self._repeat(swarm)
        received = sum(machine.stats.downloaded for machine in others)
        if ann.stats.uploaded >= received:
            raise DemoError(Text("cli.demo-one-source", publisher=PUBLISHER))

    def _spoil(self) -> None:
        liar = self._machines[LIAR]
        self._view.step(f"Sabotage: {LIAR}'s disk goes bad while it seeds, and it does not notice.")
        assert liar.process is not None
        liar.process.signal(signal.SIGSTOP)  # it must not look while its files are half way
        try:
            changed = spoil(liar.folder / TO / NAME)
        finally:
            liar.process.signal(signal.SIGCONT)
        self._view.say(f"{changed:,} bytes were changed: one of each block.", "yellow")

    def _come_late(self) -> None:
        eve, others = self._machines[LATE], [self._machines[name] for name in FIRST]
        self._view.step(f"{LATE} comes late. {PUBLISHER} is gone; the others have it all.")
        process = self._share(eve, "download", self._info_hash, "--tracker", self._url, "--to", TO)
        self._to_end.add(process)
        self._until(lambda: eve.complete, f"{LATE} is complete", *FIRST, LATE)
        self._end(process, 0)
        self._fresh(others)
        for machine in others:
            self._stop(machine)

    def _judge(self, liars: set[str]) -> None:
        self._view.step("Is it all the same? SHA-256 of every folder, names and contents:")
        folders = [m.folder / (NAME if m.name == PUBLISHER else f"{TO}/{NAME}") for m in self._machines.values()]
        found = dict(zip(self._machines, digests(folders), strict=True))
        wrong = {name for name, digest in found.items() if digest != found[PUBLISHER]}
        for name, digest in found.items():
            note = "" if name not in wrong else "  spoiled on purpose" if name in liars else "  WRONG"
            self._view.say(f"{name}  {digest}{note}", "yellow" if note else "")
        self._output.event("digests", **found)
        if wrong != liars:
            raise DemoError(Text("cli.demo-wrong-data", those=_listed(wrong), liars=_listed(liars)))
        if set(self._banned) != liars:
            raise DemoError(Text("cli.demo-liars", those=_listed(self._banned), liars=_listed(liars)))

    def _sum_up(self, seconds: float) -> None:
        self._view.step(f"All of it was true, in {seconds:.0f} s:")
        uploaded = {name: self._machines[name].stats.uploaded for name in (PUBLISHER, *FIRST)}
        for name, sent in uploaded.items():
            self._view.say(f"{name} sent {size(sent)}")
        for name, by in self._banned.items():
            self._view.say(f"{name} sent wrong data: {by} found it out, and banned {name}.", "yellow")
        self._output.event("summary", seconds=round(seconds, 1), uploaded=uploaded, liars=sorted(self._banned))

    # ------------------------------------------------------------------ means

    def _start(self, name: str, *arguments: str) -> Process:
        self._view.command(name, arguments)
        folder = self._folder / name
        module = "swarmshare.cli.demo_liar" if name == self._liar else "swarmshare"
        process = self._processes.start(name, *arguments, cwd=folder, home=folder / "home", module=module)
        self._told[process] = {}
        return process

    def _call(self, name: str, *arguments: str) -> Process:
        """Start what ends by itself."""
        process = self._start(name, *arguments)
        self._to_end.add(process)
        return process

    def _share(self, machine: _Machine, *arguments: str) -> Process:
        """Start what shares, on a machine that sends no faster than it takes to watch."""
        limit = f"{max(LEAST_RATE, round(self._length / MIB / SECONDS, 1))}MiB"
        machine.process = self._start(machine.name, *arguments, "--listen", "127.0.0.1:0", "--limit-up", limit)
        return machine.process

    def _repeat(self, process: Process) -> None:
        for text in process.said:
            self._view.say(text)

    def _event(self, process: Process, event: str) -> dict[str, Any]:
        self._until(lambda: event in self._told[process], f"{process.name} tells {event!r}")
        return self._told[process][event]

    def _end(self, process: Process, status: int) -> None:
        """Wait until a process has ended, as it should."""
        if (ended := self._event(process, EXIT)["status"]) != status:
            raise ProcessError(Text("cli.process-ended", name=process.name, words=process.last_words, status=ended))

    def _stop(self, machine: _Machine) -> None:
        assert machine.process is not None
        self._to_end.add(machine.process)
        machine.process.stop()
        self._end(machine.process, INTERRUPTED)
        machine.stats.here = False

    def _fresh(self, machines: list[_Machine]) -> None:
        """Wait until each machine has told its progress once more, so that its figures are of now."""
        before = [machine.stats.told for machine in machines]
        self._until(
            lambda: all(m.stats.told > told for m, told in zip(machines, before, strict=True)),
            "everybody tells how it stands",
        )

    def _until(self, is_so: Callable[[], bool], what: str, *shown: str) -> None:
        """Take what processes tell until something ``is_so``; meanwhile, show machines."""
        deadline = monotonic() + PATIENCE
        stats = [self._machines[name].stats for name in shown]
        try:
            while not is_so():
                if monotonic() > deadline:
                    raise DemoError(Text("cli.demo-late", seconds=round(PATIENCE), what=what))
                for told in self._processes.told(FRAME):
                    self._note(told)
                if shown:
                    self._view.show(stats)
        finally:
            self._view.freeze()

    def _note(self, told: ProcessEvent) -> None:
        self._told[told.by][told.event] = told.fields
        machine = self._machines.get(told.by.name)
        if told.event == EXIT and told.by not in self._to_end:
            words, status = told.by.last_words, told.fields["status"]
            raise ProcessError(Text("cli.process-ended", name=told.by.name, words=words, status=status))
        if machine is None or machine.process is not told.by:
            return
        if told.event in FORWARDED:
            self._output.event(told.event, machine=machine.name, **told.fields)
        match told.event:
            case "listening":
                machine.addresses.add(told.fields["address"])
            case "progress" if "pieces_done" in told.fields:  # not of hashing
                machine.stats.update(told.fields)
            case "complete":
                machine.complete = True
            case "peer_dropped" if told.fields["banned"]:
                address = told.fields["address"]
                liar = next((m.name for m in self._machines.values() if address in m.addresses), address)
                self._banned[liar] = machine.name
                self._view.say(f"{machine.name} bans {liar} ({address}): {told.fields['reason']}", "yellow")
            case _:
                pass


def _listed(names: Collection[str]) -> str:
    return " and ".join(sorted(names)) or "nobody"
