"""The live view of a swarm: pure lines, and once for real on a terminal."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from cli.terminal import terminal
from integration.group import Group
from rich.console import Console

from swarmshare.cli.swarm_view import render_swarm, strip
from swarmshare.swarm.stalls import PATIENCE, StallDetector
from swarmshare.tracker_client.api import Entry, Member, Swarm

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = Entry("0" * 64, "Holiday", "", "ann", 0, 10**9, 16, False, False, 1, 3, 1)


def member(user: str, share: float, pieces: bytes | None, *, live: bool = True) -> Member:
    return Member(user, ("10.0.0.1", "fd00::1"), 7000, live, share, 1, 0, 0, 2**20, 0, pieces)


MEMBERS = (
    member("ann", 1.0, None),
    member("ben", 0.5, b"\xff\x00"),
    member("eve", 0.25, b"\xff\xff\xff"),
    member("", 0.5, None, live=False),
)
SWARM = Swarm(16, 1, 3, 0, 1, b"\3\2" + b"\2" * 6 + b"\1" * 8, MEMBERS)


def lines(swarm: Swarm, stalls: StallDetector, now: float, columns: int = 100, rows: int = 24) -> list[str]:
    console = Console(width=columns, height=rows, color_system=None)
    with console.capture() as captured:
        console.print(render_swarm(ENTRY, swarm, "every piece on 1 machine", stalls, now, (columns, rows)))
    return captured.get().splitlines()


def test_who_holds_what() -> None:
    shown = lines(SWARM, StallDetector(), 0.0)
    assert shown[:3] == ["Holiday", "953.7 MiB by ann, 16 pieces; 1 seed, 3 leeches", "every piece on 1 machine"]
    assert shown[3] == "\u2588" + "\u2592" * 7 + "\u2591" * 8
    assert shown[5] == "Rarest, on 1 machine: pieces 8, 9, 10, 11, 12, 13, 14, 15"
    assert shown[6].split()[:4] == ["ann", "10.0.0.1:7000", "100%", "\u2588" * 16]
    assert shown[7].split()[:4] == ["ben", "10.0.0.1:7000", "50%", "\u2588" * 8 + "\u2591" * 8]
    assert shown[8].split()[:4] == ["somebody", "10.0.0.1:7000", "50%", "\u2588" * 8 + "\u2591" * 8]
    assert shown[8].endswith("by announce")
    assert "up 1 MiB/s" in shown[9], "a bitfield of the wrong length is no reason to fail"
    assert shown[10].startswith("Ctrl-C")


def test_who_is_stuck() -> None:
    stalls = StallDetector()
    assert not any("stuck" in line for line in lines(SWARM, stalls, 0.0) + lines(SWARM, stalls, PATIENCE - 1))
    stuck = [line.split()[0] for line in lines(SWARM, stalls, PATIENCE) if line.endswith("stuck")]
    assert stuck == ["ben", "eve"], "who is complete needs nothing, and of an announce one knows nothing"


@pytest.mark.parametrize(("columns", "rows"), [(20, 5), (40, 9), (200, 50), (1, 1)])
def test_it_fits_any_terminal(columns: int, rows: int) -> None:
    shown = lines(SWARM._replace(members=MEMBERS * 30), StallDetector(), 0.0, columns, rows)
    assert len(shown) <= rows
    assert all(len(line) <= columns for line in shown)


def test_nothing_is_rarer() -> None:
    assert "No piece is rarer than another." in lines(
        SWARM._replace(availability=bytes(16), members=()), StallDetector(), 0.0
    )


def test_a_run_that_is_held_in_part() -> None:
    assert strip(member("ben", 0.5, b"\xf0\xf0"), 16, 3).plain == "\u2584\u2584\u2584"
    assert strip(member("ben", 0.5, b"\xff\x00"), 16, 4).plain == "\u2588\u2588\u2591\u2591"


def test_on_a_terminal_it_is_live(tmp_path: Path) -> None:
    with ExitStack() as stack:
        ann = Group(tmp_path, stack).machine("ann")
        source = ann.folder / "Holiday"
        source.write_bytes(bytes(100_000))
        verb = ann.start("publish", source, "--tracker", ann.tracker, "--seed", "--listen", "127.0.0.1:0")
        info_hash = verb.wait_for("published")["info_hash"]
        with terminal(ann.folder, "swarm", info_hash, columns=100) as shown:
            shown.until(lambda screen: any(line.startswith("ann ") and "100%" in line for line in screen.lines))
            verb.stop()
            shown.until(lambda screen: not any(line.startswith("ann ") for line in screen.lines))
            shown.type(b"\x03")
            assert shown.wait() == 130
        with terminal(ann.folder, "swarm", info_hash, "--once", columns=100) as shown:
            assert shown.wait() == 0
