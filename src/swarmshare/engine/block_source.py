"""Where blocks come from: what the torrent needs of a peer session, and of any other source of its data."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from swarmshare.common.address import Address
    from swarmshare.manifest.layout import Block
    from swarmshare.swarm.requester import Requester

Mark: TypeAlias = "Address | tuple[str, bytes]"
"""What a source is recognised by when it comes again: where it was dialled, its host with its id, or its device."""


class BlockSource(Hashable, Protocol):
    """Something that is asked for blocks and delivers them: a peer session, or a web seed (BEP 19).

    It is the key by which the picker and the piece buffers know who was asked for a block and who delivered it. The
    smart ban holds it responsible for what it delivered even after it has closed.
    """

    requester: Requester[BlockSource]
    """What to ask of it, and its conduct so far."""
    marks: tuple[Mark, ...]
    """What it is recognised by when it comes again."""
    listens: Address | None
    """Where it accepts connections, to be reported when it sends wrong data; None: not known."""
    downloaded: int
    """Bytes of blocks that it delivered."""
    last_received: float
    """When it delivered anything last, in seconds of trio's clock."""

    @property
    def address(self) -> str:
        """Its address as people are shown it, such as ``host:port``."""

    @property
    def user(self) -> str:
        """The user whose device it is proven to be; empty: nothing is proven."""

    def cancel(self, block: Block) -> None:
        """Take back a request: another source has delivered ``block``."""

    def close(self) -> None:
        """End it soon: it is not to be asked for anything more."""
