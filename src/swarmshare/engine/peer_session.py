"""One connection to one peer: a task that reads, a task that writes, and what is known of the other side."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.errors import RemoteProtocolError, StorageError
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.pipeline import RequestPipeline
from swarmshare.swarm.rates import RateMeter
from swarmshare.wire.connection import PeerConnection, Settled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.engine.torrent import Torrent
    from swarmshare.wire.handshake import Handshake
    from swarmshare.wire.messages import Piece

BATCH_LENGTH: Final = 256 * 2**10
"""Bytes of blocks that are put into one send: enough to keep a fast link busy, few enough to cancel."""
BATCH_READS: Final = 32
"""Reads, of a block each on a busy link, before anybody else gets a turn."""
MAX_OUTPUT: Final = 10_000
"""Parts of output that wait to be sent. Beyond it we stop reading: the peer does not read either."""


class PeerSession:
    """A peer that we are connected to."""

    def __init__(
        self, torrent: Torrent, stream: trio.SocketStream, theirs: Handshake, ours: Handshake, address: str
    ) -> None:
        self.torrent = torrent
        self.address = address
        self.peer_id = theirs.peer_id
        self.stream = stream
        settled = Settled(
            fast=theirs.fast and ours.fast,
            extended=theirs.extended and ours.extended,
            v2=theirs.info_hash == torrent.manifest.info_hash.truncated,
        )
        self.connection = PeerConnection(torrent.layout, settled, self._place, padded=torrent.manifest.hybrid)
        self.has = Bitfield(torrent.layout.piece_count)
        self.pipeline = RequestPipeline()
        self.refusals: dict[int, int] = {}
        """How many blocks of a piece it rejected."""
        self.client = ""
        self.ids: Mapping[bytes, int] = {}
        self.downloaded = self.uploaded = self.counted = 0
        self.meter_down, self.meter_up = RateMeter(), RateMeter()
        self.since = self.last_received = self.last_sent = trio.current_time()
        self.slot_changed = self.since
        self.scope = trio.CancelScope()
        self._wake = trio.Event()
        self._drained = trio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    def close(self) -> None:
        """End the session soon."""
        self.scope.cancel()

    async def run(self) -> None:
        """Talk until either side has had enough. Never raises for what a peer or a network does."""
        reason = ""
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    nursery.cancel_scope.cancel()
        except* RemoteProtocolError as errors:
            reason = str(errors.exceptions[0])
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        finally:
            self.torrent.session_ended(self, reason)
            await trio.aclose_forcefully(self.stream)

    def _place(self, block: Piece) -> memoryview | None:
        return self.torrent.place(self, block)

    async def _read(self) -> None:
        # The plain socket underneath: trio's own would go round its loop once for each block.
        with socket.fromfd(self.stream.socket.fileno(), self.stream.socket.family, self.stream.socket.type) as plain:
            plain.setblocking(False)
            while True:
                total, is_open = self._read_batch(plain)
                if not is_open:
                    return
                if not total:
                    await trio.lowlevel.wait_readable(plain)
                    continue
                await self._after_reading(total)
                await trio.lowlevel.checkpoint()

    def _read_batch(self, plain: socket.socket) -> tuple[int, bool]:
        """Deal with what has come, up to a bound; the number of bytes, and whether there may be more to come at all."""
        connection, torrent = self.connection, self.torrent
        total = 0
        self.last_received = trio.current_time()
        for _ in range(BATCH_READS):
            try:
                count = plain.recvmsg_into(connection.buffers())[0]
            except BlockingIOError:
                break
            if not count:
                return total, False
            total += count
            for message in connection.received(count):
                torrent.handle(self, message)
        return total, True

    async def _after_reading(self, count: int) -> None:
        connection, torrent = self.connection, self.torrent
        torrent.count_down(self)
        torrent.refill(self)
        if connection.has_output or connection.owed or connection.owed_hashes:
            self._wake.set()
        while connection.output_count > MAX_OUTPUT:
            self._drained = trio.Event()
            await self._drained.wait()
        await torrent.disk_has_room()
        await torrent.limit_down(count)

    async def _write(self) -> None:
        connection = self.connection
        while True:
            await self._serve()
            await self.torrent.answer_hashes(self)
            if not connection.has_output:
                if not connection.owed and not connection.owed_hashes:
                    await self._wake.wait()
                    self._wake = trio.Event()
                continue
            data = b"".join(connection.take_output())
            self._drained.set()
            await self.torrent.limit_up(len(data))
            await self.stream.send_all(data)
            self.last_sent = trio.current_time()

    async def _serve(self) -> None:
        """Put some of the blocks that we owe into the output."""
        length = 0
        while length < BATCH_LENGTH and self.connection.owed:
            request = next(iter(self.connection.owed))
            try:
                data = await self.torrent.read_block(request.piece, request.begin, request.length)
            except StorageError:
                data = None
            if request not in self.connection.owed:
                continue  # cancelled, or choked, while we read
            if data is None:
                self.connection.reject(request)
                continue
            self.connection.send_block(request, data)
            length += request.length
            self.uploaded += request.length
            self.meter_up.add(trio.current_time(), request.length)
            self.torrent.count_up(request.length)
