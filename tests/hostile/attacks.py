"""What hostile peers do, one class an attack: each says what one attacker does, and what it achieves today.

An attack dials its victim, and comes again under a new id whenever it is hung up on. The figures are of a machine with
two cores that had much else to do (a load of 12), by ``python tests/hostile/measure.py``: a transfer of 64 MiB takes 1
to 5 s there, and 0.3 s of the victim's processor, when nobody attacks, and is given up after 30 s. They tell the order
of things, and no more.
"""

from __future__ import annotations

import random
import socket
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, ClassVar, Final

import trio
from hostile.peer import Peer, Wire, new_id

from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import BLOCK_LENGTH, piece_height
from swarmshare.wire.extensions import MAX_QUEUE, OUR_IDS, ExtendedHandshake
from swarmshare.wire.messages import (
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    Interested,
    NotInterested,
    Request,
    Unchoke,
)
from swarmshare.wire.metadata import METADATA, REQUEST, MetadataMessage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hostile.peer import Content

    from swarmshare.common.address import Address
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.wire.handshake import Handshake

AGAIN: Final = 0.05
"""Seconds until it connects again: a flood of connections alone would be another attack."""


class Attack(Peer):
    """Connects ``count`` times and stays; this one alone does nothing after the handshakes."""

    count: ClassVar[int] = 1
    """Connections at a time."""

    def __init__(self, manifest: Manifest, content: Content | None = None) -> None:
        super().__init__(manifest, content)
        self.in_place = trio.Event()
        """Set once all connections are where they do harm."""
        self.times = 0
        """How often it was in place, connections that came again included."""

    async def attack(self, address: Address) -> None:
        """Go on until cancelled."""
        async with trio.open_nursery() as nursery:
            for _ in range(self.count):
                nursery.start_soon(self._stay, address)

    async def _stay(self, address: Address) -> None:
        while True:
            with suppress(OSError):
                await self.dial(address)
            await trio.sleep(AGAIN)

    def arrived(self) -> None:
        """Note that one connection is in place."""
        self.times += 1
        if self.times >= self.count:
            self.in_place.set()

    def handshake(self) -> Handshake:
        return super().handshake()._replace(peer_id=new_id())

    async def talk(self, wire: Wire) -> None:
        await self.harm(wire)

    async def harm(self, wire: Wire) -> None:
        """What it does after the handshakes."""
        self.arrived()
        await drain(wire)


async def drain(wire: Wire) -> None:
    """Read and drop all that comes, until the other side hangs up."""
    while await wire.stream.receive_some(2**18):
        pass


async def until_unchoked(wire: Wire) -> None:
    """Ask for a place, and wait for it."""
    await wire.send(Interested())
    while (messages := await wire.receive()) is not None:
        if any(isinstance(message, Unchoke) for message in messages):
            return
    raise trio.BrokenResourceError


@asynccontextmanager
async def under(attack: Attack, address: Address) -> AsyncIterator[None]:
    """The attack on ``address`` goes on while this is open, and is in place before it begins."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attack.attack, address)
        await attack.in_place.wait()
        yield
        nursery.cancel_scope.cancel()


# ---------------------------------------------------------------------- places


class SilentConnections(Attack):
    """A hundred sockets that never say a word, opened anew when they are closed.

    Achieves: nobody else can connect to the engine, whatever the torrent. Not a byte of 64 MiB was given.
    """

    count = 100

    async def call(self, stream: trio.abc.Stream) -> None:
        self.arrived()
        while await stream.receive_some():
            pass


class IdlePeers(Attack):
    """Fifty handshakes, each with an id of its own, and nothing after them.

    Achieves: the torrent is full for ever. It takes no more peers, and dials none itself.
    Not a byte of 64 MiB was given.
    """

    count = 50

    async def harm(self, wire: Wire) -> None:
        await wire.receive()  # who is let in is told what is held
        self.arrived()
        await drain(wire)


class Squatter(Attack):
    """Comes with the peer id of somebody else, first, and stays.

    Achieves: that peer is never let in, from whatever address it comes.
    """

    def __init__(self, manifest: Manifest, victim_id: bytes) -> None:
        super().__init__(manifest)
        self._stolen = victim_id

    def handshake(self) -> Handshake:
        return super().handshake()._replace(peer_id=self._stolen)

    async def harm(self, wire: Wire) -> None:
        await wire.receive()
        self.arrived()
        await drain(wire)


class OurOwnId(Squatter):
    """Comes with the peer id of the very engine that it connects to. Achieves nothing: it is hung up on."""

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        await drain(wire)


# ---------------------------------------------------------------------- data


class HalfPieceLiar(Attack):
    """Says that it holds all, answers one half of what it is asked for by garbage and the other not at all.

    Achieves: pieces wait for blocks that never come, and the blocks that came are wrong: the endgame stands still,
    with an honest seed connected. Not finished after 30 s, with 67 of 64 MiB fetched.
    """

    count = 6

    def __init__(self, manifest: Manifest, content: Content) -> None:
        super().__init__(manifest, content)
        self._rng = random.Random(1)
        self._per_piece = max(1, manifest.piece_length // BLOCK_LENGTH)

    async def harm(self, wire: Wire) -> None:
        await wire.send(HaveAll(), Unchoke())
        self.arrived()
        while (messages := await wire.receive()) is not None:
            for message in messages:
                if isinstance(message, Request) and message.begin // BLOCK_LENGTH < self._per_piece // 2:
                    await wire.send_block(Block._make(message), self._rng.randbytes(message.length))


class ReturningLiars(Attack):
    """Ten seeds that give nothing but garbage, and come again under a new id when they are banned.

    Achieves: what it sends is fetched and thrown away, again and again, for a ban is of an address and an id.
    2.7 to 20 times as long, 132 MiB fetched for 64, five times the processor.
    """

    count = 10

    async def harm(self, wire: Wire) -> None:
        await wire.send(HaveAll())
        self.arrived()
        while (messages := await wire.receive()) is not None:
            for message in messages:
                await self.on(wire, message)

    def data(self, block: Block) -> bytes:
        return bytes(block.length)


class FalseSeed(Attack):
    """Says that it holds all, unchokes, and answers nothing.

    Achieves next to nothing: what was asked of it is asked of somebody else, after a time.
    """

    async def harm(self, wire: Wire) -> None:
        await wire.send(HaveAll(), Unchoke())
        self.arrived()
        await drain(wire)


class Overeager(Attack):
    """A seed whose every block is right, and comes three times, the last one late: after the next.

    Achieves: three times the bytes on the link; two of three are dropped. 1.3 times as long.
    """

    def __init__(self, manifest: Manifest, content: Content) -> None:
        super().__init__(manifest, content)
        self._last: Block | None = None

    async def harm(self, wire: Wire) -> None:
        await wire.send(HaveAll())
        self.arrived()
        while (messages := await wire.receive()) is not None:
            for message in messages:
                await self.on(wire, message)

    async def on_request(self, wire: Wire, block: Block) -> None:
        assert self.content is not None
        blocks = [block, block] if self._last is None else [block, block, self._last]
        self._last = block
        for one in blocks:
            await wire.send_block(one, self.content.block(one))


class ForgedHashes(Overeager):
    """An honest seed but for hashes: it answers every request of them by made-up ones.

    Achieves: ten seconds, the time in which an honest peer might still answer, for each that is asked of it where a
    manifest came without piece layers (a magnet link's). Wrong hashes are never taken: they prove themselves.
    """

    async def on_request(self, wire: Wire, block: Block) -> None:
        assert self.content is not None
        await wire.send_block(block, self.content.block(block))

    async def on_hash_request(self, wire: Wire, request: HashRequest) -> None:
        hashes = random.Random(4).randbytes(32 * (request.length + request.proof_layers))
        await wire.send(Hashes(request.root, request.base, request.index, request.length, request.proof_layers, hashes))


# ---------------------------------------------------------------------- memory


class NeverReads(Attack):
    """Asks for as many blocks as it may, on forty connections, and reads none of them.

    Achieves: each connection that has been unchoked holds a batch of blocks, with the chunks of 1 MiB they are part of.
    """

    count = 40

    async def call(self, stream: trio.abc.Stream) -> None:
        if isinstance(stream, trio.SocketStream):
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await super().call(stream)

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        await until_unchoked(wire)
        layout = self.manifest.layout
        blocks = [
            Request(piece, begin, BLOCK_LENGTH)
            for piece in range(self.piece_count)
            for begin in range(0, layout.span(layout.index(piece)).length - BLOCK_LENGTH + 1, BLOCK_LENGTH)
        ]
        random.shuffle(blocks)  # each chunk of the content once, if it goes by chunks
        await wire.send(*blocks[:MAX_QUEUE])
        await trio.sleep_forever()


# ---------------------------------------------------------------------- work


class Flood(Attack):
    """Sends the same messages for ever, and reads what comes back.

    Each of them is allowed; there are only too many.
    """

    portion = 500
    """How often they are sent at once."""
    pause = 0.0
    """Seconds until the next portion: more, where the victim is to get a turn in the same process."""

    async def harm(self, wire: Wire) -> None:
        portion = await self.prepare(wire)
        self.arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, wire, nursery.cancel_scope)
            while True:
                await wire.send(portion)
                await trio.sleep(self.pause)

    @staticmethod
    async def _read(wire: Wire, scope: trio.CancelScope) -> None:
        await drain(wire)
        scope.cancel()

    async def prepare(self, wire: Wire) -> bytes:
        """What it sends for ever, after what has to be sent once."""
        raise NotImplementedError


class InterestFlood(Flood):
    """Interested, not interested, and so on.

    Achieves: each one makes the victim choose whom to serve, among all its peers. 4 of 64 MiB were given in 30 s,
    for all the processor that there was.
    """

    async def prepare(self, wire: Wire) -> bytes:
        return (Interested().encode() + NotInterested().encode()) * self.portion


class HaveFlood(Flood):
    """Says again and again that it has the same piece.

    Achieves: each one is taken for useful. 63 of 64 MiB were given in 30 s, for 25 times the processor.
    """

    async def prepare(self, wire: Wire) -> bytes:
        return Have(0).encode() * self.portion


class ChokeFlood(Flood):
    """Chokes and unchokes.

    Achieves: each one gives back, and asks again, what was asked of it. 5 times as long, ten times the processor.
    """

    async def prepare(self, wire: Wire) -> bytes:
        await wire.send(HaveAll())
        return (Unchoke().encode() + Choke().encode()) * self.portion


class MetadataFlood(Flood):
    """Asks for a part of the ``info`` dictionary again and again.

    Achieves: it is sent some three times; each of the rest costs a reading and a rejection. 20 of 64
    MiB were given in 30 s, for 25 times the processor.
    """

    async def prepare(self, wire: Wire) -> bytes:
        await wire.send(ExtendedHandshake().encode())
        return Extended(OUR_IDS[METADATA], MetadataMessage(REQUEST, 0).encode()).encode() * self.portion


class HandshakeFlood(Flood):
    """Extension handshakes of 64 KiB, of ids that nobody knows.

    Achieves: each is decoded as a whole. 2 of 64 MiB were given in 30 s.
    """

    async def prepare(self, wire: Wire) -> bytes:
        ids = {b"%05d" % number: 1 for number in range(5500)}
        return ExtendedHandshake(ids=ids).encode().encode()


class CancelFlood(Flood):
    """Asks for a block, and takes it back at once.

    Achieves: each pair wakes the task that serves, and is answered by a rejection. 8 times as long,
    14 times the processor.
    """

    async def prepare(self, wire: Wire) -> bytes:
        await until_unchoked(wire)
        return (Request(0, 0, BLOCK_LENGTH).encode() + Cancel(0, 0, BLOCK_LENGTH).encode()) * self.portion


class HashFlood(Attack):
    """Asks for the leaves of a piece, two at a time: for each 53 bytes the victim hashes all of that piece.

    Achieves: with large pieces, one request costs seconds of processor, and a piece of memory. With pieces of 32 MiB:
    4.6 times as long, ten times the processor, 204 MiB of memory instead of 48.
    """

    async def harm(self, wire: Wire) -> None:
        file = max(self.manifest.files, key=lambda file: file.length)
        assert file.pieces_root is not None
        leaves = 1 << piece_height(self.manifest.piece_length)
        asks = [HashRequest(file.pieces_root, 0, index, 2, 0) for index in range(0, min(leaves, 32), 2)]
        await wire.send(*asks)
        self.arrived()
        number = 0
        while (messages := await wire.receive()) is not None:
            for message in messages:
                if isinstance(message, Hashes | HashReject):
                    number += 1
                    await wire.send(asks[number % len(asks)])


# ---------------------------------------------------------------------- nonsense


class Noise(Attack):
    """Random bytes, with no handshake before them. Achieves nothing: it is hung up on."""

    async def call(self, stream: trio.abc.Stream) -> None:
        self.arrived()
        await stream.send_all(random.Random(2).randbytes(2**16))
        await stream.receive_some()


class NoiseInside(Attack):
    """Random bytes after the handshakes. Achieves nothing: it is hung up on."""

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        await wire.send(random.Random(3).randbytes(2**16))
        await drain(wire)


class GiantLength(Attack):
    """A message that says it is 4 GiB long. Achieves nothing: it is hung up on before a byte of it."""

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        await wire.send(b"\xff\xff\xff\xff\x14\x00" + bytes(1000))
        await drain(wire)


class WrongBitfield(Attack):
    """A bitfield with all bits set, also those behind the last piece. Achieves nothing: it is hung up on."""

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        await wire.send(BitfieldMessage(b"\xff" * -(-self.piece_count // 8)))
        await drain(wire)


class OtherTorrent(Attack):
    """A handshake for a torrent that the victim does not have. Achieves nothing: it is hung up on."""

    def handshake(self) -> Handshake:
        return super().handshake()._replace(info_hash=b"another torrent's...")

    async def call(self, stream: trio.abc.Stream) -> None:
        self.arrived()
        await super().call(stream)


class Dripping(Attack):
    """Says its handshake one byte a second.

    Achieves: a place among the connections that shake hands, for ten seconds.
    """

    async def call(self, stream: trio.abc.Stream) -> None:
        self.arrived()
        for byte in self.handshake().encode():
            await stream.send_all(bytes((byte,)))
            await trio.sleep(1)


class DrippingInside(Attack):
    """Keep-alives, one byte a second, after the handshakes. Achieves a place among the peers, as one that is idle."""

    async def harm(self, wire: Wire) -> None:
        self.arrived()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drain, wire)
            while True:
                await wire.send(b"\0")
                await trio.sleep(1)
