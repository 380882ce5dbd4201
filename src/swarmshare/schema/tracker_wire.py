"""The events of ``tracker_events`` as Socket.IO carries them: parse and dump, both ways.

What a peer sends is read strictly; what the tracker sends may have fields that a later version added.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from swarmshare.common.bits import all_bits, check_bits, runs_to_wire
from swarmshare.schema.fields import EventError, Fields
from swarmshare.schema.text_wire import dump_text, read_text
from swarmshare.schema.tracker_events import (
    MAX_BITFIELD,
    MAX_MEMBERS,
    MAX_PEERS,
    MAX_PIECES,
    MAX_RUNS,
    MAX_TOKEN,
    AvailabilityChanges,
    FindPeers,
    HaveUpdate,
    Holds,
    Join,
    JoinAnswer,
    Leave,
    ListMembers,
    MemberChanges,
    MemberInfo,
    MemberPage,
    MemberPieces,
    Push,
    Refusal,
    ReportMember,
    Resync,
    Stats,
    SwarmRequest,
)
from swarmshare.texts import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from swarmshare.common.bits import Runs

Wire = dict[str, Any]
"""One object, for JSON and binary attachments."""
_HASH: Final = 32
_PEER_ID: Final = 20
_NAME: Final = 256
_ADDRESS: Final = 64
_MANY: Final = 65_536
_HOLDS: Final = frozenset(Holds)


# What peers send


def parse_token(auth: object) -> str:
    """Return the token of a connecting peer; :class:`EventError` when there is none."""
    return Fields("auth", auth).text("token", MAX_TOKEN)


def parse_request(event: object, data: object) -> SwarmRequest:
    """Return what a peer asks for; :class:`EventError` when it is no event of ours, or not as it should be."""
    if not isinstance(event, str) or event not in _REQUESTS:
        raise EventError(Refusal.UNKNOWN_EVENT, Text("event.unknown", event=repr(event)[:40]))
    known, parse = _REQUESTS[event]
    return parse(Fields(event, data, known))


def dump_request(request: SwarmRequest) -> tuple[str, Wire]:
    """Return the name and the object of an event."""
    wire: Wire = {"info_hash": request.info_hash.hex()}
    match request:
        case Join():
            wire |= {"peer_id": request.peer_id.hex(), "port": request.port, "pieces": request.piece_count}
            wire |= {"bitfield": request.bitfield, "left": request.left}
        case HaveUpdate():
            wire |= {"gained": runs_to_wire(request.gained), "lost": runs_to_wire(request.lost)}
        case Stats() | FindPeers() | ListMembers() | ReportMember():
            wire = request._asdict() | wire
        case Leave() | Resync():
            pass
    return _NAMES[type(request)], wire


def _join(fields: Fields) -> Join:
    count = fields.integer("pieces", 1, MAX_PIECES)
    bitfield = fields.binary("bitfield", MAX_BITFIELD)
    try:
        check_bits(bitfield, count)
    except ValueError as error:
        raise EventError(Refusal.BITFIELD, Text("event.bitfield", reason=error)) from None
    return Join(
        fields.hexadecimal("info_hash", _HASH),
        fields.hexadecimal("peer_id", _PEER_ID),
        fields.integer("port", 1, 65_535),
        count,
        bitfield,
        fields.integer("left"),
    )


def _have(fields: Fields) -> HaveUpdate:
    return HaveUpdate(
        fields.hexadecimal("info_hash", _HASH),
        fields.runs("gained", MAX_RUNS, MAX_PIECES),
        fields.runs("lost", MAX_RUNS, MAX_PIECES),
    )


def _stats(fields: Fields) -> Stats:
    return Stats(
        fields.hexadecimal("info_hash", _HASH),
        fields.integer("uploaded"),
        fields.integer("downloaded"),
        fields.integer("left"),
        fields.integer("rate_up"),
        fields.integer("rate_down"),
    )


_REQUESTS: Final[dict[str, tuple[frozenset[str], Callable[[Fields], SwarmRequest]]]] = {
    "join": (frozenset({"info_hash", "peer_id", "port", "pieces", "bitfield", "left"}), _join),
    "have": (frozenset(HaveUpdate._fields), _have),
    "stats": (frozenset(Stats._fields), _stats),
    "leave": (frozenset(Leave._fields), lambda fields: Leave(fields.hexadecimal("info_hash", _HASH))),
    "resync": (frozenset(Resync._fields), lambda fields: Resync(fields.hexadecimal("info_hash", _HASH))),
    "peers": (
        frozenset(FindPeers._fields),
        lambda fields: FindPeers(fields.hexadecimal("info_hash", _HASH), fields.integer("want", 1, MAX_PEERS)),
    ),
    "members": (
        frozenset(ListMembers._fields),
        lambda fields: ListMembers(fields.hexadecimal("info_hash", _HASH), fields.integer("after")),
    ),
    "report": (
        frozenset(ReportMember._fields),
        lambda fields: ReportMember(fields.hexadecimal("info_hash", _HASH), fields.integer("member", 1)),
    ),
}
_NAMES: Final[dict[type[SwarmRequest], str]] = {
    Join: "join", HaveUpdate: "have", Stats: "stats", Leave: "leave", Resync: "resync", FindPeers: "peers",
    ListMembers: "members", ReportMember: "report",
}  # fmt: skip


# What the tracker answers and pushes


def dump_error(error: EventError) -> Wire:
    """Return a refusal, as an acknowledgement."""
    return {"error": str(error.reason), "message": str(error), "text": dump_text(error.message)}


def parse_answer(event: str, data: object) -> Fields:
    """Return an acknowledgement that is no refusal; :class:`EventError` with the tracker's own code when it is one."""
    fields = Fields(f"the answer to {event}", data)
    if fields.has("error"):
        raise EventError(fields.text("error", _NAME), read_text(fields.text("message", 4096), fields.raw("text")))
    return fields


def dump_state(state: JoinAnswer) -> Wire:
    """``state`` as the acknowledgement of ``join`` or ``resync``."""
    wire = state._asdict()
    holdings = wire.pop("holdings")
    members = {"members": None, "bitfields": None} if holdings is None else _dump_member_pieces(holdings)
    peers = [_dump_member(peer) for peer in state.peers]
    return wire | members | {"peers": peers, "availability": _text(state.availability)}


def parse_state(data: object, piece_count: int) -> JoinAnswer:
    """Return the answer to ``join`` or ``resync`` on a swarm of ``piece_count`` pieces, else :class:`EventError`."""
    fields = parse_answer("join", data)
    availability = fields.base64("availability", piece_count)
    if len(availability) != piece_count:
        raise fields.wrong(Text("event.availability", count=len(availability), pieces=piece_count))
    return JoinAnswer(
        epoch=fields.integer("epoch"),
        seq=fields.integer("seq"),
        interval=fields.integer("interval", 1, 86_400),
        member=fields.integer("member", 1),
        seeds=fields.integer("seeds"),
        leeches=fields.integer("leeches"),
        peers=_parse_peers(fields),
        availability=availability,
        holdings=_parse_member_pieces(fields, piece_count) if fields.has("members") else None,
    )


def dump_peers(peers: Iterable[MemberInfo]) -> Wire:
    """``peers`` as the acknowledgement of ``peers``."""
    return {"peers": [_dump_member(peer) for peer in peers]}


def parse_peers(data: object) -> tuple[MemberInfo, ...]:
    """Return the members in an answer to ``peers``; :class:`EventError` when it is none."""
    return _parse_peers(parse_answer("peers", data))


def dump_page(page: MemberPage) -> Wire:
    """``page`` as the acknowledgement of ``members``."""
    return {**_dump_member_pieces(page.holdings), "more": page.more}


def parse_page(data: object, piece_count: int) -> MemberPage:
    """Return the page in an answer to ``members`` of a swarm of ``piece_count`` pieces, else :class:`EventError`."""
    fields = parse_answer("members", data)
    return MemberPage(_parse_member_pieces(fields, piece_count), fields.flag("more"))


def dump_push(push: Push) -> Wire:
    """``push`` as all in its swarm get it."""
    wire = push._asdict()
    changes = wire.pop("changes")
    wire["info_hash"] = push.info_hash.hex()
    if isinstance(changes, AvailabilityChanges):
        return wire | {"changed": runs_to_wire(changes.changed), "availability": _text(changes.availability)}
    if changes.joined:
        wire |= _dump_member_pieces(changes.joined)
    return wire | {
        "left": list(changes.left),
        "gained": [[member, runs_to_wire(runs)] for member, runs in changes.gained],
        "lost": [[member, runs_to_wire(runs)] for member, runs in changes.lost],
    }


def parse_push(data: object, piece_count: Callable[[bytes], int]) -> Push:
    """Return the push in ``data``; :class:`EventError` when it is none.

    ``piece_count`` tells how many pieces the swarm of an info hash has, or raises :class:`EventError` for one that is
    not known: until then not a byte of what is told of its pieces is read.
    """
    fields = Fields("swarm", data)
    info_hash = fields.hexadecimal("info_hash", _HASH)
    count = piece_count(info_hash)
    changes: MemberChanges | AvailabilityChanges
    if fields.has("availability"):
        changed, availability = fields.runs("changed", count, count), fields.base64("availability", count)
        if len(availability) != sum(map(len, changed)):
            raise fields.wrong(Text("event.other-pieces"))
        changes = AvailabilityChanges(changed, availability)
    else:
        changes = MemberChanges(
            _parse_member_pieces(fields, count) if fields.has("members") else (),
            tuple(fields.integers("left", _MANY)),
            _parse_changes(fields, "gained", count),
            _parse_changes(fields, "lost", count),
        )
    epoch, seq, seeds, leeches = (fields.integer(name) for name in ("epoch", "seq", "seeds", "leeches"))
    return Push(info_hash, epoch, seq, seeds, leeches, changes)


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _dump_member(peer: MemberInfo) -> Wire:
    member, user, addresses, port, live, holds, share = peer
    return {
        "member": member,
        "user": user,
        "addresses": list(addresses),
        "port": port,
        "live": live,
        "holds": str(holds),
        "share": share,
    }


def _parse_member(data: object) -> MemberInfo:
    fields = Fields("a peer", data)
    holds = fields.text("holds", _NAME)
    if holds not in _HOLDS:
        raise fields.wrong(Text("event.holds", holds=repr(holds)[:40]))
    return MemberInfo(
        member=fields.integer("member", 1),
        user=fields.text("user", _NAME),
        addresses=tuple(fields.texts("addresses", 2, _ADDRESS)),
        port=fields.integer("port", 1, 65_535),
        live=fields.flag("live"),
        holds=Holds(holds),
        share=fields.number("share", 0, 1),
    )


def _parse_peers(fields: Fields) -> tuple[MemberInfo, ...]:
    return tuple(map(_parse_member, fields.items("peers", MAX_PEERS)))


def _dump_member_pieces(holdings: Iterable[MemberPieces]) -> Wire:
    told = [holding.pieces for holding in holdings if holding.peer.holds is Holds.SOME]
    return {
        "members": [_dump_member(holding.peer) for holding in holdings],
        "bitfields": _text(b"".join(filter(None, told))),
    }


def _parse_member_pieces(fields: Fields, count: int) -> tuple[MemberPieces, ...]:
    peers = [_parse_member(item) for item in fields.items("members", MAX_MEMBERS)]
    length = -(-count // 8)
    told = fields.base64("bitfields", len(peers) * length)
    holdings, at = [], 0
    for peer in peers:
        pieces: bytes | None = None
        match peer.holds:
            case Holds.ALL:
                pieces = all_bits(count)
            case Holds.NONE:
                pieces = bytes(length)
            case Holds.SOME:
                pieces, at = told[at : at + length], at + length
                try:
                    check_bits(pieces, count)
                except ValueError as error:
                    raise fields.wrong(Text("event.bitfields", reason=error)) from None
        holdings.append(MemberPieces(peer, pieces))
    # Whatever is left over would be a bitfield of nobody: then the others may be shifted, too.
    if at != len(told):
        raise fields.wrong(Text("event.more-bitfields"))
    return tuple(holdings)


def _parse_changes(fields: Fields, name: str, count: int) -> tuple[tuple[int, Runs], ...]:
    changes = []
    for item in fields.items(name, MAX_MEMBERS):
        if type(item) is not list or len(item) != 2:
            raise fields.wrong(Text("event.no-pair", name=repr(name)))
        pair = Fields("a change", dict(zip(("member", "runs"), item, strict=True)))
        changes.append((pair.integer("member", 1), pair.runs("runs", count, count)))
    return tuple(changes)
