"""Whose block was wrong, by the leaves of the piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.swarm import Swarm

from swarmshare.engine import smart_ban
from swarmshare.engine.smart_ban import FailedPieces
from swarmshare.manifest.merkle import leaf_hashes
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.wire.messages import Hashes

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

BLOCK = 2**14
PEERS: Any = {0: "honest", BLOCK: "other", 2 * BLOCK: "liar", 3 * BLOCK: "honest"}


def case(tmp_path: Path) -> tuple[Any, bytes, bytes]:
    """Failed pieces, and the true leaves and those that came of piece 1, of which the third block was wrong."""
    swarm = Swarm(tmp_path, {"a": 8 * BLOCK}, piece_length=4 * BLOCK)
    good = (swarm.source / "a").read_bytes()[4 * BLOCK :]
    bad = bytearray(good)
    bad[2 * BLOCK + 5] ^= 1
    failed: Any = FailedPieces(swarm.manifest, TorrentStorage(swarm.manifest, tmp_path))
    return failed, leaf_hashes(good), leaf_hashes(bad)


def test_true_leaves_convict_the_liar_and_forged_ones_nobody(tmp_path: Path) -> None:
    failed, good, bad = case(tmp_path)
    request = failed.add(1, bad, PEERS)
    asked = (request.root, request.base, request.index, request.length, request.proof_layers)
    assert asked[1:] == (0, 4, 4, 0)
    assert failed.resolve(Hashes(*asked, bad)) == set()
    assert failed.resolve(Hashes(*asked, b"")) == set()
    assert failed.resolve(Hashes(*asked, good)) == {"liar"}
    assert failed.resolve(Hashes(*asked, good)) == set(), "the case is closed"


def test_the_piece_that_came_right_convicts_too(tmp_path: Path) -> None:
    failed, good, bad = case(tmp_path)
    assert failed.compare(1, good) == set()
    failed.add(1, bad, PEERS)
    failed.add(1, bad, dict.fromkeys(PEERS, "other"))
    assert failed.compare(0, good) == set()
    assert failed.compare(1, good) == {"liar", "other"}
    assert failed.compare(1, good) == set()


def test_what_is_remembered_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, good, bad = case(tmp_path)
    monkeypatch.setattr(smart_ban, "MAX_FAILURES", 1)
    failed.add(1, bad, PEERS)
    failed.add(0, bad, PEERS)
    assert failed.compare(1, good) == set()
    assert failed.compare(0, good) == {"liar"}
