"""A peer that does what it is scripted to do, on ``swarmshare.wire`` alone: every liar and attacker is made of it.

It is no engine: it keeps to no rule of the protocol unless a script says so, and talks over any stream of bytes, a
socket or one in memory. As it is, it is an honest seed; whoever lies overrides the hook for that.
"""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from secrets import token_bytes
from typing import TYPE_CHECKING, TypeAlias

import trio

from swarmshare.common.bitfield import Bitfield
from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH
from swarmshare.wire.codec import MessageReader
from swarmshare.wire.extensions import HANDSHAKE_ID, ExtendedHandshake, decode_extended_handshake
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake, decode_handshake
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
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection
    from pathlib import Path

    from swarmshare.common.address import Address
    from swarmshare.manifest.manifest import Manifest

ENDED = (trio.BrokenResourceError, trio.ClosedResourceError)
"""What a stream raises when the other side has gone."""

Sendable: TypeAlias = "Message | Handshake | bytes"


def new_id() -> bytes:
    """A peer id of no program that there is."""
    return b"-XX0000-" + token_bytes(12)


class Content:
    """All bytes of a manifest, by block."""

    def __init__(self, manifest: Manifest, folder: Path) -> None:
        root = folder / manifest.name if manifest.in_folder else folder
        self._layout = manifest.layout
        self._files = [root.joinpath(*file.path).read_bytes() for file in manifest.files]

    def block(self, block: Block) -> bytes:
        """The true bytes; zeros behind the end of a file, as clients of v1 request them (BEP 47)."""
        span = self._layout.span(self._layout.index(block.piece))
        begin = span.offset + block.begin
        return self._files[span.file][begin : begin + block.length].ljust(block.length, b"\0")


class Wire:
    """One connection: sends anything, and reads messages, whether they may come now or not."""

    def __init__(self, stream: trio.abc.Stream, piece_count: int) -> None:
        self.stream = stream
        self.theirs: Handshake | None = None
        self.blocks: dict[tuple[int, int], bytearray] | None = None
        """The blocks that came, by piece and first byte; None: they are dropped."""
        self.received = 0
        """Bytes that came."""
        self._waste = memoryview(bytearray(BLOCK_LENGTH))
        self._reader = MessageReader(piece_count, self._place)

    async def send(self, *what: Sendable) -> None:
        await self.stream.send_all(b"".join(part if isinstance(part, bytes) else part.encode() for part in what))

    async def send_block(self, block: Block, data: bytes) -> None:
        await self.send(Piece._make(block), data)

    async def receive_handshake(self) -> bool:
        """Whether the other side sent one, before it hung up."""
        data = b""
        while len(data) < HANDSHAKE_LENGTH:
            part = await self.stream.receive_some(HANDSHAKE_LENGTH - len(data))
            if not part:
                return False
            data += part
        self.theirs = decode_handshake(data)
        return True

    async def receive(self) -> list[Message] | None:
        """What has come since the last call, perhaps no message as a whole; None once the other side has hung up."""
        data = await self.stream.receive_some(2**16)
        self.received += len(data)
        messages: list[Message] = []
        at = 0
        while at < len(data):
            buffer = self._reader.buffers()[0]
            part = data[at : at + len(buffer)]
            buffer[: len(part)] = part
            at += len(part)
            messages += self._reader.received(len(part))
        return messages if data else None

    def _place(self, block: Block) -> memoryview:
        if self.blocks is None:
            return self._waste[: block.length]
        return memoryview(self.blocks.setdefault(block[:2], bytearray(block.length)))


class Peer:
    """A script: what one peer says on each of its connections. This one is honest, and gives what it holds."""

    def __init__(
        self,
        manifest: Manifest,
        content: Content | None = None,
        *,
        info_hash: bytes | None = None,
        peer_id: bytes | None = None,
        holds: Collection[int] | None = None,
        fast: bool = True,
        extended: bool = True,
        v2: bool = True,
        port: int | None = None,
    ) -> None:
        """``content`` is what it gives; ``info_hash`` the only one (20 bytes) that it answers to.

        ``holds`` are the pieces that it says it holds (all, if it has content); ``port`` is where it says it listens.
        """
        self.manifest, self.content = manifest, content
        self.info_hash = info_hash or manifest.info_hash.truncated
        self.peer_id = peer_id or new_id()
        self.fast, self.extended, self.v2, self.port = fast, extended, v2, port
        self.piece_count = manifest.layout.piece_count
        self.holds: Collection[int] = range(self.piece_count if content else 0) if holds is None else holds
        self.asked_for: list[bytes] = []
        """The info hash of each handshake that came."""
        self.connections = 0
        """How often handshakes were exchanged."""

    # ------------------------------------------------------------------ connections

    async def accept(self, stream: trio.abc.Stream) -> None:
        """Talk to one who has connected, until either side has had enough."""
        wire = Wire(stream, self.piece_count)
        if await wire.receive_handshake():
            assert wire.theirs is not None
            self.asked_for.append(wire.theirs.info_hash)
            if wire.theirs.info_hash == self.info_hash:
                await wire.send(self.handshake())
                await self._begin(wire)

    async def dial(self, address: Address) -> None:
        """Connect, and talk until either side has had enough."""
        async with await trio.open_tcp_stream(*address) as stream:
            try:
                await self.call(stream)
            except* ENDED:
                pass

    async def call(self, stream: trio.abc.Stream) -> None:
        """Talk as the one who has connected."""
        wire = Wire(stream, self.piece_count)
        await wire.send(self.handshake())
        if await wire.receive_handshake():
            await self._begin(wire)

    async def _begin(self, wire: Wire) -> None:
        self.connections += 1
        await self.talk(wire)

    # ------------------------------------------------------------------ hooks

    def handshake(self) -> Handshake:
        """What it opens a connection with."""
        return Handshake(self.info_hash, self.peer_id, fast=self.fast, extended=self.extended, v2=self.v2)

    async def talk(self, wire: Wire) -> None:
        """All that happens after the handshakes."""
        await self.open(wire)
        while (messages := await wire.receive()) is not None:
            for message in messages:
                await self.on(wire, message)

    async def open(self, wire: Wire) -> None:
        """Say what it is and what it holds."""
        if self.extended:
            await wire.send(ExtendedHandshake(client="kit", port=self.port).encode())
        bits = Bitfield(self.piece_count)
        for piece in self.holds:
            bits.set(piece)
        await wire.send(BitfieldMessage(bits.to_wire()))

    async def on(self, wire: Wire, message: Message) -> None:
        """Answer one message."""
        match message:
            case Interested():
                await wire.send(Unchoke())
            case Request():
                await self.on_request(wire, Block._make(message))
            case HashRequest():
                await self.on_hash_request(wire, message)
            case Extended(ext_id, payload) if ext_id == HANDSHAKE_ID:
                self.on_extended_handshake(decode_extended_handshake(payload))

    async def on_request(self, wire: Wire, block: Block) -> None:
        """Answer a request, by a block or a rejection."""
        data = self.data(block) if block.piece in self.holds else None
        if data is not None:
            await wire.send_block(block, data)
        elif self.fast:
            await wire.send(Reject._make(block))

    def data(self, block: Block) -> bytes | None:
        """What it gives for ``block``; None: a rejection."""
        return self.content.block(block) if self.content else None

    async def on_hash_request(self, wire: Wire, request: HashRequest) -> None:
        """Answer a request of hashes: this one gives none."""
        await wire.send(HashReject(request.root, request.base, request.index, request.length, request.proof_layers))

    def on_extended_handshake(self, handshake: ExtendedHandshake | None) -> None:
        """Take note of what the other side says of itself."""


class Liar(Peer):
    """Garbage instead of a share of its blocks (0 to 1), chosen by ``seed``."""

    def __init__(
        self, manifest: Manifest, content: Content, share: float = 1.0, *, seed: int = 1, port: int | None = None
    ) -> None:
        super().__init__(manifest, content, port=port)
        self._share, self._rng = share, random.Random(seed)

    def data(self, block: Block) -> bytes | None:
        if self._rng.random() < self._share:
            return self._rng.randbytes(block.length)
        return super().data(block)


class TouchedSeed(Peer):
    """Honest, of a make that does not notice that its file was written to: the first bytes of ``pieces`` are wrong."""

    def __init__(self, manifest: Manifest, content: Content, pieces: Collection[int]) -> None:
        super().__init__(manifest, content)
        self._touched = pieces

    def data(self, block: Block) -> bytes | None:
        data = super().data(block)
        return b"123" + data[3:] if data is not None and block.piece in self._touched and not block.begin else data


@asynccontextmanager
async def listening(talk: Callable[[trio.SocketStream], Awaitable[object]]) -> AsyncIterator[Address]:
    """``talk`` to each who connects, each in a task of its own; gives the address."""
    async with trio.open_nursery() as nursery:

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                try:
                    await talk(stream)
                except* ENDED:
                    pass

        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        host, port = listener.socket.getsockname()[:2]
        yield host, port
        nursery.cancel_scope.cancel()
