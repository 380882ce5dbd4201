"""Announces as URLs, and what trackers answer: whatever the bytes, peers that can be dialled or an error."""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.text import MAX_TEXT, clean
from swarmshare.engine.announcer import TransferStats
from swarmshare.errors import TrackerError
from swarmshare.manifest.bencoding import encode
from swarmshare.tracker.http.announce_query import parse_announce
from swarmshare.tracker.swarms.views import AnnounceEvent
from swarmshare.tracker_client.announce_codec import (
    MAX_INTERVAL,
    MAX_PEERS,
    MIN_INTERVAL,
    AnnounceRequest,
    parse_reply,
)

OURS = b"-XX0000-abcdefghijkl"

ports = st.integers(1, 65535)
contacts = st.lists(st.tuples(st.ip_addresses(network="8.0.0.0/8"), ports), max_size=20, unique=True)
contacts6 = st.lists(st.tuples(st.ip_addresses(network="2400::/12"), ports), max_size=20, unique=True)
values: st.SearchStrategy[Any] = st.recursive(
    st.integers(-(2**63), 2**63 - 1) | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=8), inner, max_size=4),
    max_leaves=8,
)
peer_lists = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            b"ip": st.ip_addresses().map(lambda ip: str(ip).encode()) | st.binary(max_size=20) | values,
            b"port": st.integers(-1, 70000) | values,
            b"peer id": st.just(OURS) | values,
        },
    )
    | values,
    max_size=5,
)
answers = st.fixed_dictionaries(
    {},
    optional={
        b"interval": st.integers(-1, 10_000) | values,
        b"min interval": st.integers(-1, 10_000) | values,
        b"peers": st.binary(max_size=60) | peer_lists | values,
        b"peers6": st.binary(max_size=60) | peer_lists | values,
        b"tracker id": st.binary(max_size=300) | values,
        b"warning message": st.binary(max_size=3 * MAX_TEXT) | values,
        b"external ip": values,
    },
)


def packed(peers: list[tuple[Any, int]]) -> bytes:
    return b"".join(ip.packed + port.to_bytes(2, "big") for ip, port in peers)


def parse(value: Any, *, from_loopback: bool = False) -> Any:
    return parse_reply(encode(value), OURS, from_loopback=from_loopback)


@given(
    st.binary(min_size=20, max_size=20),
    st.binary(min_size=20, max_size=20),
    st.sampled_from(["", "started", "completed", "stopped"]),
    st.none() | st.binary(max_size=30),
    st.sampled_from(["http://t/announce", "http://t/announce/pass?k=v", "https://t/announce?x#fragment"]),
)
def test_a_tracker_reads_what_we_write(
    wire_hash: bytes, peer_id: bytes, event: Any, tracker_id: bytes | None, announce_url: str
) -> None:
    url = AnnounceRequest(wire_hash, peer_id, 6881, TransferStats(1, 2, 3, 4, 5), "0000ABCD", event, tracker_id).url(
        announce_url
    )
    assert url.isascii()
    assert url.startswith(announce_url.partition("#")[0])
    query = parse_announce(url.partition("?")[2].encode())
    assert (query.wire_hash, query.peer_id, query.port) == (wire_hash, peer_id, 6881)
    assert (query.uploaded, query.downloaded, query.left) == (1, 2, 3)
    assert (query.event, query.key, query.compact) == (AnnounceEvent(event), b"0000ABCD", True)
    assert query.numwant == (0 if event == "stopped" else MAX_PEERS)
    assert ("trackerid=" in url) == (tracker_id is not None)


@given(contacts, contacts6, st.binary(max_size=5))
def test_compact_peers_are_read(peers: list[Any], peers6: list[Any], tail: bytes) -> None:
    reply = parse({b"peers": packed(peers) + tail, b"peers6": packed(peers6) + tail})
    assert reply.peers == tuple((str(ip), port) for ip, port in peers + peers6)


@given(contacts, contacts6)
def test_listed_peers_are_read(peers: list[Any], peers6: list[Any]) -> None:
    listed = [{b"ip": str(ip).encode(), b"port": port, b"peer id": bytes(20)} for ip, port in peers + peers6]
    assert parse({b"peers": listed}).peers == tuple((str(ip), port) for ip, port in peers + peers6)


@given(answers, st.booleans())
def test_whatever_is_answered_is_within_bounds(answer: Any, from_loopback: bool) -> None:
    reply = parse(answer, from_loopback=from_loopback)
    assert MIN_INTERVAL <= reply.interval <= MAX_INTERVAL
    assert len(set(reply.peers)) == len(reply.peers)
    for host, port in reply.peers:
        address = ip_address(host)
        assert 1 <= port <= 65535
        assert not address.is_multicast
        assert not address.is_unspecified
        assert from_loopback or not address.is_loopback
    assert len(reply.warning) <= MAX_TEXT
    assert clean(reply.warning) == reply.warning


@given(st.binary(max_size=100) | st.tuples(answers.map(encode), st.integers(0, 100)).map(lambda cut: cut[0][: cut[1]]))
def test_whatever_bytes_come_are_read_or_refused(body: bytes) -> None:
    with suppress(TrackerError):
        parse_reply(body, OURS, from_loopback=False)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, 1800),
        ({b"interval": 0}, 1800),
        ({b"interval": b"60"}, 1800),
        ({b"interval": 60}, 60),
        ({b"interval": 60, b"min interval": 90}, 90),
        ({b"interval": 90, b"min interval": 60}, 90),
        ({b"interval": 1}, 30),
        ({b"interval": -5}, 30),
        ({b"interval": 2**62}, 3600),
        ({b"interval": 60, b"min interval": 2**62}, 3600),
    ],
)
def test_intervals(values: Any, seconds: int) -> None:
    assert parse(values).interval == seconds


@pytest.mark.parametrize(
    ("host", "port", "taken", "taken_from_loopback"),
    [
        ("10.0.0.1", 1, True, True),
        ("fd00::1", 65535, True, True),
        ("127.0.0.1", 6881, False, True),
        ("::1", 6881, False, True),
        ("10.0.0.1", 0, False, False),
        ("10.0.0.1", 65536, False, False),
        ("10.0.0.1", -1, False, False),
        ("0.0.0.0", 6881, False, False),
        ("::", 6881, False, False),
        ("224.0.0.1", 6881, False, False),
        ("255.255.255.255", 6881, False, False),
        ("ff02::1", 6881, False, False),
        ("::ffff:127.0.0.1", 6881, False, False),
        ("fe80::1%eth0", 6881, False, False),
        ("localhost", 6881, False, False),
        ("", 6881, False, False),
    ],
)
def test_who_may_be_dialled(host: str, port: int, taken: bool, taken_from_loopback: bool) -> None:
    answer = {b"peers": [{b"ip": host.encode(), b"port": port}]}
    assert parse(answer).peers == (((host, port),) if taken else ())
    assert parse(answer, from_loopback=True).peers == (((host, port),) if taken_from_loopback else ())


def test_we_are_no_peer_of_ours_and_nobody_is_there_twice() -> None:
    listed = [{b"ip": b"10.0.0.1", b"port": 1, b"peer id": OURS}, *({b"ip": b"10.0.0.2", b"port": 1} for _ in range(2))]
    assert parse({b"peers": listed}).peers == (("10.0.0.2", 1),)


def test_not_more_than_were_asked_for() -> None:
    many: list[tuple[Any, int]] = [(IPv4Address(0x0A000000 + number), 1) for number in range(1000)]
    many6: list[tuple[Any, int]] = [(IPv6Address(0xFD << 120 | number), 1) for number in range(1000)]
    assert len(parse({b"peers": packed(many), b"peers6": packed(many6)}).peers) == 2 * MAX_PEERS
    assert len(parse({b"peers": [{b"ip": str(ip).encode(), b"port": port} for ip, port in many]}).peers) == MAX_PEERS


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (b"not in the catalogue", "not in the catalogue"),
        (b"\x1b[31mred\r\n\0 and \xff", "\ufffd[31mred \ufffd and \N{REPLACEMENT CHARACTER}"),
        ("left \N{RIGHT-TO-LEFT OVERRIDE}right\N{LINE SEPARATOR}".encode(), "left \ufffdright"),
        (b"", "it refuses, and does not say why"),
        ([b"x"], "it refuses, and does not say why"),
        (b"x" * 100_000, "x" * 197 + "..."),
    ],
)
def test_a_refusal(reason: Any, shown: str) -> None:
    with pytest.raises(TrackerError) as caught:
        parse({b"failure reason": reason, b"interval": 60, b"peers": packed([(IPv4Address("10.0.0.1"), 1)])})
    assert (caught.value.rule, str(caught.value)) == ("refused", shown)


@pytest.mark.parametrize(("sent", "kept"), [(b"\0" * 256, b"\0" * 256), (bytes(257), None), (1, None)])
def test_a_tracker_id_goes_back_unless_it_is_too_long(sent: Any, kept: bytes | None) -> None:
    assert parse({b"tracker id": sent}).tracker_id == kept


@pytest.mark.parametrize("body", [b"", b"<html>", b"i1e", b"le", b"d1:ai1e1:ai1ee", b"d5:peers", b"d" * 1000])
def test_no_answer_of_a_tracker(body: bytes) -> None:
    with pytest.raises(TrackerError, match="is not a tracker's") as caught:
        parse_reply(body, OURS, from_loopback=False)
    assert caught.value.rule == "not-a-tracker"


@pytest.mark.parametrize("body", [b"de", b"d5:peers0:8:intervali60ee", b"de\r\n"])
def test_an_answer_written_badly_is_read_where_that_is_safe(body: bytes) -> None:
    assert parse_reply(body, OURS, from_loopback=False).peers == ()
