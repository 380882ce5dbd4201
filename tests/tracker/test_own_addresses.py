"""Where other machines reach a server that listens on some address."""

from __future__ import annotations

import socket
from ipaddress import ip_address
from typing import Any

import pytest

from swarmshare.tracker.own_addresses import own_addresses


@pytest.mark.parametrize(
    ("listening", "own"),
    [
        ("127.0.0.1", ()),
        ("::1", ()),
        ("localhost", ()),
        ("192.168.1.5", ("192.168.1.5",)),
        ("fe80::1%eth0", ("fe80::1",)),
    ],
)
def test_one_address(listening: str, own: tuple[str, ...]) -> None:
    assert own_addresses(listening) == own


class Network:
    """A socket of a machine with some addresses."""

    def __init__(self, addresses: dict[int, str]) -> None:
        self.addresses = addresses

    def __call__(self, family: int, kind: int) -> Network:
        self.family = family
        return self

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def connect(self, address: tuple[str, int]) -> None:
        ip_address(address[0])
        if self.family not in self.addresses:
            raise OSError("network is unreachable")

    def getsockname(self) -> tuple[Any, ...]:
        return (self.addresses[self.family], 5)


@pytest.mark.parametrize(
    ("addresses", "four", "six"),
    [
        ({}, (), ()),
        ({socket.AF_INET: "192.168.1.5"}, ("192.168.1.5",), ("192.168.1.5",)),
        (
            {socket.AF_INET: "192.168.1.5", socket.AF_INET6: "2001:db8::5%eth0"},
            ("192.168.1.5",),
            ("192.168.1.5", "2001:db8::5"),
        ),
        ({socket.AF_INET: "127.0.0.1"}, (), ()),
    ],
)
def test_every_address(
    monkeypatch: pytest.MonkeyPatch, addresses: dict[int, str], four: tuple[str, ...], six: tuple[str, ...]
) -> None:
    monkeypatch.setattr(socket, "socket", Network(addresses))
    assert own_addresses("0.0.0.0") == four
    assert own_addresses("::") == six


def test_this_machine() -> None:
    assert all(not ip_address(address).is_loopback for address in own_addresses("::"))
