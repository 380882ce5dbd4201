"""Rounds of choking: who gets a slot, for how long, and what becomes of the requests of who loses it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm

from swarmshare.engine.limits import BURST
from swarmshare.swarm.choker import TURN
from swarmshare.wire.messages import (
    AllowedFast,
    Choke,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    NotInterested,
    Piece,
    Reject,
    Request,
    Unchoke,
)

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from engine.scripted_peer import ScriptedPeer
    from trio.testing import MockClock

    from swarmshare.engine.engine import Engine

ROUND = 10.0
"""Seconds between choices (BEP 3)."""
RATE = 20_000.0
"""Bytes a second of a slow seed."""
OPTIMISTIC = 3 * ROUND
"""Seconds of an optimistic unchoke (BEP 3)."""


async def several(
    stack: AsyncExitStack, swarm: Swarm, network: Network, engine: Engine, count: int, *, fast: bool = True
) -> list[ScriptedPeer]:
    hosts = [f"10.9.{number}.1" for number in range(count)]
    return [await stack.enter_async_context(connected(swarm, network, engine, host, fast=fast)) for host in hosts]


def slots(peer: ScriptedPeer, until: float) -> list[tuple[float, float]]:
    """From when until when a peer had a slot."""
    starts, ends = peer.times(Unchoke), [*peer.times(Choke), until]
    return list(zip(starts, ends, strict=False))


def has_slot(peer: ScriptedPeer) -> bool:
    return len(peer.times(Unchoke)) > len(peer.times(Choke))


async def test_while_we_download_the_best_giver_keeps_its_slot_and_one_slot_goes_round(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Of two slots, with four peers that want something of us, of which one gives."""
    async with Swarm(tmp_path, {"a": 80 * 2**16}, network=network) as swarm, AsyncExitStack() as stack:
        engine = await swarm.engine(upload_slots=2)
        swarm.copy("leech", "zz")
        torrent = swarm.join(engine, "leech")
        await torrent.ready.wait()
        peers = await several(stack, swarm, network, engine, 4)
        giver, *others = peers
        await giver.say(HaveAll(), Unchoke(), Interested())
        for other in others:
            await other.say(HaveNone(), Interested())
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(lambda: giver.serve(pause=2.0))
        await trio.sleep(ROUND / 2)
        for _ in range(60):
            await trio.sleep(ROUND)
            # A newcomer may find all slots taken by chance at first; from the first round on the rates decide.
            assert sum(map(has_slot, peers)) == 2
        assert not torrent.is_complete
        assert [until for _, until in slots(giver, trio.current_time())[-1:]] == [trio.current_time()]
        assert not [at for at in giver.times(Choke) if at > 2 * ROUND]
        end = trio.current_time()
        for other in others:
            # The first optimistic slot is given at the fourth choice; until then those who give nothing are equal.
            turns = [after - before for before, after in slots(other, end) if before >= OPTIMISTIC and after < end]
            assert turns, "each of them got the optimistic slot"
            assert turns == [pytest.approx(OPTIMISTIC)] * len(turns)
        nursery.cancel_scope.cancel()


async def test_while_we_seed_each_gets_a_slot_for_a_turn(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """One slot for three peers that all want it: who has waited longest is next."""
    async with Swarm(tmp_path, {"a": 2**16}, network=network) as swarm, AsyncExitStack() as stack:
        engine, _ = await swarm.seed("seed", upload_slots=1)
        peers: list[ScriptedPeer] = []
        for number in range(3):
            await trio.sleep(number)  # so that it is known who waits longest
            peer = await stack.enter_async_context(connected(swarm, network, engine, f"10.9.{number}.1"))
            await peer.say(HaveNone(), Interested())
            peers.append(peer)
        await trio.sleep(9 * (TURN + ROUND))
        end = trio.current_time()
        turns = sorted(
            (before, after, number) for number, peer in enumerate(peers) for before, after in slots(peer, end)
        )
        assert [number for *_, number in turns[:6]] == [0, 1, 2, 0, 1, 2]
        for (_, after, _), (before, _, _) in pairwise(turns):
            assert after == before, "a slot is never empty"
        assert [after - before for before, after, _ in turns[1:-1]] == [
            pytest.approx(TURN, abs=ROUND + 1) for _ in turns[1:-1]
        ]


async def test_who_wants_nothing_has_no_slot_and_who_does_not_wait_for_a_round(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 2**16}, network=network) as swarm, AsyncExitStack() as stack:
        engine, _ = await swarm.seed("seed", upload_slots=1)
        one, two = await several(stack, swarm, network, engine, 2)
        await one.say(HaveNone())
        await trio.sleep(3 * ROUND + 1)
        assert not has_slot(one)
        await one.say(Interested())
        await one.hears(Unchoke)
        await two.say(HaveNone(), Interested())
        await trio.sleep(1)
        assert not has_slot(two)
        await one.say(NotInterested())
        await two.hears(Unchoke)
        await one.say(Interested())
        await two.stream.aclose()
        await one.hears(Unchoke)
        assert trio.current_time() == 3 * ROUND + 2, "all of this was at once"


async def test_who_says_again_and_again_that_it_is_interested_moves_no_slot_but_its_own(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """While nobody gives us anything all are equal: if lots were drawn at each word, anybody could reshuffle them."""
    async with Swarm(tmp_path, {"a": 80 * 2**16}, network=network) as swarm, AsyncExitStack() as stack:
        engine = await swarm.engine(upload_slots=4)
        swarm.copy("leech", "zz")
        await swarm.join(engine, "leech").ready.wait()
        peers = await several(stack, swarm, network, engine, 8)
        for peer in peers[:7]:
            await peer.say(HaveNone(), Interested())
        await trio.sleep(1)
        served = [peer for peer in peers if has_slot(peer)]
        assert len(served) == 4
        hostile = peers[7]
        await hostile.say(HaveNone())
        for _ in range(8):
            await hostile.say(Interested())
            await trio.sleep(0.5)
            await hostile.say(NotInterested())
            await trio.sleep(0.5)
        assert [peer for peer in peers if has_slot(peer)] == served
        assert not any(peer.times(Choke) for peer in peers)


@pytest.mark.parametrize("fast", [True, False])
async def test_a_choke_takes_back_what_was_asked_for(
    tmp_path: Path, network: Network, autojump_clock: MockClock, fast: bool
) -> None:
    """With BEP 6 each request is answered, by its block or a rejection; without it they are forgotten."""
    async with Swarm(tmp_path, {"a": 64 * 2**16}, network=network) as swarm, AsyncExitStack() as stack:
        engine, _ = await swarm.seed("seed", upload_slots=1, limit_up=RATE)
        one, two = await several(stack, swarm, network, engine, 2, fast=fast)
        await one.say(*([HaveNone()] if fast else []), Interested())
        await one.hears(Unchoke)
        requests = [Request(piece, begin, 2**14) for piece in range(64) for begin in range(0, 2**16, 2**14)]
        await one.say(*requests)
        await two.say(Have(64), Interested())
        await one.hears(Choke)
        # It goes behind the blocks that wait for the limit.
        assert 0 <= trio.current_time() - TURN <= ROUND + BURST / RATE
        await two.hears(Unchoke)
        await trio.sleep(ROUND)
        blocks, rejected = one.all(Piece), one.all(Reject)
        assert 0 < len(blocks) < len(requests)
        assert len(blocks) + len(rejected) == (len(requests) if fast else len(blocks))
        assert not set(map(tuple, blocks)) & set(map(tuple, rejected))
        sent = len(blocks)
        granted = {message.piece for message in one.all(AllowedFast)}
        await one.say(*[request for request in requests if request.piece not in granted][:3])
        await trio.sleep(ROUND)
        assert len(one.all(Piece)) == sent, "it is choked"
        assert len(one.all(Reject)) == len(rejected) + (3 if fast else 0)
