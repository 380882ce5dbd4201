"""Two connections joined in memory: what one sends, the other receives, without a socket."""

from __future__ import annotations

from typing import TYPE_CHECKING

from swarmshare.manifest.layout import PieceLayout
from swarmshare.wire.connection import PeerConnection
from swarmshare.wire.phases import Negotiated

if TYPE_CHECKING:
    from swarmshare.manifest.layout import Block
    from swarmshare.wire.messages import Message

BLOCK = 2**14
LENGTHS = [5 * BLOCK, 100, 0, 2 * BLOCK + 7]
LAYOUT = PieceLayout(2 * BLOCK, LENGTHS)
"""Six pieces: 2 blocks, 2 blocks, 1 block, 100 bytes, 2 blocks, 7 bytes."""


def feed(connection: PeerConnection, data: bytes, step: int = 0) -> list[Message]:
    """Give ``data`` to a connection as a socket would, ``step`` bytes at a time (0: as much as fits)."""
    messages: list[Message] = []
    at = 0
    while at < len(data):
        count = 0
        for buffer in connection.buffers():
            part = data[at : at + min(len(buffer), step - count if step else len(buffer))]
            buffer[: len(part)] = part
            count += len(part)
            at += len(part)
            if len(part) < len(buffer):
                break
        messages += connection.received(count)
    return messages


def output(connection: PeerConnection) -> bytes:
    """Take what a connection has to send."""
    parts = connection.take_output()
    return b"".join(part for part in parts if isinstance(part, (bytes, memoryview)))


class Side(PeerConnection):
    """A connection that keeps the blocks it gets."""

    def __init__(self, negotiated: Negotiated, layout: PieceLayout = LAYOUT) -> None:
        super().__init__(layout, negotiated, self.keep)
        self.blocks: dict[tuple[int, int], bytearray] = {}
        self.wanted = True

    def keep(self, block: Block) -> memoryview | None:
        if not self.wanted:
            return None
        return memoryview(self.blocks.setdefault(block[:2], bytearray(block.length)))


class Pair:
    """Two sides that agreed on the same."""

    def __init__(self, *, fast: bool = True, extended: bool = True, v2: bool = True) -> None:
        self.negotiated = Negotiated(fast, extended, v2)
        self.ours, self.theirs = Side(self.negotiated), Side(self.negotiated)

    def to_ours(self) -> list[Message]:
        return feed(self.ours, output(self.theirs))

    def to_theirs(self) -> list[Message]:
        return feed(self.theirs, output(self.ours))

    def theirs_owe(self) -> list[Block]:
        self.to_theirs()
        return list(self.theirs.owed)
