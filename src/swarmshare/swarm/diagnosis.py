"""Why nobody is connected, as far as it is known: from what became of each dial, and from what trackers tell.

Each cause has a short word for programs and a sentence for people. The causes are ordered by how sure they are and by
how much whoever reads of them can do: only the first is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.common.address import is_loopback, show_address

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence


class ListenReach(Enum):
    """From where others may connect to us."""

    NOWHERE = "nowhere"
    """We do not listen."""
    MACHINE = "machine"
    """From this machine."""
    NETWORK = "network"
    """From the networks that this machine is in."""
    ANYWHERE = "anywhere"


class Outcome(Enum):
    """What became of a dial. The order is that of :func:`explain`: how near it came to a connection that lasts."""

    HUNG_UP = "hung-up"
    """Closed at our handshake, without a byte."""
    OTHER = "other"
    """The answer was no handshake, or for something else."""
    BANNED = "banned"
    """It gave wrong data."""
    REFUSED = "refused"
    """Nothing listens there."""
    NO_ANSWER = "no-answer"
    """Within seconds."""
    UNREACHABLE = "unreachable"
    """The system knows no way to it, or no such name."""
    ENDED = "ended"
    """There was a connection."""
    NOT_WANTED = "not-wanted"
    """We closed it: the peer is connected already, or there is no room. This says nothing about why nobody is."""


class Cause(Enum):
    """Why nobody is connected, as a word for programs; what each means is in the sentence that goes with it."""

    ENCRYPTED = "encrypted"
    STRANGER = "stranger"
    ONLY_HERE = "only-here"
    HUNG_UP = "hung-up"
    OTHER = "other"
    BANNED = "banned"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    UNREACHABLE = "unreachable"
    ENDED = "ended"
    NOT_LISTENING = "not-listening"
    TRACKER_AWAY = "tracker-away"
    NOBODY_KNOWN = "nobody-known"
    NOBODY_ONLINE = "nobody-online"


class DialResult(NamedTuple):
    """What became of one dial."""

    outcome: Outcome
    reason: str = ""
    """The system's own words, where it has any."""


class NoPeers(NamedTuple):
    """Why nobody is connected: the surest cause that is known."""

    cause: Cause
    message: str
    """As one line: what is wrong, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What is known of a torrent that nobody is connected to."""

    complete: bool
    """We have all that we want: others are to come for it."""
    hybrid: bool
    reach: ListenReach
    has_tracker: bool
    """Somebody is asked for peers."""
    tracker_away: bool = False
    """A tracker cannot be reached, or refuses."""
    dials: Mapping[tuple[str, int], DialResult] = field(default_factory=dict)
    """The last one of each address, of late."""
    members: Sequence[Collection[tuple[str, int]]] = ()
    """Where each other member of the swarm listens, by what trackers say."""
    encrypted: Collection[str] = ()
    """Hosts that tried an encrypted connection of late, and no other since. It may have been for another torrent."""
    strangers: Collection[str] = ()
    """Hosts from outside of our networks that were turned away of late."""


NO_LISTENING: Final = 1
"""The port that is announced by who accepts no connections: trackers refuse a 0."""

_SHUT: Final = {ListenReach.NOWHERE, ListenReach.MACHINE}
_HUNG_UP: Final = "{who} hangs up at once. It does not share this"
_MSE: Final = "takes encrypted connections (MSE) only, which this program does not speak yet."
_SAYS: Final = {
    Cause.ENCRYPTED: "{who} wants an encrypted connection (MSE), which this program does not speak yet. "
    "Allow connections without encryption there.",
    Cause.STRANGER: "{who} was turned away: it is in none of this machine's networks. "
    "To let in everybody, add --listen '*:0'.",
    Cause.ONLY_HERE: "only programs on this machine can connect to it. To let in the network, add --listen '*:0'.",
    Cause.HUNG_UP: f"{_HUNG_UP} (any more), speaks BitTorrent v1 only, or {_MSE}",
    Cause.OTHER: "{who} answers, but shares something else there. Is the address right?",
    Cause.BANNED: "{who} gave wrong data, and is banned. Others who have it are needed.",
    Cause.REFUSED: "{who} refuses connections. Does it run there, and may other machines connect to it?",
    Cause.NO_ANSWER: "{who} does not answer. Is it switched on? A firewall may be in the way.",
    Cause.UNREACHABLE: "there is no way to {who}: {reason}",
    Cause.ENDED: "{who} was connected, and ended that. It is tried again.",
    Cause.NOT_LISTENING: "those who are online accept no connections from other machines. "
    "One side has to: is --listen set there, or a firewall in the way?",
    Cause.TRACKER_AWAY: "the tracker is of no use at present, and nobody else is known",
    Cause.NOBODY_KNOWN: "there is nobody to ask. Name a peer with --peer, or sign in at a tracker.",
    Cause.NOBODY_ONLINE: "nobody who is online has it. It goes on when somebody comes who does.",
}
_HUNG_UP_HYBRID: Final = f"{_HUNG_UP} (any more), or {_MSE}"
_NOBODY_ASKS: Final = "nobody who is online needs it. It is served as soon as somebody does."


def explain(situation: Situation) -> NoPeers | None:
    """Why nobody is connected; None when that says nothing yet: a member was not dialled so far."""
    dials = {address: result for address, result in situation.dials.items() if result.outcome is not Outcome.NOT_WANTED}
    addresses = {*dials, *(address for member in situation.members for address in member)}
    hosts = {host for host, _ in addresses}
    for cause, known in ((Cause.ENCRYPTED, situation.encrypted), (Cause.STRANGER, situation.strangers)):
        if here := [host for host in known if host in hosts]:
            return _told(cause, here)
    if situation.complete and situation.reach in _SHUT and not all(map(is_loopback, hosts)):
        return _told(Cause.ONLY_HERE)
    if found := _of_dials(dials, situation):
        return found
    for cause, known in ((Cause.ENCRYPTED, situation.encrypted), (Cause.STRANGER, situation.strangers)):
        if known:
            return _told(cause, list(known))
    return _of_members(situation)


def _of_dials(dials: Mapping[tuple[str, int], DialResult], situation: Situation) -> NoPeers | None:
    """The nearest miss."""
    for outcome in list(Outcome)[: list(Outcome).index(Outcome.NOT_WANTED)]:
        those = [address for address, result in dials.items() if result.outcome is outcome]
        if not those or (outcome is Outcome.ENDED and situation.complete):
            continue
        who = [show_address(*address) for address in those]
        if outcome is Outcome.HUNG_UP and situation.hybrid:
            return NoPeers(Cause.HUNG_UP, _HUNG_UP_HYBRID.format(who=_and_more(who)))
        if outcome is Outcome.REFUSED and all(port == NO_LISTENING for _, port in those):
            return _told(Cause.NOT_LISTENING)
        return _told(Cause(outcome.value), who, dials[those[0]].reason)
    return None


def _of_members(situation: Situation) -> NoPeers | None:
    """There was nobody to dial."""
    if situation.members and not any(situation.members):
        return _told(Cause.NOT_LISTENING)
    if situation.tracker_away:
        return _told(Cause.TRACKER_AWAY)
    if situation.complete:
        if not situation.has_tracker and situation.reach in _SHUT:
            return _told(Cause.ONLY_HERE)
        return None if situation.members else NoPeers(Cause.NOBODY_ONLINE, _NOBODY_ASKS)
    return _told(Cause.NOBODY_ONLINE if situation.has_tracker else Cause.NOBODY_KNOWN)


def _told(cause: Cause, who: Sequence[str] = (), reason: str = "") -> NoPeers:
    return NoPeers(cause, _SAYS[cause].format(who=_and_more(who), reason=reason))


def _and_more(who: Sequence[str]) -> str:
    return f"{who[0]} (and {len(who) - 1:,} more)" if len(who) > 1 else next(iter(who), "")
