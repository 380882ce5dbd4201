"""The judge on links (BEP 47): it makes the manifest of a folder with links, and each gets them from the other."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest
import trio
from interop.peers import Libtorrent, seeds, until
from waiting import TIMEOUT

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import FileNotice, TorrentWaiting

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest

each_kind = pytest.mark.parametrize("hybrid", [False, True], ids=["v2", "hybrid"])
LINKS = {
    "current": "versions/1.2",
    "lib/libx.so": "libx.so.1",
    "lib/libx.so.1": "libx.so.1.2",
    "versions/1.2/data": "../../data.bin",
}
"""A folder's, a chain as shared libraries have it, and one that goes up."""


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    top = tmp_path / "source" / "top"
    for name, length in (("data.bin", 300_000), ("lib/libx.so.1.2", 40_001), ("versions/1.2/notes", 5)):
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_bytes(random.Random(name).randbytes(length))
    for link, text in LINKS.items():
        (top / link).symlink_to(text)
    return top


def theirs(peer: Libtorrent, top: Path, hybrid: bool) -> Manifest:
    """The manifest that libtorrent makes."""
    return parse_manifest(bytes.fromhex(peer.ask("create", str(top), 2**14, hybrid, True)))


def links_in(top: Path) -> dict[str, str]:
    found = (path for path in top.rglob("*") if path.is_symlink())
    return {str(path.relative_to(top)): os.readlink(path) for path in found}


def content_of(top: Path) -> dict[str, bytes]:
    files = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(top)): path.read_bytes() for path in files}


def told(engine: Engine) -> list[object]:
    return [alert for alert in engine.alerts if isinstance(alert, (FileNotice, TorrentWaiting))]


@each_kind
async def test_we_get_links_from_libtorrent(shared: Path, tmp_path: Path, version: str, hybrid: bool) -> None:
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        manifest = theirs(peer, shared, hybrid)
        peer.add(manifest, shared.parent, seed=True)
        await seeds(peer)
        async with open_engine(EngineConfig()) as engine:
            await engine.add(manifest, TorrentConfig(folder=tmp_path / "here", peers=(peer.address,))).finished.wait()
            assert told(engine) == []
    assert links_in(tmp_path / "here" / "top") == LINKS
    assert content_of(tmp_path / "here" / "top") == content_of(shared)


@each_kind
async def test_libtorrent_gets_links_from_us(shared: Path, tmp_path: Path, version: str, hybrid: bool) -> None:
    """The true links are on the disk already: nothing is in the way of sharing them."""
    there = tmp_path / "there" / "top"
    with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
        manifest = theirs(peer, shared, hybrid)
        async with open_engine(EngineConfig()) as engine:
            await engine.add(manifest, TorrentConfig(folder=shared.parent)).finished.wait()
            assert told(engine) == []
            peer.add(manifest, there.parent)
            peer.connect(engine.addresses[0])
            await until(lambda: peer.is_seeding)
        await until(lambda: content_of(there) == content_of(shared))
    assert links_in(there) == LINKS
