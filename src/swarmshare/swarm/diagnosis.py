"""Why nobody is connected, as far as it is known: from what became of each dial, and from what trackers tell.

Each cause has a short word for programs and a sentence for people. The causes are ordered by how sure they are and by
how much whoever reads of them can do: only the first is told.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

from swarmshare.common.address import is_loopback, show_address
from swarmshare.texts import Text, advise

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
    CERTIFICATE = "certificate"
    """One side does not accept the other one's certificate."""
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
    CONNECTED = "ended"
    """There was a connection; that nobody is connected is because it ended (:attr:`Cause.ENDED`)."""
    NOT_WANTED = "not-wanted"
    """We closed it: the peer is connected already, or there is no room. This says nothing about why nobody is."""


class Cause(Enum):
    """Why nobody is connected, as a word for programs; what each means is in the sentence that goes with it."""

    ENCRYPTED = "encrypted"
    STRANGER = "stranger"
    ONLY_HERE = "only-here"
    NO_CERTIFICATE = "no-certificate"
    UNPROVEN = "unproven"
    HUNG_UP = "hung-up"
    CERTIFICATE = "certificate"
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
    reason: Text | None = None
    """The system's own words, where it has any."""


class NoPeers(NamedTuple):
    """Why nobody is connected: the surest cause that is known."""

    cause: Cause
    message: Text
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
    unproven: Collection[str] = ()
    """Hosts that were turned away of late because of their certificates, or for want of one."""
    no_certificate: bool = False
    """Only members of a group may join, and we have no certificate of it."""


NO_LISTENING: Final = 1
"""The port that is announced by who accepts no connections: trackers refuse a 0."""

_SHUT: Final = {ListenReach.NOWHERE, ListenReach.MACHINE}
_SAYS: Final[dict[Cause, tuple[str, Text | None]]] = {
    Cause.ENCRYPTED: ("nobody.encrypted", Text("hint.allow-unencrypted")),
    Cause.STRANGER: ("nobody.stranger", Text("hint.let-in-everybody")),
    Cause.ONLY_HERE: ("nobody.only-here", Text("hint.let-in-network")),
    Cause.HUNG_UP: ("nobody.hung-up", Text("hint.not-shared-v1")),
    Cause.NO_CERTIFICATE: ("nobody.no-certificate", Text("hint.certificate-option")),
    Cause.UNPROVEN: ("nobody.unproven", Text("hint.member-certificate")),
    Cause.CERTIFICATE: ("nobody.certificate", Text("hint.member-certificate")),
    Cause.OTHER: ("nobody.other", Text("hint.address")),
    Cause.BANNED: ("nobody.banned", Text("hint.others-needed")),
    Cause.REFUSED: ("nobody.refused", Text("hint.runs-there")),
    Cause.NO_ANSWER: ("nobody.no-answer", Text("hint.switched-on")),
    Cause.UNREACHABLE: ("nobody.unreachable", None),
    Cause.ENDED: ("nobody.ended", Text("hint.tried-again")),
    Cause.NOT_LISTENING: ("nobody.not-listening", Text("hint.one-side")),
    Cause.TRACKER_AWAY: ("nobody.tracker-away", None),
    Cause.NOBODY_KNOWN: ("nobody.known", Text("hint.name-a-peer")),
    Cause.NOBODY_ONLINE: ("nobody.online", Text("hint.goes-on")),
}
"""What is wrong, as the code of a text, and what to do about it."""


def explain(situation: Situation) -> NoPeers | None:
    """Why nobody is connected; None when that says nothing yet: a member was not dialled so far."""
    dials = {address: result for address, result in situation.dials.items() if result.outcome is not Outcome.NOT_WANTED}
    addresses = {*dials, *(address for member in situation.members for address in member)}
    hosts = {host for host, _ in addresses}
    turned_away = (
        (Cause.ENCRYPTED, situation.encrypted),
        (Cause.STRANGER, situation.strangers),
        (Cause.UNPROVEN, situation.unproven),
    )
    if situation.no_certificate:
        return worded(Cause.NO_CERTIFICATE)
    for cause, known in turned_away:
        if here := [host for host in known if host in hosts]:
            return worded(cause, here)
    if situation.complete and situation.reach in _SHUT and not all(map(is_loopback, hosts)):
        return worded(Cause.ONLY_HERE)
    if found := _of_dials(dials, situation):
        return found
    for cause, known in turned_away:
        if known:
            return worded(cause, list(known))
    return _of_members(situation)


def _of_dials(dials: Mapping[tuple[str, int], DialResult], situation: Situation) -> NoPeers | None:
    """Return the nearest miss."""
    for outcome in list(Outcome)[: list(Outcome).index(Outcome.NOT_WANTED)]:
        those = [address for address, result in dials.items() if result.outcome is outcome]
        if not those or (outcome is Outcome.CONNECTED and situation.complete):
            continue
        who = [show_address(*address) for address in those]
        if outcome is Outcome.HUNG_UP and situation.hybrid:
            return worded(Cause.HUNG_UP, who, hint=Text("hint.not-shared"))
        if outcome is Outcome.REFUSED and all(port == NO_LISTENING for _, port in those):
            return worded(Cause.NOT_LISTENING)
        return worded(Cause(outcome.value), who, dials[those[0]].reason)
    return None


def _of_members(situation: Situation) -> NoPeers | None:
    """There was nobody to dial."""
    if situation.members and not any(situation.members):
        return worded(Cause.NOT_LISTENING)
    if situation.tracker_away:
        return worded(Cause.TRACKER_AWAY)
    if situation.complete:
        if not situation.has_tracker and situation.reach in _SHUT:
            return worded(Cause.ONLY_HERE)
        return (
            None
            if situation.members
            else NoPeers(Cause.NOBODY_ONLINE, advise(Text("nobody.asks"), Text("hint.served")))
        )
    return worded(Cause.NOBODY_ONLINE if situation.has_tracker else Cause.NOBODY_KNOWN)


def worded(cause: Cause, who: Sequence[str] = (), reason: Text | None = None, hint: Text | None = None) -> NoPeers:
    """Return ``cause`` in words: about the addresses ``who``, why (``reason``), and what to do if not the usual."""
    code, usual = _SAYS[cause]
    return NoPeers(cause, advise(Text(code, who=_and_more(who), reason=reason or ""), hint or usual))


def _and_more(who: Sequence[str]) -> str:
    first = next(iter(who), "")
    return Text("nobody.and-more", who=first, count=len(who) - 1) if len(who) > 1 else first
