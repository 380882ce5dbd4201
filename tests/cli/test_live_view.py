"""What the live display shows, from snapshots made by hand."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from cli.snapshots import MIB, engine, half_way, manifest_of, peer, torrent
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from swarmshare.cli.live_view import render_end, render_engine
from swarmshare.cli.piece_map import Look, lost_count, piece_kinds, runs
from swarmshare.schema.snapshot import TorrentState
from swarmshare.swarm.diagnosis import Cause, NoPeers
from swarmshare.texts import system_says

if TYPE_CHECKING:
    from rich.console import RenderableType

    from swarmshare.schema.snapshot import TorrentSnapshot

SMALL = manifest_of({"a": 4 * MIB, "b": 3 * MIB, "c": MIB})
HELD = bytes([3]) * SMALL.layout.piece_count


def text(renderable: RenderableType, width: int = 80, **console: Any) -> str:
    out = Console(file=io.StringIO(), width=width, legacy_windows=False, **console)
    out.print(renderable, end="")
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


def screen(*torrents: TorrentSnapshot, width: int = 80, height: int = 23) -> list[str]:
    lines = text(render_engine(engine(*torrents), width, height), width).splitlines()
    return [line.rstrip() for line in lines]


def test_a_download_at_80_by_24() -> None:
    lines = screen(half_way())
    assert len(lines) == 23
    assert (lines[0].split(), lines[1][:17]) == (["Holiday/", "downloading"], "\u2501" * 17)
    assert lines[1].endswith("33.0%  2.0 GiB of 6.1 GiB")
    assert lines[2].split("  ")[0] == "28.0 MiB/s down, 8.2 MiB/s up, 2:29 left"
    assert lines[2].endswith("8 peers (no seed)")
    assert lines[3][:47] == "\u2588" * 47
    assert "xxx" in lines[4]
    assert lines[5].startswith("2,053 of 6,213 pieces")
    assert lines[5].endswith("x nobody has 124")
    files = lines.index("5 files, 3 done")
    assert lines[files + 1].split()[0] == "videos/beach.mp4"
    assert lines[files + 1].endswith("52%     3.8 GiB")
    assert "the way hom...r in the rain.mp4" in lines[files + 2]
    assert [line.split()[0] for line in lines[files + 3 : files + 5]] == ["photos/sea.jpg", "photos/town.jpg"]
    peers = next(number for number, line in enumerate(lines) if line.startswith("8 peers"))
    assert lines[peers + 1].split() == ["192.168.1.19:50074", "libtorrent/2.0.11.0", "88%", "10.8", "MiB/s", "-"]
    assert any("chokes us" in line for line in lines[peers:])


@pytest.mark.parametrize(
    ("piece_states", "availability", "seeds", "look", "lost"),
    [
        ([3, 3], [0, 0], 0, Look.HELD, False),
        ([0, 0], [1, 2], 0, Look.MISSING, False),
        ([0, 0], [0, 0], 1, Look.MISSING, False),
        ([0, 0], [0, 0], 0, Look.LOST, True),
        ([0, 0], [0, 9], 0, Look.LOST, True),
        ([3, 0], [0, 1], 0, Look.PARTLY, False),
        ([3, 0], [0, 0], 0, Look.PARTLY, True),
        ([3, 1], [0, 0], 0, Look.PARTLY, False),
        ([3, 1, 2], [0, 0, 0], 0, Look.COMING, False),
        ([0, 1], [1, 0], 0, Look.COMING, False),
        ([0, 2], [0, 0], 0, Look.COMING, True),
    ],
)
def test_a_character_of_the_map(
    piece_states: list[int], availability: list[int], seeds: int, look: Look, lost: bool
) -> None:
    manifest = manifest_of({"a": len(piece_states) * MIB})
    peers = (peer("10.0.0.1:1"),)
    snapshot = torrent(manifest, bytes(piece_states), availability=bytes(availability), seeds=seeds, peers=peers)
    assert list(runs(piece_kinds(snapshot), 1)) == [(look, lost)]


def test_with_nobody_connected_no_piece_stands_out() -> None:
    snapshot = torrent(SMALL, bytes([3, 0, 0, 0, 3, 3, 3, 3]))
    assert lost_count(piece_kinds(snapshot)) == 0
    assert "nobody connected" in "\n".join(screen(snapshot))


def test_what_was_not_asked_for_is_no_loss() -> None:
    snapshot = torrent(SMALL, bytes(8), skipped=frozenset({1}), peers=(peer("10.0.0.1:1"),))
    assert [run.look for run in runs(piece_kinds(snapshot), 8)] == [Look.LOST] * 4 + [Look.UNWANTED] * 3 + [Look.LOST]
    assert lost_count(piece_kinds(snapshot)) == 5
    held = torrent(SMALL, HELD, skipped=frozenset({1}))
    assert [run.look for run in runs(piece_kinds(held), 3)] == [Look.HELD] * 3


def test_looks_differ_without_colour() -> None:
    assert len({look.glyph for look in Look}) == len(Look)


@given(st.binary(max_size=300), st.integers(1, 400))
def test_a_map_covers_each_piece_once(data: bytes, cells: int) -> None:
    """One held piece among lost ones shows in just one character, whichever it is."""
    for piece in range(0, len(data), 17):
        kinds = bytearray(bytes([4]) * len(data))
        kinds[piece] = 3
        shown = list(runs(bytes(kinds), cells))
        assert len(shown) == min(cells, len(data))
        assert [run.look for run in shown].count(Look.LOST) == len(shown) - 1


def test_states() -> None:
    checking = screen(torrent(state=TorrentState.CHECKING, checked=0.42345))
    assert checking[0].endswith("checking")
    assert checking[1].endswith("42.3% of 6.1 GiB looked at")
    seeding = screen(torrent(SMALL, HELD, state=TorrentState.SEEDING, rate_up=2.0 * MIB, uploaded=3 * MIB))
    assert seeding[0].endswith("seeding")
    assert seeding[2].split("  ")[0] == "2 MiB/s up, 3 MiB so far"
    assert not any("files" in line for line in seeding)
    error = "/mnt/disk: the disk is full. Make room"
    waiting = screen(torrent(state=TorrentState.WAITING, error=error, rate_down=1.0 * MIB))
    assert waiting[0].endswith("waiting")
    assert waiting[2:4] == [
        "/mnt/disk: the disk is full. Make room.",
        "It tries again by itself, and goes on as soon as that is put right.",
    ]
    assert waiting[4].split("  ")[0] == "1 MiB/s down, 0 B/s up"


def test_what_is_nearly_done_is_not_100_percent() -> None:
    lines = screen(torrent(SMALL, bytes([3]) * 8, bytes_done=8 * MIB - 1))
    assert " 99.9%  " in lines[1]


def test_files_that_do_not_fit_are_counted() -> None:
    manifest = manifest_of({f"{number:04}": 2 * MIB for number in range(1000)})
    states = bytes([3, 3] * 990 + [0, 3] + [0, 0] * 9)
    lines = screen(torrent(manifest, states, skipped=frozenset({0, 1})), height=15)
    start = lines.index("998 files, 988 done, 2 not wanted")
    assert [line.split()[0] for line in lines[start + 1 : start + 4]] == ["0990", "0991", "0992"]
    assert lines[start + 1].split()[2] == "50%"
    shown = len(lines) - start - 2
    assert lines[-1] == f"  ... and {998 - shown} more"


def test_the_fastest_peers_come_first() -> None:
    peers = tuple(peer(f"10.0.0.{number}:1", rate_down=float(number * 1000 % 7919)) for number in range(100, 200))
    fastest = sorted(peers, key=lambda one: -one.rate_down)
    lines = screen(torrent(SMALL, peers=peers, seeds=0), height=40)
    start = next(number for number, line in enumerate(lines) if line.startswith("100 peers"))
    shown = [line.split()[0] for line in lines[start + 1 : -1]]
    assert len(shown) > 5
    assert shown == [one.address for one in fastest[: len(shown)]]
    assert lines[-1] == f"  ... and {100 - len(shown)} more"


def test_several_torrents_share_the_height() -> None:
    seeding = torrent(SMALL, HELD, state=TorrentState.SEEDING)
    lines = screen(half_way(), seeding, torrent(state=TorrentState.CHECKING, checked=0.5))
    assert [line.split()[1] for line in lines if line.startswith("Holiday/")] == ["downloading", "seeding", "checking"]
    many = [replace(seeding, manifest=manifest_of({"a": 8 * MIB}, name=f"film {number}")) for number in range(30)]
    lines = screen(*many, torrent(state=TorrentState.WAITING, error="x"), height=12)
    assert len(lines) == 12
    assert lines[0].split()[:3] == ["Holiday/", "0%", "waiting"]
    assert lines[1].split()[:4] == ["film", "0/", "100%", "seeding"]
    assert lines[-1] == "... and 20 more torrents"


def test_the_end() -> None:
    whole = torrent(SMALL, HELD, state=TorrentState.SEEDING, downloaded=8 * MIB)
    lines = text(render_end(engine(whole, half_way()), 80)).splitlines()
    assert [line.rstrip().rpartition("  ")[2] for line in lines[::3]] == ["complete", "stopped"]
    assert lines[2].startswith("8 MiB downloaded, 0 B uploaded")


HOSTILE = st.text(max_size=60) | st.sampled_from(
    [
        "[bold red]x[/]",
        "[link=http://e.vil]",
        "\x1b[2J\x1b[H",
        "a\nb\r\t",
        "\u202e\u2066",
        "\u4e2d\u6587" * 40,
        "\ud800",
    ]
)
COUNTS = st.integers(0, 2**64)
RATES = st.floats(0, 1e15, allow_subnormal=True)


@given(
    names=st.lists(HOSTILE, min_size=1, max_size=8),
    clients=st.lists(HOSTILE, max_size=12),
    numbers=st.lists(COUNTS, min_size=4, max_size=4),
    rates=st.lists(RATES, min_size=2, max_size=2),
    state=st.sampled_from(TorrentState),
    error=HOSTILE,
    size=st.tuples(st.integers(1, 220), st.integers(1, 70)),
    copies=st.integers(1, 5),
)
def test_it_always_fits_and_nothing_hostile_gets_through(
    names: list[str],
    clients: list[str],
    numbers: list[int],
    rates: list[float],
    state: TorrentState,
    error: str,
    size: tuple[int, int],
    copies: int,
) -> None:
    """Invariant: never more lines or cells than there are, and no character that could do more than be seen."""
    width, height = size
    files = {f"{name}{number}": (number + 1) * MIB // 2 for number, name in enumerate(names)}
    manifest = manifest_of(files, name=names[0], piece_length=MIB)
    rng = random.Random(0)
    states, availability = (bytes(rng.choices((0, 1, 2, 3), k=manifest.layout.piece_count)) for _ in range(2))
    peers = tuple(peer(client, client, rate_down=rates[0], uploaded=numbers[2]) for client in clients)
    snapshot = torrent(
        manifest, states, availability=availability, peers=peers, state=state, error=error, seeds=numbers[0] % 2,
        bytes_total=numbers[0], bytes_done=min(numbers[0], numbers[1]), uploaded=numbers[2], downloaded=numbers[3],
        rate_down=rates[0], rate_up=rates[1], skipped=frozenset(range(len(names) // 2)),
    )  # fmt: skip
    lines = screen(*[snapshot] * copies, width=width, height=height)
    assert len(lines) <= height
    ends = text(render_end(engine(snapshot), width), width).splitlines()
    for line in lines + ends:
        assert cell_len(line) <= max(width - 1, 1)
        assert all(character.isprintable() or not character.isascii() for character in line), line
        assert not set(line) & set("\x85\u2028\u202e\u2066\ud800")


def test_markup_is_text() -> None:
    hostile = manifest_of({"[bold red]x[/]": MIB, "[/nothing]": MIB}, name="[link=http://e.vil]n[/link]")
    shown = "\n".join(screen(torrent(hostile, peers=(peer("1.2.3.4:5", client="[blink]c[/]"),))))
    assert all(part in shown for part in ("[bold red]x[/]", "[/nothing]", "[link=http://e.vil]n[/link]", "[blink]c[/]"))


def test_colours_only_where_they_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    frame = render_engine(engine(half_way()), 80, 23)
    coloured = text(frame, force_terminal=True, color_system="standard")
    assert "\x1b[32m" in coloured  # green: what is held
    assert "\x1b[1;31m\u2584\x1b[0m\x1b[1;31mxxx" in coloured  # red: what nobody has, and what is partly so
    plain = text(frame, force_terminal=True, color_system="standard", no_color=True)
    assert not {"\x1b[32m", "\x1b[1;31m", "\x1b[36m"} & {plain[i : i + 5] for i in range(len(plain))}
    assert "xxx" in plain


def test_a_great_torrent_is_drawn_from_counts() -> None:
    """A million pieces, 50,000 files: what is shown is still exact."""
    manifest = manifest_of({f"{number:05}": 20 * MIB for number in range(50_000)})
    states = bytearray(bytes([3]) * 1_000_000)
    states[-1] = 0
    lines = screen(torrent(manifest, bytes(states), peers=(peer("10.0.0.1:1"),)), width=200, height=59)
    assert lines[5].startswith("999,999 of 1,000,000 pieces")
    assert lines[5].endswith("x nobody has 1")
    assert "50,000 files, 49,999 done" in lines


def test_why_nobody_is_connected() -> None:
    message = "192.168.1.6:4000 hangs up at once. It does not share this (any more), or takes something else only."
    lines = screen(torrent(SMALL, no_peers=NoPeers(Cause.HUNG_UP, system_says(message))))
    assert " ".join(lines).count(message) == 1
    assert len([line for line in lines if line and line in message]) == 2
