"""What we tell a peer of ourselves by BEP 10, and what we take from what it tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, until
from waiting import TIMEOUT

from swarmshare.engine.config import TorrentConfig
from swarmshare.manifest.build import Description
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.wire.extensions import HANDSHAKE_ID, MAX_QUEUE, OUR_IDS, ExtendedHandshake
from swarmshare.wire.messages import BitfieldMessage, Extended, HaveAll, HaveNone, Message, Request, Unchoke

if TYPE_CHECKING:
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock


async def test_what_we_say(tmp_path: Path, network: Network, autojump_clock: MockClock) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        seed, _ = await swarm.seed("seed")
        leech, _ = await swarm.leech("leech")
        for engine, complete in ((seed, True), (leech, False)):
            async with connected(swarm, network, engine) as peer:
                said = await peer.extended_handshake()
                assert said == ExtendedHandshake(
                    ids=OUR_IDS,
                    client=engine.config.client,
                    queue=MAX_QUEUE,
                    port=6881,
                    upload_only=complete,
                    metadata_size=len(swarm.manifest.info),
                )
        async with connected(swarm, network, seed, "10.9.0.2", extended=False) as peer:
            await trio.sleep(10)
            assert not peer.all(Extended), "it does not know the protocol"


async def test_of_a_private_torrent_we_do_not_offer_the_info(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        swarm.manifest = create_manifest(make_plan(swarm.source), Description(private=True))
        engine, _ = await swarm.seed("seed")
        async with connected(swarm, network, engine) as peer:
            assert (await peer.extended_handshake()).metadata_size is None


async def test_a_peer_is_asked_for_no_more_blocks_at_a_time_than_it_takes(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 2**20}, 2**20, network=network) as swarm:
        engine = await swarm.engine()
        torrent = swarm.add(engine, TorrentConfig(folder=tmp_path / "leech"))
        async with connected(swarm, network, engine) as peer:
            await peer.say(ExtendedHandshake(queue=3).encode(), BitfieldMessage(b"\x80"), Unchoke())
            await peer.hears(Request)
            for number in range(20):
                await trio.sleep(0.1)
                assert 1 <= len(peer.all(Request)) - number <= 3
                await peer.give(peer.all(Request)[number])
            await trio.sleep(0.1)
            (session,) = torrent.sessions
            assert session.downloaded == 20 * 2**14


async def test_where_a_peer_listens_and_what_it_is_may_come_late_and_change(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, torrent = await swarm.seed("seed")
        async with connected(swarm, network, engine) as peer:
            await peer.say(HaveNone())
            await until(lambda: torrent.sessions)
            (session,) = torrent.sessions
            assert (session.client, session.listens) == ("", None)
            for client, port, listens in (("one 1.0", None, None), ("two", 7000, 7000), ("three", 8000, 7000)):
                await peer.say(ExtendedHandshake(client=client, port=port).encode())
                await trio.sleep(1)
                assert session.client == client
                assert session.listens == (("10.9.0.1", listens) if listens else None), "the first word on it counts"
            assert torrent.known_peers.is_here(("10.9.0.1", 7000))
            assert engine.snapshot().torrents[0].peers[0].address == "10.9.0.1:7000"
        await until(lambda: not torrent.sessions)
        assert not torrent.known_peers.is_here(("10.9.0.1", 7000))


@pytest.mark.parametrize(
    "message",
    [Extended(HANDSHAKE_ID, b"no bencoding"), Extended(99, b""), Extended(OUR_IDS[b"upload_only"], b"\1")],
    ids=["unreadable", "never offered", "without messages"],
)
async def test_what_we_do_not_understand_is_no_reason_to_part(
    tmp_path: Path, network: Network, autojump_clock: MockClock, message: Message
) -> None:
    async with Swarm(tmp_path, {"a": 5}, network=network) as swarm:
        engine, torrent = await swarm.leech("leech")
        async with connected(swarm, network, engine) as peer, trio.open_nursery() as nursery:
            await peer.say(message, HaveAll(), Unchoke())
            nursery.start_soon(peer.serve)
            with trio.fail_after(TIMEOUT):
                await torrent.finished.wait()
            nursery.cancel_scope.cancel()
