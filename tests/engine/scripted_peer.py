"""A peer on the network in memory that says what its test lets it say, and remembers when it heard what."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

import trio
from engine.swarm import address

from swarmshare.engine.torrent import KEEP_ALIVE_AFTER
from swarmshare.manifest.layout import Block
from swarmshare.wire.codec import MessageReader
from swarmshare.wire.extensions import HANDSHAKE_ID, ExtendedHandshake, decode_extended_handshake
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake, decode_handshake
from swarmshare.wire.messages import KEEP_ALIVE, Cancel, Extended, Message, Request, encode_piece_heads

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from engine.network import Network
    from engine.swarm import Swarm

    from swarmshare.common.address import Address
    from swarmshare.engine.engine import Engine

PATIENCE = 3600.0
"""Seconds of the jumping clock after which a test gives up."""

_Kind = TypeVar("_Kind", bound=Message)


class EndedError(AssertionError):
    """The engine closed the connection before what was waited for came."""


class ScriptedPeer:
    """One end of a connection with an engine, after the handshakes."""

    def __init__(self, swarm: Swarm, stream: trio.SocketStream, theirs: Handshake) -> None:
        self.stream, self.theirs = stream, theirs
        self.heard: list[tuple[float, Message]] = []
        """All messages, with the time; requests, blocks and so on."""
        self.received: list[tuple[float, bytes]] = []
        """What came together, as it is on the wire: keep-alives are no messages."""
        self.blocks: dict[Block, bytearray] = {}
        """The data of the blocks that came."""
        self.ended_at: float | None = None
        """When the engine closed the connection."""
        self._swarm = swarm
        self._reader = MessageReader(swarm.manifest.layout.piece_count, self._place)
        self._seen: dict[type, int] = {}
        self._news = trio.Event()
        self._turn = trio.Lock()

    def _place(self, block: Block) -> memoryview:
        data = self.blocks[Block._make(block)] = bytearray(block.length)
        return memoryview(data)

    async def stay(self) -> None:
        """Say now and then that it is still there."""
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while True:
                await trio.sleep(KEEP_ALIVE_AFTER)
                await self.say(KEEP_ALIVE)

    async def run(self) -> None:
        """Listen until the connection ends."""
        try:
            while data := await self.stream.receive_some():
                now = trio.current_time()
                self.received.append((now, bytes(data)))
                self.heard += [(now, message) for message in self._messages(memoryview(data))]
                self._tell()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self.ended_at = trio.current_time()
        self._tell()

    def _messages(self, data: memoryview) -> Iterable[Message]:
        while data:
            buffer = self._reader.buffers()[0]
            count = min(len(buffer), len(data))
            buffer[:count], data = data[:count], data[count:]
            yield from self._reader.received(count)

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def say(self, *messages: Message | bytes) -> None:
        """Send messages, or bytes as they are."""
        async with self._turn:
            await self.stream.send_all(b"".join(m if isinstance(m, bytes) else m.encode() for m in messages))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what depends on messages alone."""
        with trio.fail_after(PATIENCE):
            while not condition():
                await self._news.wait()

    async def hears(self, kind: type[_Kind]) -> _Kind:
        """Return the next message of a kind: the first that this has not returned yet."""
        with trio.fail_after(PATIENCE):
            while True:
                for number in range(self._seen.get(kind, 0), len(self.heard)):
                    message = self.heard[number][1]
                    if type(message) is kind:
                        self._seen[kind] = number + 1
                        return message
                self._seen[kind] = len(self.heard)
                if self.ended_at is not None:
                    raise EndedError(f"the connection ended before {kind.__name__} came")
                await self._news.wait()

    def all(self, kind: type[_Kind]) -> list[_Kind]:
        """Return all messages of a kind that came so far."""
        return [message for _, message in self.heard if type(message) is kind]

    def times(self, kind: type[Message]) -> list[float]:
        """Return when the messages of a kind came."""
        return [at for at, message in self.heard if type(message) is kind]

    async def ended(self) -> float:
        """Wait until the engine closes the connection, and return when that was."""
        await self.until(lambda: self.ended_at is not None)
        assert self.ended_at is not None
        return self.ended_at

    async def extended_handshake(self) -> ExtendedHandshake:
        """Return what the engine says of itself (BEP 10)."""
        message = await self.hears(Extended)
        assert message.ext_id == HANDSHAKE_ID
        handshake = decode_extended_handshake(message.payload)
        assert handshake is not None
        return handshake

    # ------------------------------------------------------------------ as a seed

    async def give(self, block: Block, *, wrong: bool = False) -> None:
        """Send a block; a ``wrong`` one has other bytes."""
        data = self._swarm.block(block)
        await self.say(encode_piece_heads([block]) + (bytes(byte ^ 1 for byte in data) if wrong else data))

    async def serve(
        self, *, wrong: Callable[[Block], bool] = lambda _: False, pause: float = 0.0, count: float = float("inf")
    ) -> None:
        """Answer up to ``count`` requests, each after ``pause`` seconds; cancelled ones are left out.

        It ends with the connection.
        """
        number = 0
        with suppress(EndedError, trio.BrokenResourceError):
            while number < count:
                block = Block._make(await self.hears(Request))
                await trio.sleep(pause)
                if not any(cancelled == block for cancelled in self.all(Cancel)):
                    await self.give(block, wrong=wrong(block))
                    number += 1


@asynccontextmanager
async def connected(
    swarm: Swarm,
    network: Network,
    engine: Engine,
    host: str = "10.9.0.1",
    *,
    peer_id: bytes = b"",
    fast: bool = True,
    extended: bool = True,
    alive: bool = True,
) -> AsyncIterator[ScriptedPeer]:
    """A peer at ``host`` that has dialled ``engine``; it has said nothing yet but its handshake.

    It sends keep-alives, unless it is not ``alive``.
    """
    where = address(engine)
    with network.at(host):
        stream = await trio.open_tcp_stream(*where)
    peer_id = peer_id or b"-XX0000-" + host.encode().ljust(12)
    hello = Handshake(swarm.manifest.info_hash.truncated, peer_id, fast=fast, extended=extended)
    await stream.send_all(hello.encode())
    peer = ScriptedPeer(swarm, stream, await _handshake(stream))
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(peer.run)
        if alive:
            nursery.start_soon(peer.stay)
        yield peer
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def listening(
    swarm: Swarm,
    network: Network,
    talk: Callable[[ScriptedPeer], object],
    host: str = "10.9.0.1",
    *,
    port: int = 6881,
    peer_id: bytes = b"",
    fast: bool = True,
) -> AsyncIterator[Address]:
    """A peer that listens at an address, and runs ``talk`` with each who dials it."""
    hello = Handshake(
        swarm.manifest.info_hash.truncated, peer_id or b"-XX0000-" + host.encode().ljust(12), fast=fast
    ).encode()

    async def accept(stream: trio.SocketStream) -> None:
        async with stream, trio.open_nursery() as nursery:
            theirs = await _handshake(stream)
            await stream.send_all(hello)
            peer = ScriptedPeer(swarm, stream, theirs)
            nursery.start_soon(peer.run)
            nursery.start_soon(peer.stay)
            await talk(peer)  # type: ignore[misc]
            nursery.cancel_scope.cancel()

    with network.at(host):
        listener = (await trio.open_tcp_listeners(port, host=host))[0]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, accept, [listener])
        yield host, port
        nursery.cancel_scope.cancel()


async def _handshake(stream: trio.SocketStream) -> Handshake:
    data = b""
    while len(data) < HANDSHAKE_LENGTH:
        part = await stream.receive_some(HANDSHAKE_LENGTH - len(data))
        assert part, "the engine hung up"
        data += part
    return decode_handshake(data)
