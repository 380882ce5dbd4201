"""What people read."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from cli.snapshots import torrent
from waiting import TIMEOUT

from swarmshare.cli import render
from swarmshare.cli.render import Output, date, duration, plural, size
from swarmshare.cli.torrent_text import safety
from swarmshare.common.text import clean
from swarmshare.schema.snapshot import MemberSnapshot, TorrentState
from swarmshare.storage.progress import Progress

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1 KiB"), (1536, "1.5 KiB"), (5 * 2**40, "5 TiB"), (2**62, "4096 PiB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ("lc", "every piece is on 2 other machines: safe to close"),
        ("la", "every piece is on 2 other machines, 1 of them by its own word: safe to close"),
        ("laa", "every piece is on 3 other machines, 2 of them by their own word: safe to close"),
        ("a", "every piece is on 1 other machine, by its own word: safe to close"),
        ("aa", "every piece is on 2 other machines, by their own word: safe to close"),
    ],
)
def test_how_sure_it_is_that_this_machine_may_go(known: str, sentence: str) -> None:
    """``l`` is live at the tracker, ``c`` connected to us, ``a`` only announces; all of them hold everything."""
    members = tuple(MemberSnapshot("", (), letter == "l", letter == "c", b"\xff", complete=True) for letter in known)
    stats = torrent(state=TorrentState.SEEDING, members=members, seeds=len(members))
    assert safety(stats) == sentence


def test_other_words() -> None:
    assert [duration(s) for s in (0, 59.6, 3600, 36_061)] == ["0:00", "1:00", "1:00:00", "10:01:01"]
    assert [plural(n, "file") for n in (0, 1, 1000)] == ["0 files", "1 file", "1,000 files"]
    assert date(0) == "1970-01-01 00:00 UTC"
    assert date(-(2**62)) == str(-(2**62))
    assert clean("a\x1b[31m\nb\u202ec\udcff") == "a\ufffd[31m b\ufffdc\ufffd"
    assert clean("caf\u00e9 \U0001f41d") == "caf\u00e9 \U0001f41d"


def test_plain_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 1.0, 2.5, 2.5, 3.0])
    monkeypatch.setattr(render, "monotonic", lambda: next(times))
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Output(as_json=False).progress("Hashing") as show:
        for done in (1, 2, 3):
            show(Progress(done * 2**20, 10 * 2**20, done, 5, 2**20))
    assert isinstance(sys.stderr, io.StringIO)
    assert sys.stderr.getvalue() == "Hashing: 2 MiB of 10 MiB, 2 of 5 files, 1 MiB/s, 0:08 left\n"


def test_on_a_terminal_there_is_a_bar(tmp_path: Path) -> None:
    with open(tmp_path / "content", "wb") as file:
        file.truncate(64 * 2**20)
    controller, terminal = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "swarmshare", "create", "content"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=terminal, check=False, timeout=TIMEOUT,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(terminal)
    screen = os.read(controller, 2**20).decode()
    os.close(controller)
    assert done.returncode == 0
    assert b"Wrote content.torrent" in done.stdout
    assert "Hashing" in screen
    assert "64 MiB of 64 MiB" in screen
