"""The bytes of one connection, from its handshake on: received into buffers, sent in parts.

Nothing else moves a peer's data. Today this is a plain TCP socket. An encrypted connection (TLS, or MSE)
is another class with these methods, made by :func:`swarmshare.engine.handshaking.open_transport`.
"""

from __future__ import annotations

import socket
import struct
import sys
from typing import TYPE_CHECKING, Final

import trio

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

MAX_PARTS: Final = 512
"""Parts that one system call sends at most; systems allow 1,024."""

_TCP_INFO: Final = struct.Struct("8x13I")
"""The beginning of Linux's ``struct tcp_info``; the last number is how many milliseconds ago the other machine has
confirmed anything."""


class Transport:
    """A connected TCP socket, used as a context manager that closes it.

    It takes the socket out of trio's stream and calls the system directly: trio's own methods would go round its loop
    once for each call.
    """

    def __init__(self, stream: trio.SocketStream) -> None:
        """Take over the socket of ``stream``. Raises OSError when the connection is gone already."""
        self.host: str
        self.port: int
        self.host, self.port, *_ = stream.socket.getpeername()
        self._socket = socket.socket(fileno=stream.socket.detach())

    def __enter__(self) -> Transport:
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

    async def wait_readable(self) -> None:
        """Wait until :meth:`receive_into` has something to return."""
        await trio.lowlevel.wait_readable(self._socket)

    async def send(self, parts: list[bytes | memoryview], on_progress: Callable[[], None]) -> None:
        """Send all of ``parts``, without copying them, and empty the list.

        ``on_progress`` is called each time that the system took some of it. Raises OSError when the connection broke.
        """
        while parts:
            now = parts[:MAX_PARTS]
            try:
                sent = self._socket.sendmsg(now)
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
                continue
            on_progress()
            done = 0
            for length in map(len, now):
                if sent < length:
                    parts[done] = memoryview(parts[done])[sent:]
                    break
                sent -= length
                done += 1
            del parts[:done]
        await trio.lowlevel.checkpoint()

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
