"""Whose block was wrong, by the leaves of the piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.swarm import Swarm

from swarmshare.engine.suspects import Suspects
from swarmshare.manifest.merkle import leaf_hashes
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.wire.messages import Hashes

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 2**14


async def test_true_leaves_convict_the_liar_and_forged_ones_nobody(tmp_path: Path) -> None:
    swarm = Swarm(tmp_path, {"a": 8 * BLOCK}, piece_length=4 * BLOCK)
    good = (swarm.source / "a").read_bytes()[4 * BLOCK :]
    bad = bytearray(good)
    bad[2 * BLOCK + 5] ^= 1
    peers: Any = {0: "honest", BLOCK: "other", 2 * BLOCK: "liar", 3 * BLOCK: "honest"}
    suspects: Any = Suspects(swarm.manifest, TorrentStorage(swarm.manifest, tmp_path))
    request = suspects.accuse(1, bad, peers)
    asked = (request.root, request.base, request.index, request.length, request.proof_layers)
    assert asked[1:] == (0, 4, 4, 0)
    assert suspects.convict(Hashes(*asked, leaf_hashes(bad))) == set()
    assert suspects.convict(Hashes(*asked, b"")) == set()
    assert suspects.convict(Hashes(*asked, leaf_hashes(good))) == {"liar"}
    assert suspects.convict(Hashes(*asked, leaf_hashes(good))) == set(), "the case is closed"
