"""``bench all`` has a row for each figure, and says there what could not be measured; the benches are stubs here."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from swarmshare.bench import everything
from swarmshare.bench.contest import BenchError, Sample, Spread, in_turns
from swarmshare.bench.hashing import HashFigures
from swarmshare.bench.swarm_load import LoadFigures
from swarmshare.bench.transfer import PLAIN, SIDES, TransferSample
from swarmshare.cli.command import run_command
from swarmshare.texts import Text

if TYPE_CHECKING:
    import pytest

SLOW, FAST, ONE = [Sample(1.0, 0)], [Sample(0.5, 0)], Spread.of([1.0])


def install_stubs(monkeypatch: pytest.MonkeyPatch, *, libtorrent: bool, display: bool) -> None:
    """Let all benches have been measured on a machine with or without libtorrent and a display."""

    def sides(results: dict[str, Any]) -> dict[str, Any]:
        return {side: result for side, result in results.items() if libtorrent or "libtorrent" not in side}

    def bench_gui(*_: object, **__: object) -> object:
        if not display:
            raise BenchError(Text("cli.bench-no-screen"))
        download = SimpleNamespace(seconds=1.0, stalls=[0.001, 0.003])
        return SimpleNamespace(start=ONE, redraw={10_000: ONE}, window=[download], headless=[download])

    transfers = {side: [TransferSample(1.0, 1.0, 2.0, 0, 3.0, 0)] for side in SIDES}
    transfers[PLAIN] = [TransferSample(0.5, 0.5, 1.0, 0, 0.5, 0)]
    load = LoadFigures(costs={"announces": 0.001, "joins": 0.002, "events": 0.003}, memory=2048)
    for name, stub in {
        "bench_hash": lambda length, *_: HashFigures(length, FAST, SLOW, SLOW if libtorrent else [], FAST, SLOW, None),
        "bench_manifest": lambda *_: (5, sides({"swarmshare": SLOW, "libtorrent": SLOW})),
        "bench_transfer": lambda length, *_: (length, sides(transfers)),
        "bench_swarm": lambda *_: sides({"swarmshare": [1.0], "libtorrent": [2.0]}),
        "bench_picker": lambda *_: {100: {"pick": ONE, "received": ONE}},
        "bench_tracker": lambda *_: load,
        "bench_simulate": lambda *_, knows: SimpleNamespace(times_least=1.5 if knows else None),
        "bench_start": lambda *_: {"pieces": [SimpleNamespace(loaded=0.5)]},
        "bench_gui": bench_gui,
        "is_installed": lambda: libtorrent,
    }.items():
        monkeypatch.setattr(everything, name, stub)


def test_every_bench_has_rows_with_reference_and_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_stubs(monkeypatch, libtorrent=True, display=True)
    assert run_command(["bench", "all", "--quick", "--json"]) == 0
    figures = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    benches = list(dict.fromkeys(figure["bench"] for figure in figures))
    assert benches == ["hash", "manifest", "transfer", "swarm", "picker", "simulate", "start", "tracker", "gui"]
    assert all(figure["low"] <= figure["mid"] <= figure["high"] for figure in figures)
    of = {(figure["bench"], figure["label"]): figure for figure in figures}
    transfer = of["transfer", "swarmshare"]
    assert (transfer["mid"], transfer["reference"]["mid"], transfer["limit"]["mid"]) == (8.0, 8.0, 16.0)
    cost = of["transfer", "libtorrent to swarmshare, leech's processor"]
    assert (cost["unit"], cost["mid"], cost["limit"]["mid"]) == ("s/GiB", 256.0, 128.0)
    assert of["simulate", "flash crowd of 5 peers"]["reference"] is None, "with that tracker nobody was complete"
    assert (of["gui", "Tk's loop is late by"]["low"], of["gui", "Tk's loop is late by"]["high"]) == (1.0, 3.0)


def test_what_is_missing_is_said_in_its_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install_stubs(monkeypatch, libtorrent=False, display=False)
    assert run_command(["bench", "all", "--quick"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert rows[-2:] == ["gui", "  not measured: there is no screen to open a window on"]
    mixed = next(row for row in rows if row.startswith("  libtorrent to swarmshare, MiB/s"))
    assert mixed.endswith("libtorrent is not installed")
    assert mixed.split()[4:6] == ["16.0", "libtorrent"], "it was not measured, but the limit was"


def test_sides_take_turns_and_the_first_round_of_several_does_not_count() -> None:
    ran: list[str] = []

    def measure(side: str) -> int:
        ran.append(side)
        return len(ran)

    assert in_turns("ab", measure, 2) == {"a": [3, 5], "b": [4, 6]}
    assert "".join(ran) == "ababab"
    assert in_turns("ab", measure, 1) == {"a": [7], "b": [8]}
