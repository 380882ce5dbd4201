"""``bench transfer``: files over loopback, ours to ours and libtorrent to libtorrent, each peer in its own process."""

from __future__ import annotations

import random
import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.bench.children import answer, start, tell
from swarmshare.bench.contest import peak_bytes
from swarmshare.bench.reference import add_torrent, new_session
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE_LENGTH: Final = 2**20
SMALL: Final = (2**10, 40 * 2**10)
"""Bytes of the shortest and the longest of many small files."""
FOLDER_FILES: Final = 100
"""Of these in one folder."""
MODULE: Final = "swarmshare.bench.transfer"
SIDES: Final = ("swarmshare", "libtorrent")


@dataclass(frozen=True, slots=True)
class TransferSample:
    """One download, and what it cost each process."""

    seconds: float
    """From the first dial to the last verified piece."""
    named: float
    """To the moment when all files have their final names; with libtorrent, which writes under them, the same."""
    leech_cpu: float
    """Seconds of processor time."""
    leech_peak: int
    seed_cpu: float
    """The greatest of all seeds."""
    seed_peak: int


def bench_transfer(length: int, files: int, seeds: int, rounds: int) -> tuple[int, dict[str, list[TransferSample]]]:
    """Download random bytes from ``seeds`` seeds, ``rounds`` times a side, after one more that does not count.

    They are one file of ``length`` bytes, or ``files`` small ones if that is not 0. Returns how many bytes they are,
    and what each side took.
    """
    results: dict[str, list[TransferSample]] = {side: [] for side in SIDES}
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        source = Path(folder, "source")
        if files:
            make_small_files(source / "content", files)
        else:
            source.mkdir()
            with open(source / "content", "wb") as stream:
                for _ in range(length // PIECE_LENGTH):
                    stream.write(secrets.token_bytes(PIECE_LENGTH))
        piece_length = None if files else PIECE_LENGTH
        manifest = create_manifest(make_plan(source / "content"), Description(), piece_length=piece_length)
        torrent = Path(folder, "content.torrent")
        torrent.write_bytes(manifest.encode())
        for number in range(rounds + 1):
            for side in SIDES:
                sample = _transfer(side, torrent, source, Path(folder, "there"), seeds)
                shutil.rmtree(Path(folder, "there"), ignore_errors=True)  # libtorrent may end before it has written
                if number:
                    results[side].append(sample)
    return manifest.total_length, results


def make_small_files(folder: Path, count: int) -> None:
    """Make ``count`` files of 1 to 40 KiB, in folders of ``FOLDER_FILES``; the lengths are the same each time."""
    lengths = random.Random(1)
    for number in range(count):
        path = folder / str(number // FOLDER_FILES) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(secrets.token_bytes(lengths.randint(*SMALL)))


def _transfer(side: str, torrent: Path, source: Path, target: Path, seeds: int) -> TransferSample:
    with ExitStack() as stack:
        children = [start(stack, MODULE, f"{side}-seed", torrent, source) for _ in range(seeds)]
        ports = [answer(child)["port"] for child in children]
        leech = answer(start(stack, MODULE, f"{side}-leech", torrent, target, *ports))
        ends = []
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
            ends.append(answer(child))
    return TransferSample(
        leech["seconds"],
        leech["named"],
        leech["cpu"],
        leech["peak"],
        max(end["cpu"] for end in ends),
        max(end["peak"] for end in ends),
    )


def _cost(since: float) -> dict[str, object]:
    """Return what this process cost since its processor time was ``since``: a start costs the same for any length."""
    return {"cpu": process_time() - since, "peak": peak_bytes()}


def _swarmshare_seed(torrent: str, folder: str) -> None:
    manifest = parse_manifest(Path(torrent).read_bytes())

    async def main() -> None:
        async with open_engine(EngineConfig()) as engine:
            added = engine.add(manifest, TorrentConfig(folder=Path(folder)))
            await added.finished.wait()
            ready = process_time()  # libtorrent, too, is counted without its check
            tell(port=int(engine.addresses[0].rpartition(":")[2]))
            await trio.to_thread.run_sync(sys.stdin.read)
            tell(**_cost(ready))

    trio.run(main)


def _swarmshare_leech(torrent: str, folder: str, *ports: str) -> None:
    manifest = parse_manifest(Path(torrent).read_bytes())

    async def main() -> None:
        peers = tuple(("127.0.0.1", int(port)) for port in ports)
        async with open_engine(EngineConfig()) as engine:
            ready, start = process_time(), perf_counter()
            added = engine.add(manifest, TorrentConfig(folder=Path(folder), peers=peers))
            # libtorrent, too, is timed to its last verified piece: it flushes no file, and we do.
            while added.picker.held.held < manifest.layout.piece_count:  # noqa: ASYNC110
                await trio.sleep(0.01)
            seconds = perf_counter() - start
            cost = _cost(ready)
            await added.finished.wait()
            tell(seconds=seconds, named=perf_counter() - start, **cost)

    trio.run(main)


def _libtorrent_seed(torrent: str, folder: str) -> None:
    session = new_session()
    add_torrent(session, torrent, folder, seed=True)
    ready = process_time()
    tell(port=session.listen_port())
    sys.stdin.read()
    tell(**_cost(ready))


def _libtorrent_leech(torrent: str, folder: str, *ports: str) -> None:
    session = new_session()
    ready, start = process_time(), perf_counter()
    handle = add_torrent(session, torrent, folder, seed=False)
    for port in ports:
        handle.connect_peer(("127.0.0.1", int(port)), 0, 0)
    while not handle.status().is_seeding:
        sleep(0.01)
    seconds = perf_counter() - start
    tell(seconds=seconds, named=seconds, **_cost(ready))


CHILDREN: Final[dict[str, Callable[..., None]]] = {
    "swarmshare-seed": _swarmshare_seed,
    "swarmshare-leech": _swarmshare_leech,
    "libtorrent-seed": _libtorrent_seed,
    "libtorrent-leech": _libtorrent_leech,
}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
