"""A peer that is nothing but load.

It speaks WebSocket, Engine.IO and Socket.IO with as little work as it takes, so that the tracker is what is measured;
that the tracker works with real clients is for its tests to show.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from gevent import socket

from swarmshare.schema.tracker_events import NAMESPACE
from swarmshare.schema.tracker_wire import dump_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from swarmshare.schema.tracker_events import SwarmRequest

ADDRESS: Final = "127.0.0.1"


class LoadPeer:
    """One connection of a peer to the tracker; :attr:`on_push` is called with each push."""

    def __init__(self, port: int, token: str) -> None:
        self._socket = socket.create_connection((ADDRESS, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.pushes = 0
        self.on_push: Callable[[bytes], object] = len
        self._socket.sendall(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        )
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise OSError(f"no WebSocket: {head[:60]!r}")
        self._message()  # Engine.IO's welcome
        self._send(b"40%s,%s" % (NAMESPACE.encode(), json.dumps({"token": token}).encode()))
        answer = self._message()
        if not answer.startswith(b"40"):
            raise OSError(f"not let in: {answer[:200]!r}")

    def call(self, request: SwarmRequest) -> bytes:
        """Send ``request`` as an event, and return its acknowledgement as it came."""
        event, wire = dump_request(request)
        parts = [value for value in wire.values() if isinstance(value, bytes)]
        text = json.dumps([event, wire], default=lambda _: {"_placeholder": True, "num": 0}, separators=(",", ":"))
        kind = b"45%d-" % len(parts) if parts else b"42"
        self._send(kind + NAMESPACE.encode() + b",1" + text.encode())
        for part in parts:
            self._send(part, opcode=2)
        return self._answer()

    def watch(self) -> None:
        """Take pushes and answer pings, until the greenlet is killed."""
        self._answer()

    def close(self) -> None:
        """Close the connection, without a word to the tracker."""
        self._socket.close()

    def _answer(self) -> bytes:
        """Return the next acknowledgement; pushes and pings that come before it are dealt with."""
        while True:
            message = self._message()
            if message == b"2":
                self._send(b"3")
            elif message.startswith(b"42"):
                self.pushes += 1
                self.on_push(message)
            elif message.startswith(b"43"):
                return message

    def _send(self, payload: bytes, opcode: int = 1) -> None:
        # A mask of zeros is a mask, and leaves the payload as it is.
        length = len(payload)
        if length < 126:
            head = bytes((0x80 | opcode, 0x80 | length))
        else:
            head = bytes((0x80 | opcode, 0xFE)) + length.to_bytes(2, "big")
        self._socket.sendall(head + bytes(4) + payload)

    def _message(self) -> bytes:
        while True:
            start, length = 2, self._buffer[1] if len(self._buffer) > 1 else 0
            if length > 125:
                start, length = (4, length) if length == 126 else (10, length)
                length = int.from_bytes(self._buffer[2:start], "big")
            if len(self._buffer) >= max(start, start + length):
                message, self._buffer = self._buffer[start : start + length], self._buffer[start + length :]
                return message
            self._read()

    def _read(self) -> None:
        data = self._socket.recv(2**16)
        if not data:
            raise OSError("the tracker closed a connection")
        self._buffer += data
