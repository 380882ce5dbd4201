"""What the engine logs: each session and each end of a torrent's work, with torrent and peer, and no block."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import trio
from engine.swarm import Swarm, address, until
from waiting import TIMEOUT

from swarmshare.common.address import show_address

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_one_line_an_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="swarmshare")
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine, torrent = await swarm.leech("leech", seed)
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            await until(lambda: not torrent.sessions)
            await engine.remove(torrent)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("swarmshare.engine")]
    torrent_id, peer = str(swarm.manifest.info_hash), show_address(*address(seed))
    assert f"{torrent_id}: peer {peer} joins" in lines
    assert any(line.startswith(f"{torrent_id}: peer {peer} (SwarmShare") for line in lines)
    assert f"{torrent_id}: complete, 1000001 bytes received" in lines
    assert f"{torrent_id}: stopped" in lines
    assert len(lines) < swarm.manifest.total_length // 2**14, "not a line a block"


async def test_nothing_is_printed_where_nobody_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    async with Swarm(tmp_path, {"a": 100_000}) as swarm:
        await swarm.seed("seed")
    logging.getLogger("swarmshare.engine.torrent").warning("a warning")
    assert capfd.readouterr() == ("", "")
