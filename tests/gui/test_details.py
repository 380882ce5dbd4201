"""All about one transfer, tab by tab, in the whole window."""

from __future__ import annotations

import tkinter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cli.snapshots import half_way
from gui.hand_made import snapshot, transfer
from gui.keyboard import settle
from gui.sight import words_on
from gui.test_table import kind, texts
from gui.windows import Looking, window_over

from swarmshare.common.bits import bits_of_runs
from swarmshare.common.pieces import Priority
from swarmshare.schema.alerts import TorrentComplete
from swarmshare.swarm.diagnosis import Cause, NoPeers
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.gui.preferences import Preferences

HOLIDAY = half_way()
HOLIDAY = replace(
    HOLIDAY,
    peers=tuple(
        replace(peer, bits=bits_of_runs([range(peer.pieces)], len(HOLIDAY.piece_states))) for peer in HOLIDAY.peers
    ),
)
SWARM = HOLIDAY.manifest.info_hash.full
ONE = transfer(1, info_hash=SWARM.hex(), name="Holiday", added_at=2_000_000_000)


@pytest.fixture
def looking(display: str, preferences: Preferences) -> Iterator[Looking]:
    with window_over(preferences, snapshot(ONE, transfer(2), looked_at=HOLIDAY)) as looking:
        yield looking


def turn_to(looking: Looking, tab: tkinter.Misc) -> None:
    looking.window.transfers.details.select(tab)
    settle(looking.window.root)


def test_the_map_fills(looking: Looking) -> None:
    details = looking.window.transfers.details
    assert details.pieces.map.torrent is HOLIDAY
    grid = details.pieces.map.grid_of_cells
    assert grid is not None
    assert grid.pieces == len(HOLIDAY.piece_states)
    looking.window.transfers.table.body.event_generate("<Down>")
    settle(looking.window.root)
    looking.window.transfers.table.select(transfer(2).info_hash)
    assert details.pieces.map.torrent is None, "the snapshot is still of the other one"


def test_the_swarm_is_listed(looking: Looking) -> None:
    details = looking.window.transfers.details
    turn_to(looking, details.swarm)
    assert len(details.swarm.table.items) == 8
    assert str(details.swarm.summary.cget("text")) == "8 other machines"
    first = details.swarm.table.items[0]
    assert first.rate_down == max(peer.rate_down for peer in HOLIDAY.peers)
    assert first.address in texts(details.swarm.table.body)
    looking.see(snapshot(ONE, looked_at=replace(HOLIDAY, peers=HOLIDAY.peers[:3])))
    assert len(details.swarm.table.items) == 3
    alone = NoPeers(Cause.NOBODY_KNOWN, Text("nobody.known"))
    looking.see(snapshot(ONE, looked_at=replace(HOLIDAY, peers=(), no_peers=alone)))
    assert "There is nobody to ask." in words_on(looking.window.root)


def test_files_are_ticked_and_wanted_more(looking: Looking) -> None:
    details = looking.window.transfers.details
    turn_to(looking, details.files)
    table = details.files.table
    assert [row.name for row in table.items] == ["Holiday", "photos", "read me.txt", "videos"]
    body = table.body
    body.focus_force()
    settle(body)
    for key in ("Down", "Down", "Right", "Down", "space"):
        body.event_generate(f"<{key}>")
        settle(body)
    assert [row.name for row in table.items][1:4] == ["photos", "sea.jpg", "town.jpg"]
    assert looking.commands("want") == [(SWARM.hex(), {0: Priority.SKIP})]
    looking.see(snapshot(ONE, looked_at=replace(HOLIDAY, skipped=frozenset({0}), preferred=frozenset({1}))))
    assert {"Do not download", "Mixed", "High", "Normal"} <= set(texts(body))
    body.event_generate("<space>")
    assert looking.commands("want")[1] == (SWARM.hex(), {0: Priority.NORMAL})
    body.event_generate("<Home>")
    body.event_generate("<Left>")
    settle(body)
    assert [row.name for row in table.items] == ["Holiday"]
    body.event_generate("<space>")
    assert looking.commands("want")[2] == (SWARM.hex(), dict.fromkeys(range(5), Priority.NORMAL)), "some were: all are"


def test_the_graph_has_what_was(looking: Looking) -> None:
    details = looking.window.transfers.details
    turn_to(looking, details.speed)
    canvas = details.speed.winfo_children()[0]
    assert isinstance(canvas, tkinter.Canvas)
    words = [canvas.itemcget(item, "text") for item in canvas.find_all() if kind(canvas, item) == "text"]
    assert "Down  2 MiB/s" in words
    assert "2 MiB/s" in words, "the top of the scale"
    assert "now" in words


def test_the_log_tells_of_this_transfer(looking: Looking) -> None:
    details = looking.window.transfers.details
    turn_to(looking, details.log)
    looking.thread.happened = [TorrentComplete(SWARM), TorrentComplete(bytes(32))]
    looking.see()
    assert [line.text for line in details.log.table.items] == ["Everything is here, and verified"]
    assert "Everything is here, and verified" in texts(details.log.table.body)
