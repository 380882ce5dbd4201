"""What the only seed sends to whom."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio
from engine.swarm import Swarm

from swarmshare.engine.spreading import HOLD_BACK, Spreading
from swarmshare.manifest.layout import Block

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 2**14


def peer(*pieces: int, passes_on: bool = True) -> Any:
    """One that has asked for a block of each of ``pieces``."""
    owed = {Block(piece, 0, BLOCK): None for piece in pieces}
    return SimpleNamespace(connection=SimpleNamespace(owed=owed), passes_on=passes_on)


def pieces(blocks: list[Block]) -> list[int]:
    return [block.piece for block in blocks]


def choose(spreading: Spreading, session: Any, now: float = 0.0) -> tuple[list[int], list[int]]:
    send, reject = spreading.choose(session, now, 9)
    return pieces(send), pieces(reject)


def test_everybody_is_served_while_there_are_others_who_seed() -> None:
    spreading = Spreading(lambda piece: 0)
    assert choose(spreading, peer(0, 1)) == ([0, 1], [])
    assert choose(spreading, peer(1, 2)) == ([1, 2], [])


def test_each_piece_goes_to_one_peer_first() -> None:
    holders = dict.fromkeys(range(4), 0)
    spreading = Spreading(holders.__getitem__)
    spreading.look(range(4))
    first, second = peer(0, 1), peer(1, 2)
    assert choose(spreading, first) == ([0, 1], [])
    assert choose(spreading, second) == ([2], [1]), "there is another that nobody was given"
    last = peer(3)
    assert choose(spreading, last) == ([3], [])
    assert choose(spreading, peer(0)) == ([], []), "it waits for who was given it"
    assert choose(spreading, peer(0), HOLD_BACK + 1) == ([0], []), "but not for long"
    holders[0] = 1
    assert choose(spreading, peer(0)) == ([], [0]), "there is somebody who has it"
    spreading.forget(first)
    assert choose(spreading, peer(1)) == ([1], [])
    spreading.look([])
    assert choose(spreading, peer(0, 3)) == ([0, 3], [])


def test_other_programs_get_what_they_ask_for() -> None:
    spreading = Spreading(lambda piece: 1)
    spreading.look(range(4))
    choose(spreading, peer(0))
    assert choose(spreading, peer(0, passes_on=False)) == ([0], [])


async def test_the_only_seed_sends_each_piece_about_once(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 6_000_000}, piece_length=2**16) as swarm:
        seed, seeding = await swarm.seed("seed", limit_up=2_000_000.0)
        engines, torrents = [seed], []
        for number in range(4):
            engine, torrent = await swarm.leech(f"leech-{number}", *engines, config={"limit_up": 4_000_000.0})
            engines.append(engine)
            torrents.append(torrent)
        with trio.fail_after(60):
            for torrent in torrents:
                await torrent.finished.wait()
        assert all(swarm.is_whole(f"leech-{number}") for number in range(4))
        assert seeding.uploads.sent < 2 * swarm.manifest.total_length, "of four that it was asked for"
