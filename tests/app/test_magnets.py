"""Which peers of a magnet link are dialled."""

from __future__ import annotations

from swarmshare.app.magnets import MAX_PEERS, peers_of
from swarmshare.manifest.magnet import Magnet
from swarmshare.manifest.manifest import InfoHash
from swarmshare.storage.saved_transfers import MAX_HOST


def peers(*texts: str) -> tuple[tuple[str, int], ...]:
    return peers_of(Magnet(info_hash=InfoHash(bytes(32)), peers=texts))


def test_what_is_no_address_is_passed_over() -> None:
    assert peers("nonsense", "10.0.0.1:5", "[::1]:6", "10.0.0.1:5", f"{'x' * (MAX_HOST + 1)}:1", "x:99999") == (
        ("10.0.0.1", 5),
        ("::1", 6),
    )


def test_a_link_with_very_many() -> None:
    assert len(peers(*(f"10.0.0.1:{port}" for port in range(1, 900)))) == MAX_PEERS
