"""Each attack of the kit, with an honest peer beside it, over real sockets.

What does harm today is marked with what is missing, and is to fail until that is there. How much an attack costs is
measured by ``measure.py``, not asserted.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address, banned, until
from hostile import attacks
from hostile.attacks import Attack, under
from hostile.peer import ENDED, Peer, Wire
from waiting import TIMEOUT

from swarmshare.engine.config import TorrentConfig
from swarmshare.manifest.bencoding import encode_with_raw
from swarmshare.manifest.parse import parse_manifest
from swarmshare.schema.alerts import PeerDropped

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

ELSEWHERE = "127.0.0.2" if sys.platform == "linux" else None
"""Another address of this machine, where there is one without asking."""
CONTENT = {"a": 100_000}
"""Little: attacker, victim and honest peer are one process here, and take turns."""


def harmful(what_is_missing: str) -> pytest.MarkDecorator:
    """Fails today, and no longer once the defence is there: then this mark goes."""
    return pytest.mark.xfail(strict=True, raises=AssertionError, reason=what_is_missing)


class Newcomer(Peer):
    """Whether it is let in: who is, is told what the other side holds."""

    let_in = False

    async def talk(self, wire: Wire) -> None:
        self.let_in = await wire.receive() is not None


# ---------------------------------------------------------------------- places


@pytest.mark.skipif(ELSEWHERE is None, reason="one address only")
@pytest.mark.parametrize(
    "make",
    [
        attacks.SilentConnections,
        attacks.IdlePeers,
        lambda manifest: attacks.Squatter(manifest, b"-XX0000-" + b"v" * 12),
    ],
    ids=["silent connections", "idle peers", "its id is taken"],
)
async def test_a_newcomer_is_let_in(tmp_path: Path, make: Callable[[Manifest], Attack]) -> None:
    assert await come_beside(tmp_path, make)


async def come_beside(tmp_path: Path, make: Callable[[Manifest], Attack]) -> bool:
    """Whether an honest newcomer is let in while the attack goes on."""
    async with Swarm(tmp_path, CONTENT) as swarm:
        seed, _ = await swarm.seed("seed")
        newcomer = Newcomer(swarm.manifest, peer_id=b"-XX0000-" + b"v" * 12)
        with trio.fail_after(TIMEOUT):
            async with under(make(swarm.manifest), address(seed)):
                stream = await trio.open_tcp_stream(*address(seed), local_address=ELSEWHERE)
                async with stream:
                    with suppress(*ENDED):
                        await newcomer.call(stream)
        return newcomer.let_in


async def test_who_has_our_own_id_is_not_let_in(tmp_path: Path) -> None:
    async with Swarm(tmp_path, CONTENT) as swarm:
        seed, torrent = await swarm.seed("seed")
        attack = attacks.OurOwnId(swarm.manifest, seed.config.peer_id)
        with trio.fail_after(TIMEOUT):
            async with under(attack, address(seed)):
                await until(lambda: attack.times > 2)
                assert not torrent.sessions


# ---------------------------------------------------------------------- an honest transfer beside it


def gently(attack: Attack) -> Attack:
    """The attack, with turns for all others in this process."""
    if isinstance(attack, attacks.Flood):
        attack.portion, attack.pause = 50, 0.02
    return attack


@pytest.mark.parametrize(
    "attack",
    [
        attacks.Noise,
        attacks.NoiseInside,
        attacks.GiantLength,
        attacks.WrongBitfield,
        attacks.OtherTorrent,
        attacks.Dripping,
        attacks.DrippingInside,
        attacks.NeverReads,
        attacks.InterestFlood,
        attacks.HaveFlood,
        attacks.MetadataFlood,
        attacks.HandshakeFlood,
        attacks.CancelFlood,
        attacks.HashFlood,
    ],
)
async def test_a_download_from_a_seed_under_attack(tmp_path: Path, attack: type[Attack]) -> None:
    async with Swarm(tmp_path, CONTENT) as swarm:
        seed, _ = await swarm.seed("seed")
        leech = await swarm.engine()
        with trio.fail_after(TIMEOUT):
            async with under(gently(attack(swarm.manifest, swarm.content)), address(seed)):
                config = TorrentConfig(folder=tmp_path / "leech", peers=(address(seed),))
                await leech.add(swarm.manifest, config).finished.wait()
        assert swarm.is_whole("leech")


@pytest.mark.xfail(run=False, reason="ten seconds for each forged answer: it counts as none, not as a rejection")
async def test_forged_hashes_beside_true_ones(tmp_path: Path) -> None:
    async with Swarm(tmp_path, CONTENT, piece_length=2**14) as swarm:
        seed, _ = await swarm.seed("seed")
        liar = attacks.ForgedHashes(swarm.manifest, swarm.content)
        bare = parse_manifest(encode_with_raw({}, b"info", swarm.manifest.info))
        leech = await swarm.engine()
        config = TorrentConfig(folder=tmp_path / "leech", peers=(await swarm.peer(liar), address(seed)))
        with trio.fail_after(TIMEOUT):
            await leech.add(bare, config).finished.wait()
        assert swarm.is_whole("leech")


@pytest.mark.parametrize("attack", [attacks.NoiseInside, attacks.GiantLength, attacks.WrongBitfield])
async def test_nonsense_ends_the_connection_and_is_named(tmp_path: Path, attack: type[Attack]) -> None:
    async with Swarm(tmp_path, CONTENT) as swarm:
        seed, torrent = await swarm.seed("seed")
        one = attack(swarm.manifest)
        with trio.fail_after(TIMEOUT):
            await one.dial(address(seed))
            await until(lambda: not torrent.sessions)
        assert [alert.reason for alert in seed.alerts if isinstance(alert, PeerDropped)]


@pytest.mark.parametrize(
    "attack",
    [
        attacks.ReturningLiars,
        attacks.FalseSeed,
        attacks.Overeager,
        attacks.ChokeFlood,
        pytest.param(
            attacks.HalfPieceLiar,
            marks=pytest.mark.xfail(
                run=False, reason="the endgame asks two peers at most, and waits for those that lie"
            ),
        ),
    ],
)
async def test_a_download_that_is_attacked_itself(tmp_path: Path, attack: type[Attack]) -> None:
    async with Swarm(tmp_path, CONTENT) as swarm:
        leech, torrent = await swarm.leech("leech")
        seed = await swarm.engine()
        with trio.fail_after(TIMEOUT):
            await torrent.ready.wait()
            async with under(gently(attack(swarm.manifest, swarm.content)), address(leech)):
                seed.add(swarm.manifest, TorrentConfig(folder=swarm.copy("seed"), peers=(address(leech),)))
                await torrent.finished.wait()
        assert swarm.is_whole("leech")
        assert seed.addresses[0] not in banned(leech)
