"""Fixtures for the tests of :class:`TorrentStorage`."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from storage.makers import LENGTHS, PIECE, content, fill

from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.manifest.manifest import Manifest


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    top = tmp_path_factory.mktemp("made") / "top"
    fill(top)
    return create_manifest(make_plan(top), Description(), piece_length=PIECE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where things are downloaded to."""
    path = tmp_path / "downloads"
    path.mkdir()
    return path


@pytest.fixture
def nobodys_folder() -> Iterator[Path]:
    """A download folder for what runs ``as_nobody``."""
    path = Path(tempfile.mkdtemp())
    if not os.geteuid():
        os.chown(path, 65534, 65534)
    yield path
    path.chmod(0o700)
    shutil.rmtree(path)


@pytest.fixture
def storage(manifest: Manifest, folder: Path) -> Iterator[TorrentStorage]:
    opened = TorrentStorage(manifest, folder)
    yield opened
    opened.close()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that no test may change: see ``untouched``."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret").write_bytes(content("small"))
    (folder / "large").write_bytes(bytes(LENGTHS["a/deep/large"]))
    return folder


@pytest.fixture
def untouched(outside: Path) -> Iterator[None]:
    def look() -> dict[str, bytes]:
        return {name: (outside / name).read_bytes() for name in os.listdir(outside)}

    before = look()
    yield
    assert look() == before, "something outside the folder was touched"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 128 KiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() or shutil.which("mount") is None:
        pytest.skip("mounting a small disk needs root and mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=128k", "none", str(disk)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"mounting is not permitted here: {done.stderr.strip()}")
    yield disk
    # Lazily: an exception that is not yet collected may hold the file that it was about.
    subprocess.run(["umount", "--lazy", str(disk)], check=True)
