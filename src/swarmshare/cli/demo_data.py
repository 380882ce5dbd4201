"""The folder that ``swarmshare demo`` shares: made up, compared, and spoiled on purpose."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from hashlib import file_digest, sha256
from typing import TYPE_CHECKING, Final

from swarmshare.manifest.merkle import BLOCK_LENGTH

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MIB: Final = 2**20
_FILES: Final = (
    ("videos/crossing.mp4", 0.6),
    ("videos/harbour.mp4", 0.25),
    ("photos/sea.jpg", 0.1),
    ("photos/town.jpg", 0.05),
)
"""Names, and their parts of the whole."""


def make_folder(folder: Path, length: int) -> None:
    """Fill ``folder`` with files of about ``length`` bytes together: noise, and the same each time."""
    rng = random.Random(2026)
    for name, part in _FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        left = int(length * part)
        with path.open("wb") as file:
            while left:
                left -= file.write(rng.randbytes(min(left, MIB)))
    (folder / "read me.txt").write_text("Made up by swarmshare demo.\n", encoding="utf-8")


def digests(folders: Iterable[Path]) -> list[str]:
    """For each folder one SHA-256, in hexadecimal digits, of the names and the contents of all its files."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(_digest, folders))


def spoil(folder: Path) -> int:
    """Change a byte of each block of 16 KiB, as a failing disk might: sizes and times stay. Returns how many."""
    changed = 0
    for path in _files(folder):
        times = path.stat()
        with path.open("r+b", buffering=0) as file:
            for offset in range(0, times.st_size, BLOCK_LENGTH):
                file.seek(offset)
                (byte,) = file.read(1)
                file.seek(offset)
                file.write(bytes([byte ^ 1]))
                changed += 1
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return changed


def _digest(folder: Path) -> str:
    whole = sha256()
    for path in _files(folder):
        with path.open("rb") as file:
            whole.update(f"{path.relative_to(folder).as_posix()}\0{file_digest(file, 'sha256').hexdigest()}\n".encode())
    return whole.hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
