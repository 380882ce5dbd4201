"""Fetching piece layers by hash requests (BEP 52) from peers that reject, lie or say nothing."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, until

from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.torrent import TICK
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.merkle import HashTree, tree_height
from swarmshare.manifest.parse import parse_manifest
from swarmshare.wire.messages import Hashes, HashReject, HashRequest, HaveAll

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from engine.network import Network
    from engine.scripted_peer import ScriptedPeer
    from trio.testing import MockClock

    from swarmshare.engine.torrent import Torrent

ANSWER_WITHIN = 10.0
"""Seconds until another peer is asked."""
REST = 3.0
"""Seconds until a request that everybody rejected is made again."""


@asynccontextmanager
async def two_peers(
    tmp_path: Path, network: Network
) -> AsyncIterator[tuple[Swarm, Torrent, ScriptedPeer, ScriptedPeer]]:
    """A torrent of which one file's layer is missing, and two peers, of which the first one was asked for it."""
    async with Swarm(tmp_path, {"a": 5 * 2**14}, 2**14, network=network) as swarm:
        engine = await swarm.engine()
        bare = parse_manifest(encode_with_raw({}, b"info", swarm.manifest.info))
        torrent = swarm.add(engine, TorrentConfig(folder=tmp_path / "leech"), bare)
        async with connected(swarm, network, engine) as one, connected(swarm, network, engine, "10.9.0.2") as two:
            await one.say(HaveAll())
            await one.until(lambda: one.all(HashRequest))
            await two.say(HaveAll())
            yield swarm, torrent, one, two


async def answer(swarm: Swarm, peer: ScriptedPeer, *, wrong: bool = False) -> None:
    request = await peer.hears(HashRequest)
    layer = swarm.manifest.piece_layers[request.root]
    tree = HashTree(layer, request.base, tree_height(5 * 2**14))
    hashes = tree.hashes(request.base, request.index, request.length, request.proof_layers)
    if wrong:
        hashes = bytes(32) + hashes[32:]
    await peer.say(Hashes(request.root, request.base, request.index, request.length, request.proof_layers, hashes))


def reject(request: HashRequest) -> HashReject:
    return HashReject(request.root, request.base, request.index, request.length, request.proof_layers)


async def complete(swarm: Swarm, torrent: Torrent) -> None:
    with trio.fail_after(600):
        await until(lambda: not torrent.downloads.unverifiable, every=TICK)
    (layer,) = swarm.manifest.piece_layers.values()
    assert torrent.disk.storage.hashes.layer(0) == layer


async def test_what_one_rejects_is_asked_of_the_other_at_once(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with two_peers(tmp_path, network) as (swarm, torrent, one, two):
        await trio.sleep(TICK)
        await one.say(reject(await one.hears(HashRequest)))
        await answer(swarm, two)
        assert two.times(HashRequest) == [TICK]
        await complete(swarm, torrent)


@pytest.mark.parametrize("wrong", [False, True])
async def test_when_one_says_nothing_or_lies_it_is_asked_for_again_in_a_while(
    tmp_path: Path, network: Network, autojump_clock: MockClock, wrong: bool
) -> None:
    async with two_peers(tmp_path, network) as (swarm, torrent, one, two):
        if wrong:
            await answer(swarm, one, wrong=True)
        with trio.fail_after(600):
            await until(lambda: len(one.all(HashRequest)) + len(two.all(HashRequest)) == 2, every=TICK)
        assert trio.current_time() == pytest.approx(ANSWER_WITHIN, abs=2 * TICK)
        assert torrent.downloads.unverifiable == {0}
        asked = two if two.all(HashRequest) else one
        if asked is one and not wrong:
            await one.hears(HashRequest)
        await answer(swarm, asked)
        await complete(swarm, torrent)


async def test_what_all_reject_is_asked_for_again_after_a_rest(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with two_peers(tmp_path, network) as (swarm, torrent, one, two):
        await one.say(reject(await one.hears(HashRequest)))
        await two.say(reject(await two.hears(HashRequest)))
        with trio.fail_after(600):
            await until(lambda: len(one.all(HashRequest)) + len(two.all(HashRequest)) == 3, every=TICK / 10)
        assert trio.current_time() == pytest.approx(REST, abs=2 * TICK)
        await answer(swarm, one if len(one.all(HashRequest)) == 2 else two)
        await complete(swarm, torrent)
