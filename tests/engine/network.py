"""A network in memory, for tests of the engine on a clock that jumps: hosts, delays, rates and pulled cables.

It takes the place of the system's sockets by trio's own seam for that (``trio.socket.set_custom_socket_factory``), so
listening, accepting, dialling and exchanging handshakes are the engine's real code. A connection's bytes are moved by a
:class:`~swarmshare.engine.transport.Transport`, which is ours here: ``open_engine`` takes one.

The clock (pytest-trio's ``autojump_clock``) jumps whenever all tasks wait, so a test of ten minutes costs what happens
in them. Worker threads are real, and so are the files: the disk's code is the engine's own, too. A clock that jumped
while a thread works would let ten seconds pass in no time, so it stands still as long as a worker has a token of trio's
limiter. (Running the work in line would need a patch of trio, and would hide what happens while a thread works.)
"""

from __future__ import annotations

import errno
import os
import socket
from collections import defaultdict, deque
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from math import inf
from typing import TYPE_CHECKING, Any

import trio
from trio.testing import MockClock

from swarmshare.engine.transport import Transport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from swarmshare.common.address import Address
    from swarmshare.wire.connection import Output

WINDOW = 2**18
"""Bytes of one connection that are on their way or wait to be read, each way; then the sender waits."""

_host: ContextVar[str] = ContextVar("host", default="10.0.0.1")


class Network(trio.abc.SocketFactory):
    """All hosts, what listens there, and how fast they send."""

    def __init__(self) -> None:
        self.dials: list[tuple[float, Address]] = []
        """When what address was dialled, whatever came of it."""
        self.dead: set[str] = set()
        """Hosts whose cable is pulled: nothing comes to them or from them, and nobody is told."""
        self._listeners: dict[Address, MemorySocket] = {}
        self._uplinks: defaultdict[str, _Uplink] = defaultdict(_Uplink)
        self._ports = iter(range(40_000, 65_536))

    def socket(self, family: Any = None, type: Any = None, proto: int = 0) -> MemorySocket:
        return MemorySocket(self, _host.get(), family)

    @contextmanager
    def at(self, host: str) -> Iterator[None]:
        """The host at which whatever is started inside dials from."""
        token = _host.set(host)
        try:
            yield
        finally:
            _host.reset(token)

    def uplink(self, host: str, *, delay: float = 0.0, rate: float = inf) -> None:
        """What ``host`` sends takes ``delay`` seconds, at ``rate`` bytes a second over all of its connections."""
        self._uplinks[host].delay, self._uplinks[host].rate = delay, rate

    def bind(self, address: Address, listener: MemorySocket) -> Address:
        host, port = address
        address = host, port or next(self._ports)
        if address in self._listeners:
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        self._listeners[address] = listener
        return address

    def unbind(self, listener: MemorySocket) -> None:
        for address in [address for address, known in self._listeners.items() if known is listener]:
            del self._listeners[address]

    async def connect(self, near: MemorySocket, address: Address) -> None:
        self.dials.append((trio.current_time(), address))
        here, there = near.name[0], address[0]
        if not self.dead.isdisjoint((here, there)):
            await trio.sleep_forever()
        await trio.sleep(self._uplinks[here].delay + self._uplinks[there].delay)
        listener = self._listeners.get(address)
        if listener is None or not listener.listening:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        near.name = here, next(self._ports)
        far = MemorySocket(self, there, near.family)
        far.name, far.peer, near.peer = address, near.name, address
        near.outgoing = far.incoming = _Pipe(self, here, there)
        far.outgoing = near.incoming = _Pipe(self, there, here)
        listener.queue(far)

    def carry(self, sender: str, receiver: str, length: int) -> float:
        """When ``length`` bytes arrive that are sent now; never, where a cable is pulled."""
        if not self.dead.isdisjoint((sender, receiver)):
            return inf
        uplink = self._uplinks[sender]
        uplink.free_at = max(trio.current_time(), uplink.free_at) + length / uplink.rate
        return uplink.free_at + uplink.delay


class _Uplink:
    """What one host sends through."""

    def __init__(self) -> None:
        self.delay, self.rate, self.free_at = 0.0, inf, 0.0


class _Pipe:
    """One direction of a connection; an empty part is its end."""

    def __init__(self, network: Network, sender: str, receiver: str) -> None:
        self._network, self._ends = network, (sender, receiver)
        self._parts: deque[tuple[float, memoryview]] = deque()
        self._length = 0
        self._broken = self._ended = False
        self._arrivals, self._departures = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    def write(self, data: bytes | memoryview) -> int:
        if self._broken or self._ended:
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        taken = memoryview(bytes(data[: WINDOW - self._length]))
        if not taken:
            raise BlockingIOError
        self._add(taken)
        return len(taken)

    def end(self) -> None:
        """The sender sends no more."""
        if not self._ended:
            self._ended = True
            self._add(memoryview(b""))

    def break_off(self) -> None:
        """The receiver reads no more."""
        self._broken = True
        self._departures.unpark_all()

    def _add(self, part: memoryview) -> None:
        self._length += len(part)
        self._parts.append((self._network.carry(*self._ends, len(part)), part))
        self._arrivals.unpark_all()

    def read_into(self, view: memoryview) -> int:
        if not self._parts or self._parts[0][0] > trio.current_time():
            raise BlockingIOError
        due, part = self._parts[0]
        count = min(len(part), len(view))
        view[:count] = part[:count]
        if count < len(part):
            self._parts[0] = due, part[count:]
        elif part:
            self._parts.popleft()
        self._length -= count
        self._departures.unpark_all()
        return count

    async def wait_readable(self) -> None:
        while not self._parts:
            await self._arrivals.park()
        await trio.sleep_until(self._parts[0][0])

    async def wait_writable(self) -> None:
        while self._length >= WINDOW and not self._broken:
            await self._departures.park()


class MemorySocket(trio.socket.SocketType):
    """What trio's streams and listeners, and our transport, use of a socket."""

    def __init__(self, network: Network, host: str, family: Any) -> None:
        super().__init__()
        self.name: Address = (host, 0)
        self.peer: Address | None = None
        self.incoming: _Pipe | None = None
        self.outgoing: _Pipe | None = None
        self.listening = False
        self._network, self._family = network, family
        self._closed = self._has_ended = False
        self._accepted: deque[MemorySocket] = deque()
        self._waiting = trio.lowlevel.ParkingLot()

    def __enter__(self) -> MemorySocket:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def family(self) -> Any:
        return self._family

    @property
    def type(self) -> Any:
        return socket.SOCK_STREAM

    @property
    def did_shutdown_SHUT_WR(self) -> bool:  # noqa: N802
        return self._has_ended

    def fileno(self) -> int:
        return -1 if self._closed else 0

    def getsockname(self) -> Any:
        return self.name

    def getpeername(self) -> Any:
        if self.peer is None:
            raise OSError(errno.ENOTCONN, os.strerror(errno.ENOTCONN))
        return self.peer

    def setsockopt(self, *option: Any) -> None:
        """There is nothing to set."""

    def getsockopt(self, level: int, option: int, length: int | None = None) -> Any:
        return int(self.listening)  # what is asked for is whether it accepts connections

    async def bind(self, address: Any) -> None:
        self.name = self._network.bind(address[:2], self)

    def listen(self, backlog: int = 0) -> None:
        self.listening = True

    def queue(self, accepted: MemorySocket) -> None:
        """Let :meth:`accept` return a connection."""
        self._accepted.append(accepted)
        self._waiting.unpark()

    async def accept(self) -> tuple[Any, Any]:
        while not self._accepted:
            await self._waiting.park()
        accepted = self._accepted.popleft()
        return accepted, accepted.peer

    async def connect(self, address: Any) -> None:
        await self._network.connect(self, address[:2])

    def read_into(self, buffers: Sequence[memoryview]) -> int:
        """Fill ``buffers`` with what has come; 0 at the end, and BlockingIOError when there is nothing yet."""
        assert self.incoming is not None
        total = 0
        try:
            for buffer in buffers:
                count = 1
                while buffer and count:
                    count = self.incoming.read_into(buffer)
                    total, buffer = total + count, buffer[count:]
                if not count:
                    break
        except BlockingIOError:
            if not total:
                raise
        return total

    def write(self, parts: Sequence[bytes | memoryview]) -> int:
        """Send as much of ``parts`` as fits; BlockingIOError when nothing does."""
        assert self.outgoing is not None
        total = 0
        try:
            for part in parts:
                count = self.outgoing.write(part) if part else 0
                total += count
                if count < len(part):
                    break
        except BlockingIOError:
            if not total:
                raise
        return total

    async def recv(self, size: int, flags: int = 0) -> bytes:
        assert self.incoming is not None
        await trio.lowlevel.checkpoint()
        while True:
            self._require_open()
            buffer = memoryview(bytearray(size))
            try:
                return bytes(buffer[: self.read_into([buffer])])
            except BlockingIOError:
                await self.incoming.wait_readable()

    async def send(self, data: Any, flags: int = 0) -> int:
        assert self.outgoing is not None
        await trio.lowlevel.checkpoint()
        while True:
            self._require_open()
            try:
                return self.write([memoryview(data)])
            except BlockingIOError:
                await self.outgoing.wait_writable()

    @property
    def is_cut_off(self) -> bool:
        """Whether nothing passes between its two ends."""
        return self.peer is not None and not self._network.dead.isdisjoint((self.name[0], self.peer[0]))

    def _require_open(self) -> None:
        if self._closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))

    def shutdown(self, how: int) -> None:
        assert self.outgoing is not None
        self._has_ended = True
        self.outgoing.end()

    def close(self) -> None:
        if self._closed:
            return
        self._closed, self.listening = True, False
        self._network.unbind(self)
        for left in self._accepted:
            left.close()
        if self.outgoing is not None and self.incoming is not None:
            self.outgoing.end()
            self.incoming.break_off()


class MemoryTransport(Transport):
    """The transport of the engine's sessions on this network."""

    can_send_files = False

    def __init__(self, stream: trio.SocketStream) -> None:
        self.host, self.port, *_ = stream.socket.getpeername()
        assert isinstance(stream.socket, MemorySocket)
        assert stream.socket.incoming is not None
        assert stream.socket.outgoing is not None
        self._memory = stream.socket
        self._incoming, self._outgoing = stream.socket.incoming, stream.socket.outgoing

    def __exit__(self, *error: object) -> None:
        self._memory.close()

    def receive_into(self, buffers: Sequence[memoryview]) -> int:
        return self._memory.read_into(buffers)

    async def begins_with(self, first: int) -> bool:
        return False  # there is no encryption on this network

    async def wait_readable(self) -> None:
        await self._incoming.wait_readable()

    def keep_ahead(self, length: int) -> None:
        """Nothing waits in a system here."""

    async def send(self, parts: list[Output], on_progress: Callable[[], None]) -> None:
        while parts:
            now = [part for part in parts if isinstance(part, bytes | memoryview)]
            assert len(now) == len(parts), "files are not sent from"
            try:
                sent = self._memory.write(now)
            except BlockingIOError:
                await self._outgoing.wait_writable()
                continue
            on_progress()
            while parts and sent >= len(parts[0]):
                sent -= len(parts.pop(0))
            if sent:
                parts[0] = memoryview(now[len(now) - len(parts)])[sent:]
        await trio.lowlevel.checkpoint()

    @property
    def can_probe(self) -> bool:
        return True

    def start_probe(self) -> None:
        """The other machine is asked when the answer is wanted."""

    def end_probe(self) -> float | None:
        """It confirms at once, unless its cable is pulled."""
        return inf if self._memory.is_cut_off else 0.0


class _ClockWaitsForThreads(trio.abc.Instrument):
    """Stops the clock from jumping while a worker thread has something to do."""

    def __init__(self, clock: MockClock) -> None:
        self._clock = clock
        self._workers = trio.to_thread.current_default_thread_limiter()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        # A token is taken before the task waits for its thread, and given back in a step of trio's own task.
        threshold = inf if self._workers.borrowed_tokens else 0.0
        if threshold != self._clock.autojump_threshold:
            self._clock.autojump_threshold = threshold


@asynccontextmanager
async def open_network() -> AsyncIterator[Network]:
    """Put a network in memory in the place of the system's, for this run of trio."""
    clock = trio.lowlevel.current_clock()
    assert isinstance(clock, MockClock), "a test on this network takes the fixture autojump_clock, too"
    network = Network()
    instrument = _ClockWaitsForThreads(clock)
    trio.lowlevel.add_instrument(instrument)
    before = trio.socket.set_custom_socket_factory(network)
    try:
        yield network
    finally:
        trio.socket.set_custom_socket_factory(before)
        trio.lowlevel.remove_instrument(instrument)
        clock.autojump_threshold = 0.0
