"""Who sent wrong data, by the leaves of a piece, and what follows for whom: real liars, on the clock that jumps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from engine.scripted_peer import connected
from engine.swarm import Swarm, banned, until

from swarmshare.common.pieces import Priority
from swarmshare.engine import smart_ban
from swarmshare.engine.smart_ban import FailedPieces
from swarmshare.manifest.layout import Block
from swarmshare.manifest.merkle import leaf_hashes
from swarmshare.schema.alerts import PieceFailed
from swarmshare.storage.pieces import TorrentStorage
from swarmshare.wire.messages import Hashes, HashRequest, Have, HaveAll, Request, Unchoke

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from engine.network import Network
    from trio.testing import MockClock

    from swarmshare.engine.engine import Engine

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


def failures(engine: Engine) -> list[PieceFailed]:
    return [alert for alert in engine.alerts if isinstance(alert, PieceFailed)]


async def test_one_wrong_piece_is_forgiven_and_the_second_bans_its_sender_for_good(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """Under its id from its host; another machine behind the same address is not held responsible."""
    async with Swarm(tmp_path, {"a": 8 * BLOCK}, BLOCK, network=network) as swarm:
        engine, torrent = await swarm.leech("leech")
        async with connected(swarm, network, engine, peer_id=b"liar".ljust(20)) as liar:
            await liar.say(HaveAll(), Unchoke())
            await liar.serve(wrong=lambda _: True, count=1)
            await until(lambda: failures(engine))
            assert not banned(engine)
            again = await liar.hears(Request)
            assert again.piece != failures(engine)[0].piece, "it is not asked for that once more"
            await liar.give(again, wrong=True)
            await liar.ended()
        assert len(banned(engine)) == 1
        assert {failure.blamed for failure in failures(engine)} == banned(engine)
        async with connected(swarm, network, engine, peer_id=b"liar".ljust(20)) as liar:
            assert await liar.ended() == trio.current_time()
            assert not liar.heard
        async with connected(swarm, network, engine, peer_id=b"neighbour".ljust(20)) as honest:
            await honest.say(HaveAll(), Unchoke())
            async with trio.open_nursery() as nursery:
                nursery.start_soon(honest.serve)
                with trio.fail_after(600):
                    await torrent.finished.wait()
                nursery.cancel_scope.cancel()
        assert swarm.is_whole("leech")


async def test_of_two_that_send_one_piece_together_the_leaves_tell_who_lied(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    """They are asked of who holds the piece; it is asked of the liar no more, and of the honest one again."""
    lengths = {"a": 8 * BLOCK, "p": 5, "q": 5}
    async with Swarm(tmp_path, lengths, 8 * BLOCK, network=network) as swarm:
        engine, torrent = await swarm.leech("leech", priorities={3: Priority.SKIP})
        async with connected(swarm, network, engine) as honest, connected(swarm, network, engine, "10.9.0.2") as liar:
            for piece, peer in ((1, honest), (2, liar)):  # one right piece each, and they are trusted
                await peer.say(Have(piece), Unchoke())
                await peer.give(Block._make(await peer.hears(Request)))
                await until(lambda piece=piece: torrent.picker.held.has(piece))  # type: ignore[misc]
            await liar.say(Have(0))
            await liar.serve(wrong=lambda block: block.begin == 0, count=4)
            await honest.say(Have(0))
            await honest.serve(count=4)
            await until(lambda: failures(engine))
            assert failures(engine)[0].blamed is None
            lied = len(liar.all(Request))
            await liar.hears(HashRequest)
            asked = await honest.hears(HashRequest)
            leaves = leaf_hashes((swarm.source / "a").read_bytes())
            assert (asked.base, asked.index, asked.length, asked.proof_layers) == (0, 0, 8, 0)
            by_host = {session.host: session.requester.conduct.wrong for session in torrent.sessions}
            assert by_host == {"10.9.0.1": set(), "10.9.0.2": set()}
            await honest.say(Hashes(asked.root, 0, 0, 8, 0, leaves))
            with trio.fail_after(5):
                await until(lambda: by_host == {"10.9.0.1": set(), "10.9.0.2": {0}})
            async with trio.open_nursery() as nursery:
                nursery.start_soon(honest.serve)
                nursery.start_soon(liar.serve)
                with trio.fail_after(600):
                    await torrent.finished.wait()
                nursery.cancel_scope.cancel()
            assert {request.piece for request in liar.all(Request)[lied:]} <= {3}
        assert not banned(engine), "it was its first"
        assert (tmp_path / "leech" / "top" / "a").read_bytes() == (swarm.source / "a").read_bytes()
