"""The judge: libtorrent downloads from us, and we from it, byte for byte; the oldest that is about, and the newest."""

from __future__ import annotations

import random
import shutil
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Literal

import pytest
import trio
from interop.peers import VERSIONS, Libtorrent, digests, seeds, until
from waiting import TIMEOUT

from swarmshare.app.magnets import manifest_of as manifest_of_magnet
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.build import Description
from swarmshare.manifest.magnet import Magnet, magnet_of
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

Know = Literal["manifest", "magnet"]

each_kind = pytest.mark.parametrize("hybrid", [False, True], ids=["v2", "hybrid"])
by_each = pytest.mark.parametrize("know", ["manifest", "magnet"])


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an empty file, one of just one piece, a large one, and names that are not ASCII."""
    folder = tmp_path_factory.mktemp("folder") / "m\u00fasica"
    (folder / "sub").mkdir(parents=True)
    rng = random.Random(1)
    for name, length in (
        ("empty", 0),
        ("one-piece", 2**18),
        ("large.bin", 40_000_000),
        ("sub/can\u00e7\u00e3o", 70_001),
    ):
        (folder / name).write_bytes(rng.randbytes(length))
    return folder


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lone file whose last block has 7 bytes."""
    file = tmp_path_factory.mktemp("file") / "lone.bin"
    file.write_bytes(random.Random(2).randbytes(5_242_887))
    return file


@pytest.fixture(params=["folder", "file"])
def shared(request: pytest.FixtureRequest) -> Path:
    path: Path = request.getfixturevalue(request.param)
    return path


def manifest_of(path: Path, *, hybrid: bool = False) -> Manifest:
    return create_manifest(make_plan(path), Description(), piece_length=2**18, hybrid=hybrid)


async def is_whole(there: Path, shared: Path) -> None:
    """Wait until ``there`` has what is ``shared``: libtorrent writes behind its own back."""
    await until(lambda: digests(there / shared.name) == digests(shared))


@each_kind
@by_each
async def test_libtorrent_downloads_from_us(
    shared: Path, tmp_path: Path, version: str, hybrid: bool, know: Know
) -> None:
    manifest = manifest_of(shared, hybrid=hybrid)
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=shared.parent))
            await torrent.finished.wait()
            peer.add(manifest if know == "manifest" else magnet_of(manifest), tmp_path / "there")
            peer.connect(engine.addresses[0])
            await until(lambda: peer.is_seeding)
            assert engine.snapshot().torrents[0].uploaded >= manifest.total_length
        await is_whole(tmp_path / "there", shared)


@each_kind
@pytest.mark.parametrize("they_dial", [False, True], ids=["we-dial", "they-dial"])
async def test_we_download_from_libtorrent(
    shared: Path, tmp_path: Path, version: str, hybrid: bool, they_dial: bool
) -> None:
    manifest = manifest_of(shared, hybrid=hybrid)
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        peer.add(manifest, shared.parent, seed=True)
        await seeds(peer)
        async with open_engine(EngineConfig()) as engine:
            peers = () if they_dial else (peer.address,)
            torrent = engine.add(manifest, TorrentConfig(folder=tmp_path / "here", peers=peers))
            await torrent.ready.wait()
            if they_dial:
                peer.connect(engine.addresses[0])
            await torrent.finished.wait()
            snapshot = engine.snapshot().torrents[0]
    assert snapshot.bytes_done == manifest.total_length
    assert digests(tmp_path / "here" / shared.name) == digests(shared)


@each_kind
async def test_we_have_a_magnet_link_only(shared: Path, tmp_path: Path, version: str, hybrid: bool) -> None:
    manifest = manifest_of(shared, hybrid=hybrid)
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        peer.add(manifest, shared.parent, seed=True)
        await seeds(peer)
        bare = await manifest_of_magnet(Magnet(info_hash=manifest.info_hash, peers=(f"127.0.0.1:{peer.port}",)))
        assert bare.missing_layers
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(bare, TorrentConfig(folder=tmp_path / "here", peers=(peer.address,)))
            await torrent.finished.wait()
    assert digests(tmp_path / "here" / shared.name) == digests(shared)


async def test_libtorrent_gets_missing_piece_layers_from_us(folder: Path, tmp_path: Path, version: str) -> None:
    manifest = manifest_of(folder)
    bare = parse_manifest(encode_with_raw({}, b"info", manifest.info))
    assert bare.missing_layers
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=folder.parent))
            await torrent.finished.wait()
            peer.add(bare, tmp_path / "there")
            peer.connect(engine.addresses[0])
            await until(lambda: peer.is_seeding)
        await is_whole(tmp_path / "there", folder)


@pytest.mark.usefixtures("all_versions")
@each_kind
async def test_five_of_three_kinds_each_begin_with_a_third(tmp_path: Path, hybrid: bool) -> None:
    """Three of ours and both libtorrents: nobody has it all, and everybody completes."""
    shared = tmp_path / "source" / "top"
    shared.mkdir(parents=True)
    rng = random.Random(3)
    for number in range(30):
        (shared / f"{number:02}").write_bytes(rng.randbytes(2**18 + 1_000 * number + 1))
    manifest = manifest_of(shared, hybrid=hybrid)
    homes = [tmp_path / str(number) for number in range(5)]
    for number, home in enumerate(homes):
        (home / "top").mkdir(parents=True)
        for file in range(number % 3, 30, 3):
            shutil.copy(shared / f"{file:02}", home / "top")
    async with AsyncExitStack() as stack:
        stack.enter_context(trio.fail_after(TIMEOUT))
        foreign = [stack.enter_context(Libtorrent(version)) for version in VERSIONS]
        for peer, home in zip(foreign, homes, strict=False):
            peer.add(manifest, home)
        await until(lambda: all(peer.status["num_pieces"] == manifest.layout.piece_count // 3 for peer in foreign))
        addresses = [peer.address for peer in foreign]
        ours = []
        for home in homes[2:]:
            engine = await stack.enter_async_context(open_engine(EngineConfig()))
            ours.append(engine.add(manifest, TorrentConfig(folder=home, peers=tuple(addresses))))
            host, _, port = engine.addresses[0].rpartition(":")
            addresses.append((host, int(port)))
        foreign[0].connect("{}:{}".format(*foreign[1].address))
        for torrent in ours:
            await torrent.finished.wait()
        await until(lambda: all(peer.is_seeding for peer in foreign))
        for home in homes:
            await is_whole(home, shared)
