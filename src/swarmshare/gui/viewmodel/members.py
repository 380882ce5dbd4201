"""The swarm of one transfer as rows: who has which pieces, how fast they come, and who is stuck. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from swarmshare.common.bits import all_bits, as_number
from swarmshare.common.text import clean
from swarmshare.gui.viewmodel.cells import Bar, Column, Label, Strip, natural
from swarmshare.gui.words import _, ngettext, number, percent, rate, size

if TYPE_CHECKING:
    from swarmshare.schema.snapshot import MemberSnapshot, PeerSnapshot, TorrentSnapshot
    from swarmshare.swarm.stalls import StallDetector

MAX_RAREST: Final = 8
"""Pieces that are named."""


@dataclass(frozen=True, slots=True)
class Member:
    """One other machine: a connected peer, or somebody whom a tracker tells of."""

    key: str
    user: str
    address: str
    client: str
    connected: bool
    live: bool
    bits: bytes | None
    """None: nobody knows what it holds."""
    held: int
    count: int
    """The number of all pieces."""
    rate_down: float
    """Bytes a second, from it."""
    rate_up: float
    downloaded: int
    uploaded: int
    stuck: bool

    @property
    def complete(self) -> bool:
        """Whether it is known to hold everything."""
        return self.held == self.count


def members_of(torrent: TorrentSnapshot, stalls: StallDetector, now: float) -> list[Member]:
    """Everybody, connected ones first. A peer that a tracker tells of as well is there once."""
    count = torrent.manifest.layout.piece_count
    everything = all_bits(count)
    members = []
    told: dict[str, MemberSnapshot] = {address: member for member in torrent.members for address in member.addresses}
    seen = set()
    for peer in torrent.peers:
        member = told.get(peer.address)
        if member is not None:
            seen.add(id(member))
        members.append(_connected(peer, member, count, stalls, now))
    connected_users = {member.user for member in members if member.user}
    for member in torrent.members:
        # A peer that dialled us comes from a port that no tracker knows: it is known by its user.
        if id(member) in seen or (member.connected and member.user in connected_users):
            continue
        bits = everything if member.complete else member.bits
        held = count if member.complete else as_number(bits or b"").bit_count()
        address = member.addresses[0] if member.addresses else ""
        key = f"{member.user} {address}"
        stuck = bits is not None and held < count and stalls.stuck(key, held, now)
        members.append(
            Member(key, member.user, address, "", False, member.live, bits, held, count, 0.0, 0.0, 0, 0, stuck)
        )
    stalls.keep_only({member.key for member in members})
    return members


def _connected(
    peer: PeerSnapshot, member: MemberSnapshot | None, count: int, stalls: StallDetector, now: float
) -> Member:
    user = peer.user or (member.user if member is not None else "")
    stuck = peer.pieces < count and stalls.stuck(peer.address, peer.pieces, now)
    return Member(
        key=peer.address,
        user=user,
        address=peer.address,
        client=peer.client,
        connected=True,
        live=True,
        bits=peer.bits,
        held=peer.pieces,
        count=count,
        rate_down=peer.rate_down,
        rate_up=peer.rate_up,
        downloaded=peer.downloaded,
        uploaded=peer.uploaded,
        stuck=stuck,
    )


def _state(member: Member) -> Label:
    if member.stuck:
        return Label(_("Stuck"), "hourglass-split", "danger")
    if member.complete:
        return Label(_("Complete"), "check-circle-fill", "success")
    if member.connected:
        return Label(_("Connected"), "plug-fill", "primary")
    return Label(_("Known"), "broadcast", "muted") if member.live else Label(_("Away"), "moon", "muted")


def _done(member: Member) -> Bar | Label:
    if member.bits is None:
        return Label(_("not known"), "", "muted")
    part = member.held / member.count if member.count else 1.0
    return Bar(part, percent(part), "success" if member.complete else "primary")


def member_columns() -> list[Column[Member]]:
    """In the language that is spoken now."""

    def moving(value: float) -> str:
        return rate(value) if value >= 1 else ""

    return [
        Column("user", _("Who"), 11, lambda m: clean(m.user) or "\u2014", lambda m: natural(m.user)),
        Column("address", _("Address"), 18, lambda m: clean(m.address), lambda m: m.address),
        Column(
            "pieces", _("Pieces"), 22, lambda m: Strip(m.bits, m.count) if m.bits is not None else "", lambda m: m.held
        ),
        Column("done", _("Progress"), 14, _done, lambda m: m.held),
        Column("state", _("State"), 12, _state, lambda m: (m.stuck, m.complete)),
        Column("down", _("From it"), 10, lambda m: moving(m.rate_down), lambda m: m.rate_down, right=True),
        Column("up", _("To it"), 10, lambda m: moving(m.rate_up), lambda m: m.rate_up, right=True),
        Column("client", _("Client"), 17, lambda m: clean(m.client), lambda m: m.client),
        Column("got", _("Got"), 10, lambda m: size(m.downloaded), lambda m: m.downloaded, right=True, hidden=True),
        Column("gave", _("Given"), 10, lambda m: size(m.uploaded), lambda m: m.uploaded, right=True, hidden=True),
    ]


def rarest(torrent: TorrentSnapshot) -> str:
    """Which pieces the fewest others hold, in words; empty when there is nobody else."""
    if not torrent.availability or not (torrent.peers or torrent.members):
        return ""
    least = min(torrent.availability)
    copies, many, at = least + torrent.seeds, torrent.availability.count(least), -1
    if many == len(torrent.availability):
        if not copies:
            return _("No piece is on any other machine")
        text = ngettext("Every piece is on {n} other machine", "Every piece is on {n} other machines", copies)
        return text.format(n=number(copies))
    named = []
    for _each in range(min(many, MAX_RAREST)):
        at = torrent.availability.index(least, at + 1)
        named.append(number(at))
    pieces = ", ".join(named) + (", \u2026" if many > MAX_RAREST else "")
    if not copies:
        return _("On no other machine: {pieces}").format(pieces=pieces)
    text = ngettext("Rarest: {pieces}, on {n} other machine", "Rarest: {pieces}, on {n} other machines", copies)
    return text.format(pieces=pieces, n=number(copies))
