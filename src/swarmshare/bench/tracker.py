"""``bench tracker``: one tracker process under the load of another."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request, urlopen

from swarmshare.bench.contest import BenchError
from swarmshare.bench.swarm_load import LoadFigures, LoadPlan
from swarmshare.manifest.build import Description, build_manifest
from swarmshare.manifest.manifest import FileEntry
from swarmshare.manifest.merkle import BLOCK_LENGTH, HASH_LENGTH, merkle_root
from swarmshare.texts import Text
from swarmshare.tracker_client.api import PREFIX, TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from swarmshare.manifest.manifest import Manifest

PIECES: Final = 2000
"""In every swarm."""


def bench_tracker(peers: int, swarms: int, seconds: float) -> LoadFigures:
    """Load a fresh tracker with ``peers`` in ``swarms``; each of its parts lasts ``seconds``."""
    with _tracker() as (process, url, setup_token):
        with Connection(url) as connection:
            token = (
                TrackerApi(connection).register("bench", secrets.token_hex(), "bench", setup_token=setup_token).token
            )
        with Connection(url, token) as connection:
            announce_url = TrackerApi(connection).account().announce_url
        manifests = [_manifest(number) for number in range(swarms + 1)]
        for manifest in manifests:
            _publish(url, token, manifest)
        plan = LoadPlan(
            port=int(url.rpartition(":")[2]),
            pid=process.pid,
            token=token,
            passkey=announce_url.rpartition("/")[2],
            info_hashes=[manifest.info_hash.full.hex() for manifest in manifests],
            piece_count=PIECES,
            peers=peers,
            seconds=seconds,
        )
        command = [sys.executable, "-m", "swarmshare.bench.swarm_load", json.dumps(asdict(plan))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            raise BenchError(Text("cli.bench-load"))
        return LoadFigures(**json.loads(done.stdout))


@contextmanager
def _tracker() -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    with tempfile.TemporaryDirectory(prefix="swarmshare-bench-") as folder:
        command = [sys.executable, "-m", "swarmshare", "tracker", "--listen", "127.0.0.1:0", "--data", folder, "--json"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            try:
                setup_token = _told(process, "setup")["setup_token"]
                yield process, _told(process, "listening")["url"], setup_token
            finally:
                process.terminate()


def _told(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    assert process.stdout is not None
    for line in process.stdout:
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise BenchError(Text("cli.bench-tracker"))


def _manifest(number: int) -> Manifest:
    """One file of made-up pieces."""
    layer = random.Random(number).randbytes(HASH_LENGTH * PIECES)
    root, name = merkle_root(layer), f"bench-{number}"
    return build_manifest(
        name=name,
        in_folder=False,
        files=[FileEntry((name,), PIECES * BLOCK_LENGTH, root)],
        piece_length=BLOCK_LENGTH,
        piece_layers={root: layer},
        v1_pieces=None,
        about=Description(),
    )


def _publish(url: str, token: str, manifest: Manifest) -> None:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/x-bittorrent"}
    with urlopen(Request(f"{url}{PREFIX}/catalogue", manifest.encode(), headers)) as response:
        response.read()
