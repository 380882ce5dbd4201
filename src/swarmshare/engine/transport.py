"""The bytes of one connection, from its handshake on: received into buffers, sent in parts.

Nothing else moves a peer's data. This is a plain TCP socket, as :func:`swarmshare.engine.handshaking.open_transport`
makes it; an encrypted one (:mod:`swarmshare.engine.tls`) takes it over, and has the same methods.
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import sys
from typing import TYPE_CHECKING, Final, Self

import trio

from swarmshare.storage.file_part import CAN_SEND, FilePart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import TracebackType

    from swarmshare.identity.certificates import MemberName
    from swarmshare.wire.connection import Output

MAX_PARTS: Final = 512
"""Parts that one system call sends at most; systems allow 1,024."""

LEAST_AHEAD: Final = 16 * 2**10
"""Bytes that wait in the system at least; trio sets as much."""
MOST_AHEAD: Final = 2**20
"""Bytes that wait there at most, however fast the link is; systems have buffers of some MiB."""
_NOT_SENT: Final[int | None] = getattr(socket, "TCP_NOTSENT_LOWAT", 25 if sys.platform == "linux" else None)
"""The option that says how many may wait; Python before 3.12 has no name for it."""

PATIENCE: Final = 20
"""Milliseconds for which a worker thread waits for a peer to take more: many peers are slow, and threads are few."""

_MORE: Final = getattr(socket, "MSG_MORE", 0)
"""Tells the system that the rest of a message follows, so that its head is no packet of its own."""

_TCP_INFO: Final = struct.Struct("8x13I")
"""The beginning of Linux's ``struct tcp_info``; the last number is how many milliseconds ago the other machine has
confirmed anything."""


class Transport:
    """A connected TCP socket, used as a context manager that closes it.

    It takes the socket out of trio's stream and calls the system directly: trio's own methods would go round its loop
    once for each call.
    """

    can_send_files = CAN_SEND
    """Whether :meth:`send` takes parts of files."""
    identity: MemberName | None = None
    """Whom the other side has proven to be, by its certificate; None: nothing is proven."""

    def __init__(self, stream: trio.SocketStream) -> None:
        """Take over the socket of ``stream``. Raises OSError when the connection is gone already."""
        self.host: str
        self.port: int
        self.host, self.port, *_ = stream.socket.getpeername()
        self._socket = socket.socket(fileno=stream.socket.detach())
        self._ahead = LEAST_AHEAD

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._socket.close()

    def receive_into(self, buffers: Sequence[memoryview]) -> int:
        """Fill ``buffers``, in order, with what has come; returns the number of bytes, 0 when the peer hung up.

        Raises BlockingIOError when nothing has come (see :meth:`wait_readable`), and OSError when the connection broke.
        """
        return self._socket.recvmsg_into(buffers)[0]

    async def begins_with(self, first: int) -> bool:
        """Wait for the first byte of the other side, and return whether it is ``first``; it is still to be received.

        Raises OSError when the connection broke.
        """
        while True:
            try:
                return self._socket.recv(1, socket.MSG_PEEK) == bytes([first])
            except BlockingIOError:
                await self.wait_readable()

    def _take_over(self, plain: Transport) -> None:
        """Become what has the socket of ``plain``."""
        self.host, self.port = plain.host, plain.port
        self._socket, self._ahead = plain._socket, plain._ahead
        self._socket.getpeername()  # the standard library forgets to close what is gone when it is wrapped
        self._socket.setblocking(False)  # it is so, but its object does not know, and TLS would wait in each call

    async def wait_readable(self) -> None:
        """Wait until :meth:`receive_into` has something to return."""
        await trio.lowlevel.wait_readable(self._socket)

    def keep_ahead(self, length: int) -> None:
        """Let up to twice ``length`` bytes wait in the system that are not on the network yet.

        What waits there is sent before anything that is said later, so it should be little time's worth; but each time
        that the system wants more costs a way through trio's loop.
        """
        ahead = 1 << min(max(length, LEAST_AHEAD), MOST_AHEAD).bit_length()
        if ahead != self._ahead and _NOT_SENT is not None:
            self._ahead = ahead
            with contextlib.suppress(OSError):  # it is gone, as the next call tells
                self._socket.setsockopt(socket.IPPROTO_TCP, _NOT_SENT, ahead)

    async def send(self, parts: list[Output], on_progress: Callable[[], None]) -> None:
        """Send all of ``parts``, without copying them, and empty the list.

        ``on_progress`` is called each time that the system took some of it. Raises OSError when the connection broke,
        and StorageError when a file that is sent from is not what it was: the connection is to be closed then.
        """
        while parts:
            now = parts[:MAX_PARTS]
            if any(isinstance(part, FilePart) for part in now):
                sent = await trio.to_thread.run_sync(self._send_with_files, now)
            else:
                sent = self._send_some(now)
            if sent:
                on_progress()
                drop(parts, sent)
            else:
                await trio.lowlevel.wait_writable(self._socket)
        await trio.lowlevel.checkpoint()

    def _send_some(self, parts: Sequence[Output]) -> int:
        try:
            return self._socket.sendmsg(parts)  # type: ignore[arg-type]  # there is no part of a file
        except BlockingIOError:
            return 0

    def _send_with_files(self, parts: Sequence[Output]) -> int:
        """Send ``parts``, as long as the system takes some of it every few milliseconds; returns how many bytes.

        To be called in a worker thread: what is not in the system's memory has to be read from a disk first. It waits
        itself for room in the socket, because each way through trio's loop and back costs as much as to send 256 KiB.
        """
        writable = select.poll()
        writable.register(self._socket, select.POLLOUT)
        total = 0
        for part in parts:
            more = 0 if part is parts[-1] else _MORE
            sent = 0
            while sent < len(part):
                rest = part[sent:] if sent else part
                try:
                    if isinstance(rest, FilePart):
                        count = rest.send(self._socket.fileno())
                    else:
                        count = self._socket.send(rest, more)  # type: ignore[arg-type]
                except BlockingIOError:
                    if not writable.poll(PATIENCE):
                        return total
                    continue
                sent += count
                total += count
        return total

    @property
    def can_probe(self) -> bool:
        """Whether the system tells when the other machine has confirmed anything last."""
        return sys.platform == "linux"

    def start_probe(self) -> None:
        """Ask the other machine for a sign of life each second (TCP keep-alive). Raises OSError."""
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def end_probe(self) -> float | None:
        """Ask no more; returns how many seconds ago the other machine has confirmed anything.

        None when the system does not tell: what calls itself Linux may not have all of it. Raises OSError.
        """
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
        try:
            milliseconds: int = _TCP_INFO.unpack(info)[-1]
        except struct.error:
            return None
        return milliseconds / 1000


def drop(parts: list[Output], count: int) -> None:
    """Take the first ``count`` bytes off ``parts``."""
    done = 0
    for length in map(len, parts):
        if count < length:
            part = parts[done]
            parts[done] = memoryview(part)[count:] if isinstance(part, bytes) else part[count:]
            break
        count -= length
        done += 1
    del parts[:done]


def split(parts: list[Output], most: int) -> Iterator[list[Output]]:
    """Cut ``parts`` into lists of ``most`` bytes, in order; the last one may be shorter."""
    batch: list[Output] = []
    room = most
    for part in parts:
        rest = memoryview(part) if isinstance(part, bytes) else part
        while len(rest) >= room:
            yield [*batch, rest[:room]]
            rest, batch, room = rest[room:], [], most
        if len(rest):
            batch.append(rest)
            room -= len(rest)
    if batch:
        yield batch
