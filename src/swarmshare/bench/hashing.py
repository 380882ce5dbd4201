"""``bench hash``: create and verify, beside libtorrent's hashing and beside hashlib in memory, which is the limit."""

from __future__ import annotations

import os
import secrets
import tempfile
import threading
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.bench.contest import Contestant, Prepare, Sample, child_main, compete
from swarmshare.bench.reference import is_installed
from swarmshare.manifest.build import Description
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.storage.verify import verify_data

if TYPE_CHECKING:
    from collections.abc import Callable

PIECE_LENGTH: Final = 2**20
MEMORY_LENGTH: Final = 256 * 2**20
"""Most bytes that the limit keeps in memory; it goes round them until it has hashed the file's length."""
THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class HashFigures:
    """The rounds of each contestant, and one create of a huge sparse file."""

    length: int
    create: list[Sample]
    verify: list[Sample]
    libtorrent: list[Sample]
    leaves: list[Sample]
    """hashlib on 16 KiB blocks in memory, in two threads: what any v2 hashing must do at least."""
    bulk: list[Sample]
    """The same bytes in blocks of 1 MiB: no Merkle tree can be made of that; it shows what the small blocks cost."""
    sparse: Sample | None


def bench_hash(length: int, rounds: int, sparse_length: int) -> HashFigures:
    """Measure on a file of ``length`` random bytes, written once and then in the page cache."""
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        file = Path(folder, "content.bin")
        with open(file, "wb") as stream:
            for _ in range(length // PIECE_LENGTH):
                stream.write(secrets.token_bytes(PIECE_LENGTH))
            stream.flush()
            os.fsync(stream.fileno())
        manifest = Path(folder, "content.torrent")
        manifest.write_bytes(_create(str(file))().encode())
        samples = compete(
            {
                "create": _contestant("create", str(file)),
                **({"libtorrent": _contestant("libtorrent", str(file))} if is_installed() else {}),
                "verify": _contestant("verify", str(manifest), folder),
                "leaves": _contestant("memory", str(BLOCK_LENGTH), str(length)),
                "bulk": _contestant("memory", str(PIECE_LENGTH), str(length)),
            },
            rounds,
        )
        sparse = None
        if sparse_length:
            file.unlink()
            with open(file, "wb") as stream:
                stream.truncate(sparse_length)
            sparse = _contestant("create-auto", str(file)).run()
    return HashFigures(length=length, sparse=sparse, **({"libtorrent": []} | samples))


def _contestant(name: str, *arguments: str) -> Contestant:
    return Contestant("swarmshare.bench.hashing", name, arguments)


def _create(file: str, piece_length: int | None = PIECE_LENGTH):  # type: ignore[no-untyped-def]
    return lambda: create_manifest(make_plan(Path(file)), Description(), piece_length=piece_length)


def _verify(manifest: str, folder: str) -> Callable[[], object]:
    parsed = parse_manifest(Path(manifest).read_bytes())

    def work() -> None:
        assert not verify_data(parsed, Path(folder)).bad

    return work


def _libtorrent(file: str) -> Callable[[], object]:
    import libtorrent

    torrent = libtorrent.create_torrent(libtorrent.list_files(file), PIECE_LENGTH, libtorrent.create_torrent.v2_only)
    return lambda: libtorrent.set_piece_hashes(torrent, str(Path(file).parent))


def _memory(block: str, length: str) -> Callable[[], object]:
    """Hash ``length`` bytes in all, by going round a smaller buffer."""
    around = min(int(length), MEMORY_LENGTH)
    part = memoryview(secrets.token_bytes(around // THREADS))
    step, rounds = int(block), int(length) // around

    def hash_all() -> None:
        for _ in range(rounds):
            for offset in range(0, len(part), step):
                sha256(part[offset : offset + step]).digest()

    def work() -> None:
        threads = [threading.Thread(target=hash_all) for _ in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return work


CONTESTANTS: Final[dict[str, Prepare]] = {
    "create": _create,
    "create-auto": lambda file: _create(file, None),
    "verify": _verify,
    "libtorrent": _libtorrent,
    "memory": _memory,
}

if __name__ == "__main__":
    child_main(CONTESTANTS)
