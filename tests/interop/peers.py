"""libtorrent as an independent peer, and digests to compare."""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

import libtorrent
import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def digests(folder: Path) -> dict[str, str]:
    """Every file below a folder, by what is in it."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextlib.contextmanager
def libtorrent_session(listen: str = "127.0.0.1:0") -> Iterator[Any]:
    """A session that talks to nobody but those it is told of."""
    session = libtorrent.session(
        {
            "listen_interfaces": listen,
            "enable_dht": False,
            "enable_lsd": False,
            "enable_upnp": False,
            "enable_natpmp": False,
            "enable_incoming_utp": False,
            "enable_outgoing_utp": False,
            "allow_multiple_connections_per_ip": True,
            "alert_mask": 0,
        }
    )
    try:
        yield session
    finally:
        session.pause()


def add(session: Any, manifest: Manifest, folder: Path, *, seed: bool) -> Any:
    """The handle of a torrent in a session, started."""
    params = libtorrent.load_torrent_buffer(manifest.encode())
    params.save_path = str(folder)
    params.flags &= ~(libtorrent.torrent_flags.paused | libtorrent.torrent_flags.auto_managed)
    if seed:
        params.flags |= libtorrent.torrent_flags.seed_mode
    return session.add_torrent(params)


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that libtorrent does in a thread of its own, and tells nobody of."""
    while not condition():  # noqa: ASYNC110
        await trio.sleep(0.05)


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])
