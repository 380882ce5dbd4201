"""``swarmshare demo`` as a whole: what it claims is so, and nothing is left of it however it ends."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from cli.processes import call, event, start
from cli.terminal import terminal
from waiting import TIMEOUT

from swarmshare.cli import demo
from swarmshare.cli.demo_data import digests, make_folder, spoil
from swarmshare.cli.demo_view import MachineStats, render_stats

if TYPE_CHECKING:
    from cli.terminal import Screen
    from rich.text import Text


@pytest.fixture(autouse=True)
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo has its folder."""
    folder = tmp_path / "stage"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def at_work(stage: Path, machine: str = "") -> list[int]:
    """The processes of a demo, or of one of its machines: by their home."""
    found: list[Any] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # it has ended, or it is somebody else's
            continue
        homes = [text for text in variables if text.startswith(f"SWARMSHARE_HOME={stage}/".encode())]
        if any(text.endswith(f"{machine}/home".encode()) for text in homes):
            found.append(int(folder.name))
    return found


def nothing_is_left(stage: Path) -> bool:
    return not at_work(stage) and not list(stage.iterdir())


def play(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """All that a demo tells, which is to end well."""
    process = start(folder, "demo", *arguments)
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, error
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.unmeasured
def test_all_of_it(tmp_path: Path, stage: Path) -> None:
    events = play(tmp_path, "--size", "8")
    assert nothing_is_left(stage)
    last = events[-1]
    assert (last["event"], last["liars"]) == ("summary", [])
    assert sum(last["uploaded"].values()) >= 4 * 8 * 2**20  # four copies came from somewhere
    assert len({digest for name, digest in events[-3].items() if name != "event"}) == 1
    completed = [item["machine"] for item in events if item["event"] == "complete" and item["machine"] != "Ann"]
    assert sorted(completed) == ["Ben", "Cho", "Dee", "Eve"]
    assert completed[-1] == "Eve"
    pieces = [item["pieces_done"] for item in events if item["event"] == "progress" and item["machine"] == "Ben"]
    assert pieces == sorted(pieces)


def test_a_liar_is_named(tmp_path: Path, stage: Path) -> None:
    events = play(tmp_path, "--size", "24", "--sabotage")
    assert nothing_is_left(stage)
    assert events[-1]["liars"] == ["Cho"]
    where = next(item["address"] for item in events if item["event"] == "listening" and item["machine"] == "Cho")
    banned = [item for item in events if item["event"] == "peer_dropped" and item["banned"]]
    assert {(item["machine"], item["address"]) for item in banned} == {("Eve", where)}
    found = next(item for item in events if item["event"] == "digests")
    assert len({found[name] for name in ("Ann", "Ben", "Dee", "Eve")}) == 1
    assert found["Cho"] != found["Ann"]


@pytest.mark.unmeasured
def test_ctrl_c_while_bars_grow(tmp_path: Path, stage: Path) -> None:
    def growing(screen: Screen) -> bool:
        return any(line.startswith("  Ben   \u2501") and "down" in line for line in screen.lines)

    with terminal(tmp_path, "demo", columns=100, environment={"TMPDIR": str(stage)}) as shown:
        shown.until(growing)
        assert at_work(stage)
        shown.type(b"\x03\x03")
        assert shown.wait() == 130
        assert shown.screen.cursor_visible
    assert nothing_is_left(stage)


def test_nobody_disturbs_the_tidying_up(stage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    found: list[Any] = []
    tidy_up = tempfile.TemporaryDirectory.cleanup

    def watched(folder: tempfile.TemporaryDirectory[str]) -> None:
        found.extend(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
        tidy_up(folder)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", watched)
    with pytest.raises(KeyboardInterrupt), demo.stage():
        raise KeyboardInterrupt
    assert found == [signal.SIG_IGN] * 2
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
    assert nothing_is_left(stage)


@pytest.mark.unmeasured
def test_a_machine_that_dies_ends_it(tmp_path: Path, stage: Path) -> None:
    process = start(tmp_path, "demo")
    while event(process, "progress")["machine"] != "Ben":
        pass
    (ben,) = at_work(stage, "Ben")
    os.kill(ben, signal.SIGKILL)
    out, error = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 1
    assert error.splitlines()[-1].startswith("swarmshare: Ben: ")
    assert error.endswith("(exit status -9)\n")
    assert '"event": "error"' in out
    assert nothing_is_left(stage)


def test_no_room(tmp_path: Path, stage: Path) -> None:
    (error,) = call(tmp_path, "demo", "--size", str(2**30), expect=1)
    assert "not enough room" in error["message"]
    assert nothing_is_left(stage)


def test_what_is_spoiled_looks_the_same(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        make_folder(folder, 1_000_000)
    assert len(set(digests([one, other]))) == 1
    before = {path: path.stat() for path in other.rglob("*") if path.is_file()}
    assert spoil(other) >= 1_000_000 // 2**14
    assert len(set(digests([one, other]))) == 2
    for path, was in before.items():
        now = path.stat()
        assert (now.st_size, now.st_mtime_ns, now.st_ino) == (was.st_size, was.st_mtime_ns, was.st_ino)
        data, right = path.read_bytes(), (one / path.relative_to(other)).read_bytes()
        for begin in range(0, len(data), 2**14):
            assert data[begin : begin + 2**14] != right[begin : begin + 2**14]


@pytest.mark.parametrize("width", [1, 20, 40, 60, 80, 200])
def test_machine_lines_fit(width: int) -> None:
    machines = [
        MachineStats("Ann", 10_000, 10_000, rate_up=13_000_000),
        MachineStats("Ben", 5_000, 10_000, rate_up=13_000_000, rate_down=25_000_000),
        MachineStats("Cho"),
        MachineStats("Dee", 10_000, 10_000, here=False),
    ]
    lines: list[Text] = list(render_stats(machines, width).renderables)  # type: ignore[arg-type]
    assert len(lines) == len(machines)
    assert all(text.cell_len < max(width, 2) for text in lines)
    if width >= 80:
        ann, ben, _, dee = (text.plain for text in lines)
        assert ("100%" in ann, "12.4 MiB/s up" in ann) == (True, True)
        assert ("50%" in ben, "5,000/10,000" in ben, "23.8 MiB/s down" in ben) == (True, True, True)
        assert "has left" in dee
