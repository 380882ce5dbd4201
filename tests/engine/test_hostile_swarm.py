"""A download among many peers, some of which lie, over connections that drop now and then."""

from __future__ import annotations

import gc
import os
import random
import sys
from typing import TYPE_CHECKING

import trio
from engine.swarm import Swarm, address, banned, until
from hostile.peer import Liar
from waiting import TIMEOUT

from swarmshare.common.address import show_address
from swarmshare.engine import dialer as dialer_module
from swarmshare.engine.config import EngineConfig, TorrentConfig
from swarmshare.engine.engine import open_engine

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from swarmshare.engine.torrent import Torrent


async def drop_now_and_then(torrent: Torrent, rng: random.Random) -> None:
    while True:
        await trio.sleep(rng.uniform(0.02, 0.2))
        if torrent.sessions:
            rng.choice(sorted(torrent.sessions, key=lambda session: session.address)).close()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0


async def test_four_liars_among_sixteen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer_module, "REDIAL_AFTER", (0.05, 0.2))
    rng = random.Random(1)
    gc.collect()  # what earlier tests left
    tasks, open_files = trio.lowlevel.current_statistics().tasks_living, descriptors()
    async with Swarm(tmp_path, {"a": 30_000_000, "b": 2_000_000, "c": 50_000}, piece_length=2**18) as swarm:
        seeds = [await swarm.seed(f"seed-{number}", limit_up=700_000.0) for number in range(12)]
        # Of nearly every piece one block, so that none gets away with its one mistake.
        liars = [await swarm.peer(Liar(swarm.manifest, swarm.content, 0.2, seed=number)) for number in range(4)]
        with trio.fail_after(TIMEOUT):
            async with open_engine(EngineConfig()) as engine:
                config = TorrentConfig(folder=tmp_path / "leech", peers=(*liars, *(address(peer) for peer, _ in seeds)))
                torrent = engine.add(swarm.manifest, config)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(drop_now_and_then, torrent, rng)
                    await torrent.finished.wait()
                    nursery.cancel_scope.cancel()
                assert not len(torrent.downloads.buffers)
        assert swarm.is_whole("leech")
        assert banned(engine) == {show_address(*liar) for liar in liars}
        assert not torrent.sessions
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    gc.collect()
    assert descriptors() <= open_files


async def test_a_liar_that_dials_us_is_named_by_where_it_listens(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        engine, torrent = await swarm.leech("leech")
        liar = Liar(swarm.manifest, swarm.content, port=7)
        with trio.fail_after(TIMEOUT):
            await liar.dial(address(engine))  # until it is hung up on
            await until(lambda: not torrent.sessions)
        assert banned(engine) == {"127.0.0.1:7"}
        assert torrent.smart_ban.banned == {("127.0.0.1", liar.peer_id)}, "not the port that it claims"
