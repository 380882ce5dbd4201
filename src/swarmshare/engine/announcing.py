"""A torrent as announcers see it: the engine's side of :mod:`swarmshare.engine.announcer`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from swarmshare.engine.announcer import Changes, Member, TransferStats

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from swarmshare.engine.address import Address
    from swarmshare.engine.dialer import Dialer
    from swarmshare.engine.torrent import Torrent


class TorrentView:
    """What one announcer may know of a torrent, and tell it."""

    def __init__(self, torrent: Torrent, dialer: Dialer, peer_id: bytes, port: int) -> None:
        self.manifest = manifest = torrent.manifest
        self.wire_hashes = (manifest.info_hash.truncated, *((manifest.info_hash_v1,) if manifest.info_hash_v1 else ()))
        self.peer_id = peer_id
        self.port = port
        self.problem = ""
        self._torrent = torrent
        self._dialer = dialer
        self._seen: set[int] = set()
        self._news = trio.Event()
        self._changes = Changes(set(), set(), set())

    @property
    def complete(self) -> bool:
        """Whether we have all that we want."""
        return self._torrent.is_complete

    def stats(self) -> TransferStats:
        """How we stand."""
        torrent, now = self._torrent, trio.current_time()
        return TransferStats(
            torrent.uploads.sent,
            torrent.downloads.received,
            torrent.disk.bytes_left,
            round(torrent.uploads.meter.rate(now)),
            round(torrent.downloads.meter.rate(now)),
        )

    def bits(self) -> bytes:
        """What we hold, as in BEP 3."""
        return self._torrent.picker.held.to_wire()

    async def changed(self) -> None:
        """Wait until there are changes to tell."""
        await self._news.wait()

    def changes(self) -> Changes:
        """What happened since the last call."""
        changes, self._changes = self._changes, Changes(set(), set(), set())
        self._news = trio.Event()
        return changes

    def found(self, addresses: Sequence[Address]) -> None:
        """Peers that may be dialled, the most useful first."""
        self._dialer.found(addresses)

    def see(self, number: int, member: Member | None) -> None:
        """A member is there or is another than it was; None: it is gone."""
        self._torrent.known_peers.see((self, number), member)
        if member is None:
            self._seen.discard(number)
        else:
            self._seen.add(number)

    def see_pieces(self, number: int, gained: Collection[int], lost: Collection[int]) -> None:
        """A member gained and lost pieces."""
        self._torrent.known_peers.see_pieces((self, number), gained, lost)

    def tell_problem(self, message: str) -> None:
        """The tracker cannot be reached, or refuses; empty: all is well again."""
        self.problem = message

    # The torrent's side.

    def note(self, *, gained: int | None = None, lost: int | None = None, liar: Address | None = None) -> None:
        """Something happened that announcers want to know."""
        changes = self._changes
        if gained is not None:
            changes.gained.add(gained)
            changes.lost.discard(gained)
        if lost is not None:
            changes.lost.add(lost)
            changes.gained.discard(lost)
        if liar is not None:
            changes.liars.add(liar)
        self._news.set()

    def close(self) -> None:
        """The announcer is done: what it said of others holds no more."""
        self._torrent.known_peers.forget_all((self, number) for number in self._seen)
