"""``bench start``: how long until a window's session shares again what it shared, and until all is saved and closed.

The data is there with valid resume data, so that nothing is to be hashed, and nobody is connected. Besides, the help
of verbs, beside Python alone. Each start is a process of its own.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter, process_time, sleep, time
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.app.client_session import open_session
from swarmshare.app.thread import SessionThread
from swarmshare.bench.children import answer, start, tell
from swarmshare.bench.contest import in_turns, peak_bytes
from swarmshare.bench.transfer import SMALL, make_small_files
from swarmshare.common.bits import all_bits
from swarmshare.manifest.build import Description, build_manifest
from swarmshare.manifest.manifest import FileEntry, Manifest
from swarmshare.manifest.merkle import BLOCK_LENGTH, leaf_hashes, merkle_root
from swarmshare.schema.snapshot import TorrentState
from swarmshare.storage.create import create_manifest
from swarmshare.storage.home import VARIABLE
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan
from swarmshare.storage.resume import save_resume
from swarmshare.storage.saved_transfers import SavedTransfer, open_saved_transfers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

MODULE: Final = "swarmshare.bench.starts"
_LOOK: Final = 0.05
"""Seconds between two looks at the snapshot."""
_TOGETHER: Final = 32
"""Files of a home that are written at the same time: each waits for the disk."""


@dataclass(frozen=True, slots=True)
class StartSample:
    """One start and end of a window's client session, or of one torrent in it."""

    loaded: float
    """Seconds until every torrent is a seed; of one that is new, until there is room for its data."""
    loaded_cpu: float
    """Seconds of processor time of that."""
    closed: float
    """Seconds until all is saved and closed, or removed with its data."""
    closed_cpu: float
    peak: int
    """Bytes of memory, at most."""


def bench_start(pieces: int, transfers: int, files: int, rounds: int) -> dict[str, list[StartSample]]:
    """Start and end client sessions ``rounds`` times, after one round that does not count.

    One has a single seed of ``pieces`` pieces, one has ``transfers`` small seeds, one a seed of ``files`` small files,
    and to the last a torrent of these files is added, and removed when there is room for it. A number of 0: not
    measured. Returns the samples by what it was.
    """
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as name:
        folder = Path(name)
        cases: dict[str, Callable[[], StartSample]] = {}
        if pieces:
            cases["pieces"] = partial(_session, _home(folder / "pieces", [_sparse(folder, pieces)]))
        if transfers:
            (folder / "seeds").mkdir()
            manifests = (_small(folder / "seeds", number) for number in range(transfers))
            cases["transfers"] = partial(_session, _home(folder / "transfers", manifests))
        if files:
            make_small_files(folder / "data" / "files", files)
            manifest = create_manifest(make_plan(folder / "data" / "files"), Description())
            cases["files"] = partial(_session, _home(folder / "many", [(manifest, folder / "data")]))
            torrent = folder / "files.torrent"
            torrent.write_bytes(manifest.encode())
            cases["new files"] = partial(_session, _home(folder / "none", []), torrent, folder / "there")
        return in_turns(cases, lambda case: cases[case](), rounds)


def bench_help(verbs: Iterable[str], rounds: int) -> dict[str | None, list[tuple[float, float]]]:
    """Return the seconds that the help of ``verbs`` takes, and those of the processor; of None: Python doing nothing.

    Each is a process of its own, ``rounds`` times in turns after one round that does not count.
    """
    commands: dict[str | None, list[str]] = {None: [sys.executable, "-c", "pass"]}
    commands |= {verb: [sys.executable, "-m", "swarmshare", *verb.split(), "--help"] for verb in verbs}

    def run(verb: str | None) -> tuple[float, float]:
        began, before = perf_counter(), os.times()
        subprocess.run(commands[verb], stdout=subprocess.DEVNULL, check=True)
        after, seconds = os.times(), perf_counter() - began
        cost = after.children_user + after.children_system - before.children_user - before.children_system
        return seconds, cost

    return in_turns(commands, run, rounds)


def _sparse(folder: Path, pieces: int) -> tuple[Manifest, Path]:
    """Return a torrent of one file of ``pieces`` pieces, all of it empty, and where it is."""
    with open(folder / "sparse", "wb") as file:
        file.truncate(pieces * BLOCK_LENGTH)
    layer = leaf_hashes(bytes(BLOCK_LENGTH)) * pieces
    return _manifest("sparse", pieces * BLOCK_LENGTH, merkle_root(layer), {merkle_root(layer): layer}), folder


def _small(folder: Path, number: int) -> tuple[Manifest, Path]:
    """Return a torrent of one small file, which is made, and where that is."""
    data, name = secrets.token_bytes(random.randint(*SMALL)), f"file-{number}"
    (folder / name).write_bytes(data)
    return _manifest(name, len(data), merkle_root(leaf_hashes(data)), {}), folder


def _manifest(name: str, length: int, root: bytes, layers: Mapping[bytes, bytes]) -> Manifest:
    return build_manifest(
        name=name,
        in_folder=False,
        files=[FileEntry((name,), length, root)],
        piece_length=BLOCK_LENGTH if layers else 4 * BLOCK_LENGTH,
        piece_layers=layers,
        v1_pieces=None,
        about=Description(),
    )


def _home(folder: Path, torrents: Iterable[tuple[Manifest, Path]]) -> Path:
    """Make a home in which ``torrents`` are seeded from the folders of their data, and return it."""
    resume = folder / "resume"
    resume.mkdir(parents=True)
    with open_saved_transfers(folder / "transfers") as store, ThreadPoolExecutor(_TOGETHER) as pool:

        def save(torrent: tuple[Manifest, Path]) -> None:
            manifest, data = torrent
            store.add(SavedTransfer(manifest=manifest, folder=data, added_at=int(time()), shared=True))
            bits, path = all_bits(manifest.layout.piece_count), resume / f"{manifest.info_hash}.resume"
            save_resume(path, manifest, bits, TorrentStorage(manifest, data).file_states())

        for _ in pool.map(save, torrents):
            pass
    return folder


def _session(home: Path, torrent: Path | None = None, folder: Path | None = None) -> StartSample:
    """Start and end a client session in ``home``; with ``torrent``, measure adding that to it, and removing it."""
    environment = {**os.environ, VARIABLE: str(home), "SWARMSHARE_LISTEN": "127.0.0.1:0"}
    arguments = ["session"] if torrent is None else ["new", torrent, folder]
    with ExitStack() as stack:
        said = answer(start(stack, MODULE, *arguments, environment=environment))
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return StartSample(**said)


class _Clock:
    """The time and the processor time since the last look."""

    def __init__(self) -> None:
        self._last = perf_counter(), process_time()

    def lap(self) -> tuple[float, float]:
        """Return both since the last call."""
        before, self._last = self._last, (perf_counter(), process_time())
        return self._last[0] - before[0], self._last[1] - before[1]


def _tell(loaded: tuple[float, float], closed: tuple[float, float]) -> None:
    tell(loaded=loaded[0], loaded_cpu=loaded[1], closed=closed[0], closed_cpu=closed[1], peak=peak_bytes())


def _run_session() -> None:
    clock, session = _Clock(), SessionThread()
    while (snapshot := session.snapshot) is None or any(
        line.state is not TorrentState.SEEDING for line in snapshot.transfers
    ):
        sleep(_LOOK)
    loaded = clock.lap()
    session.close()
    session.closed.wait()
    _tell(loaded, clock.lap())


def _run_new(torrent: str, folder: str) -> None:
    async def main() -> None:
        async with open_session(lambda _: None) as session:
            clock = _Clock()
            info_hash = await session.open_file(Path(torrent), Path(folder))
            transfer = session.transfers.get(info_hash)
            assert transfer is not None
            assert transfer.torrent is not None
            await transfer.torrent.ready.wait()
            added = clock.lap()
            await session.transfers.remove([info_hash], delete_data=True)
            _tell(added, clock.lap())

    trio.run(main)


CHILDREN: Final[dict[str, Callable[..., None]]] = {"session": _run_session, "new": _run_new}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
