"""The judge on links (BEP 47): it makes the manifest of a folder with links, and each gets them from the other."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import libtorrent
import pytest
import trio
from interop.peers import add, libtorrent_session, port_of, until

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import FileNotice, TorrentPaused

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.engine.engine import Engine
    from swarmshare.manifest.manifest import Manifest

TIMEOUT = 60
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


def theirs(top: Path, *, hybrid: bool) -> Manifest:
    """The manifest that libtorrent makes."""
    links = libtorrent.create_torrent.symlinks
    files = libtorrent.list_files(str(top), flags=links)
    made = libtorrent.create_torrent(files, 2**14, links if hybrid else links | libtorrent.create_torrent.v2_only)
    libtorrent.set_piece_hashes(made, str(top.parent))
    return parse_manifest(libtorrent.bencode(made.generate()))


def links_in(top: Path) -> dict[str, str]:
    found = (path for path in top.rglob("*") if path.is_symlink())
    return {str(path.relative_to(top)): os.readlink(path) for path in found}


def content_of(top: Path) -> dict[str, bytes]:
    files = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(top)): path.read_bytes() for path in files}


def told(engine: Engine) -> list[object]:
    return [alert for alert in engine.alerts if isinstance(alert, (FileNotice, TorrentPaused))]


@pytest.mark.parametrize("hybrid", [False, True])
async def test_we_get_links_from_libtorrent(shared: Path, tmp_path: Path, hybrid: bool) -> None:
    manifest = theirs(shared, hybrid=hybrid)
    with libtorrent_session() as session, trio.fail_after(TIMEOUT):
        add(session, manifest, shared.parent, seed=True)
        async with open_engine(EngineConfig()) as engine:
            peers = (("127.0.0.1", session.listen_port()),)
            await engine.add(manifest, TorrentConfig(folder=tmp_path / "here", peers=peers)).finished.wait()
            assert told(engine) == []
    assert links_in(tmp_path / "here" / "top") == LINKS
    assert content_of(tmp_path / "here" / "top") == content_of(shared)


@pytest.mark.parametrize("hybrid", [False, True])
async def test_libtorrent_gets_links_from_us(shared: Path, tmp_path: Path, hybrid: bool) -> None:
    """The true links are on the disk already: nothing is in the way of sharing them."""
    manifest = theirs(shared, hybrid=hybrid)
    there = tmp_path / "there"
    with libtorrent_session() as session, trio.fail_after(TIMEOUT):
        async with open_engine(EngineConfig()) as engine:
            torrent = engine.add(manifest, TorrentConfig(folder=shared.parent))
            await torrent.finished.wait()
            assert told(engine) == []
            handle = add(session, manifest, there, seed=False)
            handle.connect_peer(("127.0.0.1", port_of(engine.addresses[0])), 0, 0)
            await until(lambda: handle.status().is_seeding)
        await until(lambda: content_of(there / "top") == content_of(shared))
    assert links_in(there / "top") == LINKS
