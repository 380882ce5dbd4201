"""Seeds of many files where the system allows few to be open at a time."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from cli.processes import event
from waiting import TIMEOUT

from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest


def make_torrents(folder: Path, torrents: int, files: int) -> list[Manifest]:
    manifests = []
    for torrent in range(torrents):
        top = folder / "data" / f"torrent {torrent}"
        top.mkdir(parents=True)
        for file in range(files):
            (top / f"{file:03}").write_bytes(f"{torrent} {file} ".encode() * 50)
        manifest = create_manifest(make_plan(top), Description())
        (folder / f"{torrent}.torrent").write_bytes(manifest.encode())
        manifests.append(manifest)
    return manifests


@contextmanager
def seed_with_limit(folder: Path, limit: int, manifests: list[Manifest]) -> Iterator[subprocess.Popen[str]]:
    files = [f"{number}.torrent" for number in range(len(manifests))]
    process = subprocess.Popen(
        [sys.executable, "-m", "swarmshare", "seed", *files, "--data", "data", "--json"],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "SWARMSHARE_HOME": str(folder / "home")},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit)),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=TIMEOUT)


def is_same(folder: Path) -> bool:
    paths = [path.relative_to(folder / "data") for path in (folder / "data").rglob("*") if path.is_file()]
    return all((folder / "data" / path).read_bytes() == (folder / "there" / path).read_bytes() for path in paths)


@pytest.mark.unmeasured
@pytest.mark.parametrize(("torrents", "files", "limit"), [(16, 64, 1024), (1, 200, 64)])
async def test_a_seed_of_more_files_than_may_be_open(tmp_path: Path, torrents: int, files: int, limit: int) -> None:
    manifests = make_torrents(tmp_path, torrents, files)
    with seed_with_limit(tmp_path, limit, manifests) as process:
        host, _, port = event(process, "listening")["address"].rpartition(":")
        config = TorrentConfig(folder=tmp_path / "there", peers=((host, int(port)),))
        with trio.fail_after(TIMEOUT):
            async with open_engine(EngineConfig(listen=())) as engine:
                for torrent in [engine.add(manifest, config) for manifest in manifests]:
                    await torrent.finished.wait()
    assert is_same(tmp_path)


async def test_more_connections_than_may_be_open_are_told_once_and_survived(tmp_path: Path) -> None:
    """Strangers that connect and say nothing; whoever comes after they are gone is served."""
    manifests = make_torrents(tmp_path, 1, 5)
    with seed_with_limit(tmp_path, 64, manifests) as process:
        host, _, port = event(process, "listening")["address"].rpartition(":")
        with trio.fail_after(TIMEOUT):
            strangers = [await trio.open_tcp_stream(host, int(port)) for _ in range(80)]
            told = await trio.to_thread.run_sync(event, process, "open_files_limit")
            assert told["limit"] == 64
            for stranger in strangers:
                await stranger.aclose()
            config = TorrentConfig(folder=tmp_path / "there", peers=((host, int(port)),))
            async with open_engine(EngineConfig(listen=())) as engine:
                await engine.add(manifests[0], config).finished.wait()
        process.send_signal(signal.SIGTERM)
        out, error = process.communicate(timeout=TIMEOUT)
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert "open_files_limit" not in events, "it is told once"
    assert "Traceback" not in error
    assert is_same(tmp_path)
