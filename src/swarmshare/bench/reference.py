"""libtorrent, as the benches compare with it: a session that talks to nobody but those it is told of."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any


def is_installed() -> bool:
    """Whether there is a libtorrent to compare with: there are no wheels of it for the newest Pythons."""
    return find_spec("libtorrent") is not None


def new_session(**settings: Any) -> Any:
    """Return a session that listens on loopback only and looks for no peers by itself; ``settings`` are added."""
    import libtorrent

    base: Any = {"listen_interfaces": "127.0.0.1:0", "allow_multiple_connections_per_ip": True, "alert_mask": 0}
    for name in ("dht", "lsd", "upnp", "natpmp", "incoming_utp", "outgoing_utp"):
        base[f"enable_{name}"] = False
    return libtorrent.session(base | settings)


def add_torrent(session: Any, torrent: str, folder: str, *, seed: bool) -> Any:
    """Return the handle of a torrent, started; ``seed``: without a check."""
    import libtorrent

    params = libtorrent.load_torrent_buffer(Path(torrent).read_bytes())
    params.save_path = folder
    params.flags &= ~(libtorrent.torrent_flags.paused | libtorrent.torrent_flags.auto_managed)
    if seed:
        params.flags |= libtorrent.torrent_flags.seed_mode
    return session.add_torrent(params)
