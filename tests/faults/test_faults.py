"""A disk that fails and a machine that dies at every call of a small download, a publish, and a tracker's commits.

``make test`` tries some calls of each; ``-m soak`` tries all of them.
"""

from __future__ import annotations

import errno
import shutil
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
from engine.swarm import Swarm, address
from faults.machine import HUNG, NONE, Action, Fault, Machine, built
from tracker.trackers import PASSWORD, Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator
    from pathlib import Path

    from faults.machine import Outcome

pytestmark = [
    pytest.mark.unmeasured,
    pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["some", "all"]),
]

PIECE = 2**14
LENGTHS = {"a": 580_001, "b": 580_002, "folder/c": 580_003, "folder/d": 580_004, "empty": 0}
KINDS = [
    (Action.KILL_BEFORE, 0),
    (Action.KILL_HALF, 0),
    (Action.KILL_AFTER, 0),
    (Action.FAIL, errno.EIO),
    (Action.FAIL, errno.ENOSPC),
    (Action.FAIL, errno.EROFS),
    (Action.SHORT, 0),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def machine(shim: Path, tmp_path: Path) -> Iterator[Machine]:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with Machine(shim, scratch) as machine:
        yield machine


def faults(calls: int, every: bool) -> Iterator[Fault]:
    """Each kind at every call, or each at one, so that they are spread over all calls."""
    for kind, (action, error) in enumerate(KINDS):
        one = 1 + kind * calls // len(KINDS)
        for call in range(1, calls + 1) if every else [one]:
            yield Fault(call, action, error)


def new(folder: Path, like: Path | None = None) -> Path:
    """The folder of a machine, in place of the last one's; with the files of ``like``."""
    machine = folder / "machine"
    shutil.rmtree(machine, ignore_errors=True)
    machine.mkdir() if like is None else shutil.copytree(like, machine)
    return machine


def right_bytes(swarm: Swarm, folder: Path) -> int:
    """How much of the content is in ``folder``, by whole pieces: under final names or not, whatever is noted of it."""
    found, layout = 0, swarm.manifest.layout
    for number, file in enumerate(swarm.manifest.files):
        path = folder.joinpath("top", *file.path)
        true = swarm.source.joinpath(*file.path).read_bytes()
        copies = [copy.read_bytes() for copy in path.parent.glob(f"{path.name}*")] if path.parent.is_dir() else []
        for piece in layout.file_pieces(number):
            span = layout.span(layout.index(piece))
            part = slice(span.offset, span.offset + span.length)
            found += span.length if any(copy[part] == true[part] for copy in copies) else 0
    return found


def wrong_files(swarm: Swarm, folder: Path) -> list[str]:
    """The final names below which there are other bytes than the content's."""
    names = ["/".join(file.path) for file in swarm.manifest.files]
    return [
        name
        for name in names
        if (path := folder / "top" / name).exists() and path.read_bytes() != (swarm.source / name).read_bytes()
    ]


async def test_a_download(every: bool, machine: Machine, tmp_path: Path) -> None:
    """Whatever happens: nothing wrong under a final name, and the next start fetches only what is not there."""
    async with Swarm(tmp_path / "swarm", LENGTHS, PIECE) as swarm:
        seed, _ = await swarm.seed("seed")
        manifest = tmp_path / "top.torrent"
        manifest.write_bytes(swarm.manifest.encode())
        host, port = address(seed)

        async def download(folder: Path, fault: Fault = NONE) -> Outcome:
            arguments = ("download", manifest, "--to", folder / "out", "--peer", f"{host}:{port}", "--json")
            return await trio.to_thread.run_sync(partial(machine.run, folder, *arguments, fault=fault))

        async def problem(fault: Fault) -> str:
            folder = new(tmp_path)
            first = await download(folder, fault)
            if first.status == HUNG:
                return "it hung"
            if wrong := wrong_files(swarm, folder / "out"):
                return f"wrong bytes: {wrong}"
            there = right_bytes(swarm, folder / "out")
            again = await download(folder)
            if again.status != 0:
                return f"the next start fails: {again.error}"
            fetched = max(event.get("downloaded", 0) for event in again.events)
            most = swarm.manifest.total_length - there + PIECE
            return f"{fetched} bytes were fetched again, of {most}" if fetched > most else ""

        folder = new(tmp_path)
        counted = await download(folder)
        assert counted.status == 0, counted.error
        assert await problems(problem, faults(counted.calls, every)) == []


async def problems(problem: Callable[[Fault], Awaitable[str]], faults: Iterable[Fault]) -> list[str]:
    return [f"{fault}: {found}" for fault in faults if (found := await problem(fault))]


async def test_a_tracker(every: bool, machine: Machine, tmp_path: Path) -> None:
    """What it acknowledged is there when it starts again, and its database is whole."""
    made = tmp_path / "made"
    made.mkdir()
    assert machine.operate(made, "make_tracker").status == 0

    async def problem(fault: Fault) -> str:
        folder = new(tmp_path, made)
        outcome = machine.operate(folder, "work", fault)
        if outcome.status == HUNG:
            return "it hung"
        if outcome.status not in (0, -signal.SIGKILL):
            return f"it failed: {outcome.error}"
        later = machine.operate(folder, "look")
        if later.status != 0:
            return f"the next start fails: {later.error}"
        (there,) = later.events
        return lost(outcome.events, there)

    folder = new(tmp_path, made)
    counted = machine.operate(folder, "work")
    assert counted.status == 0, counted.error
    assert not lost(counted.events, machine.operate(folder, "look").events[0])
    assert await problems(problem, faults(counted.calls, every)) == []


def lost(events: list[dict[str, Any]], there: dict[str, Any]) -> str:
    """What was acknowledged, and is not there."""
    entries = {entry["info_hash"] for entry in there["entries"]}
    published = {event["answer"]["info_hash"] for event in events if event["event"] == "published"}
    withdrawn = {event["path"].rpartition("/")[2] for event in events if event["event"] == "withdrawn"}
    invited = sum(event["event"] == "invited" for event in events)
    if not published - withdrawn <= entries:
        return f"entries are lost: {published - withdrawn - entries}"
    if withdrawn & entries:
        return f"entries are back: {withdrawn & entries}"
    return "invitations are lost" if len(there["invitations"]) < invited else ""


async def test_a_publish(every: bool, machine: Machine, tmp_path: Path) -> None:
    """Whoever publishes again has published, once."""
    made, password = tmp_path / "made", tmp_path / "password"
    made.mkdir()
    password.write_text(PASSWORD)
    (made / "film.bin").write_bytes(bytes(range(256)) * 256)
    server = Server(tmp_path / "tracker")
    try:
        setup = ("--setup-token", server.events["setup"]["setup_token"], "--password-file", password)
        registered = machine.run(made, "register", "--tracker", server.url, "--user", "olga", *setup)
        assert registered.status == 0, registered.error

        async def problem(fault: Fault) -> str:
            folder = new(tmp_path, made)
            outcome = machine.run(folder, "publish", "film.bin", "--json", fault=fault)
            if outcome.status == HUNG:
                return "it hung"
            again = machine.run(folder, "publish", "film.bin", "--json")
            return f"the next one fails: {again.error}" if again.status else ""

        counted = machine.run(new(tmp_path, made), "publish", "film.bin", "--json")
        assert counted.status == 0, counted.error
        assert await problems(problem, faults(counted.calls, every)) == []
        listed = machine.run(tmp_path / "machine", "list", "--json")
        assert [event["name"] for event in listed.events if event["event"] == "entry"] == ["film.bin"], listed
    finally:
        server.end(signal.SIGKILL)
