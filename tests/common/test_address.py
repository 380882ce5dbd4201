"""Addresses are read in every form that people and systems write, and written in one."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarmshare.common.address import is_loopback, parse_ip, parse_peer_ip, read_address, show_address

hosts = st.ip_addresses().map(str) | st.from_regex(r"[a-z][a-z0-9-]{0,20}(\.[a-z]{2,5})?", fullmatch=True)


@given(hosts, st.integers(0, 65535))
def test_what_is_written_is_read(host: str, port: int) -> None:
    assert read_address(show_address(host, port)) == (host, port)


@given(st.text(max_size=12) | st.text("[]:0123456789a", max_size=12))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        host, port = read_address(text)
    except ValueError:
        return
    assert host
    assert 0 <= port <= 65535


@pytest.mark.parametrize(
    "text",
    ["", ":", ":80", "[]:80", "a:", "a:b", "a:-1", "a:+1", "a:\u0661", "a:000080", "[::1:80", "::1]:80",
     "[[::1]]:80", "[::1]", "a:80 ", f"a:{'9' * 5000}"],
)  # fmt: skip
def test_what_is_no_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT") as caught:
        read_address(text)
    assert len(str(caught.value)) < 110


def test_a_port_is_within_its_range() -> None:
    assert read_address("a:65535", 1) == ("a", 65535)
    for text, least in (("a:65536", 0), ("a:0", 1)):
        with pytest.raises(ValueError, match=f"a port is a number from {least} to 65535"):
            read_address(text, least)


@given(st.ip_addresses(v=4))
def test_ipv4_has_one_form(address: IPv4Address) -> None:
    assert parse_ip(str(address)) == parse_ip(f"::ffff:{address}") == address


@given(st.ip_addresses(network="2000::/3"))
def test_a_zone_is_left_out(address: IPv4Address | IPv6Address) -> None:
    assert parse_ip(f"{address}%eth0") == address


@pytest.mark.parametrize("host", ["", "localhost", "127.1", "1.2.3", "::g"])
def test_a_name_is_no_ip_address(host: str) -> None:
    assert parse_ip(host) is None
    assert parse_peer_ip(host) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "224.0.0.1", "ff02::1", "::ffff:0.0.0.0"])
def test_what_names_no_single_machine(host: str) -> None:
    assert parse_ip(host) is not None
    assert parse_peer_ip(host) is None


def test_what_names_one() -> None:
    assert parse_peer_ip("10.0.0.1") == ip_address("10.0.0.1")


@pytest.mark.parametrize(
    ("host", "here"),
    [("localhost", True), ("127.0.0.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("::1%lo", True),
     ("10.0.0.1", False), ("example.org", False), ("", False)],
)  # fmt: skip
def test_loopback(host: str, here: bool) -> None:
    assert is_loopback(host) is here
