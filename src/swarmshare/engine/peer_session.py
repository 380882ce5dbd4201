"""One connection to one peer: a task that reads, a task that writes, and what is known of the other side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final, Protocol

import trio

from swarmshare.common.address import network_of, show_address
from swarmshare.common.bitfield import Bitfield
from swarmshare.engine.config import PEER_ID_PREFIX
from swarmshare.engine.transport import split
from swarmshare.errors import RemoteProtocolError, StorageError
from swarmshare.swarm.rates import RateMeter
from swarmshare.swarm.requester import Requester
from swarmshare.swarm.room import Occupant
from swarmshare.wire.connection import PeerConnection
from swarmshare.wire.extensions import dont_have
from swarmshare.wire.phases import Negotiated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from swarmshare.common.address import Address
    from swarmshare.engine.block_source import BlockSource, Mark
    from swarmshare.engine.blocks import PieceBuffers
    from swarmshare.engine.transport import Transport
    from swarmshare.manifest.layout import Block
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.swarm.picker import PiecePicker
    from swarmshare.wire.connection import Output
    from swarmshare.wire.handshake import Handshake
    from swarmshare.wire.messages import Message

BATCH_READS: Final = 8
"""Reads before another task gets a turn and a rate limit is asked: a peer that sends in drops is no reason to wait."""
BATCH_LENGTH: Final = 512 * 2**10
"""Bytes after which no further read comes before that."""
SILENT: Final = 5.0
"""Seconds without a byte after which a peer is asked whether it is still there, when another one comes with its id."""
PROBE: Final = 4.0
"""Seconds that its machine has for an answer."""
MAX_OUTPUT: Final = 10_000
"""Parts of output that wait to be sent. Beyond it we stop reading: a peer that asks and does not read fills no memory
of ours."""


class SessionOwner(Protocol):
    """What a session asks of the torrent that it belongs to."""

    manifest: Manifest
    picker: PiecePicker[BlockSource]
    buffers: PieceBuffers

    def handle(self, session: PeerSession, messages: list[Message]) -> None:
        """Act on what the peer said in one read; it must not wait. May raise RemoteProtocolError."""

    def after_reading(self, session: PeerSession) -> None:
        """Act once on all messages that came together, such as by asking the peer for more."""

    async def wait_to_read(self, count: int) -> None:
        """Wait, after ``count`` bytes were read, until more may be: while the disk is behind, or for a rate limit."""

    async def serve(self, session: PeerSession) -> None:
        """Put some of what the peer asked for into the session's output."""

    def largest_send(self) -> int | None:
        """How many bytes may be sent at once; None: as many as there are, because no limit is set."""

    async def wait_to_send(self, count: int) -> None:
        """Wait until the upload limits let ``count`` bytes pass."""

    def on_unreadable(self, error: StorageError) -> None:
        """React to a file that could not be sent from."""

    def sent(self) -> None:
        """Note that the system has just taken bytes to send."""

    def session_ended(self, session: PeerSession, reason: str) -> None:
        """Forget the session; ``reason`` is what the peer did wrong, empty when nothing."""


class PeerSession:
    """A peer that we are connected to; a :class:`~swarmshare.engine.block_source.BlockSource`."""

    def __init__(
        self, owner: SessionOwner, transport: Transport, theirs: Handshake, ours: Handshake, *, dialled: bool
    ) -> None:
        """Prepare a session after the handshakes ``theirs`` and ``ours`` were exchanged over ``transport``.

        ``dialled`` says whether it was us who connected: then the peer accepts connections where we reached it.
        """
        self.transport = transport
        self.host = transport.host
        self.dialled = dialled
        """Whether it was us who connected."""
        self.listens: Address | None = (self.host, transport.port) if dialled else None
        """Where it accepts connections: we dialled it there, or it says so."""
        self.identity = transport.identity
        """Whom it is proven to be, by its certificate; None: it has shown none."""
        self.marks: tuple[Mark, ...] = ((self.host, theirs.peer_id),)
        """What it is recognised by when it comes again: its device, if that is proven, else its host with its id; and
        the address where we dialled it."""
        if self.identity is not None and self.identity.device_id:
            self.marks = ((f"{self.identity.user_id}/{self.identity.device_id}", b"device"),)
        if dialled:
            self.marks += ((self.host, transport.port),)
        self.peer_id = theirs.peer_id
        layout = owner.manifest.layout
        negotiated = Negotiated(
            fast=theirs.fast and ours.fast,
            extended=theirs.extended and ours.extended,
            v2=theirs.info_hash == owner.manifest.info_hash.truncated,
        )
        self.connection = PeerConnection(layout, negotiated, partial(owner.buffers.place, self))
        self.has = Bitfield(layout.piece_count)
        """The pieces that it holds, as it says."""
        self.requester: Requester[BlockSource] = Requester(owner.picker, self)
        self.looks_elsewhere = theirs.peer_id.startswith(PEER_ID_PREFIX)
        """Whether it takes a rejection for a hint to look elsewhere: our own kind does."""
        self.client = ""
        """Its program and version, as it says."""
        self.ids: Mapping[bytes, int] = {}
        """The extensions that it understands, with its ids for them (BEP 10)."""
        self.metadata_sent = 0
        """How many parts of the ``info`` dictionary it asked for."""
        self.downloaded = self.uploaded = self.counted = 0
        """Bytes of blocks from it, to it, and those from it that the torrent has counted."""
        self.meter_down, self.meter_up = RateMeter(), RateMeter()
        self.since = self.last_received = self.last_sent = trio.current_time()
        self.slot_changed = self.since
        """When it was choked or unchoked last."""
        self.scope = trio.CancelScope()
        self.ended = trio.Event()
        """Set when its torrent has forgotten it."""
        self._closed_for = ""
        self._owner = owner
        self._picker = owner.picker
        self._probing = False
        self._wake = trio.Event()
        self._drained = trio.Event()

    def wake(self) -> None:
        """Let the writing task look whether there is something to send."""
        self._wake.set()

    @property
    def address(self) -> str:
        """Its address for people: where it listens, if that is known, else where it connects from."""
        return show_address(*(self.listens or (self.host, self.transport.port)))

    @property
    def user(self) -> str:
        """The user whose device it is proven to be; empty: nothing is proven."""
        return self.identity.user if self.identity is not None else ""

    @property
    def is_closing(self) -> bool:
        """Whether it is about to end."""
        return self.scope.cancel_called

    def as_occupant(self, now: float) -> Occupant[PeerSession]:
        """Return what decides whether it is to make room for another peer, at ``now`` in trio's time."""
        last = max(self.meter_down.last or self.since, self.meter_up.last or self.since)
        wanted = self.connection.am_interested or self.connection.peer_interested
        exchanged = self.downloaded > 0 or self.uploaded > 0
        return Occupant(self, network_of(self.host), now - last, exchanged, wanted)

    def update_interest(self) -> None:
        """Tell the peer whether it holds a piece that we want."""
        self.connection.set_interested(self._picker.is_interesting(self.has))
        self.wake()

    def cancel(self, block: Block) -> None:
        """Take back a request for ``block`` (BEP 3); with BEP 6 the peer answers all the same."""
        self.connection.cancel(block)
        self.wake()

    def send_dont_have(self, piece: int) -> None:
        """Take back that we hold ``piece`` (BEP 54), if the peer understands that."""
        message = dont_have(self.ids, piece)
        if message is not None and self.connection.negotiated.extended:
            self.connection.send_extended(message)

    def close(self, reason: str = "") -> None:
        """End the session soon: its tasks are cancelled. ``reason`` is what the peer did wrong, if anything."""
        self._closed_for = self._closed_for or reason
        self.scope.cancel()

    async def is_alive(self) -> bool:
        """Whether the peer's machine still answers, to be asked when another connection comes with the peer's id.

        A peer whose address changed comes anew, and its old connection hangs for minutes; but a stranger may have
        copied its id. Nothing that the newcomer says tells them apart, so the old connection is asked: the system
        probes it (TCP keep-alive), and any live machine confirms that, whatever its program is busy with. Where the
        system does not tell of confirmations, the peer counts as alive. So it does for all who come during a probe.
        """
        if self._probing or not self.transport.can_probe or trio.current_time() - self.last_received < SILENT:
            return True
        self._probing = True
        try:
            self.transport.start_probe()
            with trio.move_on_after(PROBE):
                await self.ended.wait()
            if self.ended.is_set():
                return False
            last_confirmed = self.transport.end_probe()
            return last_confirmed is None or last_confirmed < PROBE
        except OSError:
            return True
        finally:
            self._probing = False

    async def close_when_dead(self) -> None:
        """Close the session when its peer's machine answers no more: the peer may have come anew from elsewhere."""
        while not self.ended.is_set():
            if not await self.is_alive():
                self.close()
                return
            with trio.move_on_after(SILENT):
                await self.ended.wait()

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
        except* OSError:
            pass
        finally:
            self._owner.session_ended(self, reason or self._closed_for)
            self.ended.set()

    async def _read(self) -> None:
        while True:
            total, is_open = self._read_batch()
            if not is_open:
                return
            if not total:
                await self.transport.wait_readable()
                continue
            await self._after_reading(total)
            await trio.lowlevel.checkpoint()

    def _read_batch(self) -> tuple[int, bool]:
        """Deal with what has come, up to a bound; the number of bytes, and whether there may be more to come at all."""
        # The hot path: a few system calls and one plain call for each, without going round the loop in between.
        connection, owner, receive = self.connection, self._owner, self.transport.receive_into
        total = 0
        self.last_received = trio.current_time()
        for _ in range(BATCH_READS):
            try:
                count = receive(connection.buffers())
            except BlockingIOError:
                break
            if not count:
                return total, False
            total += count
            owner.handle(self, connection.received(count))
            if total >= BATCH_LENGTH:
                break
        return total, True

    async def _after_reading(self, count: int) -> None:
        connection = self.connection
        self._owner.after_reading(self)
        if connection.has_output or connection.owed or connection.owed_hashes:
            self._wake.set()
        while connection.output_count > MAX_OUTPUT:
            self._drained = trio.Event()
            await self._drained.wait()
        await self._owner.wait_to_read(count)

    async def _write(self) -> None:
        connection, owner = self.connection, self._owner
        while True:
            await owner.serve(self)
            if connection.has_output:
                await self._send(connection.take_output())
                self._drained.set()
                self.last_sent = trio.current_time()
            else:
                await self._wake.wait()
                self._wake = trio.Event()

    async def _send(self, parts: list[Output]) -> None:
        """Send ``parts``, as fast as the limits allow."""
        owner = self._owner
        most = owner.largest_send()
        for batch in [parts] if most is None else split(parts, most):
            await owner.wait_to_send(sum(map(len, batch)))
            try:
                await self.transport.send(batch, owner.sent)
            except StorageError as error:
                owner.on_unreadable(error)
                self.close()  # the block whose head is out cannot be completed
                await trio.lowlevel.checkpoint()
