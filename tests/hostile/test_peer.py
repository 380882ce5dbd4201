"""The kit's own peer: over streams in memory it does what its script says, and an engine takes it for a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio
from engine.swarm import Swarm, until
from hostile.peer import Content, Liar, Peer, Wire
from trio.testing import memory_stream_pair
from waiting import TIMEOUT

from swarmshare.common.bitfield import Bitfield
from swarmshare.manifest.layout import Block
from swarmshare.wire.messages import (
    BitfieldMessage,
    Extended,
    HashReject,
    HashRequest,
    Interested,
    Message,
    Piece,
    Reject,
    Request,
    Unchoke,
)

if TYPE_CHECKING:
    from pathlib import Path

FIRST = Block(0, 0, 2**14)


class Asking(Peer):
    """Asks for one block that is there, one that is not, and a hash; hangs up when all was answered."""

    def __init__(self, swarm: Swarm) -> None:
        super().__init__(swarm.manifest)
        self.heard: list[Message] = []
        self.blocks: dict[tuple[int, int], bytearray] = {}

    async def talk(self, wire: Wire) -> None:
        wire.blocks = self.blocks
        await wire.send(Interested(), Request._make(FIRST), Request(1, 0, 2**14), HashRequest(bytes(32), 0, 0, 2, 0))
        while not isinstance(self.heard[-1] if self.heard else None, HashReject):
            self.heard += await wire.receive() or ()


async def talked(swarm: Swarm, peer: Peer) -> Asking:
    """What one who asks hears of ``peer``, with no socket between them."""
    asking = Asking(swarm)
    one, other = memory_stream_pair()
    with trio.fail_after(TIMEOUT):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.accept, one)
            await asking.call(other)
            await other.aclose()
    return asking


async def test_in_memory_it_gives_what_it_holds(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 200_000}) as swarm:
        asking = await talked(swarm, Peer(swarm.manifest, swarm.content, holds=[0]))
    bits = Bitfield(swarm.manifest.layout.piece_count)
    bits.set(0)
    assert [type(message) for message in asking.heard] == [
        Extended,
        BitfieldMessage,
        Unchoke,
        Piece,
        Reject,
        HashReject,
    ]
    assert asking.heard[1] == BitfieldMessage(bits.to_wire())
    assert asking.blocks == {(0, 0): swarm.content.block(FIRST)}


async def test_in_memory_a_liar_gives_something_else(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 200_000}) as swarm:
        asking = await talked(swarm, Liar(swarm.manifest, swarm.content))
        assert asking.blocks[0, 0] != swarm.content.block(FIRST)


async def test_who_has_another_torrent_says_nothing(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 5}) as swarm:
        peer = Peer(swarm.manifest, swarm.content, info_hash=bytes(20))
        asking = Asking(swarm)
        one, other = memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(asking.call, other)
            await peer.accept(one)
            await one.aclose()
    assert (peer.asked_for, peer.connections, asking.heard) == ([swarm.manifest.info_hash.truncated], 0, [])


async def test_an_engine_takes_it_for_a_seed(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 300_000, "b": 5}) as swarm:
        seed = Peer(swarm.manifest, Content(swarm.manifest, tmp_path / "source"))
        _, torrent = await swarm.leech("leech", await swarm.peer(seed))
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            await until(lambda: not torrent.sessions)
        assert swarm.is_whole("leech")
