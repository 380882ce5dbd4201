"""Seeds of other makes do not notice that a file was touched: they are kept for the rest, and liars are banned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, banned, until
from hostile.peer import TouchedSeed
from waiting import TIMEOUT

from swarmshare.common.address import show_address
from swarmshare.engine import dialer as dialer_module
from swarmshare.engine.config import TorrentConfig
from swarmshare.schema.alerts import PeerDropped, PieceFailed

if TYPE_CHECKING:
    from pathlib import Path

    from swarmshare.engine.engine import Engine

PIECES = 12


def failures(engine: Engine) -> list[int]:
    return [alert.piece for alert in engine.alerts if isinstance(alert, PieceFailed)]


@pytest.mark.parametrize(
    ("lengths", "touched"),
    [
        ({"a": PIECES * 2**16}, {0}),  # the very first
        ({"a": PIECES * 2**16, "b": PIECES * 2**16}, set(range(PIECES))),  # a whole file
        ({"a": 5, "b": PIECES * 2**16}, {0}),
    ],
)
@pytest.mark.parametrize("sequential", [True, False])
async def test_an_honest_seed_of_a_touched_file_is_kept_for_the_rest(
    tmp_path: Path, lengths: dict[str, int], touched: set[int], sequential: bool
) -> None:
    async with Swarm(tmp_path, lengths) as swarm:
        seed = await swarm.peer(TouchedSeed(swarm.manifest, swarm.content, touched))
        engine, torrent = await swarm.leech("leech", seed, sequential=sequential)
        count = swarm.manifest.layout.piece_count
        with trio.fail_after(TIMEOUT):
            await until(lambda: torrent.picker.held.held == count - len(touched) and failures(engine))
            if len(touched) == 1:
                assert not banned(engine)
                assert failures(engine) == list(touched), "it was asked for that once"
        # Somebody else has what is missing.
        other = await swarm.engine()
        other.add(swarm.manifest, TorrentConfig(folder=swarm.copy("other"), peers=(address(engine),)))
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert len(failures(engine)) == len(set(failures(engine)))


async def test_a_liar_wastes_little_however_often_it_connects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dialer_module, "REDIAL_AFTER", (0.05, 0.2))
    async with Swarm(tmp_path, {"a": 40 * 2**16, "b": 40 * 2**16}) as swarm:
        liar = await swarm.peer(TouchedSeed(swarm.manifest, swarm.content, range(1000)))
        engine, torrent = await swarm.leech("leech", liar)
        with trio.fail_after(TIMEOUT):
            while not banned(engine):
                await until(lambda: torrent.sessions or banned(engine))
                seen = len(failures(engine))
                await until(lambda seen=seen: len(failures(engine)) > seen or banned(engine))  # type: ignore[misc]
                for session in list(torrent.sessions):
                    session.close()
        assert banned(engine) == {show_address(*liar)}
        # A piece of the connection before may be in verification when the ban comes: what counts is what led to it.
        ban = next(
            number for number, alert in enumerate(engine.alerts) if isinstance(alert, PeerDropped) and alert.banned
        )
        assert sum(isinstance(alert, PieceFailed) for alert in list(engine.alerts)[:ban]) == 2
        assert not torrent.picker.held.held
