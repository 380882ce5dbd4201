"""Peers of other kinds than ours, on real sockets: made of the wire protocol alone."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import trio

from swarmshare.wire.connection import PeerConnection
from swarmshare.wire.handshake import HANDSHAKE_LENGTH, Handshake, decode_handshake
from swarmshare.wire.phases import Negotiated

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

PEER_ID = b"-XX0000-" + b"x" * 12


@asynccontextmanager
async def listening(talk: Callable[[trio.SocketStream], Awaitable[Any]]) -> AsyncIterator[tuple[str, int]]:
    """``talk`` to each who connects; gives the address."""
    async with trio.open_nursery() as nursery:

        async def serve(stream: trio.SocketStream) -> None:
            async with stream:
                with suppress(trio.BrokenResourceError):
                    await talk(stream)

        listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
        nursery.start_soon(trio.serve_listeners, serve, [listener])
        yield listener.socket.getsockname()[:2]
        nursery.cancel_scope.cancel()


class OneHashSeed:
    """A seed that knows its torrent by one hash only, and hangs up on any other."""

    def __init__(self, manifest: Manifest, folder: Path, info_hash: bytes) -> None:
        self.manifest, self.info_hash = manifest, info_hash
        self.asked_for: list[bytes] = []
        """The hash in each handshake that came."""
        root = folder / manifest.name if manifest.in_folder else folder
        self._files = [root.joinpath(*file.path).read_bytes() for file in manifest.files]

    async def __call__(self, stream: trio.SocketStream) -> None:
        data = b""
        while len(data) < HANDSHAKE_LENGTH:
            part = await stream.receive_some(HANDSHAKE_LENGTH - len(data))
            if not part:
                return
            data += part
        self.asked_for.append(decode_handshake(data).info_hash)
        if self.asked_for[-1] != self.info_hash:
            return
        await stream.send_all(Handshake(self.info_hash, PEER_ID, extended=False, v2=False).encode())
        layout = self.manifest.layout
        is_v2 = self.info_hash == self.manifest.info_hash.truncated
        negotiated = Negotiated(fast=True, extended=False, v2=is_v2)
        connection = PeerConnection(layout, negotiated, lambda _: None)
        connection.send_opening(b"", held=layout.piece_count)
        connection.set_choking(False)
        while True:
            for block in list(connection.owed):
                span = layout.span(layout.index(block.piece))
                begin = span.offset + block.begin
                held = self._files[span.file][begin : begin + block.length]
                connection.send_block(block, held.ljust(block.length, b"\0"))
            await stream.send_all(b"".join(connection.take_output()))
            count = await stream.socket.recv_into(connection.buffers()[0])
            if not count:
                return
            connection.received(count)
