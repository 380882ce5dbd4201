"""A download among many peers, some of which lie, over connections that drop now and then."""

from __future__ import annotations

import gc
import os
import random
import sys
from typing import TYPE_CHECKING

import trio
from engine.swarm import Swarm, address, banned, corrupt, until
from waiting import TIMEOUT

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
        seeds = [await swarm.seed(f"seed-{number}", limit_up=500_000.0) for number in range(16)]
        for number in range(4):
            corrupt(seeds[number][1], 0.2, number)  # nearly every piece, so that none gets away with its one mistake
        with trio.fail_after(TIMEOUT):
            async with open_engine(EngineConfig()) as engine:
                config = TorrentConfig(folder=tmp_path / "leech", peers=tuple(address(peer) for peer, _ in seeds))
                torrent = engine.add(swarm.manifest, config)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(drop_now_and_then, torrent, rng)
                    await torrent.finished.wait()
                    nursery.cancel_scope.cancel()
                assert not len(torrent.downloads.buffers)
        assert swarm.is_whole("leech")
        assert banned(engine) == {peer.addresses[0] for peer, _ in seeds[:4]}
        assert not torrent.sessions
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    gc.collect()
    assert descriptors() <= open_files


async def test_a_liar_that_dials_us_is_named_by_where_it_listens(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        engine, torrent = await swarm.leech("leech")
        liar = await swarm.engine()
        lying = liar.add(swarm.manifest, TorrentConfig(folder=swarm.copy("liar"), peers=(address(engine),)))
        corrupt(lying, 1.0, 1)
        with trio.fail_after(TIMEOUT):
            await until(lambda: banned(engine))
            assert banned(engine) == {liar.addresses[0]}
            await until(lambda: not torrent.sessions)
            session = lying.sessions
            await until(lambda: not session)
        assert torrent.smart_ban.banned == {("127.0.0.1", liar.config.peer_id)}, "not the port that it claims"
