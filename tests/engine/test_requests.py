"""What is asked of a peer, and when again: rejections, pieces allowed fast or lost, and the last blocks."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, until

from swarmshare.common.bitfield import Bitfield
from swarmshare.common.pieces import Priority
from swarmshare.engine.torrent import TICK
from swarmshare.manifest.layout import Block
from swarmshare.schema.alerts import PeerDropped
from swarmshare.swarm.rejections import PAUSE
from swarmshare.wire.extensions import DONT_HAVE, OUR_IDS, ExtendedHandshake, dont_have
from swarmshare.wire.fast import GRANTED
from swarmshare.wire.messages import (
    AllowedFast,
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    NotInterested,
    Piece,
    Reject,
    Request,
    Suggest,
    Unchoke,
)

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock

PIECE = 2**14
"""Pieces of one block, so that a request is for a piece."""


def bitfield(count: int, *pieces: int) -> BitfieldMessage:
    bits = Bitfield(count)
    for piece in pieces:
        bits.set(piece)
    return BitfieldMessage(bits.to_wire())


# ------------------------------------------------------------------ rejections (BEP 6)


async def test_a_rejected_piece_is_asked_for_again_after_growing_pauses(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": PIECE}, PIECE, network=network) as swarm:
        engine, _ = await swarm.leech("leech")
        async with connected(swarm, network, engine) as peer:
            await peer.say(bitfield(2, 0), Unchoke())
            for _ in range(9):
                await peer.say(Reject._make(await peer.hears(Request)))
            first, most = PAUSE
            for number, (before, after) in enumerate(pairwise(peer.times(Request))):
                assert after - before == pytest.approx(min(most, first * 2**number), abs=2 * TICK)
            before = trio.current_time()
            await trio.sleep(TICK)
            await peer.say(Suggest(0))
            await peer.give(Block._make(await peer.hears(Request)))
            assert trio.current_time() == before + TICK, "what it suggests is asked for at once"
            await peer.hears(Have)


async def test_a_rejection_while_choked_says_nothing_about_the_piece(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": PIECE}, PIECE, network=network) as swarm:
        engine, _ = await swarm.leech("leech")
        async with connected(swarm, network, engine) as peer:
            await peer.say(bitfield(2, 0))
            for _ in range(5):
                await peer.say(Unchoke())
                block = await peer.hears(Request)
                await peer.say(Choke(), Reject._make(block))
                await trio.sleep(TICK)
            assert peer.times(Request) == [number * TICK for number in range(5)]


async def test_what_one_peer_rejects_is_asked_of_another_at_once(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": PIECE}, PIECE, network=network) as swarm:
        engine, torrent = await swarm.leech("leech")
        async with connected(swarm, network, engine) as one, connected(swarm, network, engine, "10.9.0.2") as two:
            await one.say(bitfield(2, 0), Unchoke())
            block = await one.hears(Request)
            await two.say(HaveAll())
            await two.hears(Interested)
            await one.say(Reject._make(block))
            await two.say(Unchoke())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(two.serve)
                with trio.fail_after(10 * TICK):
                    await torrent.finished.wait()
                nursery.cancel_scope.cancel()
            assert Block._make(block) in map(Block._make, two.all(Request))


# ------------------------------------------------------------------ allowed fast (BEP 6)


async def test_what_a_choking_peer_allows_is_asked_for_and_nothing_else(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 8 * PIECE}, PIECE, network=network) as swarm:
        engine, torrent = await swarm.leech("leech")
        async with connected(swarm, network, engine) as peer, trio.open_nursery() as nursery:
            await peer.say(HaveAll(), AllowedFast(3), AllowedFast(5))
            await peer.hears(Interested)
            nursery.start_soon(peer.serve)
            await peer.say(bytes(4))
            await until(lambda: torrent.picker.held.held == 2, every=TICK)
            await trio.sleep(60)
            assert sorted(request.piece for request in peer.all(Request)) == [3, 5]
            nursery.cancel_scope.cancel()


async def test_a_newcomer_is_allowed_five_pieces_and_gets_no_other_while_it_is_choked(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 20 * PIECE}, PIECE, network=network) as swarm:
        engine, _ = await swarm.seed("seed", upload_slots=0)
        async with connected(swarm, network, engine) as peer:
            await peer.say(HaveNone(), Interested())
            allowed = {(await peer.hears(AllowedFast)).piece for _ in range(GRANTED)}
            for piece in range(20):
                await peer.say(Request(piece, 0, PIECE))
            await trio.sleep(10)
            assert {message.piece for message in peer.all(Piece)} == allowed - {20}
            assert {message.piece for message in peer.all(Reject)} == set(range(20)) - allowed
            assert len(peer.all(AllowedFast)) == GRANTED
        for bits, fast in ((bitfield(21, *range(GRANTED)), True), (bitfield(21, 0), False)):
            async with connected(swarm, network, engine, "10.9.0.2", fast=fast) as peer:
                await peer.say(bits, Interested())
                await trio.sleep(10)
                assert not peer.all(AllowedFast), "it has something to give, or does not know how to take it"


# ------------------------------------------------------------------ pieces that are lost (BEP 54)


async def test_a_piece_that_a_peer_has_lost_is_not_asked_of_it(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": PIECE}, PIECE, network=network) as swarm:
        engine, _ = await swarm.leech("leech")
        async with connected(swarm, network, engine) as peer:
            await peer.say(bitfield(2, 0))
            await peer.hears(Interested)
            lost = dont_have(OUR_IDS, 0)
            assert lost is not None
            await peer.say(lost)
            await peer.hears(NotInterested)
            await peer.say(Unchoke())
            await trio.sleep(60)
            assert not peer.all(Request)
            await peer.say(Have(0))
            assert (await peer.hears(Request)).piece == 0
            far = dont_have(OUR_IDS, 2)
            assert far is not None
            await peer.say(far)
            await peer.ended()
            assert [type(alert) for alert in engine.alerts] == [PeerDropped]


async def test_peers_are_told_of_a_piece_that_we_have_lost(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Those that understand it, under the id that they gave."""
    async with Swarm(tmp_path, {"a": PIECE}, PIECE, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        async with connected(swarm, network, engine) as one, connected(swarm, network, engine, "10.9.0.2") as two:
            await one.say(ExtendedHandshake(ids={DONT_HAVE: 77}).encode(), HaveNone())
            await two.say(ExtendedHandshake(ids={}).encode(), HaveNone())
            await one.extended_handshake()
            await trio.sleep(TICK)
            (tmp_path / "seed" / "top" / "a").unlink()
            torrent.file_monitor.check_soon()
            assert await one.hears(Extended) == dont_have({DONT_HAVE: 77}, 0)
            await trio.sleep(10)
            assert len(two.all(Extended)) == 1, "our handshake"


# ------------------------------------------------------------------ the last blocks


async def test_the_last_blocks_are_asked_of_two_peers_and_taken_back_from_the_slower(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 4 * 2**16}, network=network) as swarm:
        engine, torrent = await swarm.leech("leech", priorities={1: Priority.SKIP})
        async with (
            connected(swarm, network, engine) as slow,
            connected(swarm, network, engine, "10.9.0.2") as quick,
            connected(swarm, network, engine, "10.9.0.3") as third,
            trio.open_nursery() as nursery,
        ):
            await slow.say(HaveAll(), Unchoke())
            await slow.hears(Request)
            await quick.say(HaveAll(), Unchoke())
            await third.say(HaveAll())
            nursery.start_soon(quick.serve)
            with trio.fail_after(20):
                await torrent.finished.wait()
            await trio.sleep(TICK)
            asked = set(map(Block._make, slow.all(Request)))
            assert set(map(Block._make, slow.all(Cancel))) == asked
            assert asked <= set(map(Block._make, quick.all(Request)))
            assert not third.all(Request), "it chokes us"
            received = torrent.downloads.received
            for block in asked:  # they were on their way
                await slow.give(block)
            await trio.sleep(TICK)
            assert torrent.downloads.received == received + sum(block.length for block in asked), "counted, and dropped"
            assert slow.ended_at is None
            nursery.cancel_scope.cancel()
        assert swarm.block(Block(0, 0, 2**14)) == (tmp_path / "leech" / "top" / "a").read_bytes()[: 2**14]
