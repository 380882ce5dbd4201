"""Snapshots become rows, strips and sentences: no display is needed for that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unicodedata import normalize

import pytest
from cli.snapshots import MIB, manifest_of, peer, torrent
from gui.hand_made import entry, info_hash, transfer
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.app.facts import JobFailed, Problem, Published, Shared
from swarmshare.common.bits import all_bits, bits_of_runs
from swarmshare.common.pieces import Priority
from swarmshare.common.text import clean
from swarmshare.gui.table.selection import Selection
from swarmshare.gui.viewmodel.cells import Bar, Label, Strip, arranged, natural, searched
from swarmshare.gui.viewmodel.file_rows import FileTree, file_columns
from swarmshare.gui.viewmodel.lists import chosen, counts, entry_columns, found, headline, transfer_columns
from swarmshare.gui.viewmodel.log_lines import MAX_LINES, Log
from swarmshare.gui.viewmodel.members import member_columns, members_of, rarest
from swarmshare.gui.viewmodel.safety import Light, Verdict, about, overall
from swarmshare.gui.viewmodel.speeds import WINDOW, Speeds, scale_of
from swarmshare.gui.words import use_language
from swarmshare.schema.alerts import ConnectionFailed, FileNotice, PeerDropped, PieceFailed, TorrentComplete
from swarmshare.schema.snapshot import MemberSnapshot, TorrentState
from swarmshare.swarm.diagnosis import Cause
from swarmshare.swarm.stalls import PATIENCE, StallDetector

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.gui.viewmodel.cells import Cell
    from swarmshare.tracker_client.api import Entry

SEEDING, PAUSED, WAITING, CHECKING = (
    TorrentState.SEEDING,
    TorrentState.PAUSED,
    TorrentState.WAITING,
    TorrentState.CHECKING,
)


def cell(name: str, /, **changes: object) -> Cell:
    column = next(column for column in transfer_columns() if column.name == name)
    return column.show(transfer(**changes))  # type: ignore[arg-type]  # whatever a transfer has


# ------------------------------------------------------------------ transfers


def test_cells_of_a_transfer() -> None:
    assert cell("size") == "100 MiB"
    assert cell("progress") == Bar(0.4, "40%", "primary")
    assert cell("state") == Label("Downloading", "arrow-down-circle-fill", "primary")
    assert cell("down") == "2 MiB/s"
    assert cell("up") == ""
    assert cell("eta") == "30 s"
    assert cell("ratio") == "0.24"
    assert cell("progress", state=CHECKING, checked=0.25) == Bar(0.25, "25%", "info")
    assert cell("state", state=WAITING, problem="the disk\nis full") == Label(
        "Waiting: the disk is full", "exclamation-triangle-fill", "warning"
    )
    assert cell("eta", state=SEEDING, eta=9.0) == ""
    assert cell("ratio", downloaded=0, uploaded=50 * MIB) == "0.50"


def test_a_file_that_was_changed_is_named() -> None:
    assert headline(transfer(state=SEEDING, changed_files=("a\nb",))) == Verdict(
        Light.AMBER,
        "a b was changed or removed by another program. Changes are left alone: put it back as it was, share what it "
        "is now, or force a re-check, which replaces them",
    )
    assert headline(transfer(state=SEEDING, changed_files=("a", "b"))).sentence.startswith("a and others were changed")


def test_a_download_that_nobody_serves_says_so() -> None:
    nobody = transfer(unserved=True, bytes_done=0, rate_down=0.0, eta=None)
    assert cell("state", unserved=True, bytes_done=0) == Label(
        "Nobody online has it", "exclamation-triangle-fill", "warning"
    )
    assert cell("state", unserved=True) == Label("Nobody online has the rest", "exclamation-triangle-fill", "warning")
    assert headline(nobody) == (Light.AMBER, "Nobody online has it")


def test_what_is_not_known_of_a_paused_one_is_not_said() -> None:
    unknown: dict[str, Any] = {"state": PAUSED, "shared": True, "copies": 0, "only_here": 0}
    assert cell("copies", **unknown) == Label("\u2014", "", "muted")
    assert headline(transfer(**unknown)) == (Light.NONE, "Paused")
    assert cell("copies", **{**unknown, "copies": 2}) == Label("2", "", "muted")


def test_cells_follow_the_language() -> None:
    use_language("pt_BR")
    assert cell("size", bytes_total=1_600_000) == "1,5 MiB"


def test_a_name_cannot_break_its_line() -> None:
    assert cell("name", name="a\nb\u202ecod.exe") == "a b\ufffdcod.exe"
    assert clean("\ud800 caf\u00e9") == "\ufffd caf\u00e9"


def test_numbers_are_sorted_as_numbers_and_names_as_people_do() -> None:
    transfers = [transfer(1, name="b", bytes_total=9), transfer(2, name="A", bytes_total=10), transfer(3, name="c")]
    columns = {column.name: column for column in transfer_columns()}
    assert [t.name for t in arranged(transfers, columns["name"], descending=False)] == ["A", "b", "c"]
    assert [t.name for t in arranged(transfers, columns["size"], descending=False)] == ["b", "A", "c"]
    assert [t.name for t in arranged(transfers, columns["size"], descending=True)] == ["c", "A", "b"]
    never = [transfer(1, eta=None), transfer(2, eta=5.0)]
    assert arranged(never, columns["eta"], descending=False)[0].eta == 5.0


@given(st.lists(st.text(alphabet="aB01239 ", max_size=6)))
def test_names_with_numbers_are_sorted_as_people_do(names: list[str]) -> None:
    assert sorted(["note10", "Note2", "note 3", "note1", "10", "9", "note"], key=natural) == [
        "9", "10", "note", "note1", "Note2", "note10", "note 3",
    ]  # fmt: skip
    assert natural("a007") == natural("A7")
    assert natural("1" * 10_000) < natural("2" * 10_000)
    assert len(sorted(names, key=natural)) == len(names), "any two can be compared"


def test_files_are_sorted_as_people_do() -> None:
    files = dict.fromkeys(("note1", "note10", "note2", "part 10/a", "part 9/a"), MIB)
    tree = FileTree(torrent(manifest_of(files), bytes(5)))
    assert [row.name for row in tree.rows()][1:] == ["note1", "note2", "note10", "part 9", "part 10"]
    assert [tree.manifest.files[row.first].path[-1] for row in tree.rows()[1:4]] == ["note1", "note2", "note10"]


def test_every_column_can_be_sorted_by_and_shown() -> None:
    for state in TorrentState:
        rows = [transfer(number, state=state, eta=None if number else 1.0, bytes_total=number) for number in range(3)]
        for column in transfer_columns():
            assert len(arranged(rows, column, descending=True)) == 3
            assert [column.show(row) for row in rows]
    entries = [entry(1, copies=0), entry(2, peers=0, copies=0)]
    for column_of_entries in entry_columns({}):
        assert len(arranged(entries, column_of_entries, descending=False)) == 2


def test_choosing_by_state_and_search() -> None:
    transfers = (transfer(1, name="Holiday"), transfer(2, name="holy cow", state=SEEDING), transfer(3, state=PAUSED))
    assert counts(transfers) == {"all": 3, "downloading": 1, "seeding": 1, "paused": 1, "waiting": 0}
    assert chosen(transfers, "all", "") is transfers
    assert [t.name for t in chosen(transfers, "all", "HOL")] == ["Holiday", "holy cow"]
    assert [t.name for t in chosen(transfers, "seeding", "hol")] == ["holy cow"]


def test_the_headline_is_what_matters_most() -> None:
    assert headline(transfer()) == (Light.NONE, "Downloading, 30 s left")
    assert headline(transfer(state=PAUSED)) == (Light.NONE, "Paused")
    assert headline(transfer(state=WAITING, problem="the disk is full")) == (Light.RED, "the disk is full")
    assert headline(transfer(shared=True, copies=0, only_here=2)).light is Light.RED
    assert headline(transfer(no_peers="there is nobody to ask")) == (Light.AMBER, "There is nobody to ask.")


# ------------------------------------------------------------------ the catalogue


def test_the_catalogue_is_searched_in_names_comments_and_publishers() -> None:
    catalogue = (entry(1, name="Holiday"), entry(2, comment="holiday pictures"), entry(3, publisher="Holly"))
    assert found(catalogue, "") is catalogue
    assert [e.info_hash for e in found(catalogue, "holi")] == [info_hash(1), info_hash(2)]
    assert [e.info_hash for e in found(catalogue, "PICT hol")] == [info_hash(2)]
    assert [e.info_hash for e in found(catalogue, "holly")] == [info_hash(3)]
    assert found(catalogue, "nothing has this") == []


@pytest.mark.parametrize(
    ("copies", "peers", "shown"),
    [
        (0, 0, Label("nobody there", "circle-fill", "danger")),
        (0, 2, Label("incomplete", "circle-fill", "danger")),
        (1, 2, Label("1", "circle-fill", "warning")),
        (2, 2, Label("2", "circle-fill", "success")),
        (255, 2, Label("255+", "circle-fill", "success")),
    ],
)
def test_the_health_of_an_entry(copies: int, peers: int, shown: Label) -> None:
    assert _entry_cell("health", entry(copies=copies, peers=peers)) == shown


def test_an_entry_tells_what_is_here_of_it() -> None:
    assert _entry_cell("mine", entry(1)) == Label("")
    assert _entry_cell("mine", entry(1), transfer(1)) == Bar(0.4, "40%", "primary")
    assert _entry_cell("mine", entry(1), transfer(1, state=SEEDING)) == Label("Here", "check-circle-fill", "success")


def _entry_cell(name: str, of: Entry, *here: object) -> Cell:
    columns = entry_columns({transfer.info_hash: transfer for transfer in here})  # type: ignore[attr-defined, misc]
    return next(column for column in columns if column.name == name).show(of)


@given(st.lists(st.text(max_size=8)), st.text(max_size=4))
def test_a_search_keeps_the_order_and_only_what_fits(names: list[str], text: str) -> None:
    hits = searched(names, text, str)
    assert [name for name in names if name in hits] == list(hits)
    for word in text.casefold().split():
        assert all(normalize("NFC", word) in normalize("NFC", normalize("NFC", name).casefold()) for name in hits)


def test_a_search_finds_names_whose_letters_are_encoded_otherwise() -> None:
    names = ["e\u0301te\u0301", "\u00c9T\u00c9 2", "ete"]
    for text in ("\u00e9t\u00e9", "e\u0301TE\u0301"):
        assert searched(names, text, str) == names[:2]


# ------------------------------------------------------------------ safe to leave


def test_the_light_of_one_transfer() -> None:
    shared = transfer(1, name="Holiday.zip", shared=True, state=SEEDING)
    assert about(replace(shared, only_here=2, copies=0)) == (
        Light.RED,
        "2 pieces of Holiday.zip are only on this computer",
    )
    assert about(replace(shared, only_here=1, copies=0)).sentence == "1 piece of Holiday.zip is only on this computer"
    assert about(replace(shared, copies=0)) == (Light.RED, "Nobody else has all of Holiday.zip")
    assert about(replace(shared, copies=1)).light is Light.AMBER
    assert about(replace(shared, copies=2)) == (
        Light.GREEN,
        "Every piece of Holiday.zip is on 2 other machines: safe to close",
    )
    assert about(replace(shared, copies=2, announced_only=1)).sentence == (
        "Every piece of Holiday.zip is on 2 other machines: safe to close (1 of them by its own word)"
    )
    assert about(replace(shared, copies=2, announced_only=2)).sentence.endswith("(by their own word)")
    assert about(replace(shared, copies=1, announced_only=1)).sentence == (
        "Some of Holiday.zip is on only one other machine (by its own word)"
    )
    assert about(transfer(only_here=3, peers=0)).light is Light.NONE, "nobody waits for a download of ours"
    assert about(transfer(only_here=3, peers=1)).light is Light.RED, "somebody does"
    assert about(replace(shared, state=CHECKING, only_here=5)).light is Light.NONE


def test_the_worst_light_counts() -> None:
    green = transfer(1, shared=True, state=SEEDING, copies=3)
    red = transfer(2, name="b", shared=True, state=SEEDING, copies=0, only_here=4)
    assert overall([]) == (Light.NONE, "")
    assert overall([transfer()]).light is Light.NONE
    assert overall([green, replace(green, copies=2)]) == (
        Light.GREEN,
        "Every piece is on 2 other machines: safe to close",
    )
    assert overall([green, replace(green, copies=2), replace(green, copies=2, announced_only=1)]).sentence == (
        "Every piece is on 2 other machines: safe to close (1 of them by its own word)"
    )
    assert overall([green, replace(green, copies=1)]).light is Light.AMBER
    assert overall([green, red]) == about(red)
    assert overall([green, red, red]) == (Light.RED, "8 pieces are only on this computer")
    assert overall([replace(green, copies=1)] * 2).sentence == "2 transfers are on only one other machine"


# ------------------------------------------------------------------ members

SMALL = manifest_of({"a": 10 * MIB})


def _bits(count: int) -> bytes:
    return bits_of_runs([range(count)] if count else [], 10)


def test_members_are_peers_and_those_whom_a_tracker_tells_of_once_each() -> None:
    known = MemberSnapshot("bia", ("10.0.0.1:1",), live=True, connected=True, bits=_bits(3), complete=False)
    dialled_us = MemberSnapshot("rui", ("10.0.0.2:2",), live=True, connected=True, bits=None, complete=False)
    away = MemberSnapshot("eva", ("10.0.0.3:3",), live=False, connected=False, bits=None, complete=True)
    snapshot = torrent(
        SMALL,
        peers=(
            peer("10.0.0.1:1", pieces=3, bits=_bits(3)),
            replace(peer("10.0.0.2:55555", pieces=10, bits=_bits(10)), user="rui"),
        ),
        members=(known, dialled_us, away),
    )
    members = members_of(snapshot, StallDetector(), 0.0)
    assert [(m.user, m.address, m.held, m.connected) for m in members] == [
        ("bia", "10.0.0.1:1", 3, True),
        ("rui", "10.0.0.2:55555", 10, True),
        ("eva", "10.0.0.3:3", 10, False),
    ]
    assert members[2].bits == all_bits(10)
    columns = {column.name: column for column in member_columns()}
    assert columns["pieces"].show(members[0]) == Strip(_bits(3), 10)
    assert columns["done"].show(members[1]) == Bar(1.0, "100%", "success")
    assert [columns["state"].show(m)[0] for m in members] == ["Connected", "Complete", "Complete"]


def test_who_gets_nothing_for_a_minute_is_stuck() -> None:
    stalls = StallDetector()

    def stuck(held: int, now: float) -> bool:
        snapshot = torrent(SMALL, peers=(peer("10.0.0.1:1", pieces=held, bits=_bits(held)),))
        return members_of(snapshot, stalls, now)[0].stuck

    assert not stuck(3, 0.0)
    assert not stuck(3, PATIENCE - 1)
    assert stuck(3, PATIENCE)
    assert not stuck(4, PATIENCE + 1), "it got one"
    assert stuck(4, 3 * PATIENCE)
    assert not stuck(10, 5 * PATIENCE)
    assert not stuck(10, 9 * PATIENCE), "it needs nothing more"


def test_the_rarest_pieces_are_named() -> None:
    others = (peer("10.0.0.1:1"),)
    assert rarest(torrent(SMALL)) == ""
    snapshot = torrent(SMALL, peers=others, availability=bytes([2, 1, 2, 1, 2, 2, 2, 2, 2, 2]))
    assert rarest(snapshot) == "Rarest: 1, 3, on 1 other machine"
    assert rarest(replace(snapshot, seeds=1)) == "Rarest: 1, 3, on 2 other machines"
    assert rarest(replace(snapshot, availability=bytes([1] + [0] * 9))) == (
        "On no other machine: 1, 2, 3, 4, 5, 6, 7, 8, \u2026"
    )
    assert rarest(torrent(SMALL, peers=others, seeds=3)) == "Every piece is on 3 other machines"
    assert rarest(torrent(SMALL, peers=others)) == "No piece is on any other machine"


# ------------------------------------------------------------------ files

TREE = manifest_of({"a/x": MIB, "a/y/deep": MIB, "a/z": 2 * MIB, "b": 0, "c": 4 * MIB})


def test_a_tree_of_files_opens_folder_by_folder() -> None:
    tree = FileTree(torrent(TREE))
    rows = tree.rows()
    assert [(row.depth, row.name) for row in rows] == [(0, "Holiday"), (1, "a"), (1, "b"), (1, "c")]
    tree.fold(rows[1])
    assert [(row.depth, row.name) for row in tree.rows()][2:5] == [(2, "x"), (2, "y"), (2, "z")]
    tree.open_all()
    assert [row.name for row in tree.rows()] == ["Holiday", "a", "x", "y", "deep", "z", "b", "c"]
    tree.fold(rows[0])
    assert [row.name for row in tree.rows()] == ["Holiday"]


def test_a_row_sums_up_its_files() -> None:
    snapshot = torrent(TREE, bytes([3, 3, 3, 0, 0, 0, 0, 0]), skipped=frozenset({0, 4}), preferred=frozenset({1}))
    tree = FileTree(snapshot)
    tree.open_all()
    rows = {row.name: row for row in tree.rows()}
    assert (tree.length(rows["a"]), tree.done(rows["a"])) == (4 * MIB, 0.75)
    assert tree.done(rows["b"]) == 1.0, "of nothing, all is done"
    assert {name: tree.ticked(row) for name, row in rows.items()} == {
        "Holiday": None, "a": None, "x": False, "y": True, "deep": True, "z": True, "b": True, "c": False,
    }  # fmt: skip
    assert [tree.priority(rows[name]) for name in ("x", "y", "z", "a")] == [
        Priority.SKIP,
        Priority.HIGH,
        Priority.NORMAL,
        None,
    ]
    columns = {column.name: column for column in file_columns(lambda: tree)}
    assert columns["progress"].show(rows["c"]) == Bar(0.0, "0%", "muted")
    assert columns["priority"].show(rows["y"]) == Label("High", "chevron-double-up", "primary")


def test_a_lone_file_is_a_row_of_its_own() -> None:
    tree = FileTree(torrent(replace(manifest_of({"a": MIB}, name="a"), in_folder=False)))
    assert [(row.depth, row.name, row.folder) for row in tree.rows()] == [(0, "a", False)]


# ------------------------------------------------------------------ what was, and what happened


def test_speeds_are_sampled_and_forgotten() -> None:
    speeds = Speeds()
    assert speeds.note(0.0, [transfer(1, rate_down=5.0), transfer(2, rate_down=0.0)])
    assert not speeds.note(0.5, [transfer(1)])
    assert speeds.note(1.0, [transfer(1, rate_down=0.0, rate_up=2.0)])
    assert [sample[1:] for sample in speeds.of(info_hash(1))] == [(5.0, 0.0), (0.0, 2.0)]
    assert speeds.of(info_hash(2)) == ()
    assert [sample[1:] for sample in speeds.of(None)] == [(5.0, 0.0), (0.0, 2.0)]
    for second in range(2, round(WINDOW) + 3):
        speeds.note(second, [])
    assert speeds.of(info_hash(1)) == ()
    assert len(speeds.of(None)) == WINDOW + 1


@given(st.floats(0, 1e15))
def test_a_graph_has_room_for_the_greatest(greatest: float) -> None:
    top, steps = scale_of(greatest)
    assert top >= greatest
    assert steps in {4, 5}
    assert top <= max(1024, 3 * greatest)


def test_facts_in_words(tmp_path: Path) -> None:
    log = Log()
    swarm = bytes.fromhex(info_hash(1))
    log.note([PieceFailed(swarm, 6, None), PieceFailed(swarm, 7, "10.0.0.1:1"), TorrentComplete(swarm)], 1.0)
    log.note([PeerDropped(bytes(32), "10.0.0.9:9", "sent\nrubbish", banned=True), Problem("a file is broken")], 2.0)
    log.note([Shared(1, info_hash(1), "Holiday"), Published(info_hash(2), "b", "rui")], 3.0)
    log.note([Shared(1, info_hash(1), "film", "Holiday"), FileNotice(swarm, "a/b: is not a link to c")], 3.5)
    log.note([JobFailed(2, tmp_path, "it is empty"), JobFailed(3, tmp_path, "")], 4.0)
    assert [line.text for line in log.lines(None)] == [
        f"Sharing {tmp_path} was cancelled",
        f"{tmp_path} could not be shared: it is empty",
        "a/b: is not a link to c.",
        "film is shared, without the folder Holiday around it: BitTorrent v2 knows no folder with one file only",
        "rui shared b",
        "Holiday is shared",
        "a file is broken",
        "10.0.0.9:9 is banned: sent rubbish",
        "Everything is here, and verified",
        "Piece 7 came wrong from 10.0.0.1:1, and is asked of others",
        "Piece 6 came wrong, and is asked for again",
    ]
    assert [line.text for line in log.lines(info_hash(2))][-2:] == ["rui shared b", "a file is broken"]
    log.note([ConnectionFailed(swarm, "10.0.0.7:7", Cause.HUNG_UP, "it\nhangs up")], 5.0)
    log.note([ConnectionFailed(None, "10.0.0.8", Cause.STRANGER, "it is in none of this machine's networks")], 6.0)
    assert [line.text for line in log.lines(info_hash(1))][:2] == [
        "No connection with 10.0.0.8: It is in none of this machine's networks.",
        "No connection with 10.0.0.7:7: It hangs up.",
    ]


def test_the_log_is_bounded() -> None:
    log = Log()
    log.note([Problem(str(number)) for number in range(MAX_LINES + 5)], 0.0)
    assert len(log.lines(None)) == MAX_LINES
    assert log.lines(None)[0].text == str(MAX_LINES + 4)


# ------------------------------------------------------------------ selecting


def test_selecting_as_one_is_used_to() -> None:
    selection = Selection()
    selection.rows("abcdef")
    selection.choose("b")
    selection.choose("d", extend=True)
    assert selection.in_order() == list("bcd")
    selection.choose("f", toggle=True)
    assert selection.in_order() == list("bcdf")
    selection.choose("c", toggle=True)
    assert selection.in_order() == list("bdf")
    selection.step(1)
    assert selection.in_order() == ["d"]
    selection.step(-99, extend=True)
    assert selection.in_order() == list("abcd")
    selection.step(3, keep=True)
    assert (selection.focus, selection.in_order()) == ("d", list("abcd"))
    selection.choose_all()
    assert selection.in_order() == list("abcdef")


def test_a_selection_survives_a_new_order_but_not_the_end_of_its_rows() -> None:
    selection = Selection()
    selection.rows("abc")
    selection.choose("a")
    selection.choose("c", toggle=True)
    assert not selection.rows("cba")
    assert selection.in_order() == ["c", "a"]
    assert selection.rows("ab")
    assert selection.in_order() == ["a"]
    assert selection.focus is None
    selection.step(1)
    assert selection.in_order() == ["a"]
    selection.rows("")
    selection.step(1)
    assert selection.in_order() == []
