"""A magnet link is enough: the ``info`` dictionary comes from peers, libtorrent's too, and liars do not matter."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from engine.swarm import Swarm, address
from hostile.peer import Peer, Wire, listening
from interop.peers import Libtorrent, seeds, until
from waiting import TIMEOUT

from swarmshare.app.magnets import manifest_of
from swarmshare.engine import metadata
from swarmshare.engine.config import TorrentConfig
from swarmshare.engine.metadata import MAX_MESSAGE, fetch_info, find_info
from swarmshare.errors import RemoteProtocolError, SwarmShareError
from swarmshare.manifest.build import Description
from swarmshare.manifest.magnet import Magnet, magnet_of, parse_magnet
from swarmshare.storage.create import create_manifest
from swarmshare.storage.plan import make_plan
from swarmshare.wire.extensions import OUR_IDS, ExtendedHandshake
from swarmshare.wire.handshake import Handshake
from swarmshare.wire.messages import Extended
from swarmshare.wire.metadata import DATA, METADATA, REJECT, REQUEST, MetadataMessage, decode_metadata

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from swarmshare.manifest.manifest import Manifest

MANY = {f"file {number:03}": 100 for number in range(300)}
"""Names enough for an ``info`` dictionary of more than one part."""


async def test_from_our_own_kind_and_on(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {**MANY, "large": 500_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        engine = await swarm.engine()
        assert len(swarm.manifest.info) > 2**14
        with trio.fail_after(TIMEOUT):
            host, port = address(seed)
            link = str(
                Magnet(
                    info_hash=swarm.manifest.info_hash,
                    peers=("nonsense", "127.0.0.1:1", "no..body:1", f"{host}:{port}"),
                )
            )
            bare = await manifest_of(parse_magnet(link))
            assert bare.info == swarm.manifest.info
            torrent = engine.add(bare, TorrentConfig(folder=tmp_path / "leech", peers=(address(seed),)))
            await torrent.finished.wait()
        assert swarm.is_whole("leech")


async def test_from_libtorrent(tmp_path: Path, version: str) -> None:
    async with Swarm(tmp_path, MANY) as swarm:
        with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
            peer.add(swarm.manifest, swarm.source.parent, seed=True)
            await seeds(peer)
            assert await find_info(swarm.manifest.info_hash, [peer.address], ()) == swarm.manifest.info


async def test_libtorrent_has_a_link_only(tmp_path: Path, version: str) -> None:
    async with Swarm(tmp_path, {**MANY, "large": 500_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        with Libtorrent(version) as peer, trio.fail_after(TIMEOUT):
            peer.add(magnet_of(swarm.manifest), tmp_path / "there")
            peer.connect(seed.addresses[0])
            await until(lambda: peer.is_seeding)


async def test_what_is_private_is_told_to_nobody(tmp_path: Path) -> None:
    async with Swarm(tmp_path, MANY) as swarm:
        swarm.manifest = create_manifest(make_plan(swarm.source), Description(private=True))
        seed, _ = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError, match="no 'info'"):
            await fetch_info(swarm.manifest.info_hash, address(seed), bytes(20))


async def test_nobody_and_nothing_to_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Swarm(tmp_path, {}) as swarm:
        info_hash = swarm.manifest.info_hash
        with pytest.raises(SwarmShareError, match="no tracker and no peer"):
            await manifest_of(Magnet(info_hash=info_hash))
        monkeypatch.setattr("swarmshare.app.magnets.PATIENCE", 0.1)
        with pytest.raises(SwarmShareError, match="nobody who has it"):
            await manifest_of(Magnet(info_hash=info_hash, trackers=("http://127.0.0.1:1/announce",)))


IDS = ExtendedHandshake(ids={METADATA: 9}, metadata_size=5).encode().encode()


def part(data: bytes, piece: int = 0, kind: int = DATA) -> bytes:
    return Extended(2, MetadataMessage(kind, piece, data, 5).encode()).encode()


@asynccontextmanager
async def liar(swarm: Swarm, says: bytes, *, extended: bool = True) -> AsyncIterator[tuple[str, int]]:
    """A peer that answers a handshake with another, and then says this."""
    hello = Handshake(swarm.manifest.info_hash.truncated, bytes(20), extended=extended).encode()

    async def talk(stream: trio.SocketStream) -> None:
        await stream.send_all(hello + says)
        while await stream.receive_some():
            pass

    async with listening(talk) as where:
        yield where


@pytest.mark.parametrize(
    ("says", "what"),
    [
        (IDS + part(b"d1:a1:be"), "wrong size"),
        (IDS + part(b"12345"), "another one"),
        (IDS + part(b"12345", 1) + part(b"", kind=7) + part(b"", kind=REJECT), "rejects"),
        (ExtendedHandshake(ids={METADATA: 9}).encode().encode(), "no 'info'"),
        (ExtendedHandshake(ids={}, metadata_size=5).encode().encode(), "no 'info'"),
        ((MAX_MESSAGE + 1).to_bytes(4, "big"), "a message of"),
        (bytes(4) + Extended(0, b"rubbish").encode() + IDS + Extended(2, b"rubbish").encode(), "cannot be read"),
    ],
)
async def test_what_a_liar_says(tmp_path: Path, says: bytes, what: str) -> None:
    async with Swarm(tmp_path, {}) as swarm, liar(swarm, says) as where:
        with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError, match=what):
            await fetch_info(swarm.manifest.info_hash, where, bytes(20))


async def test_who_does_not_speak_it(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {}) as swarm, liar(swarm, b"", extended=False) as where:
        with trio.fail_after(TIMEOUT), pytest.raises(RemoteProtocolError, match="extension protocol"):
            await fetch_info(swarm.manifest.info_hash, where, bytes(20))


async def test_liars_only_cost_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "AGAIN", 0.01)
    async with Swarm(tmp_path, {}) as swarm:
        seed, _ = await swarm.seed("seed")
        with trio.fail_after(TIMEOUT):
            async with liar(swarm, IDS + part(b"12345")) as where:
                assert await find_info(swarm.manifest.info_hash, [where, address(seed)], ()) == swarm.manifest.info


class Greedy(Peer):
    """Asks for the only part of the dictionary until that is rejected."""

    def __init__(self, manifest: Manifest) -> None:
        super().__init__(manifest)
        self.answers: list[MetadataMessage] = []

    async def talk(self, wire: Wire) -> None:
        await self.open(wire)
        ask = Extended(OUR_IDS[METADATA], MetadataMessage(REQUEST, 0).encode())
        await wire.send(ask)
        while not self.answers or self.answers[-1].kind != REJECT:
            for message in await wire.receive() or ():
                if isinstance(message, Extended) and message.ext_id == OUR_IDS[METADATA]:
                    self.answers.append(decode_metadata(message.payload))
                    await wire.send(ask)


async def test_it_is_given_a_few_times_and_no_more(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {}) as swarm:
        seed, _ = await swarm.seed("seed")
        peer = Greedy(swarm.manifest)
        with trio.fail_after(TIMEOUT):
            await peer.dial(address(seed))
        assert [answer.kind for answer in peer.answers] == [DATA, DATA, DATA, REJECT]
        assert {bytes(answer.data) for answer in peer.answers if answer.kind == DATA} == {swarm.manifest.info}
