"""Who makes room for whom, where there are more connections than there may be: those that are of the least use go.

Whoever comes first could else keep everybody out by doing nothing. A stranger may have many connections, but hardly
many networks, so one network never crowds out another one; and whoever gives or takes anything stays.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Generic, NamedTuple

from swarmshare.swarm.partial_piece import Peer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

IDLE: Final = 10.0
"""Seconds without a block after which a peer makes room, if neither side wants anything of the other one."""
WAITING: Final = 300.0
"""Seconds without a block after which a peer makes room though one side wants something: its turn came, and passed."""


class Occupant(NamedTuple, Generic[Peer]):
    """A peer that has a place."""

    key: Peer
    network: str
    """The network that it comes from, as :func:`~swarmshare.common.address.network_of` has it."""
    idle: float
    """Seconds since the last block went to or fro, or since it came."""
    exchanged: bool
    """Whether any block ever went to or fro."""
    wanted: bool
    """Whether one of the two sides is interested in what the other one holds."""


def who_makes_room(occupants: Collection[Occupant[Peer]], network: str) -> Peer | None:
    """Return the key of the peer that goes when one from ``network`` comes and all places are taken.

    That is the idlest of those that have been idle for too long; else, of the network that has most peers with which
    no block was exchanged, the idlest of these, if the newcomer's network has fewer peers even with it. None: nobody.
    """
    idlest = max(occupants, key=lambda occupant: (_is_over(occupant), occupant.idle), default=None)
    if idlest is not None and _is_over(idlest):
        return idlest.key
    peers = Counter(occupant.network for occupant in occupants)
    crowding = [
        occupant for occupant in occupants if not occupant.exchanged and peers[occupant.network] > peers[network] + 1
    ]
    if not crowding:
        return None
    return max(crowding, key=lambda occupant: (peers[occupant.network], occupant.idle)).key


def _is_over(occupant: Occupant[Peer]) -> bool:
    return occupant.idle >= (WAITING if occupant.wanted else IDLE)


class PendingHandshakes:
    """The connections that have not shown yet what they are for: so many at a time, and the newest gets in.

    When there are more, the oldest of the network with the most of them is ended: an honest peer is done in a moment,
    however many stay silent.
    """

    def __init__(self, most: int) -> None:
        """Allow ``most`` at a time."""
        self._most = most
        self._waiting: dict[object, tuple[str, Callable[[], object]]] = {}
        """Those that are here, the oldest first, each with its network and what ends it."""

    @contextmanager
    def place(self, network: str, end: Callable[[], object]) -> Iterator[None]:
        """Have a place while this is open; ``end`` is called when it is lost before."""
        if len(self._waiting) >= self._most:
            self._make_room(network)
        key = object()
        self._waiting[key] = network, end
        try:
            yield
        finally:
            self._waiting.pop(key, None)

    def _make_room(self, network: str) -> None:
        count = Counter(network for network, _ in self._waiting.values())
        count[network] += 1
        most = max(count.values())
        key = next(key for key, (network, _) in self._waiting.items() if count[network] == most)
        _, end = self._waiting.pop(key)
        end()
