"""What an announce says is read from raw bytes, and every value of it is checked."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.errors import AnnounceError
from swarmshare.tracker.http.announce_query import MAX_CLAIMS, MAX_QUERY, parse_announce, parse_scrape
from swarmshare.tracker.swarms.addresses import Reach, believable, parse_address, reach
from swarmshare.tracker.swarms.views import AnnounceEvent

HASH, PEER = bytes(range(236, 256)), b"-LT2110-+%& =\x00\xff~;/#!"
LIBTORRENT = (
    b"info_hash=%ec%ed%ee%ef%f0%f1%f2%f3%f4%f5%f6%f7%f8%f9%fa%fb%fc%fd%fe%ff"
    b"&peer_id=-LT2110-%2b%25%26%20%3d%00%ff~%3b%2f%23!&port=6881&uploaded=1&downloaded=2&left=3"
    b"&corrupt=0&key=0A1B2C3D&event=started&numwant=200&compact=1&no_peer_id=1&supportcrypto=1&redundant=0"
    b"&trackerid=x&ipv4=10.0.0.1&ipv6=fd00%3a%3a1"
)
"""The fields, their order and their escapes as libtorrent 2.1 sends them."""


def without(name: bytes, query: bytes = LIBTORRENT) -> bytes:
    return b"&".join(field for field in query.split(b"&") if not field.startswith(name + b"="))


def test_what_libtorrent_sends() -> None:
    query = parse_announce(LIBTORRENT)
    assert (query.wire_hash, query.peer_id) == (HASH, PEER)
    assert (query.port, query.uploaded, query.downloaded, query.left) == (6881, 1, 2, 3)
    assert (query.event, query.numwant, query.key) == (AnnounceEvent.STARTED, 200, b"0A1B2C3D")
    assert (query.compact, query.no_peer_id) == (True, True)
    assert query.claims == (ip_address("10.0.0.1"), ip_address("fd00::1"))


def test_the_least_that_a_client_can_send() -> None:
    query = parse_announce(
        b"info_hash=aaaaaaaaaaaaaaaaaaaa&peer_id=++++++++++++++++++++&port=1&uploaded=0&downloaded=0&left=0"
    )
    assert query.peer_id == b"+" * 20  # no space
    assert (query.event, query.numwant, query.key, query.claims) == (AnnounceEvent.NONE, None, b"", ())
    assert (query.compact, query.no_peer_id) == (True, False)


@given(st.binary(min_size=20, max_size=20), st.binary(min_size=20, max_size=20), st.booleans())
def test_any_twenty_bytes(wire_hash: bytes, peer_id: bytes, lower: bool) -> None:
    escaped = [quote_from_bytes(value, safe="()!~*'-_.") for value in (wire_hash, peer_id)]
    if not lower:
        escaped = ["".join(f"%{byte:02X}" for byte in value) for value in (wire_hash, peer_id)]
    query = parse_announce(
        f"left=1&peer_id={escaped[1]}&info_hash={escaped[0]}&port=1&uploaded=0&downloaded=0".encode()
    )
    assert (query.wire_hash, query.peer_id) == (wire_hash, peer_id)


@given(st.binary(max_size=200))
def test_no_query_does_more_than_be_refused(query: bytes) -> None:
    for parse in (parse_announce, parse_scrape):
        with pytest.raises(AnnounceError) as caught:
            parse(query)
        assert str(caught.value).isascii()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (b"info_hash=short", "info_hash must be 20 bytes"),
        (b"info_hash=" + b"%c3%a9" * 11, "info_hash must be 20 bytes"),
        (b"peer_id=" + b"x" * 21, "peer_id must be 20 bytes"),
        (b"peer_id=" + b"%zz" * 20, "peer_id must be 20 bytes"),
        (b"port=0", "port must be a number from 1 to 65535"),
        (b"port=65536", "port must"),
        (b"port=+1", "port must"),
        (b"port=%d9%a1", "port must"),  # an Arabic digit
        (b"port=1_0", "port must"),
        (b"port=", "port must"),
        (b"left=-1", "left must"),
        (b"left=18446744073709551616", "left must"),
        (b"left=" + b"0" * 5000, "left must"),
        (b"uploaded=1.5", "uploaded must"),
        (b"downloaded=0x10", "downloaded must"),
        (b"numwant=-2", "numwant must"),
        (b"numwant=many", "numwant must"),
        (b"event=begun", "event must"),
        (b"event=%ff", "event must"),
        (b"key=" + b"k" * 65, "key is longer"),
    ],
)
def test_a_value_out_of_its_range(change: bytes, says: str) -> None:
    with pytest.raises(AnnounceError, match=f"^{says}"):
        parse_announce(without(change.partition(b"=")[0]) + b"&" + change)


@pytest.mark.parametrize("name", ["info_hash", "peer_id", "port", "uploaded", "downloaded", "left"])
def test_a_value_that_is_missing_or_there_twice(name: str) -> None:
    with pytest.raises(AnnounceError, match=f"^{name} is missing$"):
        parse_announce(without(name.encode()))
    with pytest.raises(AnnounceError, match=f"^{name} is there twice$"):
        parse_announce(LIBTORRENT + b"&" + name.encode() + b"=1")


def test_a_machine_with_several_addresses_says_all_of_them() -> None:
    """As libtorrent does: one key for each address that its listening sockets have in the world."""
    several = LIBTORRENT + b"&ipv6=2001:db8::2&ipv4=10.0.0.2&ip=10.0.0.3&ip=not.an.address&ipv6=2001:DB8:0::2&ip="
    assert [str(claim) for claim in parse_announce(several).claims] == [
        "10.0.0.1", "fd00::1", "2001:db8::2", "10.0.0.2", "10.0.0.3"
    ]  # fmt: skip
    many = LIBTORRENT + b"".join(b"&ipv6=2001:db8::%x" % number for number in range(3, 100))
    assert len(parse_announce(many).claims) == MAX_CLAIMS


@pytest.mark.parametrize(
    "more",
    [
        b"",
        b"&",
        b"&&",
        b"&=&x&=y",
        b"&corrupt=0&corrupt=0&redundant=12&trackerid=a+b%26&azudp=1&azver=3&hide=1&cache=1",
        b"&supportcrypto=1&requirecrypto=1&cryptoport=0&crypto_flags=%80",
        b"&natmapped=1&localip=10.0.0.9&upnp=1&protocol=0&tracker_proto=%ff",
        b"&ip=%5b%3a%3a1%5d%3a6881&ipv6=fe80::1%25eth0&ipv4=1.2.3.4:5",
        b"&key2=%zz&a=%&b=%4",
    ],
)
def test_what_other_clients_add_is_let_pass(more: bytes) -> None:
    announce = parse_announce(LIBTORRENT + more)
    assert announce._replace(claims=()) == parse_announce(LIBTORRENT)._replace(claims=())
    assert parse_scrape(b"info_hash=" + HASH_ESCAPED + more) == [HASH]


def test_escapes_may_be_in_small_letters_or_capitals_and_where_none_is_needed() -> None:
    field, _, rest = LIBTORRENT.partition(b"&")
    for spelled in (field.upper().replace(b"INFO_HASH", b"info_hash"), field.replace(b"info_hash", b"info%5Fhash")):
        assert parse_announce(spelled + b"&" + rest.replace(b"port=6881", b"port=%36881")) == parse_announce(LIBTORRENT)


@pytest.mark.parametrize("left", [16384, 2**31 - 1, 2**63 - 1, 2**64 - 1])
def test_bytes_left_of_who_has_no_metadata_yet(left: int) -> None:
    """libtorrent says 16 KiB, others the most that some number can hold."""
    assert parse_announce(without(b"left") + b"&left=%d" % left).left == left


def test_numbers_at_their_ends() -> None:
    query = parse_announce(without(b"left") + b"&left=18446744073709551615")
    assert query.left == 2**64 - 1
    assert parse_announce(without(b"numwant") + b"&numwant=-1").numwant is None
    for name in (b"event", b"numwant", b"compact", b"no_peer_id", b"key"):
        with pytest.raises(AnnounceError, match=f"^{name.decode()} is there twice$"):
            parse_announce(LIBTORRENT + b"&" + name + b"=1")
    assert parse_announce(without(b"event") + b"&event=none").event is AnnounceEvent.NONE
    assert not parse_announce(without(b"compact") + b"&compact=0").compact


def test_a_query_that_is_too_long() -> None:
    with pytest.raises(AnnounceError, match="longer than 8192"):
        parse_announce(LIBTORRENT + b"&x=" + b"y" * MAX_QUERY)


def test_scrapes() -> None:
    assert parse_scrape(b"info_hash=" + HASH_ESCAPED) == [HASH]
    other = b"b" * 20
    assert parse_scrape(b"info_hash=" + HASH_ESCAPED + b"&x=1&info_hash=" + other + b"&info_hash=" + other) == [
        HASH,
        other,
    ]
    with pytest.raises(AnnounceError, match=r"^info_hash is missing$"):
        parse_scrape(b"")
    with pytest.raises(AnnounceError, match=r"^info_hash must be 20 bytes$"):
        parse_scrape(b"info_hash=" + other + b"&info_hash=x")


HASH_ESCAPED = b"".join(b"%%%02x" % byte for byte in HASH)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("fe80::1%eth0", "fe80::1"),
        ("0.0.0.0", None),
        ("::", None),
        ("224.0.0.1", None),
        ("ff02::1", None),
        ("tracker.example", None),
        ("1.2.3.4:5", None),
        ("", None),
    ],
)
def test_addresses(text: str, means: str | None) -> None:
    assert parse_address(text) == (means and ip_address(means))


@pytest.mark.parametrize(
    ("text", "carries"),
    [
        ("127.0.0.2", Reach.MACHINE),
        ("::1", Reach.MACHINE),
        ("10.0.0.1", Reach.NETWORK),
        ("100.64.0.1", Reach.NETWORK),
        ("169.254.1.1", Reach.NETWORK),
        ("fd12::1", Reach.NETWORK),
        ("fe80::1", Reach.NETWORK),
        ("8.8.8.8", Reach.WORLD),
        ("2600::1", Reach.WORLD),
    ],
)
def test_reach(text: str, carries: Reach) -> None:
    assert reach(ip_address(text).packed) is carries


@pytest.mark.parametrize(
    ("claim", "source", "believed"),
    [
        ("::1", "127.0.0.1", True),
        ("127.0.0.1", "::1", True),
        ("fd00::2", "192.168.1.2", True),
        ("192.168.1.2", "fe80::2", True),
        ("192.168.1.9", "192.168.1.2", False),  # its own protocol: we see its address
        ("::1", "192.168.1.2", False),
        ("192.168.1.2", "::1", False),
        ("2600::1", "192.168.1.2", False),
        ("192.168.1.2", "2600::1", False),
        ("8.8.8.8", "2600::1", False),  # outside, nobody is taken at their word
    ],
)
def test_which_claims_are_believed(claim: str, source: str, believed: bool) -> None:
    assert believable(ip_address(claim), ip_address(source)) is believed


@pytest.mark.parametrize(
    ("peer", "asker", "told"),
    [
        ("127.0.0.1", "::1", True),
        ("192.168.1.2", "127.0.0.1", True),
        ("8.8.8.8", "192.168.1.2", True),
        ("127.0.0.1", "192.168.1.2", False),
        ("192.168.1.2", "8.8.8.8", False),
    ],
)
def test_who_is_told_of_an_address(peer: str, asker: str, told: bool) -> None:
    assert (reach(ip_address(peer).packed) >= reach(ip_address(asker).packed)) is told
