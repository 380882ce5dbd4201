"""Reading and writing manifests, and beginning downloads, for a window: wishes on the desk's thread, not on Tk's.

Whatever begins a download brings its info hash; or, when something else has its place, the error that says so, so that
another name can be asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.app.naming import NameTakenError
from swarmshare.manifest.bencoding import MAX_BYTES
from swarmshare.storage.files import read_small, write_atomic

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

    from swarmshare.app.client_session import ClientSession


async def download(session: ClientSession, info_hash: str) -> str | NameTakenError:
    """Download an entry of the catalogue."""
    return await _begin(session.download(info_hash))


async def download_as(session: ClientSession, taken: NameTakenError, name: str) -> str | NameTakenError:
    """Download by another name what could not be begun."""
    return await _begin(session.download_as(taken.manifest, taken.folder, name))


async def open_magnet(session: ClientSession, link: str, folder: Path) -> str | NameTakenError:
    """Download what a magnet link names."""
    return await _begin(session.open_magnet(link, folder))


async def open_file(session: ClientSession, path: Path, folder: Path | None = None) -> str | NameTakenError:
    """Download what the manifest at ``path`` describes."""
    data = await trio.to_thread.run_sync(read_small, path, MAX_BYTES)
    return await _begin(session.open_manifest(data, folder))


async def save_manifest(session: ClientSession, info_hash: str, path: Path) -> None:
    """Write the manifest of a transfer, or of an entry of the catalogue, to ``path``."""
    await trio.to_thread.run_sync(write_atomic, path, await session.manifest(info_hash))


async def _begin(begin: Awaitable[str]) -> str | NameTakenError:
    try:
        return await begin
    except NameTakenError as taken:
        return taken.with_traceback(None)  # else it keeps all that was at work when it was raised
