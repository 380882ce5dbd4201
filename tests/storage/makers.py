"""A small torrent with a file of each kind, and short words for what tests do with its storage."""

from __future__ import annotations

from functools import cache
from threading import Event
from typing import TYPE_CHECKING

from swarmshare.manifest.parse import parse_manifest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest
    from swarmshare.storage.pieces import TorrentStorage

BLOCK = 2**14
PIECE = 2 * BLOCK
LENGTHS = {"a/deep/large": 5 * PIECE + 100, "a/whole": 2 * PIECE, "empty": 0, "exact": PIECE, "small": 5}

PART = ".a34b53c8665d0a78.part"
"""How the files of the torrent made of these end until they are whole: with digits of its info hash."""


class BeforeEachChunk(Event):
    """What cancels hashing, and is therefore looked at before each chunk is read, in the thread that reads it."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act = act

    def is_set(self) -> bool:
        self._act()
        return super().is_set()


@cache
def content(name: str) -> bytes:
    return bytes((i * 31 + (i >> 8) * 7 + len(name)) % 256 for i in range(LENGTHS[name]))


def fill(top: Path) -> None:
    for name in LENGTHS:
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(content(name))


def number_of(manifest: Manifest, name: str) -> int:
    return ["/".join(file.path) for file in manifest.files].index(name)


def pieces_of(manifest: Manifest, name: str) -> range:
    return manifest.layout.file_pieces(number_of(manifest, name))


def data_of(manifest: Manifest, piece: int) -> bytes:
    span = manifest.layout.span(manifest.layout.index(piece))
    return content("/".join(manifest.files[span.file].path))[span.offset : span.offset + span.length]


def put(storage: TorrentStorage, numbers: Iterable[int]) -> None:
    for number in numbers:
        storage.write(storage.manifest.layout.index(number), data_of(storage.manifest, number))


def get(storage: TorrentStorage, number: int) -> bytes:
    piece = storage.manifest.layout.index(number)
    return storage.read(piece, 0, storage.manifest.layout.span(piece).length)


def mend(storage: TorrentStorage, path: Path, number: int) -> None:
    """Want file ``number``, which is at ``path``, mended, as a recheck does."""
    storage.own(number, path.stat().st_ino, whole=False, mending=True)


def tree(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def without_layers(manifest: Manifest) -> Manifest:
    return parse_manifest(manifest.encode().replace(b"12:piece layers", b"12:piece Layers"))
