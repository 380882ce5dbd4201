"""Reading and writing manifests for a window: wishes that are seen to on the desk's thread, not on Tk's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.app.desk import Desk


async def open_file(desk: Desk, path: Path, folder: Path | None = None) -> str:
    """Download what the manifest at ``path`` describes; its info hash."""
    return await desk.open_manifest(await trio.to_thread.run_sync(read_small, path, MAX_BYTES), folder)


async def save_manifest(desk: Desk, info_hash: str, path: Path) -> None:
    """Write the manifest of a transfer, or of an entry of the catalogue, to ``path``."""
    await trio.to_thread.run_sync(write_atomic, path, await desk.manifest(info_hash))
