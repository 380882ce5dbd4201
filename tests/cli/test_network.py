"""From how far peers may connect to a verb that shares, when nobody says."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from manifest.makers import encoded, folder_doc, put

from swarmshare.app.compose import EVERYWHERE, engine_config, is_on_this_machine, trackers_of
from swarmshare.app.config import from_flags, merge
from swarmshare.cli import network
from swarmshare.cli.network import serves_other_machines
from swarmshare.manifest.parse import parse_manifest
from swarmshare.storage.sign_ins import SignIn


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:6969", True),
        ("http://127.1.2.3/announce", True),
        ("https://[::1]:6969", True),
        ("http://localhost:6969", True),
        ("http://192.168.1.5:6969", False),
        ("http://tracker.lan:6969", False),
        ("udp://tracker.example:80", False),
        ("http://[::1", False),
    ],
)
def test_where_a_tracker_is(url: str, here: bool) -> None:
    assert is_on_this_machine(url) is here
    if not here:
        assert serves_other_machines(url)


def test_a_tracker_here_that_others_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.2 stands for this machine's address in its network."""
    monkeypatch.setattr(network, "own_addresses", lambda _: ("127.0.0.2",))
    with socket.create_server(("127.0.0.1", 0)) as for_this_machine:
        assert not serves_other_machines(f"http://127.0.0.1:{for_this_machine.getsockname()[1]}")
    with socket.create_server(("0.0.0.0", 0)) as for_all:
        assert serves_other_machines(f"http://127.0.0.1:{for_all.getsockname()[1]}")
    for nowhere in ("udp://localhost", "http://127.0.0.1:99999/announce"):
        assert not serves_other_machines(nowhere)


def test_what_is_listened_on() -> None:
    by_default, chosen = merge(), merge(from_flags({"listen": (("*", 6881),)}))
    here = engine_config(by_default, Path(), for_network=False)
    assert here.listen == (("localhost", 0),)
    network = engine_config(by_default, Path(), for_network=True)
    assert (network.listen, network.neighbours_only) == (EVERYWHERE, True)
    for for_network in (False, True):
        config = engine_config(chosen, Path(), for_network=for_network)
        assert (config.listen, config.neighbours_only) == ((("*", 6881),), False)


def test_which_trackers_a_torrent_talks_to() -> None:
    sign_in = SignIn("http://192.168.1.5:6969", "ben", "token")
    doc = folder_doc({b"a": 5, b"b": 6})
    assert list(trackers_of(parse_manifest(encoded(doc)), None)) == []
    put(doc, "announce", b"http://tracker.example/announce")
    own = list(trackers_of(parse_manifest(encoded(doc)), None))
    assert own == ["http://tracker.example/announce"]
    assert list(trackers_of(parse_manifest(encoded(doc)), sign_in)) == [sign_in.tracker, *own]
    put(doc, "info/private", 1)
    assert list(trackers_of(parse_manifest(encoded(doc)), sign_in)) == own
