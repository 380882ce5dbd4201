"""Snapshots made by hand, of any size, without an engine."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from swarmshare.manifest.manifest import FileEntry, InfoHash, Manifest
from swarmshare.schema.snapshot import EngineSnapshot, PeerSnapshot, TorrentSnapshot, TorrentState

if TYPE_CHECKING:
    from collections.abc import Mapping

MIB = 2**20
FILES = {
    "photos/sea.jpg": 7_000_001,
    "photos/town.jpg": 5_000_000,
    "read me.txt": 1_234,
    "videos/beach.mp4": 3_900 * MIB,
    "videos/the way home, filmed from the back seat of the car in the rain.mp4": 2_300 * MIB,
}


def manifest_of(files: Mapping[str, int], name: str = "Holiday", piece_length: int = MIB) -> Manifest:
    """A manifest that only has what a display reads."""
    entries = tuple(FileEntry(tuple(path.split("/")), length) for path, length in files.items())
    return Manifest(
        info=b"", outside={}, info_hash=InfoHash(name.encode("utf-8", "replace")[:32].ljust(32)), info_hash_v1=None,
        name=name, in_folder=True, declared_name=name, piece_length=piece_length, files=entries, piece_layers={},
        missing_layers=frozenset(), private=False, trackers=(), web_seeds=(), comment="", created_by="",
        creation_date=None,
    )  # fmt: skip


def peer(address: str, client: str = "SwarmShare 0.1.0", **changes: Any) -> PeerSnapshot:
    """A leech that gives and takes nothing."""
    fields: dict[str, Any] = {
        "pieces": 0, "rate_down": 0.0, "rate_up": 0.0, "downloaded": 0, "uploaded": 0, "choking_us": False,
        "interested": False, "bits": b"",
    }  # fmt: skip
    return PeerSnapshot(address=address, user="", client=client, **(fields | changes))


def torrent(manifest: Manifest | None = None, states: bytes | None = None, **changes: Any) -> TorrentSnapshot:
    """A download whose byte counts follow from ``states`` (by default nothing is held) and ``skipped``."""
    manifest = manifest or manifest_of(FILES)
    layout = manifest.layout
    states = bytes(layout.piece_count) if states is None else states
    skipped = changes.get("skipped", frozenset())
    done = tuple(
        min(states[pieces.start : pieces.stop].count(3) * layout.piece_length, file.length)
        for file, pieces in zip(manifest.files, map(layout.file_pieces, range(len(manifest.files))), strict=True)
    )
    wanted = [number for number in range(len(manifest.files)) if number not in skipped]
    fields: dict[str, Any] = {
        "state": TorrentState.DOWNLOADING, "error": "", "checked": 1.0,
        "bytes_total": sum(manifest.files[number].length for number in wanted),
        "bytes_done": sum(done[number] for number in wanted),
        "files_done": done, "skipped": frozenset(), "pieces_done": states.count(3), "rate_down": 0.0, "rate_up": 0.0,
        "downloaded": sum(done), "uploaded": 0, "peers": (), "availability": bytes(len(states)), "seeds": 0,
        "members": (), "tracker_problem": "",
    }  # fmt: skip
    return TorrentSnapshot(manifest=manifest, piece_states=states, **(fields | changes))


def engine(*torrents: TorrentSnapshot) -> EngineSnapshot:
    return EngineSnapshot(addresses=("127.0.0.1:6881",), torrents=torrents)


def half_way(manifest: Manifest | None = None, *, peers: int = 8, seeds: int = 0, **changes: Any) -> TorrentSnapshot:
    """A download in full swing: sequential-looking at first, holes, pieces in flight, and some that nobody has."""
    manifest = manifest or manifest_of(FILES)
    count, rng = manifest.layout.piece_count, random.Random(1)
    states = bytearray(count)
    for piece in range(count):
        states[piece] = 3 if piece < count * 0.3 or rng.random() < max(0.0, 0.9 - piece / count) ** 3 else 0
    for piece in range(int(count * 0.3), int(count * 0.3) + min(24, count // 10)):
        states[piece] = rng.choice((1, 1, 2))
    availability = bytes(0 if 0.70 < piece / count < 0.72 else rng.randint(1, max(peers, 1)) for piece in range(count))
    clients = ("SwarmShare 0.1.0", "qBittorrent/5.0.1", "libtorrent/2.0.11.0", "")
    shown = tuple(
        peer(
            f"192.168.1.{17 + number}:{50_000 + 37 * number}",
            clients[number % len(clients)],
            pieces=count if number < seeds else rng.randrange(count),
            rate_down=rng.random() * 12e6 if number % 3 else 0.0,
            rate_up=rng.random() * 4e6 if number % 2 else 0.0,
            choking_us=number % 3 == 0,
            interested=number % 4 == 0,
        )
        for number in range(peers)
    )
    fields: dict[str, Any] = {
        "peers": shown, "seeds": seeds, "availability": availability, "uploaded": 123_456_789,
        "rate_down": sum(each.rate_down for each in shown), "rate_up": sum(each.rate_up for each in shown),
    }  # fmt: skip
    return torrent(manifest, bytes(states), **(fields | changes))
