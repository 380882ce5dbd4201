"""What is told of an engine, to programs and in plain lines, from alerts and snapshots made by hand."""

from __future__ import annotations

import io
import json
import sys
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cli.snapshots import MIB, engine, manifest_of, peer, torrent

from swarmshare.cli.display import LiveDisplay, LogDisplay, display_for
from swarmshare.cli.engine_report import EngineReport
from swarmshare.cli.render import Output, OutputError
from swarmshare.schema.alerts import (
    Alert,
    ConnectionFailed,
    OpenFilesLimit,
    PeerDropped,
    PieceFailed,
    PiecesFound,
    PiecesLost,
    PieceVerified,
    TorrentComplete,
    TorrentRecovered,
    TorrentWaiting,
)
from swarmshare.schema.snapshot import TorrentState
from swarmshare.swarm.diagnosis import Cause, ListenReach, NoPeers
from swarmshare.texts import system_says

if TYPE_CHECKING:
    from swarmshare.schema.snapshot import EngineSnapshot

SMALL = manifest_of({"a": 4 * MIB, "b": 4 * MIB}, name="s\x1b[2J")
HASH = SMALL.info_hash.full
HELD = bytes([3]) * 8


class Heard:
    """People who remember."""

    every = 0.0

    def __init__(self) -> None:
        self.said: list[str] = []
        self.noted: list[str] = []
        self.say, self.note = self.said.append, self.noted.append

    def show(self, snapshot: EngineSnapshot) -> None:
        raise NotImplementedError

    end = show


def events(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_alerts(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    report = EngineReport(Output(as_json=True), heard, [SMALL])
    alerts: deque[Alert] = deque(
        [
            PieceVerified(HASH, 1),
            PieceFailed(HASH, 1, None),
            PeerDropped(HASH, "1.2.3.4:5", "it sent wrong data", banned=True),
            PeerDropped(HASH, "1.2.3.4:6", "it broke a rule"),
            ConnectionFailed(HASH, "1.2.3.4:7", Cause.HUNG_UP, "it hangs up"),
            ConnectionFailed(None, "1.2.3.4", Cause.ENCRYPTED, "it whispers"),
            TorrentWaiting(HASH, "disk-full", "/x: the disk is full"),
            TorrentRecovered(HASH),
            PiecesLost(HASH, 2, ("top/a", "top/b")),
            PiecesFound(HASH, 1),
            OpenFilesLimit(1024),
            TorrentComplete(HASH),
        ]
    )
    report.alerts(alerts)
    report.listening(["[::1]:5", "1.2.3.4:6"], ListenReach.NETWORK)
    assert not alerts
    info_hash = HASH.hex()
    assert events(capsys) == [
        {"event": "piece_failed", "info_hash": info_hash, "piece": 1, "blamed": None},
        {"event": "peer_dropped", "info_hash": info_hash, "address": "1.2.3.4:5", "reason": "it sent wrong data",
         "banned": True, "user": ""},
        {"event": "peer_dropped", "info_hash": info_hash, "address": "1.2.3.4:6", "reason": "it broke a rule",
         "banned": False, "user": ""},
        {"event": "connection_failed", "info_hash": info_hash, "address": "1.2.3.4:7", "cause": "hung-up",
         "message": "it hangs up"},
        {"event": "connection_failed", "info_hash": None, "address": "1.2.3.4", "cause": "encrypted",
         "message": "it whispers"},
        {"event": "paused", "info_hash": info_hash, "code": "disk-full", "message": "/x: the disk is full"},
        {"event": "resumed", "info_hash": info_hash},
        {"event": "pieces_lost", "info_hash": info_hash, "count": 2, "files": ["top/a", "top/b"]},
        {"event": "pieces_found", "info_hash": info_hash, "count": 1},
        {"event": "open_files_limit", "limit": 1024},
        {"event": "complete", "info_hash": info_hash},
        {"event": "listening", "address": "[::1]:5", "reach": "network"},
        {"event": "listening", "address": "1.2.3.4:6", "reach": "network"},
    ]  # fmt: skip
    name = "s\ufffd[2J/"
    assert heard.said == [
        f"{name}: banned 1.2.3.4:5: it sent wrong data",
        f"{name}: waiting: /x: the disk is full. It tries again by itself, and goes on as soon as that is put right.",
        f"{name}: goes on",
        f"{name}: 2 pieces lost: another program changed or removed top/a and 1 more file. "
        "What was removed is fetched from others; what was changed is left alone: put it back as it was, publish what "
        "it is now, or run swarmshare recheck, which replaces the changes.",
        f"{name}: 1 piece found on the disk again",
        "The system allows only 1,024 open files and connections: some peers have to wait. "
        "Allow more (ulimit -n), or share less at once.",
        f"{name}: complete",
        "Listening on [::1]:5 and 1.2.3.4:6, for this network only",
    ]
    assert heard.noted == [
        f"{name}: dropped 1.2.3.4:6: it broke a rule",
        f"{name}: no connection with 1.2.3.4:7: it hangs up",
        "no connection with 1.2.3.4: it whispers",
    ]


def test_why_nobody_is_connected_is_told_once_for_each_cause(capsys: pytest.CaptureFixture[str]) -> None:
    heard = Heard()
    report = EngineReport(Output(as_json=True), heard, [SMALL])
    refused = NoPeers(Cause.REFUSED, system_says("1.2.3.4:5 refuses"))
    for alone in (
        None, refused, refused._replace(message=system_says("1.2.3.4:5 (and 1 more) refuses")),
        NoPeers(Cause.NO_ANSWER, system_says("x")), refused, None, refused,
    ):  # fmt: skip
        report.progress(engine(torrent(SMALL, no_peers=alone)))
    told = [event for event in events(capsys) if event["event"] == "no_peers"]
    assert [event["cause"] for event in told] == ["refused", "no-answer", "refused", "refused"]
    assert heard.said[0] == "s\ufffd[2J/: nobody connected: 1.2.3.4:5 refuses"
    assert len(heard.said) == 4


def test_a_tracker_that_comes_and_goes_does_not_fill_the_log() -> None:
    heard, now = Heard(), 0.0
    report = EngineReport(Output(as_json=False), heard, [SMALL], clock=lambda: now)
    problems = ("cannot be reached. It tries again", "", "timed out. It tries again", "")
    for step in range(4 * 300):
        now = step * 1.0
        report.progress(engine(torrent(SMALL, tracker_problem=problems[step % 4])))
    told = [line.removeprefix("s\ufffd[2J/: ") for line in heard.said]
    assert told == [problems[0], problems[2]] * 2, "once in ten minutes"


def test_progress_of_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    report = EngineReport(Output(as_json=True), Heard(), [SMALL])
    report.progress(engine(torrent(SMALL, state=TorrentState.CHECKING, checked=0.123456)))
    (event,) = events(capsys)
    assert (event["state"], event["checked"], event["pieces_total"]) == ("checking", 0.1235, 8)


def test_lines_come_now_and_then_and_with_news(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    lines = LogDisplay(Output(as_json=False), clock=lambda: now)
    checking = torrent(SMALL, state=TorrentState.CHECKING, checked=0.5)
    peers = (peer("1.2.3.4:5"), peer("1.2.3.4:6"))
    loading = torrent(SMALL, bytes([3, 3, 0, 0, 0, 0, 0, 0]), rate_down=3.0 * MIB, peers=peers, seeds=1)
    seeding = torrent(SMALL, HELD, state=TorrentState.SEEDING, rate_up=1.0 * MIB)
    for seconds, shown in (
        (0, checking),
        (2, checking),
        (4, loading),
        (6, replace(loading, state=TorrentState.WAITING)),
        (8, seeding),
        (10, replace(seeding, uploaded=5 * MIB)),
        (70, replace(seeding, uploaded=6 * MIB)),
        (130, replace(seeding, uploaded=6 * MIB)),
    ):
        now = float(seconds)
        lines.show(engine(shown))
    lines.end(engine(seeding))
    lines.end(engine(loading))
    loading_line = "25%, 2 MiB of 8 MiB, 3 MiB/s, 2 peers (1 seed), 0:02 left"
    assert [line.removeprefix("s\ufffd[2J/: ") for line in capsys.readouterr().out.splitlines()] == [
        "checking, 50% of 8 MiB",
        loading_line,
        "waiting at 25%, 2 MiB of 8 MiB",
        "seeding, 0 B sent, 1 MiB/s, nobody connected",
        "seeding, 6 MiB sent, 1 MiB/s, nobody connected",
        loading_line,
    ]


class Tty(io.TextIOWrapper):
    """As much of a terminal as is asked for before anything is drawn."""

    def __init__(self, encoding: str) -> None:
        super().__init__(io.BytesIO(), encoding)

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("as_json", "stream", "term", "kind"),
    [
        (False, Tty("utf-8"), "xterm-256color", LiveDisplay),
        (True, Tty("utf-8"), "xterm-256color", LogDisplay),
        (False, Tty("utf-8"), "dumb", LogDisplay),
        (False, Tty("ascii"), "xterm-256color", LogDisplay),
        (False, io.TextIOWrapper(io.BytesIO(), "utf-8"), "xterm-256color", LogDisplay),
    ],
)
def test_who_gets_the_live_display(
    monkeypatch: pytest.MonkeyPatch, as_json: bool, stream: io.TextIOWrapper, term: str, kind: type
) -> None:
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr(sys, "stdout", stream)
    assert type(display_for(Output(as_json=as_json), as_json=as_json)) is kind


def test_a_terminal_that_went_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Tty("utf-8")
    monkeypatch.setattr(sys, "stdout", stream)
    screen = display_for(Output(as_json=False), as_json=False)
    screen.show(engine(torrent(SMALL)))
    monkeypatch.setattr(stream, "write", _fail)
    with pytest.raises(OutputError):
        screen.show(engine(torrent(SMALL)))
    with pytest.raises(OutputError):
        screen.end(engine(torrent(SMALL)))
    assert sys.stdout is stream


def _fail(_text: str) -> int:
    raise OSError(5, "Input/output error")
