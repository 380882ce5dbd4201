"""``seed`` and ``download`` as people see them: on a terminal, and without one."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cli.processes import call, seeding
from cli.terminal import terminal
from waiting import TIMEOUT

if TYPE_CHECKING:
    from pathlib import Path

    from cli.terminal import Screen

FOOTER = "Ctrl-C stops; the same command goes on from there."


def part_way(screen: Screen) -> bool:
    """Whether the frame is whole and shows a download that has started."""
    lines = [line for line in screen.lines if line]
    return bool(lines) and lines[-1] == FOOTER and not any("  0.0%  " in line for line in lines)


def test_ctrl_c_leaves_the_last_state_and_a_clean_terminal(top: Path, tmp_path: Path) -> None:
    with (
        seeding(tmp_path, tmp_path, "--limit-up", "1MiB") as address,
        terminal(
            tmp_path, "download", "top.torrent", "--to", "there", "--peer", address, environment={"NO_COLOR": "1"}
        ) as shown,
    ):
        shown.until(lambda screen: part_way(screen) and any(address in line for line in screen.lines))
        lines = [line for line in shown.screen.lines if line]
        assert lines[0].startswith("Downloading top to ")
        assert any(line.startswith("Listening on 127.0.0.1:") for line in lines[1:4]), "the path may take two lines"
        head = next(number for number, line in enumerate(lines) if line.startswith("top/"))
        assert lines[head].endswith("downloading")
        assert " of 5.8 MiB" in lines[head + 1]
        assert "1 peer (1 seed)" in lines[head + 2]
        assert {"3 files, 1 done"} <= set(lines)
        assert not shown.screen.cursor_visible
        shown.type(b"\x03")
        assert shown.wait() == 130
    screen = shown.screen
    assert screen.cursor_visible
    assert screen.colours <= {"0", "1", "2"}  # NO_COLOR: bold and dim at most
    lines = [line for line in screen.lines if line and not line.startswith("Listening")]
    last = next(number for number, line in enumerate(lines) if line.startswith("top/ "))
    assert "".join(lines[:last]).startswith("Downloading top to "), lines
    lines = lines[last:]
    assert len(lines) == 4, lines
    assert lines[0].endswith(" stopped")
    assert " of 5.8 MiB" in lines[1]
    assert lines[2].endswith(" downloaded, 0 B uploaded")
    assert lines[3] == "swarmshare: interrupted"


def test_what_matters_stays_above(top: Path, tmp_path: Path) -> None:
    with (
        seeding(tmp_path, tmp_path, "--limit-up", "8MiB") as address,
        terminal(
            tmp_path,
            "download",
            "top.torrent",
            "--to",
            "there",
            "--peer",
            address,
            "--listen",
            "127.0.0.1:0",
            columns=60,
        ) as shown,
    ):
        assert shown.wait() == 0
    lines = [line for line in shown.screen.scrolled + shown.screen.lines if line and "Listening" not in line]
    complete = lines.index("top/: complete")
    assert "".join(lines[:complete]).startswith("Downloading top to ")
    lines = lines[complete:]
    assert lines[1].endswith("complete")
    assert "100%" in lines[2]
    assert len(lines) == 4
    assert {"32", "36"} <= set(shown.screen.colours)


def test_a_seed_on_a_terminal(top: Path, tmp_path: Path) -> None:
    with terminal(tmp_path, "seed", "top.torrent", "--data", ".", "--listen", "127.0.0.1:0") as shown:
        shown.until(lambda screen: part_way(screen) and any(line.endswith("seeding") for line in screen.lines))
        listening = next(line for line in shown.screen.lines if line.startswith("Listening on "))
        call(tmp_path, "download", "top.torrent", "--to", "there", "--peer", listening.split()[2].rstrip(","))
        shown.until(lambda screen: part_way(screen) and any("5.8 MiB so far" in line for line in screen.lines))
        shown.type(b"\x03")
        assert shown.wait() == 130
    assert "0 B downloaded, 5.8 MiB uploaded" in shown.screen.lines


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {"PYTHONIOENCODING": "ascii"}])
def test_a_terminal_that_cannot_show_it_gets_lines(top: Path, tmp_path: Path, environment: dict[str, str]) -> None:
    with (
        seeding(tmp_path, tmp_path) as address,
        terminal(
            tmp_path,
            "download",
            "top.torrent",
            "--to",
            "there",
            "--peer",
            address,
            columns=200,
            environment=environment,
        ) as shown,
    ):
        assert shown.wait() == 0
    assert "\x1b" not in shown.raw
    lines = [line for line in shown.raw.splitlines() if not line.startswith("Listening")]
    assert lines[-1] == "top/: complete"


def test_without_a_terminal_there_are_lines(top: Path, tmp_path: Path) -> None:
    with seeding(tmp_path, tmp_path, "--limit-up", "2MiB") as address:
        done = subprocess.run(
            [sys.executable, "-m", "swarmshare", "download", "top.torrent", "--to", "there", "--peer", address],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=TIMEOUT,
            env={**os.environ, "FORCE_COLOR": "1"},
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("Listening", "Downloading"))]
    assert lines[-1] == "top/: complete"
    assert all(line.startswith("top/: ") for line in lines), lines
    # A busy machine is asked while it still checks, or has just ended.
    assert any(" of 5.8 MiB, " in line for line in lines[:-1]), lines


def test_a_log_can_be_followed(top: Path, tmp_path: Path) -> None:
    """Lines do not wait in a buffer for more of them."""
    with subprocess.Popen(
        [sys.executable, "-m", "swarmshare", "seed", "top.torrent", "--data", "."],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith(("Listening on 127.0.0.1:", "top/: complete"))
        process.terminate()
