"""One connection to one peer: a task that reads, a task that writes, and what is known of the other side."""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

import trio

from swarmshare.engine.address import show_address
from swarmshare.engine.config import PEER_ID_PREFIX
from swarmshare.engine.limits import pass_all
from swarmshare.errors import RemoteProtocolError, StorageError
from swarmshare.storage.opening import is_limit
from swarmshare.swarm.bitfield import Bitfield
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.requester import Requester
from swarmshare.wire.connection import Negotiated, PeerConnection
from swarmshare.wire.extensions import dont_have

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.engine.address import Address
    from swarmshare.engine.torrent import Torrent
    from swarmshare.manifest.layout import Block
    from swarmshare.wire.handshake import Handshake

BATCH_BLOCKS: Final = 16
"""Blocks that are put into one send: enough to keep a fast link busy, few enough to cancel."""
BATCH_READS: Final = 4
"""Reads, of up to nine blocks each, before anybody else gets a turn and a rate limit is asked."""
SILENT: Final = 5.0
"""Seconds without a byte after which a peer whose id somebody else comes with is asked whether it is still there."""
PROBE: Final = 4.0
"""Seconds that its machine has for an answer."""
MAX_PARTS: Final = 512
"""Parts that one system call sends at most; systems allow 1,024."""
MAX_OUTPUT: Final = 10_000
"""Parts of output that wait to be sent. Beyond it we stop reading: the peer does not read either."""

_TCP_INFO: Final = struct.Struct("8x13I")
"""The beginning of Linux's ``struct tcp_info``; the last number is how many milliseconds ago the other machine has
confirmed anything."""


class PeerSession:
    """A peer that we are connected to."""

    def __init__(
        self,
        torrent: Torrent,
        stream: trio.SocketStream,
        theirs: Handshake,
        ours: Handshake,
        *,
        dialled: bool,
    ) -> None:
        self.torrent = torrent
        self.host, self._port, *_ = stream.socket.getpeername()
        self.listens: Address | None = (self.host, self._port) if dialled else None
        """Where it accepts connections: we dialled it there, or it says so."""
        self.marks: tuple[Address | tuple[str, bytes], ...] = ((self.host, theirs.peer_id),)
        """What we know it by, and no other."""
        if dialled:
            self.marks += ((self.host, self._port),)
        self.peer_id = theirs.peer_id
        self.stream = stream
        negotiated = Negotiated(
            fast=theirs.fast and ours.fast,
            extended=theirs.extended and ours.extended,
            v2=theirs.info_hash == torrent.manifest.info_hash.truncated,
        )
        self.connection = PeerConnection(torrent.layout, negotiated, self._place)
        self.has = Bitfield(torrent.layout.piece_count)
        self.requester = Requester(torrent.picker, self)
        self.looks_elsewhere = theirs.peer_id.startswith(PEER_ID_PREFIX)
        """Whether it takes a rejection for a hint to look elsewhere: our own kind does."""
        self.client = ""
        self.ids: Mapping[bytes, int] = {}
        self.metadata_sent = 0
        """How many parts of the ``info`` dictionary it asked for."""
        self.downloaded = self.uploaded = self.counted = 0
        self.meter_down, self.meter_up = RateMeter(), RateMeter()
        self.since = self.last_received = self.last_sent = trio.current_time()
        self.slot_changed = self.since
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        """Set when it is none of its torrent's any more."""
        self._probing = False
        self._wake = trio.Event()
        self._drained = trio.Event()

    def wake(self) -> None:
        """There may be something to send."""
        self._wake.set()

    @property
    def address(self) -> str:
        """Where it is, for people: where it listens, if it said so."""
        return show_address(*(self.listens or (self.host, self._port)))

    def tell_dont_have(self, piece: int) -> None:
        """Take back that we hold ``piece`` (BEP 54), if the peer understands that."""
        message = dont_have(self.ids, piece)
        if message is not None and self.connection.negotiated.extended:
            self.connection.send_extended(message)

    def close(self) -> None:
        """End the session soon."""
        self.scope.cancel()

    async def is_alive(self) -> bool:
        """Whether the peer's machine still answers, when somebody else comes with the peer's id.

        A peer whose address changed comes anew, and its old connection hangs for minutes; but a stranger may have
        copied its id. Nothing that the newcomer says tells them apart, so the old connection is asked: the system
        probes it (TCP keep-alive), and any live machine confirms that, whatever its program is busy with. Where the
        system does not tell of confirmations, the peer counts as alive. So it does for all who come during a probe.
        """
        if self._probing or sys.platform != "linux" or trio.current_time() - self.last_received < SILENT:
            return True
        self._probing = True
        try:
            tcp = socket.IPPROTO_TCP
            self._socket.setsockopt(tcp, socket.TCP_KEEPIDLE, 1)
            self._socket.setsockopt(tcp, socket.TCP_KEEPINTVL, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            with trio.move_on_after(PROBE):
                await self.ended.wait()
            if self.ended.is_set():
                return False
            info = self._socket.getsockopt(tcp, socket.TCP_INFO, _TCP_INFO.size)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
            last_confirmed: int = _TCP_INFO.unpack(info)[-1]
            return last_confirmed < PROBE * 1000
        except (OSError, struct.error):  # what calls itself Linux may not have all of it
            return True
        finally:
            self._probing = False

    async def run(self) -> None:
        """Talk until either side has had enough. Never raises for what a peer or a network does."""
        reason = ""
        # The plain socket underneath: trio's own would go round its loop once for each call.
        with socket.socket(fileno=self.stream.socket.detach()) as self._socket:
            try:
                with self.scope:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._write)
                        await self._read()
                        nursery.cancel_scope.cancel()
            except* RemoteProtocolError as errors:
                reason = str(errors.exceptions[0])
            except* OSError:
                pass
            finally:
                self.torrent.session_ended(self, reason)
                self.ended.set()

    def _place(self, block: Block) -> memoryview:
        return self.torrent.downloads.buffers.place(self, block)

    async def _read(self) -> None:
        while True:
            total, is_open = self._read_batch()
            if not is_open:
                return
            if not total:
                await trio.lowlevel.wait_readable(self._socket)
                continue
            await self._after_reading(total)
            await trio.lowlevel.checkpoint()

    def _read_batch(self) -> tuple[int, bool]:
        """Deal with what has come, up to a bound; the number of bytes, and whether there may be more to come at all."""
        connection, torrent, receive = self.connection, self.torrent, self._socket.recvmsg_into
        total = 0
        self.last_received = trio.current_time()
        for _ in range(BATCH_READS):
            try:
                count = receive(connection.buffers())[0]
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
        torrent.downloads.after_reading(self)
        if connection.has_output or connection.owed or connection.owed_hashes:
            self._wake.set()
        while connection.output_count > MAX_OUTPUT:
            self._drained = trio.Event()
            await self._drained.wait()
        await torrent.disk.has_room()
        if torrent.limits_down:
            await pass_all(torrent.limits_down, count)

    async def _write(self) -> None:
        connection = self.connection
        while True:
            await self._serve()
            if connection.owed_hashes:
                await self.torrent.uploads.answer_hashes(self)
            if connection.has_output:
                await self._send(connection.take_output())
                self._drained.set()
                self.last_sent = trio.current_time()
            else:
                await self._wake.wait()
                self._wake = trio.Event()

    async def _serve(self) -> None:
        """Put some of the blocks that we owe into the output."""
        connection, uploads = self.connection, self.torrent.uploads
        length = 0
        blocks, elsewhere = uploads.super_seeding.choose(
            self, connection.owed, trio.current_time(), BATCH_BLOCKS, looks_elsewhere=self.looks_elsewhere
        )
        for block in elsewhere:
            connection.reject(block)
        for block in blocks:
            data = uploads.cached(block) or await self._read_block(block)
            if block not in connection.owed:
                continue  # cancelled, or choked, while we read
            if data is None:
                connection.reject(block)
            else:
                connection.send_block(block, data)
                length += block.length
        if length:
            self.uploaded += length
            self.meter_up.add(trio.current_time(), length)
            uploads.count(length)

    async def _read_block(self, block: Block) -> memoryview | None:
        try:
            return await self.torrent.uploads.read(*block)
        except StorageError as error:
            if is_limit(error):
                self.torrent.on_limit()
            self.torrent.file_monitor.look_soon()
            return None

    async def _send(self, parts: list[bytes | memoryview]) -> None:
        """Send all of ``parts``: blocks go from the cache to the kernel without a copy."""
        if self.torrent.limits_up:
            await pass_all(self.torrent.limits_up, sum(map(len, parts)))
        while parts:
            now = parts[:MAX_PARTS]
            try:
                sent = self._socket.sendmsg(now)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
                continue
            self.torrent.uploads.super_seeding.last_sent = trio.current_time()
            done = 0
            for length in map(len, now):
                if sent < length:
                    parts[done] = memoryview(parts[done])[sent:]
                    break
                sent -= length
                done += 1
            del parts[:done]
        await trio.lowlevel.checkpoint()
