"""What peers and the tracker say to each other on the Socket.IO namespace ``/swarm``: and what each event carries.

A peer connects with ``auth`` ``{"token": text}``. Every event carries one object, and is acknowledged with one object:
what each class below shows, or ``{"error": code, "message": text, "text": {"code": ..., "arguments": {...}}}``, after
which the connection lives and nothing has
changed. Integers are at most 2**53 - 1. Hashes are hexadecimal. *Runs* are ``[first, count, first, count, ...]``:
ascending, not touching. *Binary* is a Socket.IO attachment, *base64* is text (RFC 4648). A field that an event does
not have is refused.

Only peers send attachments. python-socketio's client hands every frame to a thread of its own, so an attachment may
overtake the message that announces it, and neither is understood; and one frame is half the work of two when a push
goes to a thousand peers. So what the tracker sends is text.

Which state a push builds upon is told by ``epoch`` and ``seq``. A push with the epoch that a peer knows, and the next
seq, applies; one with an older seq is stale; anything else means that something was missed: the peer sends ``resync``,
and goes on from the answer. All that a push says is final (holds, holds no more, is here, is gone), so it may be
applied to a state that already has some of it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from swarmshare.common.bits import Runs

NAMESPACE: Final = "/swarm"
"""The namespace of the events in this module."""
LIVE: Final = "/live"
"""The namespace of the catalogue and of summaries, for windows and web pages."""
PUSH: Final = "swarm"
"""The name of the only event that the tracker sends by itself."""
MAX_PIECES: Final = 2**21
MAX_BITFIELD: Final = MAX_PIECES // 8
MAX_RUNS: Final = 4096
"""In one list of one event; a peer with more to tell sends ``join`` again, with its bitfield."""
MAX_PEERS: Final = 50
MAX_MEMBERS: Final = 200
"""Members told one by one: in a state, in a push, in one answer to ``members``."""
MAX_TOKEN: Final = 512


class Refusal(StrEnum):
    """Why the tracker refuses an event: the codes in ``error``."""

    MALFORMED = "malformed"
    """A field is missing, unknown, of a wrong type or out of its range."""
    UNKNOWN_EVENT = "unknown-event"
    UNKNOWN_SWARM = "unknown-swarm"
    """The catalogue has no such info hash (any more)."""
    NOT_JOINED = "not-joined"
    """The connection is not in that swarm, or was expired from it: join again."""
    PIECE_COUNT = "piece-count"
    """Not the number of pieces that the manifest has, or a piece beyond it."""
    BITFIELD = "bitfield"
    """Of a wrong size, or with spare bits set."""
    TOO_MANY_SWARMS = "too-many-swarms"
    """The connection is in as many swarms as one may be in."""
    SWARM_FULL = "swarm-full"
    TOO_FAST = "too-fast"
    """More events than one connection may send: wait a second."""
    UNKNOWN_MEMBER = "unknown-member"
    SIGNED_OUT = "signed-out"
    """The token is missing, unknown, revoked or expired (on connecting)."""
    SUSPENDED = "suspended"
    """The token's account is suspended (on connecting): it may be let in again."""
    INTERNAL = "internal"
    """The tracker made a mistake; its log says more."""


class Join(NamedTuple):
    """``join``: the sender takes part in a swarm, or says anew what it holds. The answer is a :class:`JoinAnswer`.

    ``{"info_hash": hex of 32 bytes, "peer_id": hex of 20 bytes, "port": 1..65535, "pieces": int,
    "bitfield": binary, "left": bytes still to download}``. The address is the connection's own.
    """

    info_hash: bytes
    peer_id: bytes
    port: int
    piece_count: int
    bitfield: bytes
    left: int


class HaveUpdate(NamedTuple):
    """``have``: pieces that the sender gained and lost since it last told; at most one every 250 ms and swarm.

    ``{"info_hash": hex, "gained": runs, "lost": runs}``; acknowledged with ``{}``.
    """

    info_hash: bytes
    gained: Runs
    lost: Runs


class Stats(NamedTuple):
    """``stats``: how the sender is getting on, which also shows that it lives; every ``interval``, at most every 5 s.

    ``{"info_hash": hex, "uploaded": bytes, "downloaded": bytes, "left": bytes, "rate_up": bytes a second,
    "rate_down": bytes a second}``; acknowledged with ``{}``.
    """

    info_hash: bytes
    uploaded: int
    downloaded: int
    left: int
    rate_up: int
    rate_down: int


class Leave(NamedTuple):
    """``leave``: the sender takes part no more; so does whoever disconnects. ``{"info_hash": hex}``; ``{}``."""

    info_hash: bytes


class Resync(NamedTuple):
    """``resync``: the sender missed a push. ``{"info_hash": hex}``; the answer is a :class:`JoinAnswer`."""

    info_hash: bytes


class FindPeers(NamedTuple):
    """``peers``: the sender wants members that hold what it lacks. ``{"info_hash": hex, "want": 1..50}``.

    The answer is ``{"peers": [peer, ...]}``: for one half those that hold something that the sender lacks,
    then anybody, both by lot.
    """

    info_hash: bytes
    want: int


class ListMembers(NamedTuple):
    """``members``: who holds what, in a swarm of any size. ``{"info_hash": hex, "after": member, at first 0}``.

    The answer is a :class:`MemberPage`.
    """

    info_hash: bytes
    after: int


class ReportMember(NamedTuple):
    """``report``: a member gave data that failed verification. ``{"info_hash": hex, "member": int}``; ``{}``.

    Each account that reports it moves it down in every ranking of that swarm; nothing else happens to it.
    """

    info_hash: bytes
    member: int


class Holds(StrEnum):
    """Which pieces a member has, in a word."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    UNKNOWN = "unknown"
    """An ordinary client that has not finished: it tells how much it holds, not what."""


class MemberInfo(NamedTuple):
    """A member, as others see it.

    ``{"member": int, "user": text, "addresses": [text, ...], "port": int, "live": bool, "holds": "all" | "some" |
    "none" | "unknown", "share": 0.0..1.0}``
    """

    member: int
    """Its number in the swarm, from 1; not used again within an epoch."""
    user: str
    """The account's name; empty for an ordinary client without a passkey."""
    addresses: tuple[str, ...]
    """One, or an IPv4 and an IPv6 one."""
    port: int
    live: bool
    """Connected to the tracker; False: an ordinary client, known by its last announce."""
    holds: Holds
    share: float
    """Of the pieces; of the bytes when the pieces are unknown."""


class MemberPieces(NamedTuple):
    """A member and what it holds.

    Many of them are ``"members": [peer, ...], "bitfields": base64``: the bitfields, one after the other, of those
    that hold ``"some"``; the others' words say all there is to know.
    """

    peer: MemberInfo
    pieces: bytes | None
    """None: unknown."""


class JoinAnswer(NamedTuple):
    """The answer to ``join`` and ``resync``: a swarm as of the push ``seq``.

    ``{"epoch": int, "seq": int, "interval": seconds, "member": int, "seeds": int, "leeches": int, "peers": [peer, ...],
    "availability": base64, "members": [peer, ...] | null, "bitfields": base64 | null}``
    """

    epoch: int
    seq: int
    interval: int
    """Seconds between two ``stats``; who is silent for two of them is taken for gone."""
    member: int
    """The asker's own number."""
    seeds: int
    leeches: int
    peers: tuple[MemberInfo, ...]
    """Up to 50 to dial, ranked as ``peers`` does; the asker is not among them."""
    availability: bytes
    """How many members hold each piece; 255: that many, or more."""
    holdings: tuple[MemberPieces, ...] | None
    """Every member, the asker too; None in a swarm too large for it, where pushes tell of availability only."""


class MemberPage(NamedTuple):
    """The answer to ``members``: those with the next numbers, up to 200 (fewer when they hold very many pieces).

    ``{"members": [peer, ...], "bitfields": base64, "more": bool}``
    """

    holdings: tuple[MemberPieces, ...]
    more: bool


class MemberChanges(NamedTuple):
    """What a push tells of a swarm small enough to tell of each member.

    ``"members": [peer, ...], "bitfields": base64, "left": [member, ...], "gained": [[member, runs], ...],
    "lost": [[member, runs], ...]``
    """

    joined: tuple[MemberPieces, ...]
    """New ones, and those that changed otherwise than by pieces gained and lost."""
    left: tuple[int, ...]
    gained: tuple[tuple[int, Runs], ...]
    lost: tuple[tuple[int, Runs], ...]


class AvailabilityChanges(NamedTuple):
    """What a push tells of a large swarm: ``"changed": runs, "availability": base64``, a byte a piece."""

    changed: Runs
    availability: bytes


class Push(NamedTuple):
    """``swarm``, from the tracker to all in a swarm: what changed, at most once in 250 ms.

    ``{"info_hash": hex, "epoch": int, "seq": int, "seeds": int, "leeches": int}`` and the fields of one of the two
    kinds of changes. A swarm that grows too large for the one kind, or small enough again, gets a new epoch.
    """

    info_hash: bytes
    epoch: int
    seq: int
    seeds: int
    leeches: int
    changes: MemberChanges | AvailabilityChanges


SwarmRequest: TypeAlias = Join | HaveUpdate | Stats | Leave | Resync | FindPeers | ListMembers | ReportMember
"""What a peer sends; the tracker answers each with an acknowledgement."""
