"""Messages and bytes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import RemoteProtocolError
from swarmshare.wire import messages as m
from swarmshare.wire.codec import MAX_EXTENDED, MAX_HASHES, MessageReader
from swarmshare.wire.handshake import (
    HANDSHAKE_LENGTH,
    PREFIX,
    Handshake,
    decode_handshake,
    dial_handshakes,
    looks_encrypted,
)

if TYPE_CHECKING:
    from swarmshare.manifest.layout import Block

PIECES = 20_000  # a bitfield of 2,500 bytes: it does not fit with others in one scratch buffer

u32 = st.integers(0, 2**32 - 1)
hash_fields = st.tuples(st.binary(min_size=32, max_size=32), u32, u32, u32, u32)
short_messages: st.SearchStrategy[Any] = st.one_of(
    st.sampled_from([m.Choke(), m.Unchoke(), m.Interested(), m.NotInterested(), m.HaveAll(), m.HaveNone()]),
    st.sampled_from([m.Have, m.Suggest, m.AllowedFast]).flatmap(lambda kind: st.builds(kind, u32)),
    st.sampled_from([m.Request, m.Cancel, m.Reject]).flatmap(lambda kind: st.builds(kind, u32, u32, u32)),
    st.sampled_from([m.HashRequest, m.HashReject]).flatmap(lambda kind: hash_fields.map(lambda args: kind(*args))),
    st.builds(m.Extended, st.integers(0, 255), st.binary(max_size=9000)),
    st.tuples(hash_fields, st.integers(0, 200)).map(lambda args: m.Hashes(*args[0], b"h" * 32 * args[1])),
    st.binary(min_size=PIECES // 8, max_size=PIECES // 8).map(m.BitfieldMessage),
)
blocks = st.tuples(u32, u32, st.integers(0, 2**14)).map(lambda args: m.Piece(*args))


class Receiver:
    """A reader, and where it put the blocks."""

    def __init__(self, data: bytes, step: int) -> None:
        self.placed: list[bytearray] = []
        self.messages: list[m.Message] = []
        reader = MessageReader(PIECES, self.place)
        at = 0
        while at < len(data):
            count = 0
            for buffer in reader.buffers():
                assert buffer
                part = data[at : at + (min(len(buffer), step - count) if step else len(buffer))]
                buffer[: len(part)] = part
                at, count = at + len(part), count + len(part)
                if len(part) < len(buffer):
                    break
            self.messages += reader.received(count)

    def place(self, block: Block) -> memoryview:
        self.placed.append(bytearray(block.length))
        return memoryview(self.placed[-1])


class Expectant:
    """A reader that is told which blocks to expect, and what came of it."""

    def __init__(self, data: bytes, step: int, expected: list[m.Piece]) -> None:
        self.places: dict[m.Piece, bytearray] = {}
        self.messages: list[m.Message] = []
        self._left = dict.fromkeys(expected)
        reader = MessageReader(PIECES, self.place, self.upcoming)
        at = 0
        while at < len(data):
            count = 0
            for buffer in reader.buffers():
                part = data[at : at + (min(len(buffer), step - count) if step else len(buffer))]
                buffer[: len(part)] = part
                at, count = at + len(part), count + len(part)
                if len(part) < len(buffer):
                    break
            for message in reader.received(count):
                self.messages.append(message)
                if isinstance(message, m.Piece):
                    self._left.pop(message, None)
                    assert bytes(self.places[message]) == payload(message)

    def place(self, block: Block) -> memoryview:
        return memoryview(self.places.setdefault(m.Piece._make(block), bytearray(block.length)))

    def upcoming(self, count: int) -> list[tuple[m.Piece, memoryview]]:
        return [(block, self.place(block)) for block in list(self._left)[:count]]


def payload(block: m.Piece) -> bytes:
    return bytes((block.piece + block.begin + n) % 251 for n in range(block.length))


distinct_blocks = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from([1, 5, 12, 13, 14, 40, 2**14])).map(
        lambda args: m.Piece(*args)
    ),
    unique_by=lambda block: block[:2],
    max_size=12,
)


@given(
    distinct_blocks.flatmap(lambda blocks: st.tuples(st.just(blocks), st.permutations(blocks))),
    st.lists(st.tuples(st.integers(0, 12), short_messages), max_size=3),
    st.integers(0, 3),
    st.sampled_from([0, 1, 2, 3, 13, 1000, 5000, 40_000]),
)
def test_blocks_come_to_their_places_whatever_was_expected(
    blocks: tuple[list[m.Piece], list[m.Piece]], between: list[tuple[int, Any]], in_order: int, step: int
) -> None:
    sent, other_order = blocks
    messages: list[Any] = list(sent)
    for position, message in between:
        messages.insert(position, message)
    data = b"".join(
        message.encode() + (payload(message) if isinstance(message, m.Piece) else b"") for message in messages
    )
    got = Expectant(data, step, sent if in_order else other_order)
    assert got.messages == messages
    assert list(map(type, got.messages)) == list(map(type, messages))


def test_another_block_is_not_taken_for_the_expected_one() -> None:
    first, second, third, *rest = blocks = [m.Piece(0, number, 2**14) for number in range(8)]
    sent = [first, third, second, *rest]
    data = b"".join(block.encode() + payload(block) for block in sent)
    assert Expectant(data, 0, blocks).messages == sent


def test_what_is_expected_comes_in_few_reads() -> None:
    blocks = [m.Piece(0, 2**14 * number, 2**14) for number in range(64)]
    left = dict.fromkeys(blocks)
    buffers: dict[Block, memoryview] = {block: memoryview(bytearray(block.length)) for block in blocks}
    reader = MessageReader(8, buffers.__getitem__, lambda count: [(block, buffers[block]) for block in [*left][:count]])
    data = b"".join(block.encode() + payload(block) for block in blocks)
    at = reads = 0
    while at < len(data):
        start, reads = at, reads + 1
        for buffer in reader.buffers():
            part = data[at : at + len(buffer)]
            buffer[: len(part)] = part
            at += len(part)
        for block in reader.received(at - start):
            assert isinstance(block, m.Piece)
            del left[block]
            assert buffers[block] == payload(block)
    assert not left
    assert reads < 16


@pytest.mark.parametrize("step", [2**14 + 20, 3 * 2**14, 100_000])
def test_what_is_expected_goes_straight_to_its_place_wherever_a_read_ends(step: int) -> None:
    blocks = [m.Piece(0, 2**14 * number, 2**14) for number in range(64)]
    left = dict.fromkeys(blocks)
    buffers = {block: memoryview(bytearray(block.length)) for block in blocks}
    placed: list[Block] = []

    def place(block: Block) -> memoryview:
        placed.append(block)
        return buffers[m.Piece(*block)]

    reader = MessageReader(8, place, lambda count: [(block, buffers[block]) for block in [*left][:count]])
    data = b"".join(block.encode() + payload(block) for block in blocks)
    at = 0
    while at < len(data):
        start = at
        for buffer in reader.buffers():
            part = data[at : min(at + len(buffer), start + step)]
            buffer[: len(part)] = part
            at += len(part)
        for block in reader.received(at - start):
            assert isinstance(block, m.Piece)
            del left[block]
            assert buffers[block] == payload(block)
    assert not left
    assert len(placed) < 16, "only a block whose head was the last that was read, or cut, is placed by its head"


def on_the_wire(message: Any) -> bytes:
    if isinstance(message, m.Piece):
        return message.encode() + bytes(n % 251 for n in range(message.length))
    return bytes(message.encode()) if message is not None else m.KEEP_ALIVE


@given(st.lists(st.none() | short_messages | blocks, max_size=12), st.sampled_from([0, 1, 2, 3, 13, 1000, 5000]))
def test_what_is_written_is_read_in_whatever_chunks(sent: list[Any], step: int) -> None:
    data = b"".join(map(on_the_wire, sent))
    got = Receiver(data, step)
    assert got.messages == [message for message in sent if message is not None]
    lengths = [message.length for message in sent if isinstance(message, m.Piece)]
    assert [bytes(block) for block in got.placed] == [bytes(n % 251 for n in range(length)) for length in lengths]


@given(
    st.binary(max_size=300)
    | st.lists(short_messages | blocks, max_size=3).map(lambda ms: b"".join(map(on_the_wire, ms))),
    st.data(),
)
def test_any_bytes_give_the_same_in_one_chunk_or_byte_by_byte(data: bytes, draw: st.DataObject) -> None:
    damaged = bytearray(data)
    for _ in range(draw.draw(st.integers(0, 2))):
        if damaged:
            damaged[draw.draw(st.integers(0, len(damaged) - 1))] = draw.draw(st.integers(0, 255))

    def outcome(step: int) -> object:
        try:
            got = Receiver(bytes(damaged), step)
        except RemoteProtocolError as error:
            return error.rule
        return got.messages, got.placed

    assert outcome(0) == outcome(1)


@pytest.mark.parametrize("other", [m.Cancel(1, 2, 3), m.Have(4), None, m.Extended(1, bytes(20))])
def test_requests_in_a_row_end_at_any_other_message(other: Any) -> None:
    sent = [m.Request(1, 2, 3), m.Request(4, 5, 6), other, m.Request(7, 8, 9), m.Request(2**32 - 1, 0, 1)]
    got = Receiver(b"".join(map(on_the_wire, sent)), 0)
    assert got.messages == [message for message in sent if message is not None]
    assert list(map(type, got.messages)) == [type(message) for message in sent if message is not None]


def test_in_a_stream_of_blocks_nothing_is_copied() -> None:
    """Each read ends where the data of the next block begins."""
    places: list[memoryview] = []

    def place(block: Block) -> memoryview:
        places.append(memoryview(bytearray(block.length)))
        return places[-1]

    reader = MessageReader(8, place)
    head = m.Piece(0, 0, 2**14).encode()
    reader.buffers()[0][: len(head)] = head
    assert reader.received(len(head)) == []
    for _ in range(5):
        data, scratch = reader.buffers()
        assert len(data) == 2**14
        assert data.obj is places[-1].obj
        assert len(scratch) == len(head)
        scratch[:] = head
        assert reader.received(len(data) + len(head)) == [m.Piece(0, 0, 2**14)]


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"\0\0\0\1\x0a", "unknown-id"),
        (b"\0\0\0\1\xff", "unknown-id"),
        (b"\xff\xff\xff\xff\x07", "message-size"),
        (b"\0\0\0\2\0\0", "message-size"),
        (b"\0\0\0\4\4\0\0\0", "message-size"),
        (b"\0\0\0\x0c\6" + bytes(11), "message-size"),
        (b"\0\0\0\x08\7" + bytes(7), "message-size"),
        ((9 + 2**14 + 1).to_bytes(4) + b"\7", "message-size"),
        ((1 + PIECES // 8 - 1).to_bytes(4) + b"\5", "message-size"),
        ((1 + PIECES // 8 + 1).to_bytes(4) + b"\5", "message-size"),
        ((1 + 1 + MAX_EXTENDED + 1).to_bytes(4) + b"\x14", "message-size"),
        (b"\0\0\0\1\x14", "message-size"),
        ((1 + 48 + 32 * (MAX_HASHES + 1)).to_bytes(4) + b"\x16", "message-size"),
        ((1 + 48 + 31).to_bytes(4) + b"\x16" + bytes(79), "message-size"),
    ],
)
def test_refused(data: bytes, rule: str) -> None:
    for step in (0, 1):
        with pytest.raises(RemoteProtocolError) as caught:
            Receiver(data, step)
        assert caught.value.rule == rule


def test_a_dht_port_is_dropped() -> None:
    assert Receiver(b"\0\0\0\3\x09\x1a\xe1" + m.Choke().encode(), 0).messages == [m.Choke()]


@given(
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_handshakes(info_hash: bytes, peer_id: bytes, fast: bool, extended: bool, v2: bool) -> None:
    handshake = Handshake(info_hash, peer_id, fast, extended, v2)
    assert len(handshake.encode()) == HANDSHAKE_LENGTH
    assert decode_handshake(handshake.encode()) == handshake


def test_handshakes_of_others() -> None:
    libtorrents = PREFIX + bytes.fromhex("0000000000100005") + b"h" * 20 + b"p" * 20
    assert decode_handshake(libtorrents) == Handshake(b"h" * 20, b"p" * 20, fast=True, extended=True, v2=False)
    for data in (b"", b"GET / HTTP/1.1\r\n" + bytes(52), libtorrents[:-1], libtorrents + b"x", bytes(68)):
        with pytest.raises(RemoteProtocolError):
            decode_handshake(data)


def test_a_hybrid_is_dialled_by_both_its_hashes() -> None:
    v2, v1, peer_id = b"2" * 20, b"1" * 20, b"p" * 20
    assert dial_handshakes(v2, None, peer_id) == (Handshake(v2, peer_id),)
    first, second = dial_handshakes(v2, v1, peer_id)
    assert (first.info_hash, first.v2, second.info_hash) == (v1, True, v2)


def test_an_encrypted_handshake_is_random() -> None:
    assert all(looks_encrypted(random.Random(seed).randbytes(HANDSHAKE_LENGTH)) for seed in range(1000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(range(100, 167)),
        b"GET /announce?info_hash=%01 HTTP/1.1\r\nHost: 192.168.1.5:6881\r\nUser-",
        b"\x00\x00\x00\x85\xffSMBr\x00\x00\x00\x00\x18\x53\xc8".ljust(68, b"\0"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(100, 157)),
    ],
)
def test_other_protocols_are_not_taken_for_encryption(data: bytes) -> None:
    assert not looks_encrypted(data)
