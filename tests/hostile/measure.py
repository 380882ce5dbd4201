"""A program of its own: what each attack costs its victim, and an honest transfer beside it.

    python tests/hostile/measure.py [ATTACK...]

The victim, the attacker and the honest peer are processes of their own. Printed are seconds of the honest transfer of
64 MiB, first without an attack; how many times as long it took; seconds of processor that the victim used, and the most
memory (MiB) that it had; how much it gave, or fetched (MiB).
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trio
from engine.swarm import Swarm, address
from hostile import attacks
from hostile.attacks import Attack
from hostile.peer import Content

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.manifest.manifest import Manifest

LENGTH: Final = 64 * 2**20
LONGEST: Final = 30.0
"""Seconds after which a transfer is given up."""
TO_A_LEECH: Final = {"HalfPieceLiar", "ReturningLiars", "FalseSeed", "Overeager", "ForgedHashes", "ChokeFlood"}
"""What is done to one who downloads; everything else to a seed."""
HUGE_PIECES: Final = {"HashFlood": 2**25}
NAMES: Final = [
    name
    for name, kind in vars(attacks).items()
    if isinstance(kind, type) and issubclass(kind, Attack) and name not in {"Attack", "Flood", "Squatter", "OurOwnId"}
]


class Row(NamedTuple):
    """What one attack achieved."""

    seconds: float
    """Of the honest transfer; infinite if it was given up."""
    processor: float
    """Seconds of the victim's processor."""
    memory: int
    """Most bytes that the victim had in memory."""
    moved: int
    """Bytes of blocks that it fetched, as one who downloads, or gave, as a seed."""


async def play_victim(manifest: Manifest, folder: Path) -> None:
    """Share until the input ends; tell where, and for each line what has come and gone, and whether it is whole."""
    async with open_engine(EngineConfig(listen=(("127.0.0.1", 0),))) as engine:
        torrent = engine.add(manifest, TorrentConfig(folder=folder))
        await torrent.ready.wait()
        print(*address(engine), flush=True)

        while await trio.to_thread.run_sync(sys.stdin.readline):
            snapshot = engine.snapshot().torrents[0]
            print(snapshot.downloaded, snapshot.uploaded, int(torrent.finished.is_set()), flush=True)


async def play_attacker(name: str, manifest: Manifest, folder: Path, host: str, port: str) -> None:
    """Attack until ended; tell when that has begun to do harm."""
    attack: Attack = getattr(attacks, name)(manifest, Content(manifest, folder))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attack.attack, (host, int(port)))
        with trio.move_on_after(5):
            await attack.in_place.wait()
        print("in place", flush=True)


@contextmanager
def process(*arguments: object) -> Iterator[subprocess.Popen[str]]:
    """This program in a role, until it is left."""
    command = [sys.executable, __file__, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def kept(manifest: Manifest, folder: Path) -> Path:
    """A file of the manifest, for other processes."""
    file = folder / "manifest"
    file.write_bytes(manifest.encode())
    return file


def read(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline()


def state(victim: subprocess.Popen[str]) -> tuple[int, int, bool]:
    """Bytes of blocks that the victim has fetched and given so far, and whether it has all."""
    assert victim.stdin is not None
    victim.stdin.write("\n")
    victim.stdin.flush()
    down, up, whole = map(int, read(victim).split())
    return down, up, bool(whole)


def cost(pid: int) -> tuple[float, int]:
    """Seconds of processor so far, and most bytes of memory."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(status["VmHWM"].split()[0]) * 1024


async def run(name: str, swarm: Swarm, root: Path, manifest: Path) -> Row:
    """Attack by ``name`` (empty: nobody attacks) while an honest peer gives to the victim, or takes from it."""
    full, empty = swarm.source.parent, root / f"{name or 'nothing'}-copy"
    to_leech = name in TO_A_LEECH
    with process("victim", manifest, empty if to_leech else full) as victim:
        where = read(victim).split()
        there = where[0], int(where[1])
        with process("attacker", name or "Attack", manifest, full, *where) as attacker:
            await trio.to_thread.run_sync(read, attacker)
            processor, _ = cost(victim.pid)
            began = time.monotonic()
            async with open_engine(EngineConfig(listen=(("127.0.0.1", 0),))) as honest:
                config = TorrentConfig(folder=full if to_leech else empty, peers=(there,))
                torrent = honest.add(swarm.manifest, config)
                with trio.move_on_after(LONGEST) as scope:
                    if to_leech:
                        while not (await trio.to_thread.run_sync(state, victim))[2]:  # noqa: ASYNC110  # it is another process
                            await trio.sleep(0.1)
                    else:
                        await torrent.finished.wait()
            seconds = float("inf") if scope.cancelled_caught else time.monotonic() - began
            used, memory = cost(victim.pid)
            down, up, _ = state(victim)
            return Row(seconds, used - processor, memory, down if to_leech else up)


async def measure(names: list[str]) -> None:
    print(f"{'attack':20} {'seconds':>8} {'times':>6} {'processor':>10} {'memory':>7} {'moved':>7}")
    for name in names:
        with TemporaryDirectory() as folder:
            root = Path(folder)
            async with Swarm(root, {"a": LENGTH}, piece_length=HUGE_PIECES.get(name, 2**18)) as swarm:
                manifest = kept(swarm.manifest, root)
                plain = await run("", swarm, root, manifest)
                row = await run(name, swarm, root, manifest)
        show("", plain, plain)
        show(name, row, plain)


def show(name: str, row: Row, plain: Row) -> None:
    memory, moved = row.memory / 2**20, row.moved / 2**20
    times = row.seconds / plain.seconds
    print(f"{name:20} {row.seconds:8.1f} {times:6.1f} {row.processor:10.1f} {memory:7.0f} {moved:7.0f}", flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["victim", manifest, folder]:
            trio.run(play_victim, parse_manifest(Path(manifest).read_bytes()), Path(folder))
        case ["attacker", name, manifest, folder, host, port]:
            known = parse_manifest(Path(manifest).read_bytes())
            trio.run(play_attacker, name, known, Path(folder), host, port)
        case names:
            trio.run(measure, names or NAMES)
