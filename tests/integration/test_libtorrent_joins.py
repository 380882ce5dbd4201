"""An ordinary client that knows only the announce URL takes part: it gets from our peers, and they get from it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from integration.group import Group, same
from interop.peers import Libtorrent
from waiting import TIMEOUT

from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.sign_ins import SignIns
from swarmshare.tracker_client.api import TrackerApi
from swarmshare.tracker_client.http import Connection

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.unmeasured


def test_an_ordinary_client_takes_part(group: Group, content: Path, tmp_path: Path, version: str) -> None:
    ana, bia, caio = (group.machine(name) for name in ("ana", "bia", "caio"))
    publisher = ana.start("publish", content, "--seed", "--limit-up", "4MiB")
    info_hash = publisher.wait_for("published")["info_hash"]
    publisher.wait_for("complete")
    (sign_in,) = SignIns(ana.folder / "home").all()
    with Connection(sign_in.tracker, sign_in.token) as connection:
        torrent = TrackerApi(connection).torrent(info_hash)
    with Libtorrent(version) as client:
        client.add(parse_manifest(torrent), tmp_path / "there")
        leech = bia.start("download", info_hash, "--to", bia.folder / "there")
        leech.wait_for("complete")
        leech.finish()
        deadline = time.monotonic() + TIMEOUT
        while not client.is_seeding:
            assert time.monotonic() < deadline, client.status
            time.sleep(0.1)
        publisher.stop()
        late = caio.start("download", info_hash, "--to", caio.folder / "there")
        late.wait_for("complete")
        late.finish()
        assert client.status["total_payload_upload"] >= 12_300_000
    assert same(content, caio.folder / "there" / "Holiday")
