"""The only seed of several peers; ``swarm/test_super_seeding.py`` has its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm
from waiting import TIMEOUT

from swarmshare.common.pieces import Priority

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock


async def test_the_only_seed_sends_each_piece_about_once(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 2_000_000}, piece_length=2**16, network=network) as swarm:
        seed, seeding = await swarm.seed("seed", limit_up=700_000.0)
        engines, torrents = [seed], []
        for number in range(4):
            engine, torrent = await swarm.leech(f"leech-{number}", *engines, config={"limit_up": 1_400_000.0})
            engines.append(engine)
            torrents.append(torrent)
        with trio.fail_after(TIMEOUT):
            for torrent in torrents:
                await torrent.finished.wait()
        assert all(swarm.is_whole(f"leech-{number}") for number in range(4))
        assert seeding.uploads.sent < 2 * swarm.manifest.total_length, "of four that it was asked for"


async def test_leeches_that_know_only_the_seed_complete(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """With pieces of more blocks than one queue has."""
    async with Swarm(tmp_path, {"a": 6_000_000}, piece_length=2**20, network=network) as swarm:
        seed, _ = await swarm.seed("seed", limit_up=6_000_000.0)
        torrents = [(await swarm.leech(f"leech-{number}", seed))[1] for number in range(3)]
        with trio.fail_after(TIMEOUT):
            for torrent in torrents:
                await torrent.finished.wait()
        assert all(swarm.is_whole(f"leech-{number}") for number in range(3))


@pytest.mark.soak
async def test_leeches_that_know_only_a_slow_seed_keep_its_link_busy(tmp_path: Path) -> None:
    rate = 4 * 2**20
    async with Swarm(tmp_path, {"a": 48_000_000}, piece_length=2**20) as swarm:
        seed, seeding = await swarm.seed("seed", limit_up=float(rate))
        began = trio.current_time()
        torrents = [
            (await swarm.leech(f"leech-{number}", seed, config={"listen": ((f"127.0.0.{number + 2}", 0),)}))[1]
            for number in range(3)
        ]
        for torrent in torrents:
            await torrent.finished.wait()
        assert trio.current_time() - began < 1.3 * seeding.uploads.sent / rate


async def test_what_nobody_wants_holds_nobody_up(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async with Swarm(tmp_path, {"a": 1_500_000, "b": 1_500_000}, piece_length=2**18, network=network) as swarm:
        seed, _ = await swarm.seed("seed", limit_up=3_000_000.0)
        only_a = {number: Priority.SKIP for number, file in enumerate(swarm.manifest.files) if file.path != ("a",)}
        torrents = [(await swarm.leech(f"leech-{number}", seed, priorities=only_a))[1] for number in range(2)]
        with trio.fail_after(TIMEOUT):
            for torrent in torrents:
                await torrent.finished.wait()
