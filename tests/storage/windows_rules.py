"""A disk with the rules of Windows under another system: a real one where that can be had, and one that plays it."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def ntfs(folder: Path) -> Iterator[Path]:
    """NTFS as Windows has it, mounted below ``folder``."""
    tools = ("mkntfs", "ntfs-3g", "umount")
    if os.geteuid() or not os.path.exists("/dev/fuse") or not all(map(shutil.which, tools)):
        pytest.skip("a disk with the rules of Windows needs root, /dev/fuse, mkntfs and ntfs-3g")
    image, disk = folder / "image", folder / "disk"
    with open(image, "wb") as file:
        file.truncate(16 * 2**20)
    disk.mkdir()
    made = subprocess.run(["mkntfs", "-F", "-q", "-Q", image], capture_output=True, check=False)
    if made.returncode == 0:
        made = subprocess.run(["ntfs-3g", "-o", "windows_names", image, disk], capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"mounting NTFS is not possible here: {made.stderr!r}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def played(folder: Path) -> Iterator[Path]:
    """A folder in which names that Windows would not take are refused, as Linux puts it."""
    real_open, real_mkdir = os.open, os.mkdir

    def check(path: Any) -> None:
        name = os.path.basename(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""
        if any(letter in name for letter in '<>:"|?*') or name.rstrip(". ") != name or name.split(".")[0] == "aux":
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    def open_(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if flags & os.O_CREAT:
            check(path)
        return real_open(path, flags, mode, dir_fd=dir_fd)

    def mkdir(path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        check(path)
        real_mkdir(path, mode, dir_fd=dir_fd)

    disk = folder / "disk"
    disk.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", open_)
        patch.setattr(os, "mkdir", mkdir)
        yield disk


@pytest.fixture(params=[ntfs, played], ids=["ntfs", "played"])
def windows_disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with request.param(tmp_path) as disk:
        yield disk
