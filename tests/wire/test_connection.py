"""Two connections that talk to each other, and one that is talked to by somebody who does not know the rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wire.pair import BLOCK, LAYOUT, Pair, Side, feed, output

from swarmshare.errors import LocalProtocolError, RemoteProtocolError
from swarmshare.manifest.layout import Block, PieceLayout
from swarmshare.wire import messages as m
from swarmshare.wire import owed
from swarmshare.wire.connection import MAX_HASH_REQUESTS, USELESS_ALLOWANCE
from swarmshare.wire.extensions import MAX_REQUEST
from swarmshare.wire.phases import TRANSITIONS, Negotiated, Phase

ROOT = bytes(range(32))
A_BLOCK = m.Piece(0, 0, 7).encode() + b"1234567"


def unchoked(**agreed: bool) -> Pair:
    pair = Pair(**agreed)
    pair.theirs.set_choking(False)
    pair.ours.set_interested(True)
    assert pair.to_ours() == [m.Unchoke()]
    assert pair.to_theirs() == [m.Interested()]
    return pair


def test_a_block_comes_to_its_place() -> None:
    pair = unchoked()
    pair.ours.request([Block(0, BLOCK, BLOCK)])
    pair.ours.request([Block(3, 0, 100)])
    first, second = pair.theirs_owe()
    assert [first, second] == [m.Request(0, BLOCK, BLOCK), m.Request(3, 0, 100)]
    pair.theirs.send_block(second, b"y" * 100)
    pair.theirs.send_block(first, memoryview(b"x" * BLOCK))
    assert not pair.theirs.owed
    assert pair.to_ours() == [m.Piece(3, 0, 100), m.Piece(0, BLOCK, BLOCK)]
    assert pair.ours.blocks == {(3, 0): b"y" * 100, (0, BLOCK): b"x" * BLOCK}
    assert not pair.ours.asked


def test_what_was_not_asked_for_is_dropped() -> None:
    side = Side(Negotiated())
    data = m.Piece(0, 0, BLOCK).encode() + bytes(BLOCK) + m.Have(5).encode()
    assert feed(side, data) == [m.Have(5)]
    assert not side.blocks
    assert feed(side, m.Piece(0, 0, 0).encode()) == []


def test_a_block_that_is_not_wanted_any_more_is_dropped_but_told() -> None:
    pair = unchoked()
    pair.ours.request([Block(0, 0, BLOCK)])
    (request,) = pair.theirs_owe()
    pair.ours.wanted = False
    pair.theirs.send_block(request, bytes(BLOCK))
    assert pair.to_ours() == [m.Piece(0, 0, BLOCK)]
    assert not pair.ours.blocks


@pytest.mark.parametrize("fast", [True, False])
def test_cancelling(fast: bool) -> None:
    pair = unchoked(fast=fast)
    pair.ours.request([Block(0, 0, BLOCK)])
    pair.to_theirs()
    pair.ours.cancel(Block(0, 0, BLOCK))
    pair.ours.cancel(Block(0, 0, BLOCK))
    pair.ours.cancel(Block(1, 0, BLOCK))
    assert pair.to_theirs() == [m.Cancel(0, 0, BLOCK)]
    assert not pair.theirs.owed
    assert pair.to_ours() == []
    assert not pair.ours.asked
    assert feed(pair.theirs, m.Cancel(0, 0, BLOCK).encode()) == []


def test_a_cancelled_block_that_comes_all_the_same() -> None:
    pair = unchoked()
    pair.ours.request([Block(0, 0, BLOCK)])
    (request,) = pair.theirs_owe()
    pair.theirs.send_block(request, bytes(BLOCK))
    pair.ours.cancel(Block(0, 0, BLOCK))
    assert pair.to_ours() == [m.Piece(0, 0, BLOCK)], "so that whoever kept a place for it gives that up"
    assert not pair.ours.blocks
    assert not pair.ours.asked


@pytest.mark.parametrize("fast", [True, False])
def test_choking_ends_what_was_asked(fast: bool) -> None:
    pair = unchoked(fast=fast)
    pair.theirs.grant_fast(1)
    pair.to_ours()
    for piece in (0, 1):
        pair.ours.request([Block(piece, 0, BLOCK)])
    pair.to_theirs()
    pair.theirs.set_choking(True)
    pair.theirs.set_choking(True)
    expected: list[m.Message] = [m.Choke()]
    if fast:
        expected.append(m.Reject(0, 0, BLOCK))
    assert pair.to_ours() == expected
    assert list(pair.theirs.owed) == ([m.Request(1, 0, BLOCK)] if fast else [])
    assert list(pair.ours.asked) == list(pair.theirs.owed)
    with pytest.raises(LocalProtocolError, match="while choked"):
        pair.ours.request([Block(0, 0, BLOCK)])
    if fast:
        pair.ours.request([Block(1, BLOCK, BLOCK)])


def test_the_opening_is_as_short_as_may_be() -> None:
    full, none, some = b"\xfc", b"\0", b"\x80"
    for fast, bits, held, expected in (
        (True, full, 6, [m.HaveAll()]),
        (True, none, 0, [m.HaveNone()]),
        (True, some, 1, [m.BitfieldMessage(some)]),
        (False, full, 6, [m.BitfieldMessage(full)]),
        (False, none, 0, []),
    ):
        pair = Pair(fast=fast)
        pair.ours.send_opening(bits, held=held)
        assert pair.to_theirs() == expected


def test_small_talk() -> None:
    pair = Pair()
    assert not pair.ours.has_output
    pair.ours.keep_alive()
    assert pair.ours.has_output
    pair.ours.send_have(5)
    pair.ours.send_extended(m.Extended(0, b"de"))
    pair.ours.set_interested(True)
    pair.ours.set_interested(True)
    pair.ours.set_interested(False)
    pair.ours.set_choking(False)
    pair.ours.grant_fast(2)
    pair.ours.grant_fast(2)
    assert pair.to_theirs() == [
        m.Have(5), m.Extended(0, b"de"), m.Interested(), m.NotInterested(), m.Unchoke(), m.AllowedFast(2),
    ]  # fmt: skip
    assert not pair.theirs.peer_interested
    assert not pair.theirs.peer_choking
    assert pair.theirs.allowed_fast == {2}


def test_a_state_said_twice_is_said_once() -> None:
    side = Side(Negotiated())
    twice = b"".join(kind().encode() * 2 for kind in (m.Unchoke, m.Choke, m.Interested, m.NotInterested))
    assert feed(side, twice) == [m.Unchoke(), m.Choke(), m.Interested(), m.NotInterested()]


def test_hashes() -> None:
    pair = Pair()
    request, other = m.HashRequest(ROOT, 0, 0, 2, 0), m.HashRequest(ROOT, 0, 2, 2, 0)
    pair.ours.request_hashes(request)
    pair.ours.request_hashes(other)
    assert pair.to_theirs() == [request, other]
    assert list(pair.theirs.owed_hashes) == [request, other]
    pair.theirs.send_hashes(request, b"h" * 64)
    pair.theirs.send_hash_reject(other)
    assert pair.to_ours() == [m.Hashes(ROOT, 0, 0, 2, 0, b"h" * 64), m.HashReject(ROOT, 0, 2, 2, 0)]
    assert not pair.ours.asked_hashes
    assert not pair.theirs.owed_hashes
    pair.theirs.send_hashes(request, b"h" * 64)
    assert pair.to_ours() == []


def test_too_many_hash_requests_are_rejected() -> None:
    pair = Pair()
    for index in range(MAX_HASH_REQUESTS + 3):
        pair.ours.request_hashes(m.HashRequest(ROOT, 0, 2 * index, 2, 0))
    assert len(pair.to_theirs()) == MAX_HASH_REQUESTS
    assert [type(message) for message in pair.to_ours()] == [m.HashReject] * 3


def rejected(side: Side, request: m.Request) -> bool:
    assert feed(side, request.encode()) == []
    return output(side) == m.Reject(request.piece, request.begin, request.length).encode()


def test_requests_that_are_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    side = Side(Negotiated())
    assert rejected(side, m.Request(0, 0, BLOCK)), "choked"
    side.grant_fast(0)
    side.take_output()
    assert feed(side, m.Request(0, 0, BLOCK).encode()) == [m.Request(0, 0, BLOCK)]
    assert rejected(side, m.Request(0, 0, BLOCK)), "twice"
    side.set_choking(False)
    side.take_output()
    monkeypatch.setattr(owed, "MAX_QUEUE", 2)
    assert feed(side, m.Request(1, 0, BLOCK).encode()) == [m.Request(1, 0, BLOCK)]
    assert rejected(side, m.Request(2, 0, BLOCK)), "too many"
    side.reject(m.Request(1, 0, BLOCK))
    assert output(side) == m.Reject(1, 0, BLOCK).encode()


@pytest.mark.parametrize(("extended", "longest"), [(False, BLOCK), (True, MAX_REQUEST)])
def test_a_request_is_as_long_as_we_say_that_we_take(extended: bool, longest: int) -> None:
    side = Side(Negotiated(extended=extended), PieceLayout(2 * MAX_REQUEST, [2 * MAX_REQUEST]))
    side.set_choking(False)
    side.take_output()
    assert rejected(side, m.Request(0, 0, longest + 1)), "libtorrent rejects it, too, and stays"
    assert feed(side, m.Request(0, 0, longest).encode()) == [m.Request(0, 0, longest)]


def test_what_is_owed_has_a_bound_in_bytes_whatever_the_requests_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "MAX_QUEUE", 5)
    side = Side(Negotiated(), PieceLayout(4 * BLOCK, [8 * BLOCK]))
    side.set_choking(False)
    side.take_output()
    taken = [m.Request(0, 0, 3 * BLOCK), m.Request(1, 0, 5)]
    assert feed(side, b"".join(request.encode() for request in taken)) == taken
    assert rejected(side, m.Request(1, 0, 2 * BLOCK)), "one leaf is left"
    last = m.Request(1, BLOCK, BLOCK)
    assert feed(side, last.encode()) == [last]
    side.send_block(taken[0], bytes(3 * BLOCK))
    side.take_output()
    assert feed(side, m.Request(1, 0, 3 * BLOCK).encode()) == [m.Request(1, 0, 3 * BLOCK)], "there is room again"


def test_a_long_block_comes_from_who_said_that_it_takes_long_requests() -> None:
    layout = PieceLayout(4 * BLOCK, [8 * BLOCK])
    long, head = Block(0, 0, 4 * BLOCK), m.Piece(0, 0, 4 * BLOCK).encode()
    side = Side(Negotiated(), layout)
    feed(side, m.Unchoke().encode())
    with pytest.raises(LocalProtocolError, match="longer than the peer takes"):
        side.request([long])
    assert side.allow_long(2 * MAX_REQUEST) == MAX_REQUEST
    assert side.allow_long(BLOCK) == BLOCK, "from now on; but the answer to an earlier request may still come"
    side.request([long])
    assert feed(side, head + b"x" * BLOCK) == []
    assert side.part_length == BLOCK
    assert feed(side, b"x" * 3 * BLOCK) == [m.Piece(0, 0, 4 * BLOCK)]
    assert side.part_length == 0
    assert side.blocks[0, 0] == b"x" * 4 * BLOCK
    stranger = Side(Negotiated(), layout)
    with pytest.raises(RemoteProtocolError):
        feed(stranger, head)


def test_places_are_taken_in_advance_for_a_mib_of_long_blocks_and_no_more() -> None:
    side = Side(Negotiated(), PieceLayout(MAX_REQUEST, [4 * MAX_REQUEST]))
    side.allow_long(MAX_REQUEST)
    feed(side, m.Unchoke().encode())
    blocks = [Block(piece, begin, MAX_REQUEST // 2) for piece in range(4) for begin in (0, MAX_REQUEST // 2)]
    side.request(blocks)
    data = b"".join(m.Piece(*block).encode() + bytes(block.length) for block in blocks)
    assert feed(side, data) == blocks
    side.request(blocks)
    feed(side, m.Piece(*blocks[0]).encode())
    assert sum(map(len, side.buffers())) < 3.1 * MAX_REQUEST // 2, "the one under way, and two more"
    assert not side.owed


@pytest.mark.parametrize("begin", [0, BLOCK])
def test_a_short_piece_may_be_requested_with_its_padding(begin: int) -> None:
    """libtorrent up to 2.0.11 asks for whole blocks at a file's end, v1 clients for all of a hybrid's padding."""
    request = m.Request(3, begin, BLOCK)
    side = Side(Negotiated())
    side.set_choking(False)
    assert feed(side, request.encode()) == [request]


def violates(rule: str, data: bytes, **agreed: bool) -> None:
    for step in (0, 1):
        side = Side(Negotiated(**agreed))
        side.set_choking(False)
        with pytest.raises(RemoteProtocolError) as caught:
            feed(side, data, step)
        assert caught.value.rule == rule
        assert side.phase is Phase.CLOSED


@pytest.mark.parametrize("kind", [m.Have, m.Suggest, m.AllowedFast])
def test_pieces_that_do_not_exist(kind: Any) -> None:
    violates("piece-range", kind(6).encode())
    violates("piece-range", kind(2**32 - 1).encode())


@pytest.mark.parametrize(
    ("piece", "begin", "length", "rule"),
    [
        (6, 0, 1, "piece-range"),
        (0, 0, 0, "request-range"),
        (0, 2 * BLOCK, 1, "request-range"),
        (0, BLOCK + 1, BLOCK, "request-range"),
        (3, BLOCK + 1, BLOCK, "request-range"),
        (5, 2 * BLOCK, 1, "request-range"),
        (0, 2**32 - 1, 2**32 - 1, "request-range"),
    ],
)
def test_blocks_that_do_not_exist(piece: int, begin: int, length: int, rule: str) -> None:
    violates(rule, m.Request(piece, begin, length).encode())


def test_what_a_peer_holds_is_said_once_and_first() -> None:
    for first in (m.HaveAll(), m.HaveNone(), m.BitfieldMessage(b"\x80"), m.Have(0)):
        for second in (m.HaveAll(), m.HaveNone(), m.BitfieldMessage(b"\x80")):
            violates("late-bitfield", first.encode() + second.encode())
    side = Side(Negotiated())
    before = m.Extended(0, b"").encode() + m.Unchoke().encode() + m.AllowedFast(1).encode()
    assert len(feed(side, before + m.BitfieldMessage(b"\xfc").encode())) == 4


def test_spare_bits() -> None:
    violates("spare-bits", m.BitfieldMessage(b"\xfe").encode())
    violates("spare-bits", m.BitfieldMessage(b"\x01").encode())


def test_what_was_not_agreed_on() -> None:
    for message in (m.HaveAll(), m.HaveNone(), m.Suggest(0), m.AllowedFast(0), m.Reject(0, 0, 1)):
        violates("no-fast", message.encode(), fast=False)
    violates("no-extensions", m.Extended(0, b"de").encode(), extended=False)
    for hashes in (
        m.HashRequest(ROOT, 0, 0, 2, 0),
        m.HashReject(ROOT, 0, 0, 2, 0),
        m.Hashes(ROOT, 0, 0, 2, 0, bytes(64)),
    ):
        violates("no-v2", hashes.encode(), v2=False)


def test_idle_talk_has_an_end() -> None:
    side = Side(Negotiated())
    with pytest.raises(RemoteProtocolError) as caught:
        feed(side, m.Choke().encode() * (USELESS_ALLOWANCE + 1))
    assert caught.value.rule == "useless"
    side = Side(Negotiated())
    feed(side, (m.Choke().encode() + m.Have(1).encode()) * (2 * USELESS_ALLOWANCE))


def test_our_own_mistakes_are_bugs() -> None:
    side = Side(Negotiated(extended=False, v2=False))
    with pytest.raises(LocalProtocolError, match="while choked"):
        side.request([Block(0, 0, 1)])
    with pytest.raises(LocalProtocolError, match="did not ask"):
        side.send_block(m.Request(0, 0, 1), b"x")
    with pytest.raises(LocalProtocolError, match="wrong length"):
        side.send_block(m.Request(0, 0, 1), b"xx")
    with pytest.raises(LocalProtocolError, match="did not ask"):
        side.reject(m.Request(0, 0, 1))
    with pytest.raises(LocalProtocolError, match="extension"):
        side.send_extended(m.Extended(0, b""))
    with pytest.raises(LocalProtocolError, match="hash request"):
        side.request_hashes(m.HashRequest(ROOT, 0, 0, 2, 0))
    feed(side, m.Unchoke().encode())
    side.request([Block(0, 0, 1)])
    with pytest.raises(LocalProtocolError, match="twice"):
        side.request([Block(0, 0, 1)])


def test_the_table_is_whole() -> None:
    """Every message has a place in it, but for the openings once the talk has begun."""
    kinds = set(m.Message.__args__)
    openings = {m.BitfieldMessage, m.HaveAll, m.HaveNone}
    assert {kind for phase, kind in TRANSITIONS if phase is Phase.HANDSHAKING} == kinds
    assert {kind for phase, kind in TRANSITIONS if phase is Phase.TALKING} == kinds - openings


messages = st.one_of(
    st.sampled_from([m.Choke(), m.Unchoke(), m.Interested(), m.NotInterested(), m.HaveAll(), m.HaveNone()]),
    st.builds(lambda kind, piece: kind(piece), st.sampled_from([m.Have, m.Suggest, m.AllowedFast]), st.integers(0, 7)),
    st.builds(
        lambda kind, piece, begin, length: kind(piece, begin, length),
        st.sampled_from([m.Request, m.Cancel, m.Reject]), st.integers(0, 6), st.sampled_from([0, 1, BLOCK]),
        st.sampled_from([0, 1, 7, 100, BLOCK, BLOCK + 1]),
    ),
    st.sampled_from([b"\xfc", b"\x80", b"\xff"]).map(m.BitfieldMessage),
    st.builds(m.Extended, st.integers(0, 9), st.binary(max_size=20)),
    st.builds(m.HashRequest, st.just(ROOT), st.just(0), st.integers(0, 3), st.just(2), st.just(0)),
    st.builds(m.HashReject, st.just(ROOT), st.just(0), st.integers(0, 3), st.just(2), st.just(0)),
)  # fmt: skip


@given(
    st.lists(messages.map(lambda message: bytes(message.encode())) | st.just(A_BLOCK), max_size=20),
    st.booleans(), st.booleans(), st.binary(max_size=30),
)  # fmt: skip
def test_a_message_or_a_violation_and_nothing_else(sent: list[bytes], fast: bool, v2: bool, tail: bytes) -> None:
    """The fuzz target: whatever comes, in one chunk or byte by byte, comes to the same, and to nothing else."""
    outcomes: list[tuple[object, ...]] = []
    for step in (0, 1):
        side = Side(Negotiated(fast=fast, v2=v2))
        feed(side, m.Unchoke().encode())
        side.request([Block(0, 0, 7)])
        side.set_choking(False)
        got: list[m.Message] = []
        try:
            for data in (*sent, tail):
                got += feed(side, data, step)
        except RemoteProtocolError as error:
            outcomes.append((error.rule, side.blocks, list(side.owed)))
        else:
            outcomes.append((got, side.blocks, list(side.owed)))
            assert all(request.piece < LAYOUT.piece_count for request in side.owed)
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("fast", [True, False])
def test_a_piece_is_suggested_to_who_knows_how(fast: bool) -> None:
    pair = Pair(fast=fast)
    pair.ours.suggest(3)
    assert pair.to_theirs() == ([m.Suggest(3)] if fast else [])
