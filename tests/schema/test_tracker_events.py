"""Events of the tracker: what is written can be read, and what is wrong is refused, by name."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.bits import Runs, all_bits, as_bits, as_number, runs_of_bits
from swarmshare.schema.fields import MOST, EventError
from swarmshare.schema.tracker_events import (
    MAX_PEERS,
    MAX_PIECES,
    MAX_RUNS,
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
from swarmshare.schema.tracker_wire import (
    dump_error,
    dump_page,
    dump_peers,
    dump_push,
    dump_request,
    dump_state,
    parse_page,
    parse_peers,
    parse_push,
    parse_request,
    parse_state,
    parse_token,
)
from swarmshare.texts import Text

HASH = bytes(range(32))
COUNT = 21

numbers = st.integers(0, MOST)
hashes = st.binary(min_size=32, max_size=32)
bitfields = st.integers(0, 2**COUNT - 1).map(lambda number: as_bits(number << -COUNT % 8, COUNT))
runs = bitfields.map(lambda bits: runs_of_bits(as_number(bits), COUNT))
requests: st.SearchStrategy[SwarmRequest] = st.one_of(
    st.builds(
        Join, hashes, st.binary(min_size=20, max_size=20), st.integers(1, 65535), st.just(COUNT), bitfields, numbers
    ),
    st.builds(HaveUpdate, hashes, runs, runs),
    st.builds(Stats, hashes, numbers, numbers, numbers, numbers, numbers),
    st.builds(Leave, hashes),
    st.builds(Resync, hashes),
    st.builds(FindPeers, hashes, st.integers(1, MAX_PEERS)),
    st.builds(ListMembers, hashes, numbers),
    st.builds(ReportMember, hashes, st.integers(1, MOST)),
)
peers = st.builds(
    MemberInfo,
    st.integers(1, MOST),
    st.text(max_size=60),
    st.lists(st.ip_addresses().map(str), min_size=1, max_size=2).map(tuple),
    st.integers(1, 65535),
    st.booleans(),
    st.just(Holds.NONE),
    st.floats(0, 1),
)


@st.composite
def holdings(draw: st.DrawFn) -> MemberPieces:
    peer, pieces = draw(peers), draw(st.none() | bitfields)
    if pieces is None:
        return MemberPieces(peer._replace(holds=Holds.UNKNOWN), None)
    whole = {all_bits(COUNT): Holds.ALL, bytes(len(pieces)): Holds.NONE}
    return MemberPieces(peer._replace(holds=whole.get(pieces, Holds.SOME)), pieces)


many = st.lists(holdings(), max_size=6).map(tuple)
changes = st.lists(st.tuples(st.integers(1, MOST), runs), max_size=5).map(tuple)


def wired(wire: object) -> Any:
    """What arrives: JSON, with the binary parts put back."""
    parts: list[bytes] = []

    def put(value: Any) -> Any:
        assert isinstance(value, bytes)
        parts.append(value)
        return {"_placeholder": len(parts) - 1}

    def take(value: dict[str, Any]) -> Any:
        return parts[value["_placeholder"]] if "_placeholder" in value else value

    return json.loads(json.dumps(wire, default=put), object_hook=take)


@given(requests)
def test_requests_there_and_back(request: SwarmRequest) -> None:
    event, wire = dump_request(request)
    assert parse_request(event, wired(wire)) == request


@given(st.builds(JoinAnswer, numbers, numbers, st.integers(1, 100), st.integers(1), numbers, numbers, st.just(()),
                 st.binary(min_size=COUNT, max_size=COUNT), st.none() | many), st.lists(peers, max_size=4))  # fmt: skip
def test_states_there_and_back(state: JoinAnswer, others: list[MemberInfo]) -> None:
    state = state._replace(peers=tuple(others), member=min(state.member, MOST))
    assert parse_state(wired(dump_state(state)), COUNT) == state


@given(st.one_of(st.builds(lambda told: Push(HASH, 1, 2, 3, 4, MemberChanges(told, (), (), ())), many)))
def test_the_tracker_sends_no_attachments(push: Push) -> None:
    json.dumps(dump_push(push))
    json.dumps(dump_page(MemberPage(push.changes.joined, more=False)))  # type: ignore[union-attr]


@given(many, st.booleans())
def test_pages_there_and_back(page: tuple[MemberPieces, ...], more: bool) -> None:
    assert parse_page(wired(dump_page(MemberPage(page, more))), COUNT) == MemberPage(page, more)


@given(st.lists(peers, max_size=5).map(tuple))
def test_peers_there_and_back(others: tuple[MemberInfo, ...]) -> None:
    assert parse_peers(wired(dump_peers(others))) == others


@given(
    hashes, numbers, numbers, st.builds(MemberChanges, many, st.lists(numbers, max_size=5).map(tuple), changes, changes)
)
def test_member_pushes_there_and_back(info_hash: bytes, epoch: int, seq: int, told: MemberChanges) -> None:
    push = Push(info_hash, epoch, seq, 3, 4, told)
    assert parse_push(wired(dump_push(push)), lambda _: COUNT) == push


@given(runs, st.data())
def test_availability_pushes_there_and_back(changed: Runs, data: st.DataObject) -> None:
    length = sum(map(len, changed))
    told = AvailabilityChanges(changed, data.draw(st.binary(min_size=length, max_size=length)))
    push = Push(HASH, 1, 2, 3, 4, told)
    assert parse_push(wired(dump_push(push)), lambda _: COUNT) == push


def good(event: str) -> dict[str, Any]:
    requests: dict[str, SwarmRequest] = {
        "join": Join(HASH, bytes(20), 1, COUNT, all_bits(COUNT), 0),
        "have": HaveUpdate(HASH, (range(3),), ()),
        "stats": Stats(HASH, 1, 2, 3, 4, 5),
        "leave": Leave(HASH),
        "resync": Resync(HASH),
        "peers": FindPeers(HASH, 1),
        "members": ListMembers(HASH, 0),
        "report": ReportMember(HASH, 1),
    }
    return dump_request(requests[event])[1]


EVENTS = ("join", "have", "stats", "leave", "resync", "peers", "members", "report")
HEX = HASH.hex()
WRONG: list[tuple[str, str, object]] = [
    *((event, "info_hash", value) for event in EVENTS for value in (None, 5, HASH, "", HEX[:-1], HEX + "00", "x" * 64)),
    *(("join", "port", value) for value in (0, 65536, -1, 1.0, True, "1", None)),
    *(("join", "pieces", value) for value in (0, MAX_PIECES + 1, "21", None)),
    *(("join", "bitfield", value) for value in ("ff", 7, None, [1])),
    *(("join", "left", value) for value in (-1, 2**53, 1.5, float("nan"))),
    *(("join", "peer_id", value) for value in ("00" * 19, bytes(20), " " * 40)),
    *(
        ("have", "gained", value)
        for value in ({"a": 1}, "1", [1], [0, 1] * 2, [-1, 1], [0, MAX_PIECES + 1], [[0, 1]], None)
    ),
    ("have", "lost", [number for piece in range(MAX_RUNS + 1) for number in (2 * piece, 1)]),
    *(("stats", name, value) for name in ("uploaded", "rate_up", "rate_down") for value in (-1, 2**53, "0", None, 1.0)),
    *(("peers", "want", value) for value in (0, 51, None, "5")),
    *(("members", "after", value) for value in (-1, None)),
    *(("report", "member", value) for value in (0, None, "1")),
]


@pytest.mark.parametrize(("event", "name", "value"), WRONG, ids=lambda value: repr(value)[:24])
def test_a_wrong_field_is_malformed(event: str, name: str, value: object) -> None:
    with pytest.raises(EventError, match=name) as refused:
        parse_request(event, good(event) | {name: value})
    assert refused.value.reason == Refusal.MALFORMED


@pytest.mark.parametrize("event", EVENTS)
def test_every_field_is_needed_and_no_other_is_taken(event: str) -> None:
    for name in good(event):
        with pytest.raises(EventError, match=name):
            parse_request(event, {key: value for key, value in good(event).items() if key != name})
    with pytest.raises(EventError, match="'user'") as refused:
        parse_request(event, good(event) | {"user": "root"})
    assert refused.value.reason == Refusal.MALFORMED


@pytest.mark.parametrize("data", [None, 5, "x", [], [1], b"x", True])
def test_only_objects_are_read(data: object) -> None:
    with pytest.raises(EventError, match="no object"):
        parse_request("leave", data)


@pytest.mark.parametrize("event", ["", "Join", "connect", "disconnect", 5, None, ["join"], {"a": 1}, "j" * 10_000])
def test_unknown_events(event: object) -> None:
    with pytest.raises(EventError) as refused:
        parse_request(event, {})
    assert refused.value.reason == Refusal.UNKNOWN_EVENT
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize("bitfield", [b"", b"\xff\xff", b"\xff" * 4, b"\xff\xff\xff", b"\0\0\x04"])
def test_a_bitfield_fits_the_pieces(bitfield: bytes) -> None:
    with pytest.raises(EventError) as refused:
        parse_request("join", good("join") | {"bitfield": bitfield})
    assert refused.value.reason == Refusal.BITFIELD


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
                    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8),
       st.sampled_from(EVENTS), st.data())  # fmt: skip
def test_whatever_comes_is_read_or_refused(value: Any, event: str, data: st.DataObject) -> None:
    wire = good(event)
    name = data.draw(st.sampled_from([*wire, "something"]))
    with suppress(EventError):
        parse_request(event, data.draw(st.sampled_from([value, wire | {name: value}])))


def test_tokens() -> None:
    assert parse_token({"token": "secret", "client": "of a later version"}) == "secret"
    for auth in (None, "secret", {}, {"token": 5}, {"token": "x" * 513}):
        with pytest.raises(EventError):
            parse_token(auth)


def test_a_refusal_is_raised_where_the_answer_is_read() -> None:
    wire = dump_error(EventError(Refusal.NOT_JOINED, Text("event.not-joined")))
    said = "this connection is not in that swarm (any more): join it"
    text = {"code": "event.not-joined", "arguments": {}}
    assert wire == {"error": "not-joined", "message": said, "text": text}
    with pytest.raises(EventError) as refused:
        parse_state(wire, COUNT)
    assert (refused.value.reason, str(refused.value)) == ("not-joined", said)
    assert refused.value.message.code == "event.not-joined"
    with pytest.raises(EventError, match="join first") as refused:
        parse_state({"error": "not-joined", "message": "join first"}, COUNT)
    assert refused.value.message.code == "tracker.says", "what a tracker says that knows no codes is shown as it came"


def base64(data: bytes) -> str:
    return b64encode(data).decode()


PEER = MemberInfo(1, "ann", ("10.0.0.1",), 6881, True, Holds.SOME, 0.5)
STATE = dump_state(JoinAnswer(1, 2, 15, 1, 0, 1, (PEER,), bytes(COUNT), (MemberPieces(PEER, b"\x80\0\0"),)))
PUSH = dump_push(Push(HASH, 1, 2, 0, 1, MemberChanges((MemberPieces(PEER, b"\x80\0\0"),), (), ((1, (range(2),)),), ())))
TOTALS = dump_push(Push(HASH, 1, 2, 0, 1, AvailabilityChanges((range(2),), b"\1\2")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"availability": base64(bytes(COUNT - 1))},
        {"availability": base64(bytes(COUNT + 1))},
        {"availability": base64(bytes(COUNT)) + "="},
        {"availability": "!" * 28},
        {"availability": bytes(COUNT)},
        {"availability": None},
        {"bitfields": ""},
        {"bitfields": base64(b"\x80\0")},
        {"bitfields": base64(b"\x80\0\0\0")},
        {"bitfields": base64(b"\x80\0\x01")},
        {"members": [5]},
        {"members": [STATE["members"][0] | {"holds": "most"}]},
        {"members": [STATE["members"][0] | {"holds": "all"}]},
        {"members": [STATE["members"][0] | {"addresses": ["1"] * 3}]},
        {"members": [STATE["members"][0] | {"addresses": [5]}]},
        {"members": [STATE["members"][0] | {"live": 1}]},
        {"members": [STATE["members"][0] | {"share": True}]},
        {"members": [STATE["members"][0] | {"share": 1.5}]},
        {"peers": [STATE["members"][0]] * (MAX_PEERS + 1)},
        {"epoch": None},
        {"interval": 0},
    ],
    ids=lambda wrong: repr(wrong)[:60],
)
def test_a_tracker_may_be_wrong_too(wrong: dict[str, Any]) -> None:
    assert parse_state(STATE, COUNT)
    with pytest.raises(EventError):
        parse_state(STATE | wrong, COUNT)


@pytest.mark.parametrize(
    "wrong",
    [
        PUSH | {"gained": [5]},
        PUSH | {"gained": [[1]]},
        PUSH | {"gained": [[1, [0, COUNT + 1]]]},
        PUSH | {"lost": [[0, [0, 1]]]},
        PUSH | {"left": ["1"]},
        PUSH | {"info_hash": ""},
        TOTALS | {"availability": base64(b"\1")},
        TOTALS | {"changed": [0, COUNT + 1]},
    ],
    ids=lambda wrong: repr(wrong)[-40:],
)
def test_a_wrong_push(wrong: dict[str, Any]) -> None:
    with pytest.raises(EventError):
        parse_push(wrong, lambda _: COUNT)
