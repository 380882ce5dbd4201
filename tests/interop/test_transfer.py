"""The judge: libtorrent downloads from us, and we from it, byte for byte."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
import trio
from interop.peers import add, digests, libtorrent_session, port_of, until

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.build import Description
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

TIMEOUT = 60


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with an empty file, one of just one piece, a large one, and names that are not ASCII."""
    folder = tmp_path / "source" / "m\u00fasica"
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


def manifest_of(folder: Path, *, hybrid: bool = False) -> Manifest:
    return create_manifest(make_plan(folder), Description(), piece_length=2**18, hybrid=hybrid)


@pytest.mark.parametrize("hybrid", [False, True])
async def test_libtorrent_downloads_from_us(shared: Path, tmp_path: Path, hybrid: bool) -> None:
    manifest = manifest_of(shared, hybrid=hybrid)
    with libtorrent_session() as session, trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=shared.parent))
            await torrent.finished.wait()
            handle = add(session, manifest, tmp_path / "there", seed=False)
            handle.connect_peer(("127.0.0.1", port_of(engine.addresses[0])), 0, 0)
            await until(lambda: handle.status().is_seeding)
            assert engine.snapshot().torrents[0].uploaded >= manifest.total_length
        # It writes behind its own back.
        await until(lambda: digests(tmp_path / "there" / shared.name) == digests(shared))


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("they_dial", [False, True])
async def test_we_download_from_libtorrent(shared: Path, tmp_path: Path, hybrid: bool, they_dial: bool) -> None:
    manifest = manifest_of(shared, hybrid=hybrid)
    with libtorrent_session() as session, trio.fail_after(TIMEOUT):
        handle = add(session, manifest, shared.parent, seed=True)
        peers = () if they_dial else (("127.0.0.1", session.listen_port()),)
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=tmp_path / "here", peers=peers))
            await torrent.ready.wait()
            if they_dial:
                handle.connect_peer(("127.0.0.1", port_of(engine.addresses[0])), 0, 0)
            await torrent.finished.wait()
            snapshot = engine.snapshot().torrents[0]
    assert snapshot.bytes_done == manifest.total_length
    assert digests(tmp_path / "here" / shared.name) == digests(shared)


async def test_libtorrent_gets_missing_piece_layers_from_us(shared: Path, tmp_path: Path) -> None:
    manifest = manifest_of(shared)
    bare = parse_manifest(encode_with_raw({}, b"info", manifest.info))
    assert bare.missing_layers
    with libtorrent_session() as session, trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=shared.parent))
            await torrent.finished.wait()
            handle = add(session, bare, tmp_path / "there", seed=False)
            handle.connect_peer(("127.0.0.1", port_of(engine.addresses[0])), 0, 0)
            await until(lambda: handle.status().is_seeding)
        await until(lambda: digests(tmp_path / "there" / shared.name) == digests(shared))
