"""Which message a peer may send when, as one table, and what both handshakes agreed on."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from swarmshare.errors import RemoteProtocolError
from swarmshare.texts import Text
from swarmshare.wire.messages import (
    AllowedFast,
    BitfieldMessage,
    Cancel,
    Choke,
    Extended,
    Hashes,
    HashReject,
    HashRequest,
    Have,
    HaveAll,
    HaveNone,
    Interested,
    Message,
    NotInterested,
    Piece,
    Reject,
    Request,
    Suggest,
    Unchoke,
)


class Phase(Enum):
    """Whether a peer may still say what it holds from the start.

    | phase       | bitfield, have all, have none | (un)choke, (not) interested, extended, allowed fast | any other  |
    |-------------|-------------------------------|-----------------------------------------------------|------------|
    | HANDSHAKING | -> TALKING                    | stays                                               | -> TALKING |
    | TALKING     | -> CLOSED (a violation)       | stays                                               | stays      |

    Any violation leads to CLOSED, where nothing is read any more. A message of an extension that was not agreed on
    (BEP 6, 10, 52) is one in every phase.
    """

    HANDSHAKING = "handshaking"
    TALKING = "talking"
    CLOSED = "closed"


_OPENING: Final = (BitfieldMessage, HaveAll, HaveNone)
_ANY_TIME: Final = (Choke, Unchoke, Interested, NotInterested, Extended, AllowedFast)
_LATER: Final = (Have, Request, Piece, Cancel, Suggest, Reject, HashRequest, Hashes, HashReject)

TRANSITIONS: Final[dict[tuple[Phase, type[Message]], Phase]] = {
    # BEP 3 wants the bitfield first; libtorrent may send its extension handshake and an unchoke before.
    **{(Phase.HANDSHAKING, kind): Phase.TALKING for kind in (*_OPENING, *_LATER)},
    **{(Phase.HANDSHAKING, kind): Phase.HANDSHAKING for kind in _ANY_TIME},
    **{(Phase.TALKING, kind): Phase.TALKING for kind in (*_ANY_TIME, *_LATER)},
}
"""What a peer may send in each phase, and the phase after it. What is not here is a violation."""

_FAST: Final = (HaveAll, HaveNone, Suggest, Reject, AllowedFast)
_HASHES: Final = (HashRequest, Hashes, HashReject)


class Negotiated(NamedTuple):
    """What both handshakes agreed on; whatever one side did not offer is not spoken."""

    fast: bool = True
    """The fast extension (BEP 6): every request is answered, by a block or a rejection."""
    extended: bool = True
    """The extension protocol (BEP 10)."""
    v2: bool = True
    """BitTorrent v2 (BEP 52): hashes may be asked for."""

    def permissions(self, phase: Phase) -> dict[type[Message], Phase]:
        """Return the row of :data:`TRANSITIONS` for ``phase``, without what was not agreed on."""
        refused: set[type[Message]] = set()
        refused.update(() if self.fast else _FAST)
        refused.update(() if self.v2 else _HASHES)
        refused.update(() if self.extended else (Extended,))
        return {kind: after for (at, kind), after in TRANSITIONS.items() if at is phase and kind not in refused}

    def violation(self, kind: type[Message]) -> RemoteProtocolError:
        """Return what a peer did wrong that sent a message of ``kind`` though it is not among the permissions."""
        if kind in _FAST and not self.fast:
            return RemoteProtocolError("no-fast", Text("peer.no-fast"))
        if kind is Extended and not self.extended:
            return RemoteProtocolError("no-extensions", Text("peer.no-extensions"))
        if kind in _HASHES and not self.v2:
            return RemoteProtocolError("no-v2", Text("peer.no-v2"))
        return RemoteProtocolError("late-bitfield", Text("peer.late-bitfield"))
