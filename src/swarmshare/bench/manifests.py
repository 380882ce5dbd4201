"""``bench manifest``: reading and validating a very large manifest, beside libtorrent."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from swarmshare.bench.contest import Contestant, Prepare, Sample, child_main, compete
from swarmshare.bench.reference import is_installed
from swarmshare.manifest.build import Description, build_manifest
from swarmshare.manifest.manifest import FileEntry
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, merkle_root
from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable

FILES_A_FOLDER: Final = 250


def large_manifest(file_count: int, pieces_a_file: int) -> bytes:
    """Return a valid manifest of made-up files, each with a piece layer of ``pieces_a_file`` (2 or more) hashes."""
    rng = random.Random(file_count)
    files, layers = [], {}
    for number in range(file_count):
        layer = rng.randbytes(HASH_LENGTH * pieces_a_file)
        root = merkle_root(layer)
        layers[root] = layer
        path = (f"folder-{number // FILES_A_FOLDER:04}", f"file-{number:06}.bin")
        files.append(FileEntry(path, pieces_a_file * BLOCK_LENGTH - rng.randrange(BLOCK_LENGTH), root))
    return build_manifest(
        name="large",
        in_folder=True,
        files=files,
        piece_length=BLOCK_LENGTH,
        piece_layers=layers,
        v1_pieces=None,
        about=Description(),
    ).encode()


def bench_manifest(file_count: int, pieces_a_file: int, rounds: int) -> tuple[int, dict[str, list[Sample]]]:
    """Return the size of the manifest in bytes, and the rounds of both sides."""
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        path = Path(folder, "large.torrent")
        data = large_manifest(file_count, pieces_a_file)
        path.write_bytes(data)
        sides = {
            name: Contestant("swarmshare.bench.manifests", name, (str(path),))
            for name in CONTESTANTS
            if name != "libtorrent" or is_installed()
        }
        return len(data), compete(sides, rounds)


def _swarmshare(path: str) -> Callable[[], object]:
    data = Path(path).read_bytes()
    return lambda: parse_manifest(data)


def _libtorrent(path: str) -> Callable[[], object]:
    import libtorrent

    data = Path(path).read_bytes()
    return lambda: libtorrent.load_torrent_buffer(data)


CONTESTANTS: Final[dict[str, Prepare]] = {"swarmshare": _swarmshare, "libtorrent": _libtorrent}

if __name__ == "__main__":
    child_main(CONTESTANTS)
