"""``bench swarm``: one seed and several peers that all start at once, every upload limited: how near to the optimum?

The least time is ``max(F/u_s, N F / (u_s + sum u_i))`` for a file of F bytes, a seed that sends u_s bytes a second and
N peers that send u_i each: the seed must send every byte once, and all that is received must be sent by somebody.
"""

from __future__ import annotations

import secrets
import shutil
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, sleep
from typing import TYPE_CHECKING, Any, Final

import trio

from swarmshare.bench.children import answer, hear, say, start
from swarmshare.bench.contest import in_turns
from swarmshare.bench.reference import is_installed
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

SIDES: Final = ("swarmshare", "libtorrent")
MODULE: Final = "swarmshare.bench.swarm"


def least_seconds(length: int, peers: int, rate: float) -> float:
    """Return the theoretical minimum when everybody sends ``rate`` bytes a second at most."""
    return max(length / rate, peers * length / (rate * (peers + 1)))


def bench_swarm(length: int, peers: int, rate: float, rounds: int) -> dict[str, list[float]]:
    """Return the seconds until the last of ``peers`` has ``length`` bytes, ``rounds`` times a side after one more."""
    sides = [side for side in SIDES if is_installed() or side != "libtorrent"]
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        source = Path(folder, "source")
        source.mkdir()
        (source / "content.bin").write_bytes(secrets.token_bytes(length))
        manifest = create_manifest(make_plan(source / "content.bin"), Description(), piece_length=2**18)
        torrent = Path(folder, "content.torrent")
        torrent.write_bytes(manifest.encode())
        there = Path(folder, "there")
        return in_turns(sides, lambda side: _spread(side, torrent, source, there, peers, rate), rounds)


def _spread(side: str, torrent: Path, source: Path, target: Path, peers: int, rate: float) -> float:
    with ExitStack() as stack:
        folders = [source, *(target / str(number) for number in range(peers))]
        children = [start(stack, MODULE, side, torrent, folder, rate) for folder in folders]
        ports = [str(answer(child)["port"]) for child in children]
        begin = perf_counter()
        for number, child in enumerate(children):
            say(child, ports[:number])
        for child in children[1:]:
            answer(child)
        seconds = perf_counter() - begin
    shutil.rmtree(target, ignore_errors=True)  # libtorrent may end before it has written
    return seconds


def _swarmshare(torrent: str, folder: str, rate: str) -> None:
    manifest = parse_manifest(Path(torrent).read_bytes())

    class KnownPeers:
        """Tells of the peers that the parent has named."""

        async def run(self, port: Any) -> None:
            port.found([("127.0.0.1", int(number)) for number in await trio.to_thread.run_sync(hear)])
            await trio.sleep_forever()

    async def main() -> None:
        async with open_engine(EngineConfig(limit_up=float(rate))) as engine:
            print(f'{{"port": {engine.listening.port}}}', flush=True)
            torrent = engine.add(manifest, TorrentConfig(folder=Path(folder), announcers=(KnownPeers(),)))
            await torrent.finished.wait()
            print("{}", flush=True)
            await trio.sleep_forever()

    trio.run(main)


def _libtorrent(torrent: str, folder: str, rate: str) -> None:
    from swarmshare.bench.reference import add_torrent, new_session

    session = new_session(upload_rate_limit=int(float(rate)))
    handle = add_torrent(session, torrent, folder, seed=Path(folder, "content.bin").exists())
    # Peers on this machine are not limited unless their class is told to be.
    for peer_class in ("local", "global"):
        identifier = getattr(session, f"{peer_class}_peer_class_id")
        settings = session.get_peer_class(identifier)
        settings["upload_limit"] = int(float(rate))
        settings["ignore_unchoke_slots"] = False
        session.set_peer_class(identifier, settings)
    print(f'{{"port": {session.listen_port()}}}', flush=True)
    for number in hear():
        handle.connect_peer(("127.0.0.1", int(number)), 0, 0)
    while not handle.status().is_seeding:
        sleep(0.01)
    print("{}", flush=True)
    sys.stdin.read()


CHILDREN: Final[dict[str, Callable[[str, str, str], None]]] = {"swarmshare": _swarmshare, "libtorrent": _libtorrent}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
