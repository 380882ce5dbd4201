"""What announcers say of others, and hear of us."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio
from engine.swarm import Swarm, address, until
from hostile.peer import Liar
from waiting import TIMEOUT

from swarmshare.common.bitfield import Bitfield
from swarmshare.engine.announcer import Member
from swarmshare.engine.config import TorrentConfig
from swarmshare.swarm.diagnosis import NO_LISTENING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from engine.network import Network
    from trio.testing import MockClock

    from swarmshare.engine.announcer import TrackerView


class Hearsay:
    """An announcer that says what it is told to."""

    def __init__(self, say: Callable[[TrackerView], None] = lambda port: None) -> None:
        self.started = trio.Event()
        self.port: Any = None
        self._say = say

    async def run(self, port: TrackerView) -> None:
        self.port = port
        self._say(port)
        self.started.set()
        await trio.sleep_forever()


def bits(count: int, *pieces: int) -> bytes:
    field = Bitfield(count)
    for piece in pieces:
        field.set(piece)
    return field.to_wire()


async def test_who_is_found_is_dialled(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        seed, _ = await swarm.seed("seed")
        nobody = ("127.0.0.1", 1)
        hearsay = Hearsay(lambda port: port.found([nobody, address(seed)]))
        _, torrent = await swarm.leech("leech", announcers=(hearsay,))
        with trio.fail_after(TIMEOUT):
            await torrent.finished.wait()
            assert hearsay.port.complete
            assert hearsay.port.stats().left == 0
            changes = hearsay.port.changes()
            assert changes.gained == set(range(swarm.manifest.layout.piece_count))
            await hearsay.started.wait()
        assert swarm.is_whole("leech")
        assert hearsay.port.stats().downloaded == swarm.manifest.total_length


async def test_a_liar_is_named_to_announcers(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 1_000_000}) as swarm:
        liar = await swarm.peer(Liar(swarm.manifest, swarm.content))
        hearsay = Hearsay(lambda port: port.found([liar]))
        await swarm.leech("leech", announcers=(hearsay,))
        with trio.fail_after(TIMEOUT):
            await hearsay.started.wait()
            await hearsay.port.changed()
        assert hearsay.port.changes().liars == {liar}


async def test_members_count_once_whether_connected_or_not(tmp_path: Path) -> None:
    async with Swarm(tmp_path, {"a": 10 * 2**16}, piece_length=2**16) as swarm:
        count = swarm.manifest.layout.piece_count
        partial, _ = await swarm.seed("partial", "zz")
        hearsay = Hearsay()
        engine, torrent = await swarm.leech("leech", announcers=(hearsay,))
        with trio.fail_after(TIMEOUT):
            await hearsay.started.wait()
            port = hearsay.port
            port.see(1, Member("ana", (("192.0.2.1", 1),), True, bits(count, 0, 1)))
            port.see(2, Member("rui", (address(partial),), True, bits(count, count - 1)))
            port.see(3, Member("", (("192.0.2.3", 3),), False, None))
            port.see(4, Member("odd", (("192.0.2.4", 4),), True, b"not a bitfield"))
            availability = [1, 1, *[0] * (count - 3), 1]
            assert list(engine.snapshot().torrents[0].availability) == availability
            port.found([address(partial)])
            await until(lambda: engine.snapshot().torrents[0].pieces_done == 1)
            snapshot = engine.snapshot().torrents[0]
            assert list(snapshot.availability) == availability, "it is both connected and a member"
            assert [peer.user for peer in snapshot.peers] == ["rui"]
            assert [member.connected for member in snapshot.members] == [False, True, False, False]
            assert (snapshot.only_here, snapshot.copies_elsewhere) == (0, 0)
            for session in list(torrent.sessions):
                session.close()
            await until(lambda: not torrent.sessions)
            assert list(engine.snapshot().torrents[0].availability) == availability
            port.see_pieces(1, [2, 10**9], [0, 5])
            port.see_pieces(3, [2], [])
            assert list(engine.snapshot().torrents[0].availability)[:4] == [0, 1, 1, 0]
            port.see(1, None)
            port.see(2, Member("rui", (("192.0.2.9", 9),), True, bits(count, *range(count))))
            assert engine.snapshot().torrents[0].copies_elsewhere == 1
            for number, where in ((5, ("192.0.2.5", 5)), (6, ("192.0.2.6", 6))):
                port.see(number, Member("", (where,), False, bits(count, *range(count))))
            snapshot = engine.snapshot().torrents[0]
            assert (snapshot.copies_elsewhere, snapshot.announced_only, torrent.known_peers.announced_only) == (3, 2, 2)
            torrent.known_peers.connected(("192.0.2.5", 5))
            assert (engine.snapshot().torrents[0].announced_only, torrent.known_peers.announced_only) == (1, 1)
            torrent.known_peers.disconnected(("192.0.2.5", 5))
            port.report_problem("the tracker is away")
            assert engine.snapshot().torrents[0].tracker_problem == "the tracker is away"
            await engine.remove(torrent)
        assert engine.snapshot().torrents == ()


async def test_both_dial_and_one_connection_is_left(
    tmp_path: Path, network: Network, autojump_clock: MockClock
) -> None:
    async with Swarm(tmp_path, {"a": 50 * 2**16}, network=network) as swarm:
        hearsay = Hearsay()
        one = await swarm.engine(limit_up=500_000.0)
        other, torrent = await swarm.leech("other", announcers=(hearsay,))
        swarm.copy("one")
        mine = one.add(swarm.manifest, TorrentConfig(folder=tmp_path / "one", peers=(address(other),)))
        with trio.fail_after(TIMEOUT):
            await hearsay.started.wait()
            hearsay.port.found([address(one)])
            await torrent.finished.wait()
        assert len(mine.sessions) <= 1
        assert swarm.is_whole("other")


async def test_peers_and_trackers_are_told_the_port_as_it_is_then(tmp_path: Path) -> None:
    """Behind a mapped port it is another one than at the start, and trackers refuse a port of 0."""
    async with Swarm(tmp_path, {"a": 200_000}) as swarm:
        hearsay = Hearsay()
        seed, torrent = await swarm.seed("seed")
        leech, _ = await swarm.leech("leech", seed, announcers=(hearsay,), limit_down=1000.0)
        with trio.fail_after(TIMEOUT):
            await hearsay.started.wait()
            assert hearsay.port.port == address(leech)[1]
            leech.listening.port = 50_001
            assert hearsay.port.port == 50_001
            for session in list(torrent.sessions):
                session.close()
            await until(lambda: ("127.0.0.1", 50_001) in {session.listens for session in torrent.sessions})
            leech.listening.port = 0
            assert hearsay.port.port == NO_LISTENING
