"""``bench transfer``: files over loopback, between ours and libtorrent in all four ways, each peer in its own process.

Beside them goes a plain copy: the same bytes through one socket, from one process to another, where they are hashed in
leaves and written. It has no protocol, and so it is the least that Python and the system can do here.
"""

from __future__ import annotations

import random
import secrets
import shutil
import socket
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import perf_counter, process_time, sleep
from typing import TYPE_CHECKING, Any, Final

import trio

from swarmshare.bench.children import answer, start, tell
from swarmshare.bench.contest import in_turns, peak_bytes
from swarmshare.bench.reference import add_torrent, is_installed, new_session
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.identity.authority import Authority
from swarmshare.identity.certificates import signing_request
from swarmshare.identity.membership import CERTIFICATE, KEY, device_key, open_membership, save_certificate
from swarmshare.manifest.build import Description
from swarmshare.manifest.merkle import leaf_hashes
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.identity.membership import Membership
    from swarmshare.manifest.manifest import Manifest

PIECE_LENGTH: Final = 2**20
SMALL: Final = (2**10, 40 * 2**10)
"""Bytes of the shortest and the longest of many small files."""
FOLDER_FILES: Final = 100
"""Of these in one folder."""
MODULE: Final = "swarmshare.bench.transfer"
PLAIN: Final = "plain copy"
SIDES: Final = {
    "swarmshare": ("swarmshare", "swarmshare"),
    "libtorrent": ("libtorrent", "libtorrent"),
    "libtorrent to swarmshare": ("libtorrent", "swarmshare"),
    "swarmshare to libtorrent": ("swarmshare", "libtorrent"),
    PLAIN: ("plain", "plain"),
}
"""The program of the seeds and that of the leech, by what is measured."""
ENCRYPTED: Final = {
    "swarmshare, encrypted": ("swarmshare", "swarmshare"),
    "libtorrent, encrypted": ("libtorrent", "libtorrent"),
    "swarmshare": ("swarmshare", "swarmshare"),
}
"""The same for what only members of a group may join, by TLS, beside our own without it."""
_MEMBERS: Final = "members.torrent"
"""The manifest of these."""
_MEMBER: Final = "member"
"""The folder beside it, with the key and the certificate of all peers."""
_COPIED_AHEAD: Final = 4
"""Pieces of memory between the thread that receives the plain copy and the one that hashes and writes it."""


@dataclass(frozen=True, slots=True)
class TransferSample:
    """One download, and what it cost each process."""

    seconds: float
    """From the first dial to the last verified piece."""
    named: float
    """To the moment when all files have their final names; with libtorrent, which writes under them, the same."""
    leech_cpu: float
    """Seconds of processor time."""
    leech_peak: int
    seed_cpu: float
    """The greatest of all seeds."""
    seed_peak: int


def bench_transfer(
    length: int, files: int, seeds: int, rounds: int, *, encrypted: bool = False
) -> tuple[int, dict[str, list[TransferSample]]]:
    """Download random bytes from ``seeds`` seeds, ``rounds`` times a side, after one more that does not count.

    They are one file of ``length`` bytes, or ``files`` small ones if that is not 0. Returns how many bytes they are,
    and what each of :data:`SIDES` took, or of :data:`ENCRYPTED`; without libtorrent only those that do not need it.
    """
    wanted = ENCRYPTED if encrypted else SIDES
    sides = [side for side, programs in wanted.items() if is_installed() or "libtorrent" not in programs]
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        source = Path(folder, "source")
        if files:
            make_small_files(source / "content", files)
        else:
            source.mkdir()
            with open(source / "content", "wb") as stream:
                for _ in range(length // PIECE_LENGTH):
                    stream.write(secrets.token_bytes(PIECE_LENGTH))
        piece_length = None if files else PIECE_LENGTH
        manifest = create_manifest(make_plan(source / "content"), Description(), piece_length=piece_length)
        torrent = Path(folder, "content.torrent")
        torrent.write_bytes(manifest.encode())
        torrents = dict.fromkeys(sides, torrent)
        if encrypted:
            about = Description(ssl_cert=_make_member(Path(folder)))
            members = Path(folder, _MEMBERS)
            members.write_bytes(
                create_manifest(make_plan(source / "content"), about, piece_length=piece_length).encode()
            )
            torrents |= {side: members for side in sides if side != "swarmshare"}
        there = Path(folder, "there")
        return manifest.total_length, in_turns(
            sides, lambda side: _transfer(wanted[side], torrents[side], source, there, seeds), rounds
        )


def _make_member(folder: Path) -> bytes:
    """Make a group with one member in ``folder``; returns the certificate (PEM) of its authority."""
    authority = Authority.create(folder / "authority")
    request = signing_request(device_key(folder / _MEMBER))
    save_certificate(folder / _MEMBER, authority.issue(request, "bench", "bench", "bench").pem)
    return authority.certificate_pem


def _membership(torrent: str, manifest: Manifest) -> Membership | None:
    return open_membership(Path(torrent).parent / _MEMBER, manifest.ssl_cert) if manifest.ssl_cert else None


def make_small_files(folder: Path, count: int) -> None:
    """Make ``count`` files of 1 to 40 KiB, in folders of ``FOLDER_FILES``; the lengths are the same each time."""
    lengths = random.Random(1)
    for number in range(count):
        path = folder / str(number // FOLDER_FILES) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(secrets.token_bytes(lengths.randint(*SMALL)))


def _transfer(programs: tuple[str, str], torrent: Path, source: Path, target: Path, seeds: int) -> TransferSample:
    seed, leecher = programs
    with ExitStack() as stack:
        children = [start(stack, MODULE, f"{seed}-seed", torrent, source) for _ in range(seeds)]
        ports = [answer(child)["port"] for child in children]
        leech = answer(start(stack, MODULE, f"{leecher}-leech", torrent, target, *ports))
        ends = []
        for child in children:
            assert child.stdin is not None
            child.stdin.close()
            ends.append(answer(child))
    shutil.rmtree(target, ignore_errors=True)  # libtorrent may end before it has written
    return TransferSample(
        leech["seconds"],
        leech["named"],
        leech["cpu"],
        leech["peak"],
        max(end["cpu"] for end in ends),
        max(end["peak"] for end in ends),
    )


def _cost(since: float) -> dict[str, object]:
    """Return what this process cost since its processor time was ``since``: a start costs the same for any length."""
    return {"cpu": process_time() - since, "peak": peak_bytes()}


def _swarmshare_seed(torrent: str, folder: str) -> None:
    manifest = parse_manifest(Path(torrent).read_bytes())

    async def main() -> None:
        async with open_engine(EngineConfig()) as engine:
            added = engine.add(manifest, TorrentConfig(folder=Path(folder), membership=_membership(torrent, manifest)))
            await added.finished.wait()
            ready = process_time()  # libtorrent, too, is counted without its check
            tell(port=int(engine.addresses[0].rpartition(":")[2]))
            await trio.to_thread.run_sync(sys.stdin.read)
            tell(**_cost(ready))

    trio.run(main)


def _swarmshare_leech(torrent: str, folder: str, *ports: str) -> None:
    manifest = parse_manifest(Path(torrent).read_bytes())

    async def main() -> None:
        peers = tuple(("127.0.0.1", int(port)) for port in ports)
        async with open_engine(EngineConfig()) as engine:
            ready, start = process_time(), perf_counter()
            config = TorrentConfig(folder=Path(folder), peers=peers, membership=_membership(torrent, manifest))
            added = engine.add(manifest, config)
            # libtorrent, too, is timed to its last verified piece: it flushes no file, and we do.
            while added.picker.held.held < manifest.layout.piece_count:  # noqa: ASYNC110
                await trio.sleep(0.01)
            seconds = perf_counter() - start
            cost = _cost(ready)
            await added.finished.wait()
            tell(seconds=seconds, named=perf_counter() - start, **cost)

    trio.run(main)


def _libtorrent_session(torrent: str) -> Any:
    return new_session(listen_interfaces="127.0.0.1:0s" if Path(torrent).name == _MEMBERS else "127.0.0.1:0")


def _libtorrent_handle(session: Any, torrent: str, folder: str, *, seed: bool) -> Any:
    """Return the handle of a torrent that is started in ``session``, with a member's certificate if it needs one."""
    handle = add_torrent(session, torrent, folder, seed=seed)
    if Path(torrent).name == _MEMBERS:
        certificate, key = (str(Path(torrent).parent / _MEMBER / name) for name in (CERTIFICATE, KEY))
        handle.set_ssl_certificate(certificate, key, "")
    return handle


def _libtorrent_seed(torrent: str, folder: str) -> None:
    session = _libtorrent_session(torrent)
    _libtorrent_handle(session, torrent, folder, seed=True)
    ready = process_time()
    tell(port=session.listen_port() or session.ssl_listen_port())
    sys.stdin.read()
    tell(**_cost(ready))


def _libtorrent_leech(torrent: str, folder: str, *ports: str) -> None:
    session = _libtorrent_session(torrent)
    ready, start = process_time(), perf_counter()
    handle = _libtorrent_handle(session, torrent, folder, seed=False)
    for port in ports:
        handle.connect_peer(("127.0.0.1", int(port)), 0, 0)
    while not handle.status().is_seeding:
        sleep(0.01)
    seconds = perf_counter() - start
    tell(seconds=seconds, named=seconds, **_cost(ready))


def _plain_seed(torrent: str, folder: str) -> None:
    """Send all files, one after the other, to whoever connects first; several seeds are not faster than one."""
    manifest = parse_manifest(Path(torrent).read_bytes())
    with socket.create_server(("127.0.0.1", 0)) as server:
        ready = process_time()
        tell(port=server.getsockname()[1])
        Thread(target=_send_files, args=(server, manifest, Path(folder)), daemon=True).start()
        sys.stdin.read()
        tell(**_cost(ready))


def _send_files(server: socket.socket, manifest: Manifest, folder: Path) -> None:
    connection, _ = server.accept()
    with connection:
        for path in manifest.local_paths(windows=False):
            with open(folder.joinpath(*path), "rb") as stream:
                connection.sendfile(stream)


def _plain_leech(torrent: str, folder: str, *ports: str) -> None:
    """Receive all files from the first of ``ports`` in one thread, hash and write them in another."""
    manifest = parse_manifest(Path(torrent).read_bytes())
    paths = [Path(folder).joinpath(*path) for path in manifest.local_paths(windows=False)]
    lengths = [file.length for file in manifest.files]
    ready, start = process_time(), perf_counter()
    spare: SimpleQueue[bytearray] = SimpleQueue()
    received: SimpleQueue[tuple[bytearray, memoryview]] = SimpleQueue()
    for _ in range(_COPIED_AHEAD):
        spare.put(bytearray(PIECE_LENGTH))
    with socket.create_connection(("127.0.0.1", int(ports[0]))) as connection:
        Thread(target=_receive_files, args=(connection, lengths, spare, received), daemon=True).start()
        for path, length in zip(paths, lengths, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(path, "wb", buffering=0) as stream:
                for _ in range(0, length, PIECE_LENGTH):
                    memory, data = received.get()
                    leaf_hashes(data)
                    stream.write(data)
                    spare.put(memory)
    seconds = perf_counter() - start
    tell(seconds=seconds, named=seconds, **_cost(ready))


def _receive_files(
    connection: socket.socket,
    lengths: list[int],
    spare: SimpleQueue[bytearray],
    received: SimpleQueue[tuple[bytearray, memoryview]],
) -> None:
    for length in lengths:
        for begin in range(0, length, PIECE_LENGTH):
            memory = spare.get()
            data = memoryview(memory)[: min(PIECE_LENGTH, length - begin)]
            at = 0
            while at < len(data):
                count = connection.recv_into(data[at:], 0, socket.MSG_WAITALL)
                if not count:
                    return
                at += count
            received.put((memory, data))


CHILDREN: Final[dict[str, Callable[..., None]]] = {
    "swarmshare-seed": _swarmshare_seed,
    "swarmshare-leech": _swarmshare_leech,
    "libtorrent-seed": _libtorrent_seed,
    "libtorrent-leech": _libtorrent_leech,
    "plain-seed": _plain_seed,
    "plain-leech": _plain_leech,
}

if __name__ == "__main__":
    CHILDREN[sys.argv[1]](*sys.argv[2:])
