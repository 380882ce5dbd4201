"""The state that all parts of one torrent share; it imports none of them.

:class:`~swarmshare.engine.torrent.Torrent` creates it and gives it to its parts. They change this state, and report to
the torrent what concerns another part: no part knows another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.engine.announcer import Changes
from swarmshare.engine.known_peers import KnownPeers

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from swarmshare.common.address import Address
    from swarmshare.engine.block_source import BlockSource
    from swarmshare.engine.dialer import Dialer
    from swarmshare.engine.disk import TorrentDisk
    from swarmshare.engine.peer_session import PeerSession
    from swarmshare.manifest.manifest import Manifest
    from swarmshare.schema.alerts import Alert
    from swarmshare.swarm.picker import PiecePicker


class AnnounceQueue:
    """The changes that one announcer has still to announce, and why it cannot.

    Bounded by the number of pieces and of banned peers: a change replaces the opposite one of the same piece.
    """

    def __init__(self) -> None:
        self.problem = ""
        """Why the tracker cannot be reached or refuses, for people; empty: it answers."""
        self._changes = Changes(set(), set(), set())
        self._has_changes = trio.Event()

    def add(self, *, gained: int | None = None, lost: int | None = None, liar: Address | None = None) -> None:
        """Queue a change: a piece gained or lost, or where a peer listens that sent wrong data."""
        changes = self._changes
        if gained is not None:
            changes.gained.add(gained)
            changes.lost.discard(gained)
        if lost is not None:
            changes.lost.add(lost)
            changes.gained.discard(lost)
        if liar is not None:
            changes.liars.add(liar)
        self._has_changes.set()

    async def wait(self) -> None:
        """Wait until something was queued since :meth:`take`. One task may wait at a time."""
        await self._has_changes.wait()

    def take(self) -> Changes:
        """Empty the queue and return what was in it."""
        changes, self._changes = self._changes, Changes(set(), set(), set())
        self._has_changes = trio.Event()
        return changes


class TorrentContext:
    """What the parts of one torrent share; all of it is used on the trio thread only.

    Attributes:
        manifest: What is shared.
        layout: The manifest's pieces.
        picker: Which pieces are held, and which block was asked of whom.
        disk: The torrent's files.
        dialer: Dials the addresses that anybody reports.
        rng: Chance, for all that is drawn by lot.
        alert: Called with each fact that front ends are told.
        known_peers: The members that trackers know.
        sessions: The open connections.
        announce_queues: One for each announcer that runs: the changes that it has still to announce.
        is_complete: Whether all wanted files are held and have their final names.
    """

    def __init__(
        self,
        manifest: Manifest,
        picker: PiecePicker[BlockSource],
        disk: TorrentDisk,
        dialer: Dialer,
        rng: random.Random,
        alert: Callable[[Alert], None],
    ) -> None:
        self.manifest = manifest
        self.layout = manifest.layout
        self.picker = picker
        self.disk = disk
        self.dialer = dialer
        self.rng = rng
        self.alert = alert
        self.known_peers = KnownPeers(picker, manifest.layout.piece_count)
        self.sessions: set[PeerSession] = set()
        self.announce_queues: list[AnnounceQueue] = []
        self.is_complete = False

    @property
    def info_hash(self) -> bytes:
        """The v2 info hash, 32 bytes, that alerts name the torrent by."""
        return self.manifest.info_hash.full

    def announce(self, *, gained: int | None = None, lost: int | None = None, liar: Address | None = None) -> None:
        """Queue a change for every announcer: a piece gained or lost, or where a peer listens that sent wrong data."""
        for queue in self.announce_queues:
            queue.add(gained=gained, lost=lost, liar=liar)
